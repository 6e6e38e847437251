//! Files that tests write: NIfTI-1 bytes, and a made-up patient stored along any axes.

use libdeflater::{CompressionLvl, Compressor};
use std::path::Path;

/// Voxels as they are stored.
#[derive(Clone)]
pub enum Stored {
    /// `uint8`.
    U8(Vec<u8>),
    /// `int16`.
    I16(Vec<i16>),
    /// `float32`.
    F32(Vec<f32>),
}

/// A NIfTI-1 file, little-endian, first axis fastest; `rows` is the sform, index to RAS+ mm.
pub fn nifti(shape: [usize; 3], rows: [[f32; 4]; 3], voxels: &Stored) -> Vec<u8> {
    let (code, bits): (i16, i16) = match voxels {
        Stored::U8(_) => (2, 8),
        Stored::I16(_) => (4, 16),
        Stored::F32(_) => (16, 32),
    };
    let mut file = vec![0u8; 352];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &348i32.to_le_bytes());
    let [nx, ny, nz] = shape.map(|count| count as i16);
    for (index, length) in [3, nx, ny, nz, 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * index, &length.to_le_bytes());
    }
    put(70, &code.to_le_bytes());
    put(72, &bits.to_le_bytes());
    for index in 0..8 {
        put(76 + 4 * index, &1f32.to_le_bytes());
    }
    put(108, &352f32.to_le_bytes()); // vox_offset
    put(112, &1f32.to_le_bytes()); // scl_slope
    put(123, &[2]); // mm
    put(254, &1i16.to_le_bytes()); // sform_code
    for (row, values) in rows.iter().enumerate() {
        for (column, value) in values.iter().enumerate() {
            put(280 + 16 * row + 4 * column, &value.to_le_bytes());
        }
    }
    put(344, b"n+1\0");
    match voxels {
        Stored::U8(voxels) => file.extend_from_slice(voxels),
        Stored::I16(voxels) => file.extend(voxels.iter().flat_map(|voxel| voxel.to_le_bytes())),
        Stored::F32(voxels) => file.extend(voxels.iter().flat_map(|voxel| voxel.to_le_bytes())),
    }
    file
}

/// The bytes as one gzip member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::fastest());
    let mut packed = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor.gzip_compress(bytes, &mut packed).unwrap();
    packed.truncate(length);
    packed
}

/// Voxels along right, anterior, superior; all different, so that swapped axes show.
pub const SHAPE: [usize; 3] = [48, 40, 44];
/// Their size in mm; exact in f32, like all sums of them.
pub const SPACING: [f32; 3] = [3.0, 3.5, 4.0];
/// Centre of the first voxel, RAS+ mm.
const ORIGIN: [f32; 3] = [-70.0, -66.5, -90.0];

/// An organ: label, name, centre and half axes as shares of the volume along right, anterior, superior.
type Organ = (u8, &'static str, [f32; 3], [f32; 3]);

/// Off centre and of different sizes, so that no mirror image looks the same.
const ORGANS: [Organ; 7] = [
    (1, "liver", [0.72, 0.55, 0.60], [0.18, 0.22, 0.15]),
    (2, "spleen", [0.20, 0.36, 0.66], [0.10, 0.11, 0.10]),
    (3, "stomach", [0.34, 0.72, 0.55], [0.12, 0.10, 0.12]),
    (4, "kidney_right", [0.70, 0.22, 0.36], [0.09, 0.10, 0.13]),
    (5, "kidney_left", [0.28, 0.20, 0.42], [0.09, 0.09, 0.13]),
    (6, "aorta", [0.47, 0.34, 0.50], [0.05, 0.06, 0.40]),
    (7, "urinary_bladder", [0.52, 0.60, 0.14], [0.12, 0.13, 0.09]),
];

/// Name map of the label map.
pub fn names() -> String {
    let entries: Vec<String> =
        ORGANS.iter().map(|(label, name, ..)| format!("\"{label}\": \"{name}\"")).collect();
    format!("{{{}}}", entries.join(", "))
}

/// Label of a voxel given along right, anterior, superior.
fn label(place: [usize; 3]) -> u8 {
    let inside = |centre: &[f32; 3], half: &[f32; 3]| {
        let square =
            |axis: usize| ((place[axis] as f32 / SHAPE[axis] as f32 - centre[axis]) / half[axis]).powi(2);
        square(0) + square(1) + square(2) <= 1.0
    };
    ORGANS.iter().find(|(.., centre, half)| inside(centre, half)).map_or(0, |(label, ..)| *label)
}

/// Grey value in HU: every organ has its own, with a slope along each axis.
fn grey(place: [usize; 3]) -> i16 {
    let slope = place[0] + 2 * place[1] + 3 * place[2];
    30 * i16::from(label(place)) - 60 + (slope % 97) as i16
}

/// How an array is stored: which of right, anterior, superior each stored axis follows, and whether it runs against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// 0 right, 1 anterior, 2 superior, for each stored axis.
    pub axes: [usize; 3],
    /// Whether the stored axis runs the other way.
    pub flipped: [bool; 3],
}

impl Order {
    /// RAS+.
    pub const CANONICAL: Order = Order { axes: [0, 1, 2], flipped: [false; 3] };

    /// All 48.
    pub fn all() -> Vec<Order> {
        let axes = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let flips = (0..8).map(|bits| [bits & 1 != 0, bits & 2 != 0, bits & 4 != 0]);
        flips.flat_map(|flipped| axes.map(|axes| Order { axes, flipped })).collect()
    }

    fn shape(self) -> [usize; 3] {
        self.axes.map(|axis| SHAPE[axis])
    }

    fn rows(self) -> [[f32; 4]; 3] {
        let mut rows = [[0.0; 4]; 3];
        for (stored, axis) in self.axes.into_iter().enumerate() {
            let sign = if self.flipped[stored] { -1.0 } else { 1.0 };
            let first = if self.flipped[stored] { (SHAPE[axis] - 1) as f32 * SPACING[axis] } else { 0.0 };
            rows[axis][stored] = sign * SPACING[axis];
            rows[axis][3] = ORIGIN[axis] + first;
        }
        rows
    }

    /// Values of all voxels as this order stores them.
    fn fill<T>(self, value: impl Fn([usize; 3]) -> T) -> Vec<T> {
        let shape = self.shape();
        let mut voxels = Vec::with_capacity(shape.iter().product());
        for k in 0..shape[2] {
            for j in 0..shape[1] {
                for i in 0..shape[0] {
                    let mut place = [0; 3];
                    for (stored, index) in [i, j, k].into_iter().enumerate() {
                        let last = shape[stored] - 1;
                        place[self.axes[stored]] = if self.flipped[stored] { last - index } else { index };
                    }
                    voxels.push(value(place));
                }
            }
        }
        voxels
    }

    /// The made-up patient's CT.
    pub fn ct(self) -> Vec<u8> {
        nifti(self.shape(), self.rows(), &Stored::I16(self.fill(grey)))
    }

    /// Its label map.
    pub fn labels(self) -> Vec<u8> {
        nifti(self.shape(), self.rows(), &Stored::U8(self.fill(label)))
    }

    /// Its label map with a fraction added to every label.
    pub fn fractional_labels(self) -> Vec<u8> {
        let voxels = self.fill(|place| f32::from(label(place)) * 1.25);
        nifti(self.shape(), self.rows(), &Stored::F32(voxels))
    }

    /// The mask of one organ.
    pub fn mask(self, name: &str) -> Vec<u8> {
        let wanted = ORGANS.iter().find(|organ| organ.1 == name).unwrap().0;
        nifti(self.shape(), self.rows(), &Stored::U8(self.fill(|place| u8::from(label(place) == wanted))))
    }
}

/// Names of the organs.
pub fn organs() -> impl Iterator<Item = &'static str> {
    ORGANS.iter().map(|organ| organ.1)
}

/// Writes `ct.nii.gz`, `labels.nii.gz` and `names.json`.
pub fn write_patient(folder: &Path) {
    std::fs::write(folder.join("ct.nii.gz"), gzip(&Order::CANONICAL.ct())).unwrap();
    std::fs::write(folder.join("labels.nii.gz"), gzip(&Order::CANONICAL.labels())).unwrap();
    std::fs::write(folder.join("names.json"), names()).unwrap();
}
