//! Trilinear against SimpleITK's linear interpolation, nearest against its stated rule.

use crate::reference::folder;
use situs_core::space::Affine;
use situs_core::structure::Grid;
use situs_core::volume::{
    LabelVolume, Labels, Volume, resample, resample_nearest, resize_trilinear, respaced, sample_nearest,
    sample_trilinear,
};

#[test]
fn a_ct_is_resampled_as_simpleitk_does() {
    let Some(folder) = folder("trilinear-golden") else { return };
    let input = Volume::read(&folder.join("ct_3mm_to_2x1p5x1_in.nii.gz")).unwrap();
    let wanted = Volume::read(&folder.join("ct_3mm_to_2x1p5x1_out.nii.gz")).unwrap();
    let found = resample(&input, [2.0, 1.5, 1.0]).unwrap();
    assert_eq!(found.grid.shape, [74, 99, 88]);
    assert!(found.grid.matches(&wanted.grid, 1e-3));
    let worst =
        found.voxels.iter().zip(&wanted.voxels).map(|(a, b)| (a - b).abs()).fold(0.0_f32, |a, b| a.max(b));
    assert!(worst <= 1e-3, "largest difference {worst}");
}

/// 2 x + 3 y + 5 z: trilinear interpolation gives a linear function back.
fn ramp(shape: [usize; 3]) -> Volume {
    let mut voxels = Vec::new();
    for k in 0..shape[2] {
        for j in 0..shape[1] {
            for i in 0..shape[0] {
                voxels.push((2 * i + 3 * j + 5 * k) as f32);
            }
        }
    }
    Volume::new(shape, Affine::IDENTITY, voxels)
}

#[test]
fn a_sample_between_voxels_is_linear_and_outside_the_edge_counts() {
    let volume = ramp([4, 3, 2]);
    assert_eq!(sample_trilinear(&volume, [1.5, 0.25, 0.5]), 3.0 + 0.75 + 2.5);
    assert_eq!(sample_trilinear(&volume, [3.0, 2.0, 1.0]), 17.0);
    assert_eq!(sample_trilinear(&volume, [-5.0, 9.0, f64::INFINITY]), 6.0 + 5.0);
    assert_eq!(sample_trilinear(&volume, [f64::NAN, 0.0, 0.0]), 0.0);
}

#[test]
fn a_value_that_is_not_finite_does_not_leak_into_exact_samples() {
    let volume = Volume::new([2, 1, 1], Affine::IDENTITY, vec![7.0, f32::NAN]);
    assert_eq!(sample_trilinear(&volume, [0.0, 0.0, 0.0]), 7.0);
    assert!(sample_trilinear(&volume, [0.5, 0.0, 0.0]).is_nan());
}

#[test]
fn resizing_covers_the_same_box_with_z_outermost() {
    let volume = ramp([4, 4, 4]);
    let same = resize_trilinear(&volume, [4, 4, 4]).unwrap();
    assert_eq!(same, volume.voxels);
    // Half the voxels: each new centre lies midway between two old ones.
    let half = resize_trilinear(&volume, [2, 4, 4]).unwrap();
    assert_eq!(half.len(), 32);
    assert_eq!(half[0], 2.5);
    assert_eq!(half[1], 4.5);
    assert_eq!(half[16], 12.5);
    assert!(resize_trilinear(&volume, [0, 4, 4]).is_err());
    assert!(resize_trilinear(&volume, [usize::MAX, 4, 4]).is_err());
}

#[test]
fn a_grid_keeps_its_first_centre_and_ends_inside() {
    let grid = Grid { shape: [10, 5, 1], affine: Affine::scaled([1.0, 2.0, 3.0], [-4.0, 5.0, 6.0]) };
    let finer = respaced(&grid, [0.3, 3.0, 1.0]).unwrap();
    assert_eq!(finer.shape, [31, 3, 1]);
    assert_eq!(finer.affine, Affine::scaled([0.3, 3.0, 1.0], [-4.0, 5.0, 6.0]));
    assert!(respaced(&grid, [0.0, 1.0, 1.0]).is_err());
    assert!(respaced(&grid, [f64::NAN, 1.0, 1.0]).is_err());
    assert!(respaced(&grid, [1e-9, 1e-9, 1.0]).is_err());
}

#[test]
fn labels_take_the_nearest_voxel_and_ties_the_higher_one() {
    let grid = Grid { shape: [3, 1, 1], affine: Affine::IDENTITY };
    let labels = LabelVolume {
        grid,
        labels: Labels::U16(vec![5, 300, 9]),
        names: Default::default(),
        warnings: Vec::new(),
    };
    let found = resample_nearest(&labels, [0.5, 1.0, 1.0]).unwrap();
    assert_eq!(found.labels, Labels::U16(vec![5, 300, 300, 9, 9]));
    assert_eq!(sample_nearest(&labels, [0.49, 0.0, 0.0]), 5);
    assert_eq!(sample_nearest(&labels, [0.5, 0.0, 0.0]), 300);
    assert_eq!(sample_nearest(&labels, [99.0, -3.0, f64::NAN]), 9);
}
