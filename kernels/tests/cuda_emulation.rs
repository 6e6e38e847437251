//! The CUDA kernels on an emulated machine, compiled from the very source that GPUs get: tokens equal the reference's,
//! no access races with another, and every barrier is needed.
//!
//! The emulation (`tests/emulation`) takes a C++ compiler, `$CXX` or `c++`; where there is none, these tests print
//! "not run" and say nothing about the kernels. `SITUS_EMULATED_ROWS` scales the number of rows, in per cent; with
//! `SITUS_EMULATION_REQUIRED=1` a missing compiler is a failure.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "emulation/machine.rs"]
mod machine;
#[path = "emulation/rows.rs"]
mod rows;

use machine::{Emulation, Form, Launch};
use rows::{Numbers, Row, Spread, Stored, random_rule, random_table, table_with};
use situs_kernels::cuda::arguments::{StepRule, Told};
use situs_kernels::semantic::*;
use situs_kernels::{NeighborTable, Truncation};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the reference says, in the kernel's words: what it leaves to the host is whatever the host says.
fn expected(row: &Row, rule: &StepRule, table: &NeighborTable, report: bool) -> Result<Step, StepFault> {
    Reference::default().step(&row.step(rule), Some(table), report)
}

#[track_caller]
fn same(told: &Told, expected: &Result<Step, StepFault>, what: &str) {
    match (told, expected) {
        (Told::Step(step), Ok(expected)) => assert_eq!(step, expected, "{what}"),
        (Told::Fault(fault), Err(expected)) => assert_eq!(fault, expected, "{what}"),
        // Only a plain draw may be left to the host, and only when it needs more than the leading tokens.
        (Told::Beyond, Ok(step)) => assert_eq!(step.outcome, Outcome::Plain, "{what}"),
        _ => panic!("{what}: {told:?} instead of {expected:?}"),
    }
}

/// Runs `work` for each number below `count` on two threads.
fn in_parallel(count: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < count) {
                    work(at);
                }
            });
        }
    });
}

fn scaled(count: usize) -> usize {
    let percent = std::env::var("SITUS_EMULATED_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    (count * percent / 100).max(1)
}

/// Rows of one width and format under rules of their own: against the reference, row by row.
fn check_batch(emulation: &Emulation, numbers: &mut Numbers, width: usize, form: Form, rows: usize) -> usize {
    let slots = 1 + numbers.below(6);
    let table = random_table(numbers, width, slots);
    let format = numbers.below(3);
    let spread = Spread::any(numbers);
    let rows: Vec<Row> = (0..rows).map(|_| Row::random(numbers, format, width, spread)).collect();
    let rules: Vec<StepRule> = rows.iter().map(|_| random_rule(numbers, table.k)).collect();
    let report = numbers.below(2) == 0;
    let launch = Launch { form, seed: numbers.next(), padding: numbers.below(9), ..Launch::default() };
    let told = emulation.run(&launch, &rows, &rules, &table, report).unwrap();
    let mut beyond = 0;
    for ((row, rule), told) in rows.iter().zip(&rules).zip(&told) {
        beyond += usize::from(*told == Told::Beyond);
        same(told, &expected(row, rule, &table, report), &format!("{form:?} {width} {rule:?} {spread:?}"));
    }
    beyond
}

#[test]
fn a_hundred_thousand_short_rows_get_the_tokens_of_the_reference() {
    let Some(emulation) = Emulation::compiled() else { return };
    const BATCH: usize = 10;
    let beyond = AtomicUsize::new(0);
    let batches = scaled(100_000) / BATCH;
    in_parallel(batches, |seed| {
        let mut numbers = Numbers::new(seed as u64);
        let width = match seed % 10 {
            0 => 1 + numbers.below(8),
            9 => 1_000 + numbers.below(1_500),
            _ => 1 + numbers.below(300),
        };
        let form = [Form::SMALL_1, Form::SMALL_2, Form::SMALL_1, Form::SMALL_4, Form::SMALL_1, Form::SMALL_8]
            [if seed % 16 == 0 { 3 + seed / 16 % 3 } else { seed % 3 }];
        beyond.fetch_add(check_batch(emulation, &mut numbers, width, form, BATCH), Ordering::Relaxed);
    });
    let beyond = beyond.into_inner();
    println!("{} rows; {beyond} plain draws left to the host", batches * BATCH);
    assert!(beyond * 1000 <= batches * BATCH, "the kernel leaves rows to the host that it should do itself");
}

#[test]
fn three_hundred_full_width_rows_get_the_tokens_of_the_reference() {
    let Some(emulation) = Emulation::compiled() else { return };
    let rows = scaled(300);
    let mut numbers = Numbers::new(77);
    let table = random_table(&mut numbers, 151_936, 32);
    in_parallel(rows, |seed| {
        let mut numbers = Numbers::new(1_000 + seed as u64);
        let format = seed % 3;
        let spread = Spread::any_wide(&mut numbers);
        let row = Row::random(&mut numbers, format, 151_936, spread);
        let rule = random_rule(&mut numbers, table.k);
        let form = Form::OF_GPUS[seed / 3 % 4];
        let report = seed % 2 == 0;
        let launch = Launch { form, seed: seed as u64, ..Launch::default() };
        let told = emulation.run(&launch, std::slice::from_ref(&row), &[rule], &table, report).unwrap();
        let what = format!("row {seed}, {form:?}, {rule:?}");
        same(&told[0], &expected(&row, &rule, &table, report), &what);
    });
    println!("{rows} full-width rows");
}

const FIRST: Rescore = Rescore {
    neighbors: 4,
    threshold: None,
    score: Score::Support,
    select: Select::Argmax,
    mass: Mass::Full,
};

fn rule(top_k: Option<usize>, rescore: Option<Rescore>) -> StepRule {
    StepRule {
        truncation: Truncation { top_k, ..Truncation::default() },
        otherwise: Otherwise::Draw,
        rescore,
        draw: 11,
    }
}

/// Rows that decide close calls: ties at every border, what has no softmax, nothing to choose from.
fn corpus(format: usize, width: usize) -> Vec<(&'static str, Row)> {
    let hash = |token: usize| (token as u32).wrapping_mul(2_654_435_761) >> 7;
    let with = |at: usize, value: f32| {
        let mut values: Vec<f32> = (0..width).map(|token| (hash(token) % 1_000) as f32 / 100.0).collect();
        values[at] = value;
        values
    };
    let rows: Vec<(&str, Vec<f32>)> = vec![
        ("all equal", vec![1.5; width]),
        (
            "all zero, of both signs",
            (0..width).map(|token| if hash(token) % 2 == 0 { 0.0 } else { -0.0 }).collect(),
        ),
        ("two values", (0..width).map(|token| if hash(token) % 3 == 0 { 2.0 } else { 1.0 }).collect()),
        ("eight values", (0..width).map(|token| (hash(token) % 8) as f32).collect()),
        ("all negative", (0..width).map(|token| -1.0 - (hash(token) % 64) as f32).collect()),
        ("rising", (0..width).map(|token| token as f32 / 100.0).collect()),
        ("falling", (0..width).map(|token| -(token as f32) / 100.0).collect()),
        (
            "one token left",
            (0..width).map(|token| if token == width / 2 { -3.0 } else { f32::NEG_INFINITY }).collect(),
        ),
        (
            "few left, all alike",
            (0..width).map(|t| if t % 700 == 3 { 0.5 } else { f32::NEG_INFINITY }).collect(),
        ),
        ("none left", vec![f32::NEG_INFINITY; width]),
        ("the last is NaN", with(width - 1, f32::NAN)),
        ("a negative NaN", with(width / 3, -f32::NAN)),
        ("plus infinity", with(0, f32::INFINITY)),
        ("infinity before NaN", {
            let mut values = with(width / 2, f32::INFINITY);
            values[width - 2] = f32::NAN;
            values
        }),
        ("the largest and the lowest", {
            let mut values = with(width / 2, f32::MAX);
            values[1] = f32::MIN;
            values
        }),
        ("near the smallest", (0..width).map(|token| f32::from_bits(hash(token) % 9)).collect()),
    ];
    rows.into_iter().map(|(name, values)| (name, Row::of(format, &values))).collect()
}

fn corpus_rules() -> Vec<StepRule> {
    let draw = Rescore { select: Select::Proportional { tau: 1.0 }, ..FIRST };
    let mut rules: Vec<StepRule> =
        [1, 2, 50, 64, 1024].into_iter().map(|k| rule(Some(k), Some(draw))).collect();
    let tempered = Rescore { select: Select::Proportional { tau: 0.5 }, ..FIRST };
    rules.push(rule(Some(1024), Some(tempered)));
    rules.push(rule(None, Some(FIRST)));
    rules.push(rule(None, None));
    rules.push(rule(Some(200), None));
    let cut = Truncation { top_k: Some(100), top_p: 0.5, min_p: 0.1, temperature: 0.7 };
    let crowding =
        Rescore { score: Score::Crowding { alpha: 1.0 }, select: Select::Softmax { tau: 0.5 }, ..FIRST };
    rules.push(StepRule { truncation: cut, ..rule(None, Some(crowding)) });
    let inside = Rescore { mass: Mass::Renormalised, select: Select::Proportional { tau: 0.5 }, ..FIRST };
    rules.push(StepRule { truncation: cut, ..rule(None, Some(inside)) });
    rules.push(StepRule { otherwise: Otherwise::Greedy, ..rule(None, None) });
    rules.push(StepRule {
        truncation: Truncation { top_p: 0.3, ..Truncation::default() },
        ..rule(None, Some(FIRST))
    });
    rules
}

/// Every row of the corpus under every rule, in one launch a row; gives the first thing that is wrong.
fn run_corpus(
    emulation: &Emulation,
    launch: &Launch,
    format: usize,
    width: usize,
    every: usize,
) -> Result<(), String> {
    let mut numbers = Numbers::new(5);
    let tables = [0, 60].map(|control| table_with(&mut numbers, width, 6, control));
    let rules = corpus_rules();
    for (turn, (name, row)) in corpus(format, width).into_iter().enumerate() {
        let these: Vec<StepRule> = rules.iter().skip(turn % every).step_by(every).copied().collect();
        let rows = vec![row; these.len()];
        let report = turn % 2 == 0;
        let table = &tables[usize::from(turn % 3 == 2)];
        let told = emulation
            .run(launch, &rows, &these, table, report)
            .map_err(|fault| format!("{name}: {fault}"))?;
        for ((row, rule), told) in rows.iter().zip(&these).zip(&told) {
            let expected = expected(row, rule, table, report);
            let equal = match (told, &expected) {
                (Told::Step(step), Ok(expected)) => step == expected,
                (Told::Fault(fault), Err(expected)) => fault == expected,
                (Told::Beyond, Ok(step)) => step.outcome == Outcome::Plain,
                _ => false,
            };
            if !equal {
                return Err(format!("{name}, {rule:?}: {told:?} instead of {expected:?}"));
            }
        }
    }
    Ok(())
}

#[test]
fn ties_and_rows_without_a_softmax_are_decided_as_by_the_reference() {
    let Some(emulation) = Emulation::compiled() else { return };
    in_parallel(12, |at| {
        let launch = Launch { form: Form::SMALL[at % 4], seed: at as u64, padding: at, ..Launch::default() };
        run_corpus(emulation, &launch, at / 4, 4_001, 1).unwrap();
    });
}

#[test]
fn ties_across_a_whole_vocabulary_are_decided_as_by_the_reference() {
    let Some(emulation) = Emulation::compiled() else { return };
    in_parallel(4, |at| {
        let launch = Launch { form: Form::OF_GPUS[at], seed: at as u64, ..Launch::default() };
        run_corpus(emulation, &launch, 1, 151_936, 6).unwrap();
    });
}

#[test]
fn slot_batch_and_cluster_change_nothing() {
    let Some(emulation) = Emulation::compiled() else { return };
    let mut numbers = Numbers::new(21);
    let table = random_table(&mut numbers, 2_000, 8);
    for format in 0..3 {
        let rows: Vec<Row> =
            (0..40).map(|_| Row::random(&mut numbers, format, 2_000, Spread::Smooth)).collect();
        let rules: Vec<StepRule> = rows.iter().map(|_| random_rule(&mut numbers, table.k)).collect();
        let launch = Launch { form: Form::SMALL_1, ..Launch::default() };
        let alone: Vec<Told> = rows
            .iter()
            .zip(&rules)
            .map(|(row, rule)| {
                let told = emulation.run(&launch, std::slice::from_ref(row), &[*rule], &table, true);
                told.unwrap().remove(0)
            })
            .collect();
        let backwards: Vec<Row> = rows.iter().rev().cloned().collect();
        let rules_backwards: Vec<StepRule> = rules.iter().rev().copied().collect();
        for form in Form::SMALL {
            let launch = Launch { form, seed: 9, padding: 3, ..Launch::default() };
            assert_eq!(emulation.run(&launch, &rows, &rules, &table, true).unwrap(), alone, "{form:?}");
            let mut told = emulation.run(&launch, &backwards, &rules_backwards, &table, true).unwrap();
            told.reverse();
            assert_eq!(told, alone, "{form:?}, backwards");
        }
    }
}

#[test]
fn every_barrier_is_needed() {
    let Some(emulation) = Emulation::compiled() else { return };
    let width = 4_500;
    emulation.barriers();
    let mut barriers = std::collections::BTreeMap::new();
    for form in Form::SMALL {
        run_corpus(emulation, &Launch { form, ..Launch::default() }, 0, width, 2).unwrap();
        barriers.extend(emulation.barriers());
    }
    assert!(barriers.len() >= 12, "{barriers:?}");
    let mut idle = Vec::new();
    for (site, place) in &barriers {
        let found = Form::SMALL.iter().find_map(|form| {
            let launch = Launch { form: *form, skipped: Some(*site), ..Launch::default() };
            run_corpus(emulation, &launch, 0, width, 2).err()
        });
        match found {
            Some(fault) => println!("without {place}: {fault}"),
            None => idle.push(place),
        }
    }
    assert!(idle.is_empty(), "nothing goes wrong without {idle:?}");
}

#[test]
fn the_best_of_each_row_of_products_are_selected() {
    let Some(emulation) = Emulation::compiled() else { return };
    in_parallel(60, |seed| {
        let mut numbers = Numbers::new(400 + seed as u64);
        // The last two forms take a vocabulary of this size; the first two are those that GPUs run.
        let form = if seed < 52 { 2 + seed % 2 } else { seed % 2 };
        let width = 1 + numbers.below(if form < 2 { 9_000 } else { 3_000 });
        let kept = 1 + numbers.pick(&[7usize, 39, 300, 1_030]);
        let spread = [Spread::Smooth, Spread::Steps, Spread::Equal, Spread::Slope][seed % 4];
        let rows: Vec<Row> = (0..3).map(|_| Row::random(&mut numbers, 0, width, spread)).collect();
        let inverse: Vec<f32> = (0..width).map(|_| 0.5 + numbers.below(64) as f32 / 64.0).collect();
        let first = numbers.below(width.saturating_sub(2).max(1));
        if first + 3 > width {
            return;
        }
        let found = emulation.select(form as u32, seed as u64, &rows, &inverse, first, kept).unwrap();
        for (row, (logits, found)) in rows.iter().zip(found.chunks(kept)).enumerate() {
            let own = first + row;
            let mut expected: Vec<(f32, u32)> = (0..width)
                .filter(|position| *position != own)
                .map(|position| {
                    let product = logits.logits().get(position).unwrap();
                    (product * inverse[own] * inverse[position] + 0.0, position as u32)
                })
                .collect();
            expected.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            expected.truncate(kept);
            let found: Vec<(f32, u32)> =
                found.iter().filter(|entry| **entry != 0).map(|entry| parted(*entry)).collect();
            assert_eq!(found, expected, "form {form}, {width} positions, {kept} kept, {spread:?}");
        }
    });
}

/// Score and position of an entry.
fn parted(entry: u64) -> (f32, u32) {
    let bits = (entry >> 32) as u32;
    (f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits }), !(entry as u32))
}

#[test]
fn exact_cosines_are_those_of_the_table_build() {
    let Some(emulation) = Emulation::compiled() else { return };
    use situs_kernels::neighbors::{Build, Embeddings};
    let (positions, width, k) = (60, 100, 12);
    let mut numbers = Numbers::new(9);
    let matrix = Row::random(&mut numbers, 0, positions * width, Spread::Smooth);
    let Stored::F32(values) = &matrix.stored else { unreachable!() };
    let build = Build::new(Embeddings::from_values(values, width).unwrap(), vec![1; positions], k).unwrap();
    let (table, _) = build.finish(&|_| ()).unwrap();
    let norm = |row: &[f32]| row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    let norms: Vec<f64> = values.chunks(width).map(norm).collect();
    // The neighbors that the table names, with scores that mean nothing yet.
    let entries: Vec<u64> = (0..positions as u32)
        .flat_map(|token| table.row(token).unwrap().0[1..].to_vec())
        .map(|neighbor| 1u64 << 63 | u64::from(!neighbor))
        .collect();
    let exact = emulation.exact(&matrix, &norms, width, k - 1, entries).unwrap();
    for (token, found) in exact.chunks(k - 1).enumerate() {
        let (ids, cosines) = table.row(token as u32).unwrap();
        let found: Vec<(f32, u32)> = found.iter().map(|entry| parted(*entry)).collect();
        let expected: Vec<(f32, u32)> = cosines[1..].iter().copied().zip(ids[1..].iter().copied()).collect();
        assert_eq!(found, expected, "token {token}");
    }
}
