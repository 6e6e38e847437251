//! From a `.nii.gz` CT to f32 in RAS+, against libdeflate alone on the same bytes: at most 1.35 times as long.
//!
//! The CT is painted from a real label map: one Hounsfield value a label plus noise of sigma 12, as int16. It needs
//! `ts-s0327-masks/labels_merged.nii.gz` below `SITUS_TEST_DATA` (else `../shared/data`) and is skipped without.

use criterion::{Criterion, criterion_group, criterion_main};
use libdeflater::{CompressionLvl, Compressor, Decompressor};
use situs_core::digest::Draw;
use situs_core::volume::{LabelVolume, Labels, Volume};
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

// The allocator of the `situs` command, on both sides. It keeps the pages of the last volume for the next; with one that
// gives them back to the system, fresh pages cost about half as much as inflating.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIGMA: f64 = 12.0;

fn labels() -> Option<LabelVolume> {
    let root = std::env::var_os("SITUS_TEST_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")), PathBuf::from);
    let path = root.join("ts-s0327-masks/labels_merged.nii.gz");
    match LabelVolume::read(&path) {
        Ok(labels) => Some(labels),
        Err(fault) => {
            println!("skipped: {fault}");
            None
        }
    }
}

/// A NIfTI-1 file of int16 whose first two axes run against RAS+ when `flipped`.
fn surrogate(map: &LabelVolume, flipped: bool) -> Vec<u8> {
    let Labels::U8(labels) = &map.labels else { return Vec::new() };
    let draw = Draw::new(7);
    let hounsfield: Vec<f64> = (0..256)
        .map(|label| if label == 0 { -1000.0 } else { -100.0 + draw.of(label).below(500) as f64 })
        .collect();
    let noise: Vec<f64> = (0..1 << 15)
        .flat_map(|pair| {
            let (a, b) = draw.of("noise").of(pair).normal_pair();
            [a * SIGMA, b * SIGMA]
        })
        .collect();
    let mut file = vec![0_u8; 352];
    let mut put = |at: usize, field: &[u8]| file[at..at + field.len()].copy_from_slice(field);
    put(0, &348_i32.to_le_bytes());
    put(40, &3_i16.to_le_bytes());
    for (axis, length) in map.grid.shape.iter().enumerate() {
        put(42 + 2 * axis, &(*length as i16).to_le_bytes());
        put(80 + 4 * axis, &1.5_f32.to_le_bytes());
        let sign = if flipped && axis < 2 { -1.5_f32 } else { 1.5 };
        put(280 + 20 * axis, &sign.to_le_bytes());
    }
    put(70, &4_i16.to_le_bytes());
    put(72, &16_i16.to_le_bytes());
    put(108, &352_f32.to_le_bytes());
    put(254, &1_i16.to_le_bytes());
    put(344, b"n+1\0");
    // A multiplicative walk through the table of deviates: without a period that deflate could find.
    let mut at = 1_u64;
    for label in labels {
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let value = hounsfield[usize::from(*label)] + noise[(at >> 48) as usize];
        file.extend((value.round() as i16).to_le_bytes());
    }
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::default());
    let mut compressed = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor.gzip_compress(bytes, &mut compressed).unwrap_or(0);
    compressed.truncate(length);
    compressed
}

fn load(criterion: &mut Criterion) {
    let Some(map) = labels() else { return };
    let Ok(folder) = tempfile::tempdir() else { return };
    let mut group = criterion.benchmark_group("load");
    group.sample_size(20).measurement_time(Duration::from_secs(8));
    for (name, flipped) in [("ct_ras", false), ("ct_lps", true)] {
        let plain = surrogate(&map, flipped);
        let compressed = gzip(&plain);
        let path = folder.path().join(format!("{name}.nii.gz"));
        if std::fs::write(&path, &compressed).is_err() {
            return;
        }
        group.bench_function(format!("{name}/libdeflate"), |bencher| {
            bencher.iter(|| {
                let mut out = vec![0_u8; plain.len()];
                let written = Decompressor::new().gzip_decompress(black_box(&compressed), &mut out);
                assert_eq!(written, Ok(plain.len()));
                out
            });
        });
        group.bench_function(format!("{name}/volume"), |bencher| {
            bencher.iter(|| Volume::read(black_box(&path)).map(|volume| volume.voxels.len()));
        });
    }
    group.finish();
}

criterion_group!(benches, load);
criterion_main!(benches);
