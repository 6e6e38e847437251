//! One decoding step on a GPU at V = 151,936, timed with CUDA events: semantic and plain, over batch, number format and
//! form, beside a launch that does nothing and one that reads every row once.
//!
//! Without a GPU it prints "not run". With `SITUS_GPU_JSON=FILE` the same is timed outside of criterion, eagerly and as a
//! replayed graph, with the rows in the cache and not, in every form, and written as JSON for `kernels/gpu/check.sh`.
//! `SITUS_GPU_DRY=1` writes that file's shape with no numbers in it.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use half::bf16;
use serde_json::{Value, json};
use situs_kernels::cuda::cudarc::driver::sys::CUevent_flags;
use situs_kernels::cuda::cudarc::driver::{CudaSlice, DriverError};
use situs_kernels::cuda::{
    Floor, Form, Gpu, GpuBuild, GpuFault, GpuStepper, GpuTable, LogitNumber, RowLayout, StepRule, survey,
};
use situs_kernels::neighbors::{Element, Embeddings};
use situs_kernels::semantic::{Mass, Otherwise, Rescore, Score, Select};
use situs_kernels::{NeighborTable, Truncation};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

const WIDTH: usize = 151_936;
const NEIGHBORS: usize = 32;
const CANDIDATES: usize = 50;
const BATCHES: [usize; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/// Batches of one size that take turns, so that none of them is in the cache: together this many bytes at least.
const COLD_BYTES: usize = 256 << 20;
/// Timed repetitions of each case; the median is told.
const TIMES: usize = 200;
/// Launches between two events.
const LAUNCHES: usize = 20;

const RESCORE: Rescore = Rescore {
    neighbors: NEIGHBORS,
    threshold: None,
    score: Score::Support,
    select: Select::Argmax,
    mass: Mass::Full,
};

fn rule(rescore: Option<Rescore>, draw: usize) -> StepRule {
    StepRule {
        truncation: Truncation { top_k: Some(CANDIDATES), top_p: 0.999, ..Truncation::default() },
        otherwise: Otherwise::Draw,
        rescore,
        draw: draw as u64,
    }
}

/// The high halves of a multiplicative walk.
fn walk(seed: u64, count: usize) -> impl Iterator<Item = u32> {
    let mut at = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count).map(move |_| {
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (at >> 32) as u32
    })
}

/// Sums of four uniforms, of deviation 3.
fn logits(seed: u64, count: usize) -> Vec<f32> {
    let uniforms: Vec<u32> = walk(seed, count * 4).collect();
    uniforms
        .chunks(4)
        .map(|parts| (parts.iter().map(|u| *u as f32 / 4_294_967_296.0).sum::<f32>() - 2.0) * 5.2)
        .collect()
}

fn table() -> NeighborTable {
    let mut table = NeighborTable {
        rows: WIDTH,
        k: NEIGHBORS,
        ids: Vec::with_capacity(WIDTH * NEIGHBORS),
        similarities: Vec::with_capacity(WIDTH * NEIGHBORS),
        content: vec![1; WIDTH],
    };
    let mut others = walk(9, WIDTH);
    for token in 0..WIDTH {
        let first = others.next().unwrap_or(0) as usize;
        for slot in 0..NEIGHBORS {
            // Steps of an odd length never meet within a row.
            let other = if slot == 0 { token } else { (token + 1 + (first % 4_000 + 1) * slot) % WIDTH };
            table.ids.push(other as u32);
            table.similarities.push(if slot == 0 { 1.0 } else { 0.9 - slot as f32 / 40.0 });
        }
    }
    table
}

/// What a launch is.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Semantic(Option<Form>),
    Plain(Option<Form>),
    Nothing,
    Read,
}

impl What {
    fn name(self) -> String {
        let form = |form: Option<Form>| form.map_or("dispatched".to_owned(), |form| form.name().to_owned());
        match self {
            Self::Semantic(of) => format!("semantic/{}", form(of)),
            Self::Plain(of) => format!("plain/{}", form(of)),
            Self::Nothing => "empty kernel".to_owned(),
            Self::Read => "row read".to_owned(),
        }
    }
}

struct Bed {
    gpu: Arc<Gpu>,
    table: GpuTable,
    floor: Option<Floor>,
}

fn driver(error: DriverError) -> GpuFault {
    GpuFault::driver("time a launch", error)
}

impl Bed {
    fn new() -> Result<Self, GpuFault> {
        let gpu = Gpu::open(0)?;
        let table = GpuTable::new(&gpu, &table())?;
        let floor = Floor::new(&gpu).map_err(|fault| println!("not run: {fault}")).ok();
        Ok(Self { gpu, table, floor })
    }

    /// Milliseconds between two events around `work`.
    fn between(&self, work: impl FnOnce() -> Result<(), GpuFault>) -> Result<f32, GpuFault> {
        let stream = self.gpu.stream();
        let timed = Some(CUevent_flags::CU_EVENT_DEFAULT);
        let before = stream.record_event(timed).map_err(driver)?;
        work()?;
        let after = stream.record_event(timed).map_err(driver)?;
        before.elapsed_ms(&after).map_err(driver)
    }

    /// Runs `measure` with a function that does the `n`-th launch. `None` where the form does not take the rows.
    fn with<T: LogitNumber, R>(
        &self,
        what: What,
        rows: usize,
        sets: &[CudaSlice<T>],
        measure: impl FnOnce(&mut dyn FnMut(usize) -> Result<(), GpuFault>) -> Result<R, GpuFault>,
    ) -> Result<Option<R>, GpuFault> {
        let layout = RowLayout::dense(rows, WIDTH);
        let (form, rescore) = match what {
            What::Semantic(form) => (form, Some(RESCORE)),
            What::Plain(form) => (form, None),
            What::Nothing => {
                let Some(floor) = &self.floor else { return Ok(None) };
                return measure(&mut |_| floor.nothing()).map(Some);
            }
            What::Read => {
                let Some(floor) = &self.floor else { return Ok(None) };
                return measure(&mut |n| floor.read(&sets[n % sets.len()], layout)).map(Some);
            }
        };
        let rules: Vec<StepRule> = (0..rows).map(|row| rule(rescore, row)).collect();
        let mut stepper = GpuStepper::new(&self.gpu);
        let mut prepared = stepper.prepare::<T>(layout, &rules, Some(&self.table), false)?;
        if let Some(form) = form {
            if !self.gpu.takes(form, T::FORMAT, WIDTH) {
                return Ok(None);
            }
            prepared = prepared.in_form(form);
        }
        measure(&mut |n| stepper.launch(&prepared, &sets[n % sets.len()], Some(&self.table))).map(Some)
    }

    fn sets<T: LogitNumber>(
        &self,
        rows: usize,
        of: impl Fn(f32) -> T,
    ) -> Result<Vec<CudaSlice<T>>, GpuFault> {
        let bytes = rows * WIDTH * T::FORMAT.bytes();
        let base: Vec<T> = logits(3, rows.min(8) * WIDTH).into_iter().map(of).collect();
        let one: Vec<T> = base.iter().copied().cycle().take(rows * WIDTH).collect();
        (0..COLD_BYTES.div_ceil(bytes).clamp(2, 64))
            .map(|_| {
                self.gpu.stream().clone_htod(&one).map_err(|error| GpuFault::driver("rows to time", error))
            })
            .collect()
    }

    /// Median microseconds of one launch, eager and in a graph, over rows that are in the cache and that are not.
    fn row<T: LogitNumber>(
        &self,
        what: What,
        rows: usize,
        sets: &[CudaSlice<T>],
    ) -> Result<Vec<Value>, GpuFault> {
        let mut found = Vec::new();
        for (cache, sets) in [("warm", &sets[..1]), ("cold", sets)] {
            let times = self.with(what, rows, sets, |launch| {
                for n in 0..2 * LAUNCHES {
                    launch(n)?;
                }
                let mut eager = Vec::with_capacity(TIMES);
                for time in 0..TIMES {
                    let all = self.between(|| (0..LAUNCHES).try_for_each(|n| launch(time * LAUNCHES + n)))?;
                    eager.push(all * 1e3 / LAUNCHES as f32);
                }
                let mut all = || (0..LAUNCHES).try_for_each(&mut *launch);
                let graph = self.gpu.capture(&mut all)?;
                let mut replayed = Vec::with_capacity(TIMES);
                if let Some(graph) = graph {
                    for _ in 0..TIMES {
                        replayed.push(self.between(|| graph.launch())? * 1e3 / LAUNCHES as f32);
                    }
                }
                Ok([("eager", eager), ("graph", replayed)])
            })?;
            for (mode, mut times) in times.into_iter().flatten() {
                times.sort_by(f32::total_cmp);
                let at = |part: f32| times.get((times.len() as f32 * part) as usize).copied();
                found.push(json!({
                    "what": what.name(), "format": T::FORMAT.name(), "batch": rows, "cache": cache, "mode": mode,
                    "microseconds": at(0.5), "p10": at(0.1), "p90": at(0.9), "times": times.len(),
                }));
            }
        }
        Ok(found)
    }
}

fn cases() -> Vec<What> {
    let forms = || Form::ALL.map(Some).into_iter().chain([None]);
    let steps = forms().map(What::Semantic).chain(forms().map(What::Plain));
    steps.chain([What::Nothing, What::Read]).collect()
}

fn all_of<T: LogitNumber>(
    bed: &Bed,
    of: impl Fn(f32) -> T + Copy,
    out: &mut Vec<Value>,
) -> Result<(), GpuFault> {
    for rows in BATCHES {
        let sets = bed.sets(rows, of)?;
        for what in cases() {
            out.extend(bed.row(what, rows, &sets)?);
        }
    }
    Ok(())
}

/// The exact table of a matrix of the largest size in use, from bytes to table: seconds of the clock.
fn table_build(gpu: &Arc<Gpu>) -> Result<Value, GpuFault> {
    const COLUMNS: usize = 5_120;
    let bytes: Vec<u8> = walk(5, WIDTH * COLUMNS / 2)
        // Two numbers a word: sign and fraction at random, exponents of 1/8 to 1/4.
        .flat_map(|word| ((word & 0x80ff_80ff) | 0x3e00_3e00).to_le_bytes())
        .collect();
    let embeddings = Embeddings::new(bytes, Element::Bf16, WIDTH, COLUMNS)?;
    let start = Instant::now();
    let built =
        GpuBuild::new(gpu).table(embeddings, vec![1; WIDTH], NEIGHBORS, &AtomicBool::new(false), &|_| ());
    let (_, certified) = built?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(json!({
        "what": "exact table, from bytes", "rows": WIDTH, "columns": COLUMNS, "neighbors": NEIGHBORS,
        "seconds": seconds, "rows redone": certified.redone,
    }))
}

/// Everything, as JSON.
fn write(path: &str, dry: bool) -> Result<(), String> {
    let mut measured = Vec::new();
    let mut table = Value::Null;
    let status = if dry {
        "not run: a dry run, without a GPU's numbers".to_owned()
    } else {
        match Bed::new() {
            Err(fault) => format!("not run: {fault}"),
            Ok(bed) => {
                let done = all_of(&bed, |value| value, &mut measured)
                    .and_then(|()| all_of(&bed, bf16::from_f32, &mut measured))
                    .and_then(|()| table_build(&bed.gpu))
                    .map(|built| table = built);
                done.map_or_else(|fault| format!("stopped: {fault}"), |()| "measured".to_owned())
            }
        }
    };
    let report = json!({
        "status": status,
        "gpu": survey().to_string(),
        "vocabulary": WIDTH, "neighbors": NEIGHBORS, "candidates": CANDIDATES,
        "cases": cases().iter().map(|what| what.name()).collect::<Vec<_>>(),
        "batches": BATCHES,
        "measured": measured,
        "table": table,
    });
    println!("{status}");
    let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
    std::fs::write(path, text).map_err(|error| format!("{path}: {error}"))
}

fn step(criterion: &mut Criterion) {
    if let Ok(path) = std::env::var("SITUS_GPU_JSON") {
        let dry = std::env::var_os("SITUS_GPU_DRY").is_some();
        if let Err(error) = write(&path, dry) {
            println!("failed: {error}");
        }
        return;
    }
    let bed = match Bed::new() {
        Ok(bed) => bed,
        Err(fault) => return println!("not run: {fault}"),
    };
    let mut group = criterion.benchmark_group("semantic_step_cuda");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for rows in [1, 8, 64, 512] {
        let sets = match bed.sets(rows, bf16::from_f32) {
            Ok(sets) => sets,
            Err(fault) => return println!("not run: {fault}"),
        };
        for what in [What::Semantic(None), What::Plain(None), What::Nothing, What::Read] {
            group.bench_function(BenchmarkId::new(what.name(), format!("bf16/{rows}")), |bencher| {
                bencher.iter_custom(|times| {
                    let times = times as usize;
                    let timed = bed.with(what, rows, &sets, |launch| {
                        bed.between(|| (0..times).try_for_each(&mut *launch))
                    });
                    match timed {
                        Ok(Some(milliseconds)) => Duration::from_secs_f64(f64::from(milliseconds) / 1e3),
                        // Criterion has no word for a failure; a huge time cannot be mistaken for a good one.
                        other => {
                            println!("failed: {}: {:?}", what.name(), other.err());
                            Duration::from_secs(3_600)
                        }
                    }
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
