//! The pixel grid of a view: positions go both ways, and sides of the picture are sides of the body.

use proptest::prelude::*;
use situs_core::space::{Direction, Plane, Preset, View};

fn any_view() -> impl Strategy<Value = View> {
    (0..Preset::ALL.len(), 0..Plane::ALL.len())
        .prop_map(|(preset, plane)| Preset::ALL[preset].view(Plane::ALL[plane]))
}

fn any_shape() -> impl Strategy<Value = [usize; 3]> {
    [1_usize..600, 1_usize..600, 1_usize..600]
}

fn any_spacing() -> impl Strategy<Value = [f64; 3]> {
    [0.1_f64..8.0, 0.1_f64..8.0, 0.1_f64..8.0]
}

/// One step of one voxel in a body direction, in canonical index space.
fn step(direction: Direction) -> [f64; 3] {
    match direction {
        Direction::Right => [1.0, 0.0, 0.0],
        Direction::Left => [-1.0, 0.0, 0.0],
        Direction::Anterior => [0.0, 1.0, 0.0],
        Direction::Posterior => [0.0, -1.0, 0.0],
        Direction::Superior => [0.0, 0.0, 1.0],
        Direction::Inferior => [0.0, 0.0, -1.0],
    }
}

fn moved(index: [f64; 3], direction: Direction) -> [f64; 3] {
    let step = step(direction);
    std::array::from_fn(|axis| index[axis] + step[axis])
}

fn assert_near<const N: usize>(a: [f64; N], b: [f64; N]) {
    assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9), "{a:?} is not {b:?}");
}

proptest! {
    #[test]
    fn a_position_comes_back_to_its_voxel(
        view in any_view(), shape in any_shape(), spacing in any_spacing(),
        part in [0.0_f64..1.0, 0.0_f64..1.0, 0.0_f64..1.0],
    ) {
        let canvas = view.canvas(shape, spacing, 512);
        let index: [f64; 3] = std::array::from_fn(|axis| part[axis] * shape[axis] as f64 - 0.5);
        let position = canvas.project(index);
        prop_assert!((0.0..=f64::from(canvas.width)).contains(&position[0]));
        prop_assert!((0.0..=f64::from(canvas.height)).contains(&position[1]));
        let back = canvas.locate(position, index[view.plane.through().index()]);
        for axis in 0..3 {
            prop_assert!((back[axis] - index[axis]).abs() < 1e-9 * shape[axis] as f64, "{back:?} {index:?}");
        }
    }

    #[test]
    fn moving_toward_a_side_of_the_body_moves_toward_that_side_of_the_picture(
        view in any_view(), shape in any_shape(), spacing in any_spacing(),
        part in [0.0_f64..1.0, 0.0_f64..1.0, 0.0_f64..1.0],
    ) {
        let canvas = view.canvas(shape, spacing, 512);
        let index: [f64; 3] = std::array::from_fn(|axis| part[axis] * shape[axis] as f64);
        let [column, row] = canvas.project(index);
        let [right, right_row] = canvas.project(moved(index, view.right));
        prop_assert!(right > column && right_row == row);
        let [left, left_row] = canvas.project(moved(index, view.left()));
        prop_assert!(left < column && left_row == row);
        let [down_column, down] = canvas.project(moved(index, view.down));
        prop_assert!(down > row && down_column == column);
        let [up_column, up] = canvas.project(moved(index, view.up()));
        prop_assert!(up < row && up_column == column);
        prop_assert_eq!(canvas.project(moved(index, view.frame)), [column, row]);
    }

    #[test]
    fn the_longer_side_is_as_long_as_asked_and_pixels_are_square(
        view in any_view(), shape in [40_usize..400, 40_usize..400, 40_usize..400],
        spacing in [0.5_f64..2.0, 0.5_f64..2.0, 0.5_f64..2.0], side in 64_u32..1024,
    ) {
        let canvas = view.canvas(shape, spacing, side);
        prop_assert_eq!(canvas.width.max(canvas.height), side);
        let extent = |direction: Direction| {
            let axis = direction.axis().index();
            shape[axis] as f64 * spacing[axis]
        };
        prop_assert!((canvas.pixels(extent(view.right)) - f64::from(canvas.width)).abs() <= 0.5);
        prop_assert!((canvas.pixels(extent(view.down)) - f64::from(canvas.height)).abs() <= 0.5);
        prop_assert!((canvas.pixel_area() - canvas.mm_per_pixel.powi(2)).abs() < 1e-12);
        prop_assert_eq!(canvas.slice_spacing(), spacing[view.plane.through().index()]);
    }
}

#[test]
fn the_radiological_axial_picture_has_the_patients_right_anterior_corner_at_its_top_left() {
    // 4 x 6 voxels of 1 mm on 40 x 60 pixels: the last voxel of x and y is the right-most, anterior-most one.
    let canvas = Preset::StandardRadiological.view(Plane::Axial).canvas([4, 6, 9], [1.0; 3], 60);
    assert_eq!((canvas.width, canvas.height), (40, 60));
    assert_near(canvas.project([3.0, 5.0, 0.0]), [5.0, 5.0]);
    assert_near(canvas.project([0.0, 0.0, 8.0]), [35.0, 55.0]);
    assert_near(canvas.locate([5.0, 5.0], 7.0), [3.0, 5.0, 7.0]);
}

#[test]
fn the_raw_array_picture_has_its_first_voxel_at_the_top_left() {
    let canvas = Preset::RasPlusRaw.view(Plane::Axial).canvas([4, 6, 9], [1.0; 3], 60);
    assert_eq!((canvas.width, canvas.height), (60, 40));
    assert_near(canvas.project([0.0, 0.0, 0.0]), [5.0, 5.0]);
    assert_near(canvas.project([3.0, 5.0, 0.0]), [55.0, 35.0]);
}

#[test]
fn a_volume_without_extent_still_gives_a_picture_of_numbers() {
    let view = Preset::StandardRadiological.view(Plane::Axial);
    for (shape, spacing) in [([0, 5, 5], [1.0; 3]), ([0, 0, 0], [1.0; 3]), ([5, 5, 5], [0.0; 3])] {
        let canvas = view.canvas(shape, spacing, 0);
        assert!(canvas.width >= 1 && canvas.height >= 1);
        assert!(canvas.mm_per_pixel.is_finite());
    }
    let wide = view.canvas([usize::MAX >> 12, 1, 1], [1.0; 3], 512);
    assert_eq!((wide.width, wide.height), (512, 1));
}
