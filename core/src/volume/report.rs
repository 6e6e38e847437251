//! What `situs structures PATH` says: the measurements of a label map or of a folder of masks.

use super::{LabelReader, MAX_STRUCTURES, Segmentation};
use crate::case::{NamedMask, VolumeRef, VolumeSource};
use crate::fault::{Fault, file_fault};
use crate::space::Point;
use crate::structure::{Overlap, Structure, Warning};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Measurements of a label map or a folder of masks, as `situs structures PATH --json` prints them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StructuresReport {
    /// Ascending label for a label map, by name for a folder.
    pub structures: Vec<StructureRow>,
    /// Pairs of masks that share voxels.
    pub overlaps: Vec<Overlap>,
    /// Remarks.
    pub warnings: Vec<Warning>,
}

/// One structure of a [`StructuresReport`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StructureRow {
    /// Class name.
    pub name: String,
    /// Label id; `None` for a mask whose name no map holds.
    pub label: Option<u32>,
    /// Voxels inside.
    pub voxels: u64,
    /// Volume in millilitres.
    pub volume_ml: f64,
    /// Centroid in RAS+ mm; `None` when empty.
    pub centroid_ras_mm: Option<Point>,
    /// Smallest RAS+ index inside (inclusive).
    pub bbox_min: Option<[usize; 3]>,
    /// Largest RAS+ index inside (inclusive).
    pub bbox_max: Option<[usize; 3]>,
    /// Centre of the box in RAS+ mm.
    pub bbox_center_ras_mm: Option<Point>,
    /// Whether a voxel lies in the outermost layer of the array.
    pub touches_border: bool,
}

impl From<Structure> for StructureRow {
    fn from(structure: Structure) -> Self {
        Self {
            name: structure.name,
            label: structure.label,
            voxels: structure.voxels,
            volume_ml: structure.volume_ml,
            centroid_ras_mm: structure.centroid_ras_mm,
            bbox_min: structure.bbox_min,
            bbox_max: structure.bbox_max,
            bbox_center_ras_mm: structure.bbox_center_ras_mm,
            touches_border: structure.touches_border,
        }
    }
}

/// Measures a label map file, or a folder with one binary mask a structure (`NAME.nii` or `NAME.nii.gz`; other files
/// are ignored). `names` is a name map; without one, a label map's own table is used, else `label_N`.
///
/// # Errors
/// Data: missing or damaged files, several volumes in a file, fractional or negative labels, masks on different
/// grids, a folder without masks.
pub fn measure_path(path: &Path, names: Option<&BTreeMap<u32, String>>) -> Result<StructuresReport, Fault> {
    let kind = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?;
    let mut reader = LabelReader::new();
    let measured = if kind.is_dir() {
        let masks = masks_in(path, names)?;
        Segmentation::from_masks(None, &masks, &mut reader)
            .map_err(|fault| fault.within(path.display()))?
            .measured
    } else {
        let labels = reader.read(path)?;
        Segmentation::measure(&labels, names).map_err(|fault| fault.within(path.display()))?
    };
    Ok(StructuresReport {
        structures: measured.structures.into_iter().map(StructureRow::from).collect(),
        overlaps: measured.overlaps,
        warnings: measured.warnings,
    })
}

/// The masks of a folder, by name; labels come from the name map.
fn masks_in(folder: &Path, names: Option<&BTreeMap<u32, String>>) -> Result<Vec<NamedMask>, Fault> {
    let labels: BTreeMap<&str, u32> =
        names.into_iter().flatten().map(|(label, name)| (name.as_str(), *label)).collect();
    let entries = std::fs::read_dir(folder).map_err(|error| file_fault("list", folder, &error))?;
    let mut masks = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| file_fault("list", folder, &error))?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = file.strip_suffix(".nii.gz").or_else(|| file.strip_suffix(".nii"));
        // Names with a dot in front are hidden files, among them the resource forks that macOS leaves behind.
        let Some(name) = name.filter(|name| !name.is_empty() && !name.starts_with('.') && path.is_file())
        else {
            continue;
        };
        let volume = VolumeRef { id: name.to_owned(), source: VolumeSource::File { path: path.clone() } };
        masks.push(NamedMask { name: name.to_owned(), label: labels.get(name).copied(), volume });
        if masks.len() > MAX_STRUCTURES {
            return Err(Fault::data(format!("more than {MAX_STRUCTURES} masks in {}", folder.display())));
        }
    }
    if masks.is_empty() {
        return Err(Fault::data(format!("no masks in {}", folder.display()))
            .help("a folder of masks holds one NAME.nii or NAME.nii.gz a structure"));
    }
    masks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(masks)
}
