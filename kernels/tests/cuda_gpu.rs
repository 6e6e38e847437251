//! The kernels on a GPU against the CPU: a program of its own, so that nothing is called passed that did not run. On a
//! machine without a GPU every test prints "not run"; with `SITUS_GPU_REQUIRED=1` that is a failure. Arguments are parts of
//! names. `SITUS_GPU_ROWS` is the number of random rows (20,000; a full check takes
//! 1,000,000).
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "emulation/rows.rs"]
mod rows;

use half::{bf16, f16};
use rows::{Numbers, Row, Spread, Stored, random_rule, random_table};
use situs_kernels::cuda::{
    Form, Gpu, GpuBuild, GpuFault, GpuStepper, GpuTable, LogitNumber, RowLayout, StepRule,
};
use situs_kernels::neighbors::{Build, Element, Embeddings};
use situs_kernels::semantic::*;
use situs_kernels::{NeighborTable, RowFault, Truncation};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Why a test did not run.
type NotRun = Option<GpuFault>;

type Test = fn(&Arc<Gpu>) -> NotRun;

const TESTS: [(&str, Test); 4] = [
    ("random_rows_get_the_steps_of_the_cpu_in_every_form", random_rows),
    ("slot_and_batch_size_change_nothing", slots_and_batches),
    ("what_cannot_be_done_is_refused_by_name", refusals),
    ("tables_are_those_of_the_cpu", tables),
];

fn main() {
    let parts: Vec<String> = std::env::args().skip(1).filter(|part| !part.starts_with('-')).collect();
    let opened = Gpu::open(0);
    if let Ok(gpu) = &opened {
        println!("on {}, {:?}", gpu.name(), gpu.code());
    }
    let required = std::env::var_os("SITUS_GPU_REQUIRED").is_some();
    for (name, test) in TESTS {
        if !parts.is_empty() && !parts.iter().any(|part| name.contains(part)) {
            continue;
        }
        let not_run = match &opened {
            Ok(gpu) => test(gpu),
            Err(fault) => Some(fault.clone()),
        };
        match not_run {
            None => println!("passed: {name}"),
            Some(fault) => {
                println!("not run: {name}: {fault}");
                assert!(!required, "a GPU is required");
            }
        }
    }
}

/// Rows that have a token, each with a rule: one without would end its whole batch.
fn sound(
    numbers: &mut Numbers,
    count: usize,
    table: &NeighborTable,
    mut row: impl FnMut(&mut Numbers) -> Row,
) -> (Vec<Row>, Vec<StepRule>) {
    let mut stepper = Stepper::new();
    let mut found = (Vec::new(), Vec::new());
    while found.0.len() < count {
        let (row, rule) = (row(numbers), random_rule(numbers, table.k));
        if stepper.step(&row.step(&rule), Some(table), false).is_ok() {
            found.0.push(row);
            found.1.push(rule);
        }
    }
    found
}

/// A batch in each of the forms that take it, or in the one that dispatch picks.
struct Batch<'a> {
    rows: &'a [Row],
    rules: &'a [StepRule],
    table: &'a NeighborTable,
    on_gpu: &'a GpuTable,
    report: bool,
    padding: usize,
}

impl Batch<'_> {
    fn run_as<T: LogitNumber>(
        &self,
        stepper: &mut GpuStepper,
        gpu: &Gpu,
        numbers: &dyn Fn(&Row) -> Vec<T>,
        form: Option<Form>,
    ) -> Option<Result<Vec<Step>, GpuFault>> {
        let width = self.rows[0].width();
        let mut flat = vec![T::default(); self.padding];
        for row in self.rows {
            flat.extend(numbers(row));
            flat.extend(vec![T::default(); self.padding]);
        }
        let logits = gpu.stream().clone_htod(&flat).unwrap();
        let layout =
            RowLayout { first: self.padding, rows: self.rows.len(), width, stride: width + self.padding };
        if form.is_some_and(|form| !gpu.takes(form, T::FORMAT, width)) {
            return None;
        }
        let prepared = match stepper.prepare::<T>(layout, self.rules, Some(self.on_gpu), self.report) {
            Ok(prepared) => prepared,
            Err(fault) => return Some(Err(fault)),
        };
        let prepared = match form {
            Some(form) => prepared.in_form(form),
            None => prepared,
        };
        stepper.launch(&prepared, &logits, Some(self.on_gpu)).unwrap();
        Some(stepper.collect(&prepared, &logits))
    }

    fn run(
        &self,
        stepper: &mut GpuStepper,
        gpu: &Gpu,
        form: Option<Form>,
    ) -> Option<Result<Vec<Step>, GpuFault>> {
        match self.rows[0].stored {
            Stored::F32(_) => self.run_as::<f32>(stepper, gpu, &|row| values(row), form),
            Stored::Bf16(_) => self.run_as::<bf16>(stepper, gpu, &|row| halves(row, bf16::from_bits), form),
            Stored::F16(_) => self.run_as::<f16>(stepper, gpu, &|row| halves(row, f16::from_bits), form),
        }
    }

    fn expected(&self) -> Result<Vec<Step>, GpuFault> {
        let steps: Vec<StepRow<'_>> =
            self.rows.iter().zip(self.rules).map(|(row, rule)| row.step(rule)).collect();
        Stepper::new()
            .run(&steps, Some(self.table), self.report)
            .map_err(|(index, fault)| GpuFault::Row { index, fault })
    }
}

fn values(row: &Row) -> Vec<f32> {
    match &row.stored {
        Stored::F32(values) => values.clone(),
        _ => unreachable!("the batch has one format"),
    }
}

fn halves<T>(row: &Row, from_bits: impl Fn(u16) -> T) -> Vec<T> {
    match &row.stored {
        Stored::Bf16(bits) | Stored::F16(bits) => bits.iter().map(|bits| from_bits(*bits)).collect(),
        Stored::F32(_) => unreachable!("the batch has one format"),
    }
}

fn random_rows(gpu: &Arc<Gpu>) -> NotRun {
    let wanted: usize =
        std::env::var("SITUS_GPU_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let mut stepper = GpuStepper::new(gpu);
    let mut numbers = Numbers::new(1);
    let mut done = 0;
    while done < wanted {
        // Mostly short rows, so that there can be many; now and then a whole vocabulary.
        let width = if numbers.below(40) == 0 { 151_936 } else { 1 + numbers.below(5_000) };
        let count = if width > 100_000 { 16 } else { numbers.pick(&[1usize, 7, 33, 512]) };
        let slots = 1 + numbers.below(64);
        let table = random_table(&mut numbers, width, slots);
        let on_gpu = GpuTable::new(gpu, &table).unwrap();
        let format = numbers.below(3);
        let spread = loop {
            match Spread::any_wide(&mut numbers) {
                Spread::Broken => continue,
                sound => break sound,
            }
        };
        let (rows, rules) =
            sound(&mut numbers, count, &table, |numbers| Row::random(numbers, format, width, spread));
        let report = numbers.below(2) == 0;
        let padding = numbers.below(9);
        let batch = Batch { rows: &rows, rules: &rules, table: &table, on_gpu: &on_gpu, report, padding };
        let expected = batch.expected();
        for form in Form::ALL.map(Some).into_iter().chain([None]) {
            let Some(found) = batch.run(&mut stepper, gpu, form) else { continue };
            assert_eq!(found, expected, "{form:?}, {count} rows of {width}, format {format}, {spread:?}");
        }
        done += count;
    }
    println!("{done} rows equal in every form");
    None
}

fn slots_and_batches(gpu: &Arc<Gpu>) -> NotRun {
    let mut numbers = Numbers::new(2);
    let mut stepper = GpuStepper::new(gpu);
    let table = random_table(&mut numbers, 20_000, 32);
    let on_gpu = GpuTable::new(gpu, &table).unwrap();
    let (rows, rules) =
        sound(&mut numbers, 512, &table, |numbers| Row::random(numbers, 1, 20_000, Spread::Smooth));
    let whole =
        Batch { rows: &rows, rules: &rules, table: &table, on_gpu: &on_gpu, report: true, padding: 0 };
    let steps = whole.run(&mut stepper, gpu, None).unwrap().unwrap();
    for size in [1, 3, 64] {
        for (rows, (rules, expected)) in rows.chunks(size).zip(rules.chunks(size).zip(steps.chunks(size))) {
            let batch = Batch { rows, rules, ..whole };
            assert_eq!(batch.run(&mut stepper, gpu, None).unwrap().unwrap(), expected);
        }
    }
    None
}

fn refusals(gpu: &Arc<Gpu>) -> NotRun {
    let mut stepper = GpuStepper::new(gpu);
    let mut numbers = Numbers::new(3);
    let table = random_table(&mut numbers, 100, 8);
    let on_gpu = GpuTable::new(gpu, &table).unwrap();
    let logits = gpu.stream().clone_htod(&vec![0.5f32; 200]).unwrap();
    let plain = StepRule {
        truncation: Truncation { top_k: Some(5), ..Truncation::default() },
        otherwise: Otherwise::Draw,
        rescore: None,
        draw: 1,
    };
    let layout = RowLayout::dense(2, 100);
    let none = stepper.step(&logits, RowLayout { rows: 0, ..layout }, &[], None, false);
    assert_eq!(none.unwrap_err(), GpuFault::Batch { rows: 0 });
    let overlapping = stepper.step(&logits, RowLayout { stride: 99, ..layout }, &[plain; 2], None, false);
    assert_eq!(overlapping.unwrap_err(), GpuFault::Stride { stride: 99, width: 100 });
    let long = stepper.step(&logits, RowLayout::dense(3, 100), &[plain; 3], None, false);
    assert_eq!(long.unwrap_err(), GpuFault::Bounds { needed: 300, found: 200 });
    let few = stepper.step(&logits, layout, &[plain], None, false);
    assert_eq!(few.unwrap_err(), GpuFault::Rules { rows: 2, rules: 1 });
    let prepared = stepper.prepare::<f32>(layout, &[plain; 2], None, false).unwrap();
    stepper.prepare::<f32>(layout, &[plain; 2], None, false).unwrap();
    assert_eq!(stepper.launch(&prepared, &logits, None).unwrap_err(), GpuFault::Stale);
    let rescored = random_rule(&mut numbers, 8);
    let rescored = StepRule {
        rescore: Some(Rescore {
            neighbors: 8,
            threshold: None,
            score: Score::Support,
            select: Select::Argmax,
            mass: Mass::Full,
        }),
        truncation: plain.truncation,
        ..rescored
    };
    let other = stepper.step(&logits, RowLayout::dense(2, 90), &[rescored; 2], Some(&on_gpu), false);
    let fault = StepFault::Vocabulary { table: 100, logits: 90 };
    assert_eq!(other.unwrap_err(), GpuFault::Row { index: 0, fault });
    let bad = gpu.stream().clone_htod(&[vec![0.5f32; 150], vec![f32::NAN; 50]].concat()).unwrap();
    let fault = StepFault::Row(RowFault::NotANumber { token: 50 });
    let found = stepper.step(&bad, layout, &[rescored; 2], Some(&on_gpu), false);
    assert_eq!(found.unwrap_err(), GpuFault::Row { index: 1, fault });
    None
}

fn tables(gpu: &Arc<Gpu>) -> NotRun {
    let (rows, width, k) = (9_000, 256, 32);
    let mut numbers = Numbers::new(4);
    for element in [Element::Bf16, Element::F16, Element::F32] {
        let format = [Element::F32, Element::Bf16, Element::F16].iter().position(|e| *e == element).unwrap();
        let matrix = Row::random(&mut numbers, format, rows * width, Spread::Smooth);
        let bytes: Vec<u8> = match &matrix.stored {
            Stored::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Stored::Bf16(bits) | Stored::F16(bits) => {
                bits.iter().flat_map(|bits| bits.to_le_bytes()).collect()
            }
        };
        let content: Vec<u8> = (0..rows).map(|token| u8::from(token % 13 != 0)).collect();
        let embeddings = Embeddings::new(bytes, element, rows, width).unwrap();
        let (expected, _) =
            Build::new(embeddings.clone(), content.clone(), k).unwrap().finish(&|_| ()).unwrap();
        let built = GpuBuild::new(gpu).table(embeddings, content, k, &AtomicBool::new(false), &|_| ());
        let (table, certified) = match built {
            Err(fault @ (GpuFault::NoLibrary { .. } | GpuFault::NoForm { .. })) => {
                return Some(fault);
            }
            built => built.unwrap(),
        };
        println!("{element:?}: {certified:?}");
        assert_eq!(table, expected);
    }
    None
}
