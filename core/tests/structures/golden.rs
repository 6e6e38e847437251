//! Real cases against golden numbers made with nibabel, numpy and scipy (the JSON files beside the data).

use crate::fixture::{read_labels, real_data};
use serde_json::Value;
use situs_core::volume::{Side, measure_path, parse_name_map, side_of};
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
fn organs_of_a_real_case_lie_where_anatomy_puts_them() {
    let Some(data) = real_data() else { return };
    let report = measure_path(&data.join("ts-s0327-masks/s0327/segmentations"), None).unwrap();
    let centre = |name: &str| {
        let row =
            report.structures.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no {name}"));
        row.centroid_ras_mm.unwrap_or_else(|| panic!("{name} is empty"))
    };
    // The first lies farther toward the positive end of the axis: right, anterior, superior.
    let (right, anterior, superior) = (0, 1, 2);
    for (one, axis, other) in [
        ("liver", right, "spleen"),
        ("liver", right, "stomach"),
        ("gallbladder", right, "spleen"),
        ("inferior_vena_cava", right, "aorta"),
        ("heart", superior, "liver"),
        ("lung_upper_lobe_left", superior, "kidney_left"),
        ("liver", superior, "urinary_bladder"),
        ("trachea", superior, "heart"),
        ("sternum", anterior, "aorta"),
        ("heart", anterior, "esophagus"),
        ("urinary_bladder", anterior, "sacrum"),
    ] {
        let (a, b) = (centre(one)[axis], centre(other)[axis]);
        assert!(a > b, "{one} at {a} mm, {other} at {b} mm along axis {axis}");
    }
    let front = centre("sternum")[anterior];
    let spine = report.structures.iter().filter(|row| row.name.starts_with("vertebrae_"));
    let behind: Vec<f64> = spine.filter_map(|row| row.centroid_ras_mm).map(|at| at[anterior]).collect();
    assert!(behind.len() > 10 && behind.iter().all(|back| *back < front), "{front} mm against {behind:?}");
    // From head to feet.
    let order = ["vertebrae_T1", "vertebrae_T6", "vertebrae_T12", "vertebrae_L5", "sacrum"]
        .map(|name| centre(name)[superior]);
    assert!(order.is_sorted_by(|upper, lower| upper > lower), "{order:?}");
}

#[test]
fn every_side_of_a_brain_atlas_is_known_from_its_name() {
    let Some(data) = real_data() else { return };
    let names = std::fs::read_to_string(data.join("brain-t1-aal/aal.nii.txt")).unwrap();
    let names: Vec<&str> = names.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    let sided = |name: &&str| name.ends_with("_L") || name.ends_with("_R");
    assert_eq!((names.len(), names.iter().copied().filter(|name| sided(name)).count()), (116, 108));
    for name in names {
        let side =
            name.strip_suffix("_L").map(|_| Side::Left).or(name.strip_suffix("_R").map(|_| Side::Right));
        assert_eq!(side_of(name), side, "{name}");
        let twin = side.map_or(name.to_owned(), |side| {
            let letter = if side == Side::Left { 'R' } else { 'L' };
            format!("{}{letter}", &name[..name.len() - 1])
        });
        assert_eq!(situs_core::volume::swap_sides(name), twin);
    }
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
