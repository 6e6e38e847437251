//! Label maps, masks and boxes: what is accepted, what is refused, and how structures are named.

use crate::fixture::{
    Shelf, blobs, case, codes, grid, in_dataset, label_volume, reader, real_data, write_nifti,
};
use situs_core::case::{NamedBox, NamedMask, StructureSource, VolumeRef, VolumeSource};
use situs_core::fault::Cause;
use situs_core::volume::{LabelSource as _, Labels, Segmentation, measure_path};
use std::collections::BTreeMap;

const SHAPE: [usize; 3] = [12, 9, 7];

fn names(segmentation: &Segmentation) -> Vec<&str> {
    segmentation.measured.structures.iter().map(|structure| structure.name.as_str()).collect()
}

#[test]
fn names_come_from_the_map_then_from_the_file_then_from_the_label() {
    let mut labels = label_volume([4, 1, 1], vec![0, 1, 2, 9]);
    assert_eq!(
        names(&Segmentation::from_labels(&labels.view(), None).unwrap()),
        ["label_1", "label_2", "label_9"]
    );
    labels.names = BTreeMap::from([(1, "spleen".to_owned()), (9, "liver".to_owned())]);
    let own = Segmentation::from_labels(&labels.view(), None).unwrap();
    assert_eq!(names(&own), ["spleen", "label_2", "liver"]);
    assert!(own.measured.warnings.is_empty());
    let given = BTreeMap::from([(2, "aorta".to_owned()), (5, "absent".to_owned())]);
    let mapped = Segmentation::from_labels(&labels.view(), Some(&given)).unwrap();
    assert_eq!(names(&mapped), ["label_1", "aorta", "label_9"]);
    assert_eq!(codes(&mapped.measured.warnings), ["unnamed_labels"]);
    assert!(mapped.measured.warnings[0].message.contains("1, 9"), "{:?}", mapped.measured.warnings);
}

#[test]
fn a_name_that_two_labels_claim_stays_with_the_first() {
    let mut labels = label_volume([4, 1, 1], vec![0, 1, 2, 9]);
    labels.names = BTreeMap::from([(1, "spleen".to_owned()), (2, "spleen".to_owned())]);
    let segmentation = Segmentation::from_labels(&labels.view(), None).unwrap();
    assert_eq!(names(&segmentation), ["spleen", "label_2", "label_9"]);
    assert_eq!(codes(&segmentation.measured.warnings), ["name_used_twice"]);
}

#[test]
fn masks_and_label_maps_on_another_grid_are_refused_naming_both() {
    let mut shelf = Shelf::default();
    shelf.0.insert("spleen".to_owned(), label_volume(SHAPE, blobs(SHAPE)));
    let mut moved = grid(SHAPE);
    moved.affine.0[0][3] += 0.2;
    let masks = vec![NamedMask { name: "spleen".to_owned(), label: None, volume: in_dataset("spleen") }];
    let map = StructureSource::LabelMap { volume: in_dataset("spleen"), names: BTreeMap::new() };
    for structures in [StructureSource::Masks { masks }, map] {
        let case = case(structures);
        let fault = Segmentation::load(&case, Some(&moved), &mut shelf).unwrap_err();
        assert_eq!(fault.cause, Cause::Data);
        assert!(fault.what.contains("12 x 9 x 7") && fault.what.contains("-40.300"), "{fault}");
        let mut near = grid(SHAPE);
        near.affine.0[0][3] += 0.01;
        let loaded = Segmentation::load(&case, Some(&near), &mut shelf).unwrap();
        assert_eq!(loaded.grid(), &near, "positions are those of the image");
        let mut other = grid([12, 9, 8]);
        other.affine = near.affine;
        assert!(Segmentation::load(&case, Some(&other), &mut shelf).is_err());
    }
}

#[test]
fn masks_are_put_in_order_of_name_and_no_name_may_come_twice() {
    let mut shelf = Shelf::default();
    let mask = |name: &str| NamedMask { name: name.to_owned(), label: None, volume: in_dataset(name) };
    for name in ["b", "a", "c"] {
        shelf.0.insert(name.to_owned(), label_volume(SHAPE, blobs(SHAPE)));
    }
    let masks = [mask("b"), mask("c"), mask("a")];
    assert_eq!(names(&Segmentation::from_masks(None, &masks, &mut shelf).unwrap()), ["a", "b", "c"]);
    let fault = Segmentation::from_masks(None, &[mask("b"), mask("b")], &mut shelf).unwrap_err();
    assert!(fault.what.contains("two masks are named \"b\""), "{fault}");
    let fault = Segmentation::from_masks(None, &[mask("gone")], &mut shelf).unwrap_err();
    assert!(fault.what.contains("mask \"gone\""), "{fault}");
}

#[test]
fn boxes_are_filled_and_must_lie_in_the_grid() {
    let grid = grid(SHAPE);
    let named = |name: &str, min, max| NamedBox { name: name.to_owned(), min, max };
    let boxes = [named("tibia", [1, 2, 3], [5, 4, 6]), named("femur", [0, 0, 0], [1, 1, 1])];
    let segmentation = Segmentation::from_boxes(&grid, &boxes).unwrap();
    assert!(segmentation.boxes_only);
    assert_eq!(names(&segmentation), ["femur", "tibia"]);
    let tibia = &segmentation.measured.structures[1];
    assert_eq!(tibia.voxels, 5 * 3 * 4);
    assert_eq!(tibia.centroid_ras_mm, tibia.bbox_center_ras_mm);
    assert!(tibia.touches_border);
    assert_eq!(segmentation.largest_part_share(1), 1.0);
    assert!(segmentation.masks[1].as_ref().is_some_and(|mask| mask.contains([5, 4, 6])));
    for (min, max) in [([1, 1, 1], [12, 1, 1]), ([2, 1, 1], [1, 1, 1])] {
        let fault = Segmentation::from_boxes(&grid, &[named("knee", min, max)]).unwrap_err();
        assert!(fault.what.contains("knee") && fault.what.contains("12 x 9 x 7"), "{fault}");
    }
    assert!(Segmentation::from_boxes(&grid, &[boxes[0].clone(), boxes[0].clone()]).is_err());
}

#[test]
fn scattered_labels_cannot_fill_the_memory() {
    // Every label sits in two opposite corners: 20,000 boxes as large as the volume.
    let count = 20_000usize;
    let forward = 1..=count as u32;
    let labels: Vec<u32> =
        forward.clone().chain(std::iter::repeat_n(0, 2_000_000)).chain(forward.rev()).collect();
    let shape = [200, 100, labels.len() / 20_000];
    let mut volume = label_volume([0, 0, 0], Vec::new());
    volume.grid = grid(shape);
    volume.labels = Labels::U32(labels[..shape.iter().product()].to_vec());
    let fault = Segmentation::from_labels(&volume.view(), None).unwrap_err();
    assert_eq!(fault.cause, Cause::Data);
    assert!(fault.what.contains("1073741824 bytes"), "{fault}");
}

#[test]
fn a_folder_of_masks_is_read_by_file_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut voxels = vec![0u8; SHAPE.iter().product()];
    let affine = grid(SHAPE).affine;
    write_nifti(&folder.path().join("empty.nii"), SHAPE, &affine, &voxels);
    voxels[40..52].fill(1);
    write_nifti(&folder.path().join("spleen.nii"), SHAPE, &affine, &voxels);
    write_nifti(&folder.path().join("._spleen.nii"), SHAPE, &affine, &voxels);
    std::fs::write(folder.path().join("statistics.json"), "{}").unwrap();
    let map = BTreeMap::from([(7, "spleen".to_owned())]);
    let report = measure_path(folder.path(), Some(&map)).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["overlaps", "structures", "warnings"]);
    assert_eq!(json["structures"][0]["name"], "empty");
    assert_eq!(json["structures"][0]["voxels"], 0);
    for field in ["label", "centroid_ras_mm", "bbox_min", "bbox_max", "bbox_center_ras_mm"] {
        assert!(json["structures"][0][field].is_null(), "{field}");
    }
    assert_eq!(json["structures"][1]["label"], 7);
    assert_eq!(json["structures"][1]["voxels"], 12);
    let fields: Vec<&str> = json["structures"][1].as_object().unwrap().keys().map(String::as_str).collect();
    let mut contract =
        vec!["name", "label", "voxels", "volume_ml", "centroid_ras_mm", "bbox_min", "bbox_max"];
    contract.extend(["bbox_center_ras_mm", "touches_border"]);
    contract.sort_unstable();
    assert_eq!(fields, contract);
    write_nifti(&folder.path().join("shifted.nii"), [9, 12, 7], &affine, &voxels);
    assert_eq!(measure_path(folder.path(), None).unwrap_err().cause, Cause::Data);
}

#[test]
fn a_folder_without_masks_and_a_missing_path_are_data_faults() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(measure_path(folder.path(), None).unwrap_err().cause, Cause::Data);
    assert_eq!(measure_path(&folder.path().join("gone.nii"), None).unwrap_err().cause, Cause::Data);
}

#[test]
fn a_file_source_knows_files_only() {
    assert_eq!(reader().labels(&in_dataset("x")).unwrap_err().cause, Cause::Unsupported);
    let path = "gone.nii.gz".into();
    let gone = VolumeRef { id: "gone".to_owned(), source: VolumeSource::File { path } };
    assert_eq!(reader().labels(&gone).unwrap_err().cause, Cause::Data);
}

#[test]
fn label_files_that_are_odd_but_right_are_measured_and_wrong_ones_refused() {
    let Some(data) = real_data() else { return };
    let odd = data.join("nifti-awkward");
    let expected = measure_path(&odd.join("orient_RAS_labels.nii.gz"), None).unwrap();
    for order in ["ASL", "IAR", "LAS", "LIA", "LPS", "PIR", "RPI", "SPL", "SRP"] {
        let report = measure_path(&odd.join(format!("orient_{order}_labels.nii.gz")), None).unwrap();
        assert_eq!(report, expected, "{order}");
    }
    assert!(measure_path(&odd.join("labels_all_zero.nii.gz"), None).unwrap().structures.is_empty());
    let single = measure_path(&odd.join("labels_single_voxel.nii.gz"), None).unwrap();
    assert_eq!(single.structures[0].voxels, 1);
    for wrong in
        ["labels_fractional.nii.gz", "labels_negative.nii.gz", "vol_4d.nii.gz", "gz_truncated.nii.gz"]
    {
        assert_eq!(measure_path(&odd.join(wrong), None).unwrap_err().cause, Cause::Data, "{wrong}");
    }
}
