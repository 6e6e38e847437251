//! Where the tables lie, by the names under which they were released.

use std::path::{Path, PathBuf};

/// Question files, the richest first.
pub(super) const PAIRS: [&str; 3] = [
    "spatial_qa_filtered_full_with_categories.json",
    "spatial_qa_filtered_full.json",
    "spatial_qa_filtered_full_nifti.jsonl",
];
/// Metadata tables.
pub(super) const METADATA: [&str; 2] = ["validation_metadata.csv", "metadata.csv"];
/// Reports.
pub(super) const REPORTS: [&str; 3] =
    ["validation_reports.csv", "dataset_radiology_text_reports_validation_reports.csv", "validation_reports_output.json"];

/// Folders below the data set's own in which a table may lie, in CT-RATE and in the benchmark's repository.
const PLACES: [&str; 8] = [
    "",
    "dataset",
    "dataset/metadata",
    "dataset/radiology_text_reports",
    "metadata",
    "radiology_text_reports",
    "dataset/ct_spatialvqa",
    "QA_generation",
];

/// The first table of these names that is there; an earlier name wins wherever it lies.
pub(super) fn find(root: &Path, names: &[&str]) -> Option<PathBuf> {
    let places = || PLACES.iter().map(|place| root.join(place));
    names.iter().find_map(|name| places().map(|place| place.join(name)).find(|path| path.is_file()))
}
