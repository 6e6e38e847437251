//! The structures of a case as masks on the image grid, for measuring slices and drawing overlays.

use crate::fault::Fault;
use crate::structure::{Grid, Measured, Section};

/// One structure's voxels, packed to bits inside its bounding box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Smallest index inside, canonical RAS+.
    pub min: [usize; 3],
    /// Largest index inside, inclusive.
    pub max: [usize; 3],
    bits: Vec<u64>,
}

impl Mask {
    /// Whether a voxel is inside.
    pub fn contains(&self, index: [usize; 3]) -> bool {
        if (0..3).any(|axis| index[axis] < self.min[axis] || index[axis] > self.max[axis]) {
            return false;
        }
        let nx = self.max[0] - self.min[0] + 1;
        let ny = self.max[1] - self.min[1] + 1;
        let bit = (index[0] - self.min[0]) + nx * ((index[1] - self.min[1]) + ny * (index[2] - self.min[2]));
        self.bits[bit / 64] >> (bit % 64) & 1 == 1
    }
}

/// All structures of a case on the image grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Segmentation {
    /// Measurements, in the order of `masks`.
    pub measured: Measured,
    /// Masks; `None` for empty structures. For a case with boxes only, the box filled.
    pub masks: Vec<Option<Mask>>,
    /// Whether the structures are boxes rather than masks.
    pub boxes_only: bool,
}

impl Segmentation {
    /// Grid of the masks.
    pub fn grid(&self) -> &Grid {
        &self.measured.grid
    }

    /// Index of a structure by class name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.measured.structures.iter().position(|structure| structure.name == name)
    }

    /// Structures within one slice: `axis` is the through-plane axis (0 x, 1 y, 2 z), `index` the slice.
    ///
    /// # Errors
    /// When the slice does not exist.
    pub fn sections(&self, _axis: usize, _index: usize) -> Result<Vec<Section>, Fault> {
        Err(Fault::unsupported("sections"))
    }

    /// Voxels of a structure per slice along an axis, with their summed canonical indices: `(slice, count, sum)`, in
    /// order of slice, empty slices left out.
    pub fn profile(&self, _structure: usize, _axis: usize) -> Vec<(usize, u64, [f64; 3])> {
        Vec::new()
    }

    /// Share of a structure's voxels in its largest 26-connected part, 0 for an empty one.
    pub fn largest_part_share(&self, _structure: usize) -> f64 {
        0.0
    }

    /// Shared voxels of two structures as a share of the smaller one.
    pub fn overlap_share(&self, _a: usize, _b: usize) -> f64 {
        0.0
    }
}
