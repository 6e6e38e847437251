//! One decoding step at V = 151,936: semantic, beside the plain top-k/top-p draw on the same fast path, over batch, number
//! format, candidates and vector instructions.
//!
//! `semantic/scored` also computes the scores of the flip ledger, which need the softmax's normaliser; `semantic/bare`
//! chooses the same token without. `plain/scored` is the plain draw with the normaliser, `plain/bare` without.
//!
//! With `SITUS_BENCH_INPUTS=FOLDER` the rows and the table are written to `FOLDER/step.safetensors`, where
//! `benches/peers.py` reads them.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use situs_core::digest::Draw;
use situs_kernels::semantic::{LogitRow, Mass, Otherwise, Rescore, Score, Select, StepRow, Stepper};
use situs_kernels::{Level, NeighborTable, Truncation};
use std::collections::HashMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

const WIDTH: usize = 151_936;
const NEIGHBORS: usize = 32;
const TOP_P: f64 = 0.999;
/// Distinct rows, so that nothing is learnt by heart; together they fit the third-level cache.
const ROWS: usize = 8;

const RESCORE: Rescore = Rescore {
    neighbors: NEIGHBORS,
    threshold: None,
    score: Score::Support,
    select: Select::Argmax,
    mass: Mass::Full,
};

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

/// The nearest IEEE half below in magnitude; these logits are far from its limits but for a few near 0, which become 0.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let magnitude = ((bits >> 13) & 0x3_ffff).saturating_sub((127 - 15) << 10);
    sign | if magnitude < 1 << 10 { 0 } else { magnitude as u16 }
}

/// Logits in one of the formats that models write.
enum Rows {
    F32(Vec<Vec<f32>>),
    Bf16(Vec<Vec<u16>>),
    F16(Vec<Vec<u16>>),
}

impl Rows {
    fn get(&self, index: usize) -> LogitRow<'_> {
        match self {
            Self::F32(rows) => LogitRow::F32(&rows[index % ROWS]),
            Self::Bf16(rows) => LogitRow::Bf16(&rows[index % ROWS]),
            Self::F16(rows) => LogitRow::F16(&rows[index % ROWS]),
        }
    }

    fn step(&self, index: usize, candidates: usize, rescore: Option<Rescore>) -> StepRow<'_> {
        StepRow {
            logits: self.get(index),
            truncation: Truncation { top_k: Some(candidates), top_p: TOP_P, ..Truncation::default() },
            otherwise: if rescore.is_some() { Otherwise::Greedy } else { Otherwise::Draw },
            rescore,
            draw: index as u64,
        }
    }
}

/// What peers need to do the same work.
fn save(rows: &[Vec<f32>], table: &NeighborTable) {
    let Some(folder) = std::env::var_os("SITUS_BENCH_INPUTS").map(PathBuf::from) else { return };
    let logits: Vec<u8> = rows.concat().iter().flat_map(|value| value.to_le_bytes()).collect();
    let ids: Vec<u8> = table.ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    let similarities: Vec<u8> = table.similarities.iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensors = [
        ("logits", TensorView::new(Dtype::F32, vec![ROWS, WIDTH], &logits)),
        ("ids", TensorView::new(Dtype::U32, vec![WIDTH, NEIGHBORS], &ids)),
        ("similarities", TensorView::new(Dtype::F32, vec![WIDTH, NEIGHBORS], &similarities)),
    ];
    let tensors = tensors.into_iter().map(|(name, view)| view.map(|view| (name, view)));
    let told = HashMap::from([("top_p".to_owned(), TOP_P.to_string())]);
    let written = tensors
        .collect::<Result<Vec<_>, _>>()
        .and_then(|tensors| serialize_to_file(tensors, Some(told), &folder.join("step.safetensors")));
    if let Err(error) = written {
        println!("failed: inputs for peers: {error}");
    }
}

fn step(criterion: &mut Criterion) {
    let rows: Vec<Vec<f32>> = (0..ROWS as u64).map(logits).collect();
    let table = table();
    save(&rows, &table);
    let brain = |value: &f32| (value.to_bits() >> 16) as u16;
    let formats = [
        ("bf16", Rows::Bf16(rows.iter().map(|row| row.iter().map(brain).collect()).collect())),
        ("f16", Rows::F16(rows.iter().map(|row| row.iter().map(|value| half(*value)).collect()).collect())),
        ("f32", Rows::F32(rows)),
    ];
    for (format, rows) in &formats {
        let mut group = criterion.benchmark_group(format!("semantic_step/{format}"));
        group.sample_size(40).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
        for (batch, candidates) in [(1, 1), (1, 50), (1, 1024), (8, 50), (64, 50), (512, 50)] {
            group.throughput(Throughput::Elements(batch as u64));
            for (name, rescore, report) in [
                ("semantic/scored", Some(RESCORE), true),
                ("semantic/bare", Some(RESCORE), false),
                ("plain/scored", None, true),
                ("plain/bare", None, false),
            ] {
                let mut stepper = Stepper::new();
                let mut start = 0;
                let id = BenchmarkId::new(name, format!("batch {batch}, candidates {candidates}"));
                group.bench_function(id, |bencher| {
                    bencher.iter(|| {
                        start += 1;
                        let asked: Vec<StepRow<'_>> = (start..start + batch)
                            .map(|index| rows.step(index, candidates, rescore))
                            .collect();
                        stepper.run(black_box(&asked), Some(&table), report)
                    });
                });
            }
        }
        group.finish();
        levels(criterion, format, rows, &table);
    }
    println!("level {}", Level::best());
}

/// One row of 50 candidates with each of the vector instructions that this machine has.
fn levels(criterion: &mut Criterion, format: &str, rows: &Rows, table: &NeighborTable) {
    let mut group = criterion.benchmark_group(format!("semantic_step/{format}/levels"));
    group.sample_size(40).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_secs(1));
    for level in Level::available() {
        let mut stepper = Stepper::with_level(level);
        let mut index = 0;
        group.bench_function(level.to_string(), |bencher| {
            bencher.iter(|| {
                index += 1;
                stepper.step(black_box(&rows.step(index, 50, Some(RESCORE))), Some(table), true)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
