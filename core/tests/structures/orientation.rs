//! Storage order must not matter: 48 orders of one volume are one volume.

use crate::fixture::{blobs, grid, label_volume, write_nifti};
use situs_core::space::Affine;
use situs_core::volume::{LabelVolume, Segmentation, measure_path};

/// A canonical array and affine stored in another order: stored axis `s` is canonical axis `order[s]`, backwards where
/// `flips[s]`.
fn stored(
    shape: [usize; 3],
    voxels: &[u8],
    affine: &Affine,
    order: [usize; 3],
    flips: [bool; 3],
) -> ([usize; 3], Affine, Vec<u8>) {
    let stored_shape = order.map(|axis| shape[axis]);
    let canonical = |index: [usize; 3]| {
        let mut place = [0; 3];
        for axis in 0..3 {
            let along = index[axis];
            place[order[axis]] = if flips[axis] { stored_shape[axis] - 1 - along } else { along };
        }
        place
    };
    let mut values = Vec::with_capacity(voxels.len());
    for k in 0..stored_shape[2] {
        for j in 0..stored_shape[1] {
            for i in 0..stored_shape[0] {
                let [x, y, z] = canonical([i, j, k]);
                values.push(voxels[x + shape[0] * (y + shape[1] * z)]);
            }
        }
    }
    let origin = affine.apply(canonical([0, 0, 0]).map(|index| index as f64));
    let mut rows = Affine::IDENTITY.0;
    for row in 0..3 {
        for axis in 0..3 {
            let sign = if flips[axis] { -1.0 } else { 1.0 };
            rows[row][axis] = sign * affine.0[row][order[axis]];
        }
        rows[row][3] = origin[row];
    }
    (stored_shape, Affine(rows), values)
}

#[test]
fn all_48_storage_orders_give_the_same_measurements_and_masks() {
    let shape = [23, 17, 11];
    let (voxels, grid) = (blobs(shape), grid(shape));
    let expected = Segmentation::from_labels(&label_volume(shape, voxels.clone()).view(), None).unwrap();
    assert_eq!(expected.measured.structures.len(), 4);
    let folder = tempfile::tempdir().unwrap();
    let mut orders = 0;
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for flips in 0..8 {
            let flips = [flips & 1 == 1, flips & 2 == 2, flips & 4 == 4];
            let (stored_shape, affine, values) = stored(shape, &voxels, &grid.affine, order, flips);
            let path = folder.path().join("labels.nii");
            write_nifti(&path, stored_shape, &affine, &values);
            let read = LabelVolume::read(&path).unwrap();
            let found = Segmentation::from_labels(&read.view(), None).unwrap();
            assert_eq!(found.measured.structures, expected.measured.structures, "{order:?} {flips:?}");
            assert_eq!(found.masks, expected.masks, "{order:?} {flips:?}");
            assert_eq!(found.digest(), expected.digest());
            let report = measure_path(&path, None).unwrap();
            assert_eq!(report.structures[0].centroid_ras_mm, expected.measured.structures[0].centroid_ras_mm);
            orders += 1;
        }
    }
    assert_eq!(orders, 48);
}

#[test]
fn a_mirror_across_x_flips_x_and_nothing_else() {
    let shape = [23, 17, 11];
    let voxels = blobs(shape);
    let straight = Segmentation::from_labels(&label_volume(shape, voxels.clone()).view(), None).unwrap();
    let mirrored = straight.mirrored();
    for (one, other) in straight.measured.structures.iter().zip(&mirrored.measured.structures) {
        let (a, b) = (one.centroid_index.unwrap(), other.centroid_index.unwrap());
        assert!((a[0] + b[0] - 22.0).abs() < 1e-9);
        assert_eq!((a[1], a[2]), (b[1], b[2]));
        assert_eq!(one.voxels, other.voxels);
        assert_eq!(one.border_voxels, other.border_voxels);
        assert_eq!(one.bbox_min.unwrap()[0], 22 - other.bbox_max.unwrap()[0]);
    }
    // The same as measuring the mirrored voxels.
    let reversed: Vec<u8> = voxels.chunks(23).flat_map(|row| row.iter().rev().copied()).collect();
    assert_eq!(mirrored, Segmentation::from_labels(&label_volume(shape, reversed).view(), None).unwrap());
    assert_eq!(mirrored.mirrored(), straight);
}
