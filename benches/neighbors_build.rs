//! How long an exact neighbor table takes, beside the plain way on the same rows: normalise, multiply block by block,
//! select the largest.
//!
//! `SITUS_BENCH_ROWS` (default 8192) and `SITUS_BENCH_WIDTH` (default 1024) set the size, 32 neighbors. With
//! `SITUS_BENCH_INPUTS=FOLDER` the rows are written to `FOLDER/embeddings.safetensors`, where `benches/peers.py` reads them.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array2, ArrayView2};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use situs_core::digest::Draw;
use situs_kernels::neighbors::{Build, Element, Embeddings};
use std::hint::black_box;
use std::path::PathBuf;

const NEIGHBORS: usize = 32;

/// Rows of a product that the plain way selects from at a time.
const BLOCK: usize = 1024;

fn size(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Standard normal numbers, rounded to bf16 as checkpoints hold them.
fn embeddings(rows: usize, width: usize) -> (Vec<u8>, Vec<f32>) {
    let draw = Draw::new(1);
    let pairs = (0..(rows * width).div_ceil(2)).map(|pair| draw.of(pair).normal_pair());
    let numbers = pairs.flat_map(|(a, b)| [a, b]).take(rows * width);
    let rounded: Vec<f32> =
        numbers.map(|number| f32::from_bits((number as f32).to_bits() & 0xffff_0000)).collect();
    let bytes = rounded.iter().flat_map(|value| ((value.to_bits() >> 16) as u16).to_le_bytes()).collect();
    (bytes, rounded)
}

/// What peers need to do the same work.
fn save(bytes: &[u8], rows: usize, width: usize) {
    let Some(folder) = std::env::var_os("SITUS_BENCH_INPUTS").map(PathBuf::from) else { return };
    let view = TensorView::new(Dtype::BF16, vec![rows, width], bytes);
    let file = folder.join("embeddings.safetensors");
    if let Err(error) = view.and_then(|view| serialize_to_file([("embed_tokens.weight", view)], None, &file))
    {
        println!("failed: inputs for peers: {error}");
    }
}

/// The plain way: f32 throughout, every product computed, nothing certified.
fn plain(values: &[f32], width: usize) -> usize {
    let rows = values.len() / width;
    let Ok(raw) = ArrayView2::from_shape((rows, width), values) else { return 0 };
    let mut unit: Array2<f32> = raw.to_owned();
    for mut row in unit.rows_mut() {
        let norm = row.dot(&row).sqrt();
        row.mapv_inplace(|value| value / norm);
    }
    let mut order: Vec<u32> = Vec::new();
    let mut found = 0;
    for block in unit.axis_chunks_iter(ndarray::Axis(0), BLOCK) {
        for row in block.dot(&unit.t()).rows() {
            order.clear();
            order.extend(0..rows as u32);
            let falling = |a: &u32, b: &u32| row[*b as usize].total_cmp(&row[*a as usize]);
            order.select_nth_unstable_by(NEIGHBORS.min(rows - 1), falling);
            let best = &mut order[..NEIGHBORS.min(rows)];
            best.sort_unstable_by(falling);
            found += best.len();
        }
    }
    found
}

fn neighbors_build(criterion: &mut Criterion) {
    let (rows, width) = (size("SITUS_BENCH_ROWS", 8192), size("SITUS_BENCH_WIDTH", 1024));
    let (bytes, values) = embeddings(rows, width);
    save(&bytes, rows, width);
    println!("{rows} rows of {width}");
    let mut group = criterion.benchmark_group("neighbors_build");
    group.sample_size(10);
    group.throughput(Throughput::Elements(rows as u64));
    group.bench_function("exact table, all threads", |bencher| {
        bencher.iter_batched(
            || Embeddings::new(&bytes[..], Element::Bf16, rows, width),
            |embeddings| Build::new(embeddings?, vec![1; rows], NEIGHBORS)?.finish(&|_| ()),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("plain product and selection, one thread", |bencher| {
        bencher.iter(|| plain(black_box(&values), width));
    });
    group.finish();
}

criterion_group!(benches, neighbors_build);
criterion_main!(benches);
