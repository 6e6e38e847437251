//! Another patient's structures by any of their names.

use super::canonical;
use situs_core::prelude::*;
use situs_core::space::Point;
use std::collections::HashMap;

/// What is known of one structure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// cm³.
    pub(super) volume: f64,
    /// Sides of the smallest upright box, outer face to outer face: right-left, anterior-posterior, superior-inferior, mm.
    pub(super) size: Point,
    /// Middle of that box, RAS+ mm.
    pub(super) centre: Point,
    /// Centroid, RAS+ mm.
    pub(super) centroid: Point,
}

/// One patient.
pub(super) struct Patient {
    structures: HashMap<String, Known>,
}

impl Patient {
    /// Everything measured of a patient.
    pub(super) fn of(entry: &CatalogueEntry) -> Self {
        let spacing = entry.measured.grid.affine.spacing();
        let known = |structure: &Structure| {
            let (min, max) = (structure.bbox_min?, structure.bbox_max?);
            let size = std::array::from_fn(|axis| {
                (max[axis].saturating_sub(min[axis]) + 1) as f64 * spacing[axis]
            });
            Some(Known {
                volume: structure.volume_ml,
                size,
                centre: structure.bbox_center_ras_mm?,
                centroid: structure.centroid_ras_mm?,
            })
        };
        let named = |structure: &Structure| Some((canonical(&structure.name), known(structure)?));
        Self { structures: entry.measured.structures.iter().filter_map(named).collect() }
    }

    /// A structure by its canonical name; `None` when this patient has none.
    pub(super) fn structure(&self, canonical: &str) -> Option<&Known> {
        self.structures.get(canonical)
    }
}
