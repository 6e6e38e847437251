//! One case as the whole catalogue sees it.

use super::{VolumeStore, volume_id};
use crate::case::Case;
use crate::fault::Fault;
use crate::structure::{CatalogueEntry, Warning};
use std::collections::BTreeSet;

/// Loads and measures a case. Remarks of the image's reader stand before those of the segmentation's.
///
/// # Errors
/// Data: a case without an image, and whatever the store finds wrong with its files.
pub fn catalogue_entry(case: &Case, store: &VolumeStore) -> Result<CatalogueEntry, Fault> {
    let Some(image) = case.volumes.first() else {
        return Err(Fault::data(format!("case {} has no image", case.name)));
    };
    let volume = store.volume(image).map_err(|fault| fault.within(format!("case {}", case.name)))?;
    let segmentation = store.segmentation(case)?;
    let mut measured = segmentation.measured.clone();
    let mut said = BTreeSet::new();
    let remarks = volume.warnings.iter().chain(&measured.warnings).cloned();
    let remarks: Vec<Warning> = remarks.filter(|remark| said.insert(remark.clone())).collect();
    measured.warnings = remarks;
    Ok(CatalogueEntry {
        case: case.name.clone(),
        cluster: case.cluster.clone(),
        modality: case.modality,
        volume_id: volume_id(&volume, &segmentation.digest()),
        grid: volume.grid,
        measured,
    })
}
