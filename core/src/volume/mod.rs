//! Volumes: reading NIfTI, canonical RAS+ voxels, structures and their measurements, resampling, windowing.

mod cache;
mod catalogue;
mod describe;
mod identity;
mod maker;
mod mask;
mod measure;
mod names;
mod nifti;
mod parts;
mod report;
mod resample;
mod runs;
mod segmentation;
mod solid;
mod sources;
mod store;
mod window;

pub use catalogue::catalogue_entry;
pub use describe::{Canonical, VolumeReport, describe};
pub use identity::volume_id;
pub use maker::VolumeMaker;
pub use mask::{Mask, PlaneMask};
pub use measure::{MAX_AXIS, MAX_STRUCTURES, Tally, measure_labels, measure_mask};
pub use names::{Side, parse_name_map, side_of, side_words, swap_sides};
pub use nifti::{Datatype, Header, LabelReader, LabelSlice, LabelView, MAX_IMAGE_BYTES, read_header};
pub use report::{StructureRow, StructuresReport, measure_path};
pub use resample::{
    MAX_RESAMPLED_VOXELS, resample, resample_nearest, resize_trilinear, respaced, sample_nearest,
    sample_trilinear,
};
pub(crate) use segmentation::Form;
pub use segmentation::Segmentation;
pub use solid::{
    OBLIQUE_DEGREES, VoxelBox, WorldBox, box_centre_distance_mm, box_centre_distance_voxels,
    centroid_distance_mm, distance, surface_distance_mm, volume_by_spacing_cm3,
};
pub use sources::{GRID_TOLERANCE_MM, LabelSource, MAX_MASK_BYTES};
pub use store::VolumeStore;
pub use window::{Bounds, LinearWindow, PercentileWindow, Window, WindowPreset};

use crate::space::Affine;
use crate::structure::{Grid, Warning};

/// A volume in canonical RAS+.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// Shape (x, y, z) and affine.
    pub grid: Grid,
    /// Scaled values, x fastest: voxel (i, j, k) is at `i + nx * (j + ny * k)`.
    pub voxels: Vec<f32>,
    /// Label names from the file's own table, if it carries one (ascending label).
    pub names: std::collections::BTreeMap<u32, String>,
    /// Remarks of the reader.
    pub warnings: Vec<Warning>,
}

impl Volume {
    /// A volume made in memory.
    pub fn new(shape: [usize; 3], affine: Affine, voxels: Vec<f32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), voxels.len());
        Self { grid: Grid { shape, affine }, voxels, names: Default::default(), warnings: Vec::new() }
    }

    /// Value of a voxel, or `None` outside.
    pub fn get(&self, [i, j, k]: [usize; 3]) -> Option<f32> {
        let [nx, ny, nz] = self.grid.shape;
        (i < nx && j < ny && k < nz).then(|| self.voxels[i + nx * (j + ny * k)])
    }
}

/// Integer labels in the smallest type that holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labels {
    /// Up to 255.
    U8(Vec<u8>),
    /// Up to 65,535.
    U16(Vec<u16>),
    /// Anything else.
    U32(Vec<u32>),
}

/// A label map or mask in canonical RAS+.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelVolume {
    /// Shape (x, y, z) and affine.
    pub grid: Grid,
    /// Labels, x fastest.
    pub labels: Labels,
    /// Label names from the file's own table, if it carries one.
    pub names: std::collections::BTreeMap<u32, String>,
    /// Remarks of the reader.
    pub warnings: Vec<Warning>,
}

impl LabelVolume {
    /// A label map made in memory.
    pub fn new(grid: Grid, labels: Labels) -> Self {
        Self { grid, labels, names: Default::default(), warnings: Vec::new() }
    }
}
