//! The CUDA kernels on an emulated machine, compiled from the very source that GPUs get: tokens equal the reference's,
//! no access races with another, and every barrier is needed.
//!
//! The emulation (`tests/emulation`) takes a C++ compiler, `$CXX` or `c++`; where there is none, these tests print
//! "not run" and say nothing about the kernels. `SITUS_EMULATED_ROWS` scales the number of rows, in per cent.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "emulation/machine.rs"]
mod machine;
#[path = "emulation/rows.rs"]
mod rows;

use machine::{Emulation, Form, Launch};
use rows::{Numbers, Row, Spread, random_rule, random_table};
use situs_kernels::NeighborTable;
use situs_kernels::cuda::arguments::{StepRule, Told};
use situs_kernels::semantic::*;
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
            [if seed % 8 == 0 { 3 + seed / 8 % 3 } else { seed % 3 }];
        beyond.fetch_add(check_batch(emulation, &mut numbers, width, form, BATCH), Ordering::Relaxed);
    });
    println!("{} rows; {} plain draws left to the host", batches * BATCH, beyond.into_inner());
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
