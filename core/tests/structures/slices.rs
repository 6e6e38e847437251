//! What a slice holds, against a plain walk over all voxels.

use crate::fixture::{Shelf, blobs, in_dataset, label_volume};
use situs_core::case::NamedMask;
use situs_core::volume::Segmentation;

const SHAPE: [usize; 3] = [70, 17, 11];

fn segmentation() -> Segmentation {
    Segmentation::from_labels(&label_volume(SHAPE, blobs(SHAPE)).view(), None).unwrap()
}

/// Canonical indices of a structure's voxels, from the array and not from the masks.
fn voxels_of(label: u8) -> Vec<[usize; 3]> {
    let [nx, ny, _] = SHAPE;
    let labels = blobs(SHAPE);
    let inside = labels.iter().enumerate().filter(|(_, value)| **value == label);
    inside.map(|(at, _)| [at % nx, at / nx % ny, at / nx / ny]).collect()
}

#[test]
fn sections_and_profiles_hold_the_voxels_of_their_slice() {
    let segmentation = segmentation();
    for axis in 0..3 {
        for index in 0..SHAPE[axis] {
            let sections = segmentation.sections(axis, index).unwrap();
            assert!(sections.is_sorted_by(|a, b| a.structure < b.structure));
            for (place, structure) in segmentation.measured.structures.iter().enumerate() {
                let label = structure.label.unwrap() as u8;
                let inside: Vec<_> =
                    voxels_of(label).into_iter().filter(|voxel| voxel[axis] == index).collect();
                let found = sections.iter().find(|section| section.structure == place);
                let profile = segmentation.profile(place, axis);
                let slice = profile.iter().find(|(slice, ..)| *slice == index);
                let Some(section) = found else {
                    assert!(inside.is_empty() && slice.is_none());
                    continue;
                };
                assert_eq!(section.voxels as usize, inside.len());
                assert!(section.largest_part >= 1 && section.largest_part <= section.voxels);
                let (_, count, sums) = slice.unwrap();
                assert_eq!(*count, section.voxels);
                for along in 0..3 {
                    let sum: usize = inside.iter().map(|voxel| voxel[along]).sum();
                    assert_eq!(sums[along], sum as f64);
                    assert!((section.centroid_index[along] - sum as f64 / inside.len() as f64).abs() < 1e-9);
                    assert_eq!(Some(section.bbox_min[along]), inside.iter().map(|v| v[along]).min());
                    assert_eq!(Some(section.bbox_max[along]), inside.iter().map(|v| v[along]).max());
                }
            }
        }
    }
}

#[test]
fn a_slice_that_does_not_exist_is_a_fault() {
    let segmentation = segmentation();
    assert!(segmentation.sections(2, SHAPE[2]).is_err());
    assert!(segmentation.sections(3, 0).is_err());
    assert!(segmentation.profile(0, 3).is_empty());
    assert!(segmentation.profile(99, 0).is_empty());
    assert_eq!(segmentation.largest_part_share(99), 0.0);
}

#[test]
fn the_largest_part_of_two_balls_is_the_larger_one() {
    // Two bars of 6 and 2 voxels that do not touch, and one voxel at a corner of the first.
    let mut labels = vec![0u8; 8 * 4 * 4];
    let at = |x: usize, y: usize, z: usize| x + 8 * (y + 4 * z);
    for x in 0..6 {
        labels[at(x, 0, 0)] = 3;
    }
    labels[at(6, 1, 1)] = 3;
    labels[at(0, 3, 3)] = 3;
    labels[at(1, 3, 3)] = 3;
    let segmentation = Segmentation::from_labels(&label_volume([8, 4, 4], labels).view(), None).unwrap();
    assert_eq!(segmentation.largest_part_share(0), 7.0 / 9.0);
    assert_eq!((segmentation.parts(0), segmentation.parts(1)), (2, 0));
    assert_eq!(segmentation, segmentation.mirrored().mirrored(), "asking changes nothing");
    let section = &segmentation.sections(2, 0).unwrap()[0];
    assert_eq!((section.voxels, section.parts, section.largest_part), (6, 1, 6));
    let section = &segmentation.sections(0, 1).unwrap()[0];
    assert_eq!((section.voxels, section.parts, section.largest_part), (2, 2, 1));
}

#[test]
fn overlaps_are_counted_and_shared_out_to_the_smaller_mask() {
    let mut shelf = Shelf::default();
    let mut masks = Vec::new();
    // Runs of voxels in one row: a 0..30, b 20..40, c 35..36, d empty, e apart.
    for (name, run) in [("a", 0..30), ("b", 20..40), ("c", 35..36), ("d", 0..0), ("e", 50..60)] {
        let mut labels = vec![0u8; SHAPE.iter().product()];
        labels[run].fill(1);
        shelf.0.insert(name.to_owned(), label_volume(SHAPE, labels));
        masks.push(NamedMask { name: name.to_owned(), label: None, volume: in_dataset(name) });
    }
    let segmentation = Segmentation::from_masks(None, &masks, &mut shelf).unwrap();
    let found: Vec<(&str, &str, u64)> =
        segmentation.measured.overlaps.iter().map(|o| (o.a.as_str(), o.b.as_str(), o.voxels)).collect();
    assert_eq!(found, [("a", "b", 10), ("b", "c", 1)]);
    assert_eq!(segmentation.overlap_share(1, 0), 0.5);
    assert_eq!(segmentation.overlap_share(1, 2), 1.0);
    assert_eq!(segmentation.overlap_share(0, 3), 0.0);
    assert_eq!(segmentation.overlap_share(0, 99), 0.0);
    assert_eq!(segmentation.measured.structures[3].voxels, 0);
    assert!(segmentation.masks[3].is_none());
}
