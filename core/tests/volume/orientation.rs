//! Affines: quaternions, storage orders and the identity that all orders share.

use crate::image::{Image, file};
use crate::reference::{assert_close, folder, json, matrix, shape};
use situs_core::space::Affine;
use situs_core::volume::{Volume, read_header, volume_id};

#[test]
fn quaternions_give_nibabels_affine() {
    let Some(folder) = folder("orientation-truth") else { return };
    let files = tempfile::tempdir().unwrap();
    for (index, vector) in json(&folder, "qform_vectors.json").as_array().unwrap().iter().enumerate() {
        let numbers = |field: &str| -> Vec<f32> { serde_json::from_value(vector[field].clone()).unwrap() };
        let (pixdim, quatern, offset) = (numbers("pixdim"), numbers("quatern_bcd"), numbers("qoffset"));
        let image = Image {
            dims: vec![2, 3, 4],
            datatype: 2,
            bitpix: 8,
            pixdim: [pixdim[0], pixdim[1], pixdim[2], pixdim[3]],
            scaling: [0.0; 2],
            sform: None,
            qform: Some([quatern[0], quatern[1], quatern[2], offset[0], offset[1], offset[2]]),
            data: vec![0; 24],
        };
        let header = read_header(&file(&files, "q.nii", &image.bytes())).unwrap();
        assert_close(&header.affine.0, &matrix(&vector["affine"]), 1e-4, &format!("vector {index}"));
        assert!(header.warnings.is_empty(), "{:?}", header.warnings);
    }
}

#[test]
fn a_voxel_of_any_affine_is_found_where_nibabel_puts_it() {
    let Some(folder) = folder("orientation-truth") else { return };
    let files = tempfile::tempdir().unwrap();
    for vector in json(&folder, "affine_vectors.json").as_array().unwrap().iter().step_by(5) {
        let stored = shape(&vector["shape"]);
        let voxel = shape(&vector["voxel"]);
        let stored: [usize; 3] = stored.try_into().unwrap();
        let mut voxels = vec![0_i16; stored.iter().product()];
        voxels[voxel[0] + stored[0] * (voxel[1] + stored[1] * voxel[2])] = 77;
        let image = Image::int16(stored, matrix(&vector["affine"]), &voxels);
        let volume = Volume::read(&file(&files, "a.nii", &image.bytes())).unwrap();
        assert_eq!(volume.grid.shape.to_vec(), shape(&vector["canonical_shape"]));
        assert_close(&volume.grid.affine.0, &matrix(&vector["canonical_affine"]), 1e-4, "canonical affine");
        let canonical: [usize; 3] = shape(&vector["canonical_voxel"]).try_into().unwrap();
        assert_eq!(volume.get(canonical), Some(77.0));
        assert_eq!(volume.voxels.iter().sum::<f32>(), 77.0);
    }
}

/// The stored form of a canonical volume: stored axis `axis` is canonical axis `order[axis]`, flipped or not.
fn stored(canonical: &Volume, order: [usize; 3], flips: [bool; 3]) -> Image {
    let shape: [usize; 3] = order.map(|axis| canonical.grid.shape[axis]);
    let mut affine = Affine::IDENTITY.0;
    let mut origin = [0.0; 3];
    for (axis, from) in order.into_iter().enumerate() {
        let sign = if flips[axis] { -1.0 } else { 1.0 };
        for (row, source) in affine.iter_mut().zip(&canonical.grid.affine.0).take(3) {
            row[axis] = sign * source[from];
        }
        if flips[axis] {
            origin[from] = shape[axis] as f64 - 1.0;
        }
    }
    for (row, value) in affine.iter_mut().zip(canonical.grid.affine.apply(origin)) {
        row[3] = value;
    }
    let mut voxels = Vec::new();
    for k in 0..shape[2] {
        for j in 0..shape[1] {
            for i in 0..shape[0] {
                let mut index = [0; 3];
                for (axis, at) in [i, j, k].into_iter().enumerate() {
                    index[order[axis]] = if flips[axis] { shape[axis] - 1 - at } else { at };
                }
                voxels.push(canonical.get(index).unwrap() as i16);
            }
        }
    }
    Image::int16(shape, affine, &voxels)
}

#[test]
fn all_48_storage_orders_are_one_volume_with_one_identity() {
    let shape = [5, 7, 4];
    let voxels: Vec<f32> = (0..140).map(|index| (index * 37 % 1009) as f32 - 500.0).collect();
    let affine =
        Affine([[1.5, 0.1, 0.0, -12.3], [-0.1, 2.0, 0.2, 40.7], [0.0, -0.2, 2.5, 9.1], [0.0, 0.0, 0.0, 1.0]]);
    let canonical = Volume::new(shape, affine, voxels);
    let wanted = volume_id(&canonical, "labels");
    let files = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for flips in (0..8).map(|bits| [bits & 1 == 1, bits & 2 == 2, bits & 4 == 4]) {
            let bytes = stored(&canonical, order, flips).bytes();
            let volume = Volume::read(&file(&files, "o.nii", &bytes)).unwrap();
            assert_eq!(volume.voxels, canonical.voxels, "{order:?} {flips:?}");
            assert_eq!(volume_id(&volume, "labels"), wanted, "{order:?} {flips:?}");
            seen += 1;
        }
    }
    assert_eq!(seen, 48);
}

#[test]
fn an_identity_changes_with_a_voxel_a_place_a_segmentation_and_nothing_else() {
    let volume = Volume::new([2, 1, 1], Affine::IDENTITY, vec![0.0, 1.0]);
    let wanted = volume_id(&volume, "labels");
    let negative_zero = Volume::new([2, 1, 1], Affine::IDENTITY, vec![-0.0, 1.0]);
    assert_eq!(volume_id(&negative_zero, "labels"), wanted);
    let jitter = Affine::scaled([1.0; 3], [-1e-6, 1e-6, 0.0]);
    assert_eq!(volume_id(&Volume::new([2, 1, 1], jitter, vec![0.0, 1.0]), "labels"), wanted);

    assert_ne!(volume_id(&volume, "other labels"), wanted);
    assert_ne!(volume_id(&Volume::new([2, 1, 1], Affine::IDENTITY, vec![0.0, 2.0]), "labels"), wanted);
    assert_ne!(volume_id(&Volume::new([1, 2, 1], Affine::IDENTITY, vec![0.0, 1.0]), "labels"), wanted);
    let moved = Affine::scaled([1.0; 3], [0.001, 0.0, 0.0]);
    assert_ne!(volume_id(&Volume::new([2, 1, 1], moved, vec![0.0, 1.0]), "labels"), wanted);
}
