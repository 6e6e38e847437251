//! What a file holds, in the exact values of the stored data: the report of `situs volume`.

use super::nifti::{Buffers, Scalar, Visitor, Walk, load};
use crate::fault::Fault;
use crate::space::{Affine, Point};
use crate::structure::Warning;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::path::Path;

/// The report of `situs volume FILE --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VolumeReport {
    /// Stored lengths, trailing ones included.
    pub shape: Vec<usize>,
    /// Norms of the affine's columns.
    pub spacing_mm: Point,
    /// Directions in which the stored indices grow, e.g. `"RAS"`.
    pub axis_codes: String,
    /// Stored index to RAS+ mm.
    pub affine: Affine,
    /// numpy's name of the stored type.
    pub datatype: String,
    /// Remarks of the reader.
    pub warnings: Vec<Warning>,
    /// Smallest scaled value of all volumes, NaN left out; NaN when there is no other.
    #[serde(serialize_with = "number")]
    pub min: f64,
    /// Largest scaled value of all volumes, NaN left out; NaN when there is no other.
    #[serde(serialize_with = "number")]
    pub max: f64,
    /// Sum of the scaled values of the first volume, NaN left out.
    #[serde(serialize_with = "number")]
    pub sum: f64,
    /// The first volume in RAS+.
    pub canonical: Canonical,
}

/// The canonical form of the first volume.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Canonical {
    /// Voxels along x, y, z.
    pub shape: [usize; 3],
    /// Canonical index to RAS+ mm.
    pub affine: Affine,
    /// SHA-256 over the scaled values as little-endian f64, x fastest, with NaN as 0 and infinities as ±`f32::MAX`.
    pub sha256: String,
}

/// JSON has no number for these.
fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(*value)
    } else if value.is_nan() {
        serializer.serialize_str("NaN")
    } else if *value > 0.0 {
        serializer.serialize_str("Infinity")
    } else {
        serializer.serialize_str("-Infinity")
    }
}

/// Reads a NIfTI file and reports what it holds.
///
/// # Errors
/// As [`Volume::read`](super::Volume::read).
pub fn describe(path: &Path) -> Result<VolumeReport, Fault> {
    let mut buffers = Buffers::default();
    let loaded = load(path, &mut buffers)?;
    let header = loaded.header;
    let bytes = buffers.content.get(loaded.start..loaded.end).unwrap_or_default();
    let (grid, _) = header.canonical();
    let visitor =
        Describe { bytes, walk: Walk::new(&header), first_volume: grid.len(), scaling: header.scaling };
    let found = header.datatype.visit(header.big_endian, visitor);
    Ok(VolumeReport {
        shape: header.dims.clone(),
        spacing_mm: header.affine.spacing(),
        axis_codes: header.affine.orientation().codes(),
        affine: without_minus_zero(header.affine),
        datatype: header.datatype.name().to_owned(),
        warnings: header.warnings,
        min: found.min,
        max: found.max,
        sum: found.sum,
        canonical: Canonical {
            shape: grid.shape,
            affine: without_minus_zero(grid.affine),
            sha256: found.sha256,
        },
    })
}

struct Found {
    min: f64,
    max: f64,
    sum: f64,
    sha256: String,
}

struct Describe<'a> {
    bytes: &'a [u8],
    walk: Walk,
    first_volume: usize,
    scaling: Option<(f64, f64)>,
}

impl Visitor for Describe<'_> {
    type Output = Found;

    fn visit<const N: usize, T: Scalar>(self, decode: impl Fn([u8; N]) -> T + Copy) -> Found {
        let (stored, _) = self.bytes.as_chunks::<N>();
        match self.scaling {
            None => self.found(stored, |voxel| decode(voxel).to_f64()),
            Some((slope, intercept)) => {
                self.found(stored, move |voxel| decode(voxel).to_f64() * slope + intercept)
            }
        }
    }
}

impl Describe<'_> {
    fn found<const N: usize>(&self, stored: &[[u8; N]], value: impl Fn([u8; N]) -> f64 + Copy) -> Found {
        // `f64::min` leaves NaN out on either side.
        let (min, max) = stored
            .iter()
            .map(|voxel| value(*voxel))
            .fold((f64::NAN, f64::NAN), |(min, max), value| (min.min(value), max.max(value)));
        let sum = stored
            .chunks(SUM_CHUNK)
            .scan(self.first_volume, |left, chunk| {
                let taken = chunk.len().min(*left);
                *left -= taken;
                chunk.get(..taken)
            })
            .map(|chunk| chunk.iter().map(|voxel| value(*voxel)).filter(|value| !value.is_nan()).sum::<f64>())
            .sum();
        let mut digest = Sha256::new();
        let mut row_bytes = Vec::new();
        let digested = move |voxel| match value(voxel) {
            value if value.is_nan() => 0.0,
            value if value.is_infinite() => f64::from(f32::MAX).copysign(value),
            value => value,
        };
        self.walk.each_row(stored, digested, |row| {
            row_bytes.clear();
            row_bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
            digest.update(&row_bytes);
        });
        let sha256 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Found { min, max, sum, sha256 }
    }
}

/// Summing in chunks keeps the rounding error of a large volume small.
const SUM_CHUNK: usize = 4096;

/// JSON readers differ over -0.0; a position does not.
fn without_minus_zero(affine: Affine) -> Affine {
    Affine(affine.0.map(|row| row.map(|value| value + 0.0)))
}
