//! One decoding step at V = 151,936: semantic, beside the plain top-k/top-p draw on the same fast path, over batch, number
//! format and candidates.
//!
//! `semantic/scored` also computes the scores of the flip ledger, which need the softmax's normaliser; `semantic/bare`
//! chooses the same token without. `plain/scored` is the plain draw with the normaliser, `plain/bare` without.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use situs_core::digest::Draw;
use situs_kernels::semantic::{LogitRow, Mass, Otherwise, Rescore, Score, Select, StepRow, Stepper};
use situs_kernels::{Level, NeighborTable, Truncation};
use std::hint::black_box;
use std::time::Duration;

const WIDTH: usize = 151_936;
const NEIGHBORS: usize = 32;
/// Distinct rows, so that nothing is learnt by heart; together they fit the third-level cache.
const ROWS: usize = 8;

/// A multiplicative walk, the high half of each step.
fn walk(seed: u64, count: usize) -> impl Iterator<Item = u32> {
    let mut at = Draw::new(seed).bits() | 1;
    (0..count).map(move |_| {
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (at >> 32) as u32
    })
}

/// Normal logits of deviation 3: sums of twelve uniforms.
fn logits(seed: u64) -> Vec<f32> {
    let uniforms: Vec<u32> = walk(seed, WIDTH * 12).collect();
    let normal = |parts: &[u32]| parts.iter().map(|u| *u as f32 / 4_294_967_296.0).sum::<f32>() - 6.0;
    uniforms.chunks(12).map(|parts| normal(parts) * 3.0).collect()
}

fn table() -> NeighborTable {
    let ids: Vec<u32> = walk(9, WIDTH * NEIGHBORS).map(|u| u % WIDTH as u32).collect();
    let slots = 0..WIDTH * NEIGHBORS;
    let similarities = slots.map(|slot| 1.0 - (slot % NEIGHBORS) as f32 / 40.0).collect();
    NeighborTable { rows: WIDTH, k: NEIGHBORS, ids, similarities, content: vec![1; WIDTH] }
}

fn step(criterion: &mut Criterion) {
    let rows: Vec<Vec<f32>> = (0..ROWS as u64).map(logits).collect();
    let halves: Vec<Vec<u16>> =
        rows.iter().map(|row| row.iter().map(|value| (value.to_bits() >> 16) as u16).collect()).collect();
    let table = table();
    let rescore = Rescore {
        neighbors: NEIGHBORS,
        threshold: None,
        score: Score::Support,
        select: Select::Argmax,
        mass: Mass::Full,
    };
    for (format, half) in [("f32", false), ("bf16", true)] {
        let mut group = criterion.benchmark_group(format!("semantic_step/{format}"));
        group.sample_size(40).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
        for (batch, candidates) in [(1, 1), (1, 50), (1, 1024), (8, 50), (64, 50), (512, 50)] {
            let row = |index: usize, rescore: Option<Rescore>| StepRow {
                logits: if half {
                    LogitRow::Bf16(&halves[index % ROWS])
                } else {
                    LogitRow::F32(&rows[index % ROWS])
                },
                truncation: Truncation { top_k: Some(candidates), top_p: 0.999, ..Truncation::default() },
                otherwise: if rescore.is_some() { Otherwise::Greedy } else { Otherwise::Draw },
                rescore,
                draw: index as u64,
            };
            group.throughput(Throughput::Elements(batch as u64));
            for (name, rescore, report) in [
                ("semantic/scored", Some(rescore), true),
                ("semantic/bare", Some(rescore), false),
                ("plain/scored", None, true),
                ("plain/bare", None, false),
            ] {
                let mut stepper = Stepper::new();
                let mut start = 0;
                let id = BenchmarkId::new(name, format!("batch {batch}, candidates {candidates}"));
                group.bench_function(id, |bencher| {
                    bencher.iter(|| {
                        start += 1;
                        let rows: Vec<StepRow<'_>> =
                            (start..start + batch).map(|index| row(index, rescore)).collect();
                        stepper.run(black_box(&rows), Some(&table), report)
                    });
                });
            }
        }
        group.finish();
    }
    println!("level {}", Level::best());
}

criterion_group!(benches, step);
criterion_main!(benches);
