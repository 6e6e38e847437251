//! Stored voxels to canonical order: decoding, scaling, permuting and flipping in one pass.

use super::datatype::{Scalar, Visitor};
use super::header::Header;

/// How the canonical RAS+ array is walked in the stored one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Walk {
    /// Lengths of the canonical axes.
    shape: [usize; 3],
    /// Stored position of canonical voxel (0, 0, 0).
    origin: isize,
    /// Stored positions from one voxel to the next along each canonical axis.
    step: [isize; 3],
}

impl Walk {
    /// The walk of a header's first volume.
    pub(crate) fn new(header: &Header) -> Self {
        let stored = header.shape();
        let strides = [1, stored[0], stored[0] * stored[1]];
        let (grid, source) = header.canonical();
        let mut walk = Self { shape: grid.shape, origin: 0, step: [0; 3] };
        for (axis, (from, flipped)) in source.into_iter().enumerate() {
            // Lengths passed the size limit of an image, so positions fit.
            let stride = strides[from] as isize;
            walk.step[axis] = if flipped { -stride } else { stride };
            if flipped {
                walk.origin += stride * (stored[from] as isize - 1);
            }
        }
        walk
    }

    /// Whether the stored order is canonical already.
    pub(crate) fn is_identity(&self) -> bool {
        let [nx, ny, _] = self.shape;
        // The step along an axis of length 1 is never taken.
        let wanted = [1, nx as isize, (nx * ny) as isize];
        self.origin == 0 && (0..3).all(|axis| self.shape[axis] == 1 || self.step[axis] == wanted[axis])
    }

    fn voxels(&self) -> usize {
        self.shape.iter().product()
    }

    /// Rows along x, in canonical order: y fastest, then z.
    fn rows(&self) -> impl Iterator<Item = isize> {
        let Self { shape: [_, ny, nz], origin, step: [_, dy, dz] } = *self;
        (0..nz as isize).flat_map(move |k| (0..ny as isize).map(move |j| origin + j * dy + k * dz))
    }

    /// Appends the row that starts at a stored position.
    fn append_row<S: Copy, O>(&self, stored: &[S], start: isize, convert: impl Fn(S) -> O, out: &mut Vec<O>) {
        let nx = self.shape[0];
        let start = start as usize;
        match self.step[0] {
            1 => out.extend(stored[start..start + nx].iter().map(|voxel| convert(*voxel))),
            -1 => out.extend(stored[start + 1 - nx..=start].iter().rev().map(|voxel| convert(*voxel))),
            step if step > 0 => out
                .extend(stored[start..].iter().step_by(step as usize).take(nx).map(|voxel| convert(*voxel))),
            step => out.extend(
                stored[..=start]
                    .iter()
                    .rev()
                    .step_by(step.unsigned_abs())
                    .take(nx)
                    .map(|voxel| convert(*voxel)),
            ),
        }
    }

    /// The canonical array, x fastest. `stored` holds at least the first volume.
    pub(crate) fn gather<S: Copy, O>(&self, stored: &[S], convert: impl Fn(S) -> O + Copy) -> Vec<O> {
        let mut out = Vec::with_capacity(self.voxels());
        if self.is_identity() {
            out.extend(stored[..self.voxels()].iter().map(|voxel| convert(*voxel)));
        } else {
            for start in self.rows() {
                self.append_row(stored, start, convert, &mut out);
            }
        }
        out
    }

    /// Hands over the canonical array row by row, y fastest, then z.
    pub(crate) fn each_row<S: Copy, O>(
        &self,
        stored: &[S],
        convert: impl Fn(S) -> O + Copy,
        mut sink: impl FnMut(&[O]),
    ) {
        let mut row = Vec::with_capacity(self.shape[0]);
        for start in self.rows() {
            row.clear();
            self.append_row(stored, start, convert, &mut row);
            sink(&row);
        }
    }
}

/// The first volume as f32 in canonical order, scaled.
pub(crate) struct ToF32<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) walk: Walk,
    pub(crate) scaling: Option<(f64, f64)>,
}

impl Visitor for ToF32<'_> {
    type Output = Vec<f32>;

    fn visit<const N: usize, T: Scalar>(self, decode: impl Fn([u8; N]) -> T + Copy) -> Vec<f32> {
        let (stored, _) = self.bytes.as_chunks::<N>();
        match self.scaling {
            None => self.walk.gather(stored, |voxel| decode(voxel).to_f32()),
            Some((slope, intercept)) => {
                self.walk.gather(stored, |voxel| (decode(voxel).to_f64() * slope + intercept) as f32)
            }
        }
    }
}
