//! Real cases against golden numbers made with nibabel, numpy and scipy (the JSON files beside the data).

use crate::fixture::{read_labels, real_data};
use serde_json::Value;
use situs_core::volume::{measure_path, parse_name_map};
use std::path::Path;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn close(found: Option<[f64; 3]>, expected: &Value, what: &str) {
    let expected: [f64; 3] = serde_json::from_value(expected.clone()).unwrap();
    let found = found.unwrap_or_else(|| panic!("{what} is missing"));
    for axis in 0..3 {
        let (a, b) = (found[axis], expected[axis]);
        assert!((a - b).abs() <= 1e-6 * b.abs().max(1.0), "{what}, axis {axis}: {a} instead of {b}");
    }
}

fn check(folder: &Path, file: &str, golden: &str) {
    let golden = json(&folder.join(golden));
    let labels = golden["labels"].as_object().unwrap();
    let report = measure_path(&folder.join(file), None).unwrap();
    let found: Vec<String> =
        report.structures.iter().map(|row| row.label.map(|label| label.to_string()).unwrap()).collect();
    let mut expected: Vec<&String> = labels.keys().collect();
    expected.sort_by_key(|label| label.parse::<u32>().unwrap());
    assert!(found.iter().eq(expected), "{}: labels {found:?}", folder.display());
    for row in &report.structures {
        let golden = &labels[&row.label.unwrap().to_string()];
        let what = format!("{} {}", folder.display(), row.name);
        assert_eq!(row.voxels, golden["voxels"].as_u64().unwrap(), "{what}");
        let volume = golden["volume_ml"].as_f64().unwrap();
        assert!((row.volume_ml - volume).abs() <= 1e-6 * volume, "{what}: {} ml", row.volume_ml);
        let corner = |name: &str| serde_json::from_value::<[usize; 3]>(golden[name].clone()).unwrap();
        assert_eq!(row.bbox_min, Some(corner("canonical_bbox_min")), "{what}");
        assert_eq!(row.bbox_max, Some(corner("canonical_bbox_max_inclusive")), "{what}");
        close(row.centroid_ras_mm, &golden["centroid_ras_mm"], &what);
        if !golden["bbox_centre_ras_mm"].is_null() {
            close(row.bbox_center_ras_mm, &golden["bbox_centre_ras_mm"], &what);
        }
    }
}

#[test]
fn label_maps_of_real_cases_match_the_golden_numbers() {
    let Some(data) = real_data() else { return };
    for (folder, file, golden) in [
        ("ts-ct-3mm", "labels.nii.gz", "golden_labels.json"),
        ("ts-ct-3mm", "labels_sm.nii.gz", "golden_labels_sm.json"),
        ("ts-mr-3mm", "labels.nii.gz", "golden_labels.json"),
        ("ts-s0327-masks", "labels_merged.nii.gz", "golden_labels_merged.json"),
        ("brain-t1-aal", "aal.nii.gz", "golden_labels.json"),
        ("brain-labels-lia", "labels.nii.gz", "golden_labels.json"),
        ("ts-ct-dicom", "labels.nii.gz", "golden_labels.json"),
    ] {
        check(&data.join(folder), file, golden);
    }
}

#[test]
fn names_come_from_the_table_inside_the_file() {
    let Some(data) = real_data() else { return };
    let report = measure_path(&data.join("ts-ct-3mm/labels.nii.gz"), None).unwrap();
    let golden = json(&data.join("ts-ct-3mm/golden_labels.json"));
    for row in &report.structures {
        assert_eq!(row.name, golden["labels"][row.label.unwrap().to_string()]["name"]);
    }
}

#[test]
fn masks_of_a_real_case_keep_the_voxels_that_a_merge_loses() {
    let Some(data) = real_data() else { return };
    let folder = data.join("ts-s0327-masks");
    let names = parse_name_map(&json(&data.join("label-maps/totalsegmentator_v2_total.json"))).unwrap();
    let report = measure_path(&folder.join("s0327/segmentations"), Some(&names)).unwrap();
    let golden = json(&folder.join("golden_labels_merged.json"));
    assert_eq!(report.structures.len(), 117);
    assert!(report.structures.is_sorted_by(|a, b| a.name < b.name));
    assert_eq!(report.structures.iter().filter(|row| row.voxels == 0).count(), 9);
    for row in &report.structures {
        let voxels = golden["mask_voxels_before_merge"][&row.name].as_u64().unwrap_or(0);
        assert_eq!(row.voxels, voxels, "{}", row.name);
        assert_eq!(names.get(&row.label.unwrap()), Some(&row.name));
        assert_eq!(row.centroid_ras_mm.is_some(), voxels > 0);
    }
    // 4,486 voxels lie in more than one mask; none of them in three.
    assert_eq!(report.overlaps.iter().map(|overlap| overlap.voxels).sum::<u64>(), 4486);
    assert!(report.overlaps.is_sorted_by(|one, two| (&one.a, &one.b) < (&two.a, &two.b)));
}

#[test]
fn masks_match_the_volumes_that_the_segmenting_program_wrote_down() {
    let Some(data) = real_data() else { return };
    let folder = data.join("ts-ct-3mm/sm_segmentations");
    let report = measure_path(&folder, None).unwrap();
    let statistics = json(&folder.join("statistics.json"));
    let volumes = statistics.as_object().unwrap();
    assert_eq!(report.structures.len(), volumes.len());
    for row in &report.structures {
        let volume = volumes[&row.name]["volume"].as_f64().unwrap();
        assert!((row.volume_ml * 1000.0 - volume).abs() <= 1e-6 * volume.max(1.0), "{}", row.name);
        assert_eq!(row.label, None);
    }
}

#[test]
fn left_structures_of_a_real_case_lie_left_of_their_right_twins() {
    let Some(data) = real_data() else { return };
    let report = measure_path(&data.join("ts-s0327-masks/s0327/segmentations"), None).unwrap();
    let x = |name: &str| {
        let row = report.structures.iter().find(|row| row.name == name)?;
        row.centroid_ras_mm.map(|centre| centre[0])
    };
    let mut pairs = 0;
    for row in &report.structures {
        let other = situs_core::volume::swap_sides(&row.name);
        if let (true, Some(left), Some(right)) = (row.name.contains("left"), x(&row.name), x(&other)) {
            assert!(left < right, "{}: {left} mm against {right} mm", row.name);
            pairs += 1;
        }
    }
    assert!(pairs > 30, "only {pairs} pairs");
}

#[test]
fn the_whole_pool_of_slice_measurements_of_a_real_case_is_consistent() {
    let Some(data) = real_data() else { return };
    let labels = read_labels(&data.join("ts-ct-3mm/labels.nii.gz"));
    let segmentation = situs_core::volume::Segmentation::from_labels(&labels.view(), None).unwrap();
    for axis in 0..3 {
        let mut voxels = vec![0; segmentation.masks.len()];
        for index in 0..segmentation.grid().shape[axis] {
            for section in segmentation.sections(axis, index).unwrap() {
                voxels[section.structure] += section.voxels;
            }
        }
        let measured: Vec<u64> = segmentation.measured.structures.iter().map(|row| row.voxels).collect();
        assert_eq!(voxels, measured);
    }
}
