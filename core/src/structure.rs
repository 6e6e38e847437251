//! Structures and what is measured of them.

use crate::space::{Affine, Point};
use serde::{Deserialize, Serialize};

/// Grid of a canonical RAS+ array.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Voxels along x, y, z.
    pub shape: [usize; 3],
    /// Canonical index to RAS+ mm.
    pub affine: Affine,
}

impl Grid {
    /// Number of voxels.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether an axis has length zero.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Same shape, and no corner of the box of voxels apart by more than `tolerance_mm`.
    pub fn matches(&self, other: &Grid, tolerance_mm: f64) -> bool {
        self.shape == other.shape
            && (0..8).all(|corner| {
                let index: Point =
                    std::array::from_fn(
                        |axis| {
                            if corner >> axis & 1 == 1 { self.shape[axis] as f64 } else { 0.0 }
                        },
                    );
                let (a, b) = (self.affine.apply(index), other.affine.apply(index));
                (0..3).all(|axis| (a[axis] - b[axis]).abs() <= tolerance_mm)
            })
    }
}

/// Measurements of one structure in one volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Structure {
    /// Class name, e.g. `kidney_left`.
    pub name: String,
    /// Label id in the map, `None` for masks and boxes without one.
    pub label: Option<u32>,
    /// Voxels inside (for a box: voxels of the box). 0 for an empty mask.
    pub voxels: u64,
    /// Volume in millilitres: voxels x |det A| / 1000.
    pub volume_ml: f64,
    /// Mean voxel index, canonical RAS+; `None` when empty.
    pub centroid_index: Option<Point>,
    /// Centroid in RAS+ mm; `None` when empty.
    pub centroid_ras_mm: Option<Point>,
    /// Smallest index inside, RAS+ (inclusive).
    pub bbox_min: Option<[usize; 3]>,
    /// Largest index inside, RAS+ (inclusive).
    pub bbox_max: Option<[usize; 3]>,
    /// Affine x (min + max) / 2, in RAS+ mm.
    pub bbox_center_ras_mm: Option<Point>,
    /// Whether a voxel lies in the outermost layer of the array.
    pub touches_border: bool,
    /// Voxels in the outermost layer of the array.
    #[serde(default)]
    pub border_voxels: u64,
}

/// Voxels that two structures share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    /// First structure, by name.
    pub a: String,
    /// Second structure.
    pub b: String,
    /// Shared voxels.
    pub voxels: u64,
}

/// A remark on data that are usable but odd.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Warning {
    /// Stable short name, e.g. `forms_conflict`.
    pub code: String,
    /// One sentence with the values.
    pub message: String,
}

impl Warning {
    /// A remark.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

/// All measurements of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Grid of the segmentation, canonical RAS+.
    pub grid: Grid,
    /// Structures: ascending label for a label map, by name otherwise.
    pub structures: Vec<Structure>,
    /// Pairs of masks that share voxels.
    pub overlaps: Vec<Overlap>,
    /// Remarks.
    pub warnings: Vec<Warning>,
}

/// One structure within one slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Index of the structure in [`Measured::structures`].
    pub structure: usize,
    /// Voxels of the slice inside.
    pub voxels: u64,
    /// Number of 8-connected parts.
    #[serde(default)]
    pub parts: u64,
    /// Voxels of the largest 8-connected part.
    pub largest_part: u64,
    /// Mean canonical index inside the slice (through-plane component = the slice's index).
    pub centroid_index: Point,
    /// Smallest canonical index inside (inclusive).
    pub bbox_min: [usize; 3],
    /// Largest canonical index inside (inclusive).
    pub bbox_max: [usize; 3],
}

/// Measurements of one case as the whole catalogue sees them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatalogueEntry {
    /// Case name.
    pub case: String,
    /// Patient, else the case.
    pub cluster: String,
    /// Modality.
    pub modality: crate::case::Modality,
    /// Identity of the canonical voxels, the affine rounded to 1e-4 mm, and the segmentation.
    pub volume_id: String,
    /// Grid of the image, canonical RAS+.
    pub grid: Grid,
    /// Structures.
    pub measured: Measured,
}

/// Measurements of all usable cases, in data set order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Identity of the content.
    pub digest: String,
    /// One entry a usable case.
    pub cases: Vec<CatalogueEntry>,
}

/// The patients of a data set that a question is not about: what a reader of books may know.
#[derive(Debug, Clone)]
pub struct OtherPatients {
    catalogue: std::sync::Arc<Catalogue>,
    /// Patients that the question shows.
    shown: std::collections::BTreeSet<String>,
}

impl OtherPatients {
    /// Everybody but the patients of these cases.
    pub fn of(catalogue: std::sync::Arc<Catalogue>, cases: &[String]) -> Self {
        let shown = cases.iter().filter_map(|case| Some(catalogue.entry(case)?.cluster.clone())).collect();
        Self { catalogue, shown }
    }

    /// Their measurements, in data set order.
    pub fn entries(&self) -> impl Iterator<Item = &CatalogueEntry> {
        self.catalogue.cases.iter().filter(|entry| !self.shown.contains(&entry.cluster))
    }
}

impl Catalogue {
    /// The entry of a case.
    pub fn entry(&self, case: &str) -> Option<&CatalogueEntry> {
        self.cases.iter().find(|entry| entry.case == case)
    }
}
