//! Small label maps of our own, and a writer of plain NIfTI files.

use situs_core::case::{Case, Modality, StructureSource, VolumeRef, VolumeSource};
use situs_core::digest::Draw;
use situs_core::fault::Fault;
use situs_core::space::Affine;
use situs_core::structure::{Grid, Warning};
use situs_core::volume::{LabelReader, LabelSource, LabelView, LabelVolume, Labels};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// An oblique grid whose numbers are exact in binary, so that every storage order has the very same geometry.
pub(crate) fn grid(shape: [usize; 3]) -> Grid {
    let affine = Affine([
        [1.5, 0.25, 0.0, -40.5],
        [-0.125, 2.0, 0.25, 12.25],
        [0.0, -0.25, 3.0, 100.0],
        [0.0, 0.0, 0.0, 1.0],
    ]);
    Grid { shape, affine }
}

/// Blobs of labels 1, 2, 7 and 200 with holes and crumbs, deterministic.
pub(crate) fn blobs(shape: [usize; 3]) -> Vec<u8> {
    let [nx, ny, nz] = shape;
    let draw = Draw::new(11);
    let seeds: Vec<([f64; 3], f64, u8)> = [1u8, 2, 7, 200, 1]
        .iter()
        .enumerate()
        .map(|(number, label)| {
            let at = |axis: usize, length: usize| draw.of(number).of(axis).unit() * length as f64;
            ([at(0, nx), at(1, ny), at(2, nz)], 2.0 + number as f64, *label)
        })
        .collect();
    let mut labels = vec![0u8; nx * ny * nz];
    for (index, label) in labels.iter_mut().enumerate() {
        let voxel = [index % nx, index / nx % ny, index / nx / ny];
        for (centre, radius, name) in &seeds {
            let distance: f64 = (0..3).map(|axis| (voxel[axis] as f64 - centre[axis]).powi(2)).sum();
            if distance < radius * radius && draw.of(index).unit() < 0.8 {
                *label = *name;
            }
        }
    }
    labels
}

pub(crate) fn label_volume(shape: [usize; 3], labels: Vec<u8>) -> LabelVolume {
    let names = BTreeMap::new();
    LabelVolume { grid: grid(shape), labels: Labels::U8(labels), names, warnings: Vec::new() }
}

/// A plain uncompressed NIfTI-1 file of u8 voxels with an sform.
pub(crate) fn write_nifti(path: &Path, shape: [usize; 3], affine: &Affine, voxels: &[u8]) {
    let mut bytes = vec![0u8; 352];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &348i32.to_le_bytes());
    let dims = [3, shape[0] as i16, shape[1] as i16, shape[2] as i16, 1, 1, 1, 1];
    for (place, dim) in dims.iter().enumerate() {
        put(40 + 2 * place, &dim.to_le_bytes());
    }
    put(70, &2i16.to_le_bytes());
    put(72, &8i16.to_le_bytes());
    for (place, spacing) in [1.0].into_iter().chain(affine.spacing()).enumerate() {
        put(76 + 4 * place, &(spacing as f32).to_le_bytes());
    }
    put(108, &352f32.to_le_bytes());
    put(123, &[2]);
    put(254, &1i16.to_le_bytes());
    for (place, value) in affine.0[..3].iter().flatten().enumerate() {
        put(280 + 4 * place, &(*value as f32).to_le_bytes());
    }
    put(344, b"n+1\0");
    bytes.extend_from_slice(voxels);
    std::fs::write(path, bytes).unwrap();
}

/// Label maps by key, without files.
#[derive(Default)]
pub(crate) struct Shelf(pub(crate) BTreeMap<String, LabelVolume>);

impl LabelSource for Shelf {
    fn labels(&mut self, volume: &VolumeRef) -> Result<LabelView<'_>, Fault> {
        self.0.get(&volume.id).map(LabelVolume::view).ok_or_else(|| Fault::data("not on the shelf"))
    }
}

pub(crate) fn in_dataset(key: &str) -> VolumeRef {
    VolumeRef { id: key.to_owned(), source: VolumeSource::Dataset { key: key.to_owned() } }
}

pub(crate) fn case(structures: StructureSource) -> Case {
    Case {
        name: "one".to_owned(),
        cluster: "one".to_owned(),
        modality: Modality::Ct,
        volumes: vec![in_dataset("image")],
        structures,
        facts: BTreeMap::new(),
    }
}

/// Folder of real data sets, if this machine has them.
pub(crate) fn real_data() -> Option<PathBuf> {
    let folder = match std::env::var_os("SITUS_TEST_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
    };
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no real data in {} (set SITUS_TEST_DATA)", folder.display());
    None
}

pub(crate) fn read_labels(path: &Path) -> LabelVolume {
    LabelVolume::read(path).unwrap()
}

pub(crate) fn codes(warnings: &[Warning]) -> Vec<&str> {
    warnings.iter().map(|warning| warning.code.as_str()).collect()
}

pub(crate) fn reader() -> LabelReader {
    LabelReader::new()
}
