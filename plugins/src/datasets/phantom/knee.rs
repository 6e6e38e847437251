//! The knee: ten structures of a right knee as a DESS scan shows them, in mm from the bottom of the field.
//!
//! Medial is toward the patient's left (-x) in a right knee.

use super::anatomy::{Anatomy, MIRROR, Tissue, girth, part};
use super::shape::{block, ellipsoid, tube};

/// A knee; the left one is the mirror image of the right.
pub(super) fn anatomy(left: bool) -> Anatomy {
    let mut parts = vec![
        part("femoral_cartilage", 330.0, 0.0, vec![
            ellipsoid([19.0, -8.0, 84.0], [21.0, 31.5, 23.5]),
            ellipsoid([-19.0, -8.0, 84.0], [21.0, 31.5, 23.5]),
            ellipsoid([2.0, 17.0, 94.0], [17.0, 13.0, 15.0]),
        ]),
        part("femur", 150.0, 0.0, vec![
            ellipsoid([19.0, -8.0, 85.0], [18.5, 28.5, 20.5]),
            ellipsoid([-19.0, -8.0, 85.0], [18.5, 28.5, 20.5]),
            ellipsoid([2.0, 12.0, 96.0], [16.0, 14.0, 15.0]),
            tube(17.0, &[[0.0, 0.0, 98.0], [0.0, 2.0, 160.0]]),
        ]),
        part("tibia", 140.0, 0.0, vec![
            block([0.0, -6.0, 43.0], [38.0, 25.0, 11.0]),
            tube(17.0, &[[0.0, -2.0, 38.0], [0.0, 0.0, -20.0]]),
        ]),
        part("lateral_meniscus", 60.0, 0.8, vec![
            tube(3.6, &[[12.0, 10.0, 57.5], [32.0, 4.0, 57.5], [36.0, -10.0, 57.5], [30.0, -24.0, 57.5], [12.0, -28.0, 57.5]]),
        ]),
        part("medial_meniscus", 75.0, 0.8, vec![
            tube(3.6, &[[-12.0, 14.0, 57.5], [-31.0, 6.0, 57.5], [-36.0, -10.0, 57.5], [-31.0, -27.0, 57.5], [-12.0, -31.0, 57.5]]),
        ]),
        part("anterior_cruciate_ligament", 95.0, 1.0, vec![
            tube(4.5, &[[-3.0, 10.0, 56.0], [7.0, -18.0, 82.0]]),
        ]),
        part("posterior_cruciate_ligament", 50.0, 1.0, vec![
            tube(5.0, &[[-1.0, -31.0, 54.0], [-2.0, -26.0, 70.0], [-7.0, -6.0, 80.0]]),
        ]),
        part("hoffa_fat_pad", 240.0, 1.0, vec![ellipsoid([2.0, 30.0, 66.0], [17.0, 10.0, 14.0])]),
        part("patella", 160.0, 1.5, vec![ellipsoid([2.0, 42.0, 94.0], [19.0, 9.5, 19.0])]),
        part("patellar_tendon", 40.0, 0.8, vec![
            tube(4.5, &[[2.0, 45.0, 80.0], [2.0, 40.0, 55.0], [1.0, 27.0, 34.0]]),
        ]),
    ];
    if left {
        for shape in parts.iter_mut().flat_map(|part| &mut part.shapes) {
            *shape = shape.placed(&MIRROR, 0.0);
        }
    }
    Anatomy {
        extent: [112.0, 140.0, 140.0],
        parts,
        outline: vec![girth(0.0, 48.0, 54.0, -6.0), girth(60.0, 51.0, 61.0, 0.0), girth(140.0, 52.0, 62.0, 0.0)],
        tissue: Tissue { air: 4.0, table: 4.0, fat: 210.0, muscle: 115.0, inner: 115.0 },
        table: false,
        magnitude: true,
    }
}
