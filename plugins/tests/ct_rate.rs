//! The data set `ct-rate` over small folders of its layout: tables lead, scans follow.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/nifti_file.rs"]
mod nifti_file;

use nifti_file::nifti_i16;
use situs_core::prelude::*;
use situs_core::registry::{Params, Registry, detect};
use situs_core::volume::VolumeStore;
use situs_plugins::datasets::ct_rate::pairs::Pair;
use situs_plugins::datasets::ct_rate::{FINDINGS_FACT, PAIRS_FACT, REPEAT_FACT};
use std::fs;
use std::path::Path;
use std::sync::Arc;

const PAIRS: &str = r#"{
    "valid_2_a_1.nii.gz": {"qa_pairs": [{"question": "Where is the cyst?", "answer": "In the left kidney."}]},
    "valid_1_a_1.nii.gz": {"qa_pairs": [{"question": "Which lobe?", "answer": "The upper one."},
                                         {"question": "Which side?", "answer": "Right."}]},
    "valid_1_a_2.nii.gz": {"qa_pairs": [{"question": "Which side?", "answer": "Right."}]},
    "valid_1_b_1.nii.gz": {"qa_pairs": [{"question": "Which side?", "answer": "Right."}]}
}"#;
const METADATA: &str = "VolumeName,XYSpacing,ZSpacing,RescaleSlope,RescaleIntercept\n\
    valid_1_a_1.nii.gz,\"[0.5, 0.5]\",2.0,1,-1000\n\
    valid_2_a_1.nii.gz,\"[1.0, 1.0]\",1.0,1,-1000\n";
const REPORTS: &str = "VolumeName,Findings_EN,Impressions_EN\n\
    valid_1_a_1.nii.gz,\"A nodule, small, on the right.\",\n";

/// A scan of 3 x 4 x 5 voxels of 1 mm, all of one value, stored with the first index toward left.
fn scan(value: i16) -> Vec<u8> {
    let rows = [[-1.0, 0.0, 0.0, 2.0], [0.0, -1.0, 0.0, 3.0], [0.0, 0.0, 1.0, 0.0]];
    nifti_i16([3, 4, 5], rows, &[value; 60])
}

fn put(folder: &Path, file: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Tables, and scans of patients 1 and 2 in a folder of that name.
fn tree(base: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "spatial_qa_filtered_full.json", PAIRS);
    put(folder.path(), "dataset/metadata/validation_metadata.csv", METADATA);
    put(folder.path(), "validation_reports.csv", REPORTS);
    for (scan_folder, case) in [
        ("valid_1/valid_1_a", "valid_1_a_1"),
        ("valid_1/valid_1_a", "valid_1_a_2"),
        ("valid_2/valid_2_a", "valid_2_a_1"),
    ] {
        put(folder.path(), &format!("{base}/{scan_folder}/{case}.nii"), scan(1040));
    }
    folder
}

fn built(folder: &Path, more: &[(&str, serde_json::Value)]) -> Result<Arc<dyn Dataset>, Fault> {
    let mut params: Params = detect(folder).unwrap();
    params.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let registry = Registry::builtin().unwrap();
    Ok(Arc::from(registry.build::<dyn Dataset>(&params, &BuildContext::default())?.component))
}

fn volume(dataset: &Arc<dyn Dataset>, index: usize) -> Arc<Volume> {
    let case = dataset.case(index).unwrap();
    VolumeStore::new(Arc::clone(dataset), 1 << 20, false).volume(&case.volumes[0]).unwrap()
}

#[test]
fn the_folder_is_recognised_and_cases_stand_in_the_order_of_the_questions() {
    let folder = tree("valid_fixed");
    assert_eq!(detect(folder.path()).unwrap()["use"], "ct-rate");
    let dataset = built(folder.path(), &[]).unwrap();
    assert_eq!(dataset.len(), 4);
    let case = dataset.case(1).unwrap();
    assert_eq!((case.name.as_str(), case.cluster.as_str()), ("valid_1_a_1.nii.gz", "valid_1"));
    let pairs: Vec<Pair> = serde_json::from_str(&case.facts[PAIRS_FACT]).unwrap();
    let places: Vec<(usize, Option<usize>)> = pairs.iter().map(|pair| (pair.index, pair.row)).collect();
    assert_eq!(places, [(0, Some(1)), (1, Some(2))]);
    assert_eq!(case.facts[FINDINGS_FACT], "A nodule, small, on the right.");
    assert!(!dataset.case(0).unwrap().facts.contains_key(FINDINGS_FACT), "no report, no fact");
}

#[test]
fn a_patient_is_a_cluster_and_repeated_reconstructions_are_marked_or_dropped() {
    let folder = tree("valid_fixed");
    let dataset = built(folder.path(), &[]).unwrap();
    let marks: Vec<(String, String)> = (0..3)
        .map(|index| dataset.case(index).unwrap())
        .map(|case| (case.name.clone(), case.facts[REPEAT_FACT].clone()))
        .collect();
    assert_eq!(marks[1].1, "no");
    assert_eq!(marks[2], ("valid_1_a_2.nii.gz".to_owned(), "yes".to_owned()));
    assert_eq!(dataset.case(1).unwrap().cluster, dataset.case(2).unwrap().cluster);
    let dropped = built(folder.path(), &[("repeats", "drop".into())]).unwrap();
    assert_eq!(dropped.len(), 3, "another scan of the same patient stays");
}

#[test]
fn spacing_and_hounsfield_units_come_from_the_table() {
    // Files of the first release: raw values, unit spacing.
    let folder = tree("valid");
    let dataset = built(folder.path(), &[]).unwrap();
    let of_table = volume(&dataset, 1);
    assert_eq!(of_table.grid.affine.spacing(), [0.5, 0.5, 2.0]);
    assert_eq!(of_table.voxels[0], 40.0);
    assert!(of_table.warnings.iter().any(|warning| warning.code == "spacing_from_table"));
    assert_eq!(volume(&dataset, 0).grid.affine.spacing(), [1.0; 3]);
    let without = volume(&dataset, 2);
    assert_eq!((without.voxels[0], without.warnings[0].code.as_str()), (1040.0, "metadata_missing"));
    // Files that were corrected hold Hounsfield units; who knows better says so.
    let fixed = tree("valid_fixed");
    assert_eq!(volume(&built(fixed.path(), &[]).unwrap(), 1).voxels[0], 1040.0);
    assert_eq!(volume(&built(fixed.path(), &[("rescale", "table".into())]).unwrap(), 1).voxels[0], 40.0);
    assert_eq!(volume(&built(folder.path(), &[("rescale", "file".into())]).unwrap(), 1).voxels[0], 1040.0);
}

#[test]
fn a_case_without_its_scan_costs_itself_and_says_where_it_belongs() {
    let folder = tree("valid_fixed");
    let dataset = built(folder.path(), &[]).unwrap();
    let fault = dataset.case(3).unwrap_err();
    assert_eq!(fault.cause, Cause::Data);
    assert!(fault.what.contains("valid_1_b_1.nii.gz"), "{fault}");
    assert!(fault.help.unwrap().contains("valid_fixed/valid_1/valid_1_b/valid_1_b_1.nii.gz"));
}

#[test]
fn tables_that_contradict_themselves_are_refused_with_their_place() {
    let refused = |file: &str, text: &str, needle: &str| {
        let folder = tree("valid_fixed");
        put(folder.path(), file, text);
        let fault = built(folder.path(), &[]).err().unwrap();
        assert!(fault.to_string().contains(needle), "{fault}");
    };
    let pair = r#"{"qa_pairs": [{"question": "q", "answer": "a"}]}"#;
    let twice = format!(r#"{{"valid_1_a_1.nii.gz": {pair}, "valid_1_a_1": {pair}}}"#);
    refused("spatial_qa_filtered_full.json", &twice, "twice");
    refused(
        "spatial_qa_filtered_full.json",
        &format!(r#"{{"patient": {pair}}}"#),
        "\"patient\" is no case of CT-RATE",
    );
    refused("spatial_qa_filtered_full.json", "{", "spatial_qa_filtered_full.json");
    refused("validation_reports.csv", "VolumeName\n", "Findings_EN");
    refused("dataset/metadata/validation_metadata.csv", "VolumeName\n", "XYSpacing");
}

#[test]
fn phantoms_stand_in_for_scans_one_a_patient() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "spatial_qa_filtered_full.json", PAIRS);
    let dataset = built(folder.path(), &[("phantoms", true.into())]).unwrap();
    let key = |index: usize| dataset.case(index).unwrap().volumes[0].source.clone();
    assert_eq!(key(1), key(2), "two reconstructions, one patient");
    assert_ne!(key(0), key(1));
    assert!(volume(&dataset, 3).voxels.len() > 100_000);
    // The same folder without them: every scan is missing, and the reason is told.
    let none = built(folder.path(), &[]).unwrap();
    assert!(none.case(0).unwrap_err().what.contains("no scan"));
}
