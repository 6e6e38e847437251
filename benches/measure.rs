//! How long it takes from files to measurements, beside libdeflate alone on the same bytes.
//!
//! Needs the full-size case `ts-s0327-masks` (222 x 166 x 429 voxels, 117 masks) in `SITUS_TEST_DATA` or
//! `../shared/data`; without it nothing is measured.

use criterion::{Criterion, criterion_group, criterion_main};
use libdeflater::Decompressor;
use situs_core::volume::{LabelReader, Segmentation, measure_path};
use std::hint::black_box;
use std::path::PathBuf;

// The allocator of the `situs` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn full_size_case() -> Option<PathBuf> {
    let data = std::env::var_os("SITUS_TEST_DATA").unwrap_or_else(|| "../shared/data".into());
    let case = PathBuf::from(data).join("ts-s0327-masks");
    if !case.is_dir() {
        eprintln!("skipped: no {}", case.display());
        return None;
    }
    Some(case)
}

/// Inflates files one after the other into one buffer: the floor for every reader.
struct Floor {
    files: Vec<Vec<u8>>,
    buffer: Vec<u8>,
}

impl Floor {
    fn of(paths: &[PathBuf]) -> Option<Self> {
        let files: Vec<Vec<u8>> = paths.iter().map(std::fs::read).collect::<Result<_, _>>().ok()?;
        // The last four bytes of a gzip member hold its inflated size.
        let sizes = files.iter().map(|file| {
            let tail = file.last_chunk::<4>().copied().unwrap_or_default();
            u32::from_le_bytes(tail) as usize
        });
        let buffer = vec![0; sizes.max()?];
        Some(Self { files, buffer })
    }

    fn inflate(&mut self) -> usize {
        let mut decompressor = Decompressor::new();
        let buffer = &mut self.buffer;
        self.files.iter().map(|file| decompressor.gzip_decompress(file, buffer).unwrap_or(0)).sum()
    }
}

fn label_map(criterion: &mut Criterion) {
    let Some(case) = full_size_case() else { return };
    let path = case.join("labels_merged.nii.gz");
    let Some(mut floor) = Floor::of(std::slice::from_ref(&path)) else { return };
    let mut group = criterion.benchmark_group("label map of 108 structures");
    group.bench_function("libdeflate alone", |bencher| bencher.iter(|| black_box(floor.inflate())));
    let mut reader = LabelReader::new();
    group.bench_function("file to RAS+", |bencher| {
        bencher.iter(|| black_box(reader.read(&path).map(|labels| labels.grid)).is_ok());
    });
    group.bench_function("file to measurements", |bencher| {
        bencher.iter(|| {
            let labels = reader.read(&path)?;
            Segmentation::measure(black_box(&labels), None)
        });
    });
    group.bench_function("file to masks and measurements", |bencher| {
        bencher.iter(|| {
            let labels = reader.read(&path)?;
            Segmentation::from_labels(black_box(&labels), None)
        });
    });
    group.finish();
}

fn folder_of_masks(criterion: &mut Criterion) {
    let Some(folder) = full_size_case().map(|case| case.join("s0327/segmentations")) else { return };
    let Ok(entries) = std::fs::read_dir(&folder) else { return };
    let files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "gz"))
        .collect();
    let Some(mut floor) = Floor::of(&files) else { return };
    let mut group = criterion.benchmark_group("117 masks");
    group.sample_size(10);
    group.bench_function("libdeflate alone", |bencher| bencher.iter(|| black_box(floor.inflate())));
    group.bench_function("files to measurements and overlaps", |bencher| {
        bencher.iter(|| measure_path(black_box(&folder), None));
    });
    group.finish();
}

fn slices(criterion: &mut Criterion) {
    let Some(path) = full_size_case().map(|case| case.join("labels_merged.nii.gz")) else { return };
    let mut reader = LabelReader::new();
    let Ok(labels) = reader.read(&path) else { return };
    let Ok(segmentation) = Segmentation::from_labels(&labels, None) else { return };
    let mut group = criterion.benchmark_group("slices of 108 structures");
    for (axis, name) in ["sagittal", "coronal", "axial"].into_iter().enumerate() {
        let middle = segmentation.grid().shape[axis] / 2;
        group.bench_function(format!("{name} sections"), |bencher| {
            bencher.iter(|| segmentation.sections(axis, black_box(middle)));
        });
    }
    group.bench_function("largest part of every structure", |bencher| {
        bencher.iter_batched(
            || segmentation.mirrored(),
            |fresh| (0..fresh.masks.len()).map(|structure| fresh.largest_part_share(structure)).sum::<f64>(),
            criterion::BatchSize::LargeInput,
        );
    });
    group.bench_function("profile of every structure along every axis", |bencher| {
        bencher.iter(|| {
            let structures = 0..segmentation.masks.len();
            let pairs = structures.flat_map(|structure| (0..3).map(move |axis| (structure, axis)));
            pairs.map(|(structure, axis)| segmentation.profile(structure, axis).len()).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, label_map, folder_of_masks, slices);
criterion_main!(benches);
