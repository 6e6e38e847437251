//! Axis codes, the canonical affine and voxel round trips. Every expectation was computed with nibabel 5.4.2.

use serde::Deserialize;
use situs_core::space::{Affine, Point};
use std::path::PathBuf;

#[derive(Deserialize)]
struct Row {
    affine: Affine,
    shape: [usize; 3],
    axcodes: String,
    /// Per stored axis: world axis and +1 or -1.
    ornt: [[i64; 2]; 3],
    canonical_affine: Affine,
    canonical_shape: [usize; 3],
    voxel: [usize; 3],
    world_ras: Point,
    canonical_voxel: [usize; 3],
    voxel_volume_mm3: f64,
}

const TOLERANCE_MM: f64 = 1e-4;

fn as_point(voxel: [usize; 3]) -> Point {
    voxel.map(|index| index as f64)
}

fn assert_near(a: Point, b: Point, tolerance: f64, what: &str) {
    for axis in 0..3 {
        assert!((a[axis] - b[axis]).abs() <= tolerance, "{what}: {a:?} is not {b:?}");
    }
}

fn check(rows: &[Row]) {
    for (number, row) in rows.iter().enumerate() {
        let orientation = row.affine.orientation();
        assert_eq!(orientation.codes(), row.axcodes, "codes of row {number}");
        for (stored, [world, sign]) in row.ornt.into_iter().enumerate() {
            let expected = Some((usize::try_from(world).unwrap(), sign < 0));
            assert_eq!(orientation.axes[stored], expected, "axis {stored} of row {number}");
        }

        let (canonical, shape, source) = row.affine.canonical(row.shape);
        assert_eq!(shape, row.canonical_shape, "canonical shape of row {number}");
        for (line, expected) in canonical.0.iter().zip(row.canonical_affine.0) {
            for (value, expected) in line.iter().zip(expected) {
                assert!((value - expected).abs() <= TOLERANCE_MM, "canonical affine of row {number}");
            }
        }
        let carried = source.map(|(stored, flipped)| {
            let index = row.voxel[stored];
            if flipped { row.shape[stored] - 1 - index } else { index }
        });
        assert_eq!(carried, row.canonical_voxel, "voxel of row {number}");

        let world = row.affine.apply(as_point(row.voxel));
        assert_near(world, row.world_ras, TOLERANCE_MM, "world position");
        assert_near(canonical.apply(as_point(carried)), world, TOLERANCE_MM, "the same voxel, canonical");
        let back = row.affine.invert(world).expect("a regular affine");
        assert_eq!(back.map(|value| value.round() as usize), row.voxel, "round trip of row {number}");
        assert_near(back, as_point(row.voxel), 1e-6, "round trip");

        assert_eq!(canonical.orientation().codes(), "RAS", "canonical codes of row {number}");
        let volume = row.affine.voxel_volume();
        assert!((volume - row.voxel_volume_mm3).abs() <= 1e-6 * row.voxel_volume_mm3, "row {number}");
    }
}

#[test]
fn twenty_affines_agree_with_nibabel() {
    // Rows of 0, 3, 20, 44 and up to 80 degrees of obliquity, every one with other axis codes.
    let rows: Vec<Row> = serde_json::from_str(include_str!("affines.json")).unwrap();
    assert_eq!(rows.len(), 20);
    check(&rows);
}

#[test]
fn four_hundred_affines_agree_with_nibabel_where_the_data_are_at_hand() {
    let data = std::env::var_os("SITUS_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    let file = data.join("orientation-truth/affine_vectors.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("skipped: no {}", file.display());
        return;
    };
    let rows: Vec<Row> = serde_json::from_str(&text).unwrap();
    assert_eq!(rows.len(), 400);
    check(&rows);
}

/// The 24 rotations and 24 reflections of a grid onto itself.
fn storage_orders() -> Vec<([usize; 3], [bool; 3])> {
    let mut orders = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for bits in 0..8 {
            orders.push((order, [bits & 1 == 1, bits & 2 == 2, bits & 4 == 4]));
        }
    }
    orders
}

#[test]
fn forty_eight_storage_orders_of_a_volume_are_one_canonical_volume() {
    let canonical = Affine::scaled([0.75, 1.5, 3.0], [-80.0, -60.0, 12.0]);
    let shape = [7, 9, 11];
    let letters = [['R', 'L'], ['A', 'P'], ['S', 'I']];
    for (order, flips) in storage_orders() {
        let mut stored = Affine::IDENTITY;
        let mut origin = [0.0; 3];
        for axis in 0..3 {
            let world = order[axis];
            let sign = if flips[axis] { -1.0 } else { 1.0 };
            for row in 0..3 {
                stored.0[row][axis] = sign * canonical.0[row][world];
            }
            if flips[axis] {
                origin[world] = shape[world] as f64 - 1.0;
            }
        }
        for (row, value) in canonical.apply(origin).into_iter().enumerate() {
            stored.0[row][3] = value;
        }
        let codes: String = (0..3).map(|axis| letters[order[axis]][usize::from(flips[axis])]).collect();
        assert_eq!(stored.orientation().codes(), codes);
        let (back, back_shape, _) = stored.canonical(order.map(|world| shape[world]));
        assert_eq!((back, back_shape), (canonical, shape), "{codes}");
    }
}

#[test]
fn a_flat_axis_has_no_direction_and_keeps_a_place() {
    let mut flat = Affine::scaled([2.0, 2.0, 2.0], [0.0; 3]);
    flat.0[2][2] = 0.0;
    assert_eq!(flat.orientation().codes(), "RA?");
    assert_eq!(flat.canonical([3, 4, 5]).1, [3, 4, 5]);
    assert!(flat.invert([0.0; 3]).is_none());
    assert!(!flat.is_regular());
}

#[test]
fn an_affine_without_numbers_is_answered_without_directions() {
    for bad in [f64::NAN, f64::INFINITY, f64::MAX] {
        let mut affine = Affine::IDENTITY;
        affine.0[0][1] = bad;
        affine.0[1][1] = bad;
        assert_eq!(affine.orientation().codes().chars().count(), 3);
        let _ = affine.canonical([2, 2, 2]);
        let _ = affine.invert([0.0; 3]);
        if !bad.is_finite() {
            assert!(!affine.is_regular());
        }
    }
}

#[test]
fn obliquity_and_shear_are_those_of_the_construction() {
    let (sin, cos) = 20.0_f64.to_radians().sin_cos();
    let turned = Affine([
        [2.0 * cos, -3.0 * sin, 0.0, 5.0],
        [2.0 * sin, 3.0 * cos, 0.0, 6.0],
        [0.0, 0.0, 4.0, 7.0],
        [0.0, 0.0, 0.0, 1.0],
    ]);
    assert!((turned.obliquity() - 20.0).abs() < 1e-9);
    assert!(turned.shear() < 1e-12);
    assert_near(turned.spacing(), [2.0, 3.0, 4.0], 1e-12, "spacing");
    assert!((turned.voxel_volume() - 24.0).abs() < 1e-9);

    let sheared =
        Affine([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]);
    assert!((sheared.shear() - 0.5_f64.sqrt()).abs() < 1e-12);
    assert!((sheared.voxel_volume() - 1.0).abs() < 1e-12, "|det|, not the product of spacings");
}
