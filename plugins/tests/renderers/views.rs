//! Pictures against the patient: storage orders, presets, mirrors.

use crate::fixture::*;
use situs_core::prelude::*;
use situs_core::scene::{Colour, Mark, MarkShape, Scene};
use situs_core::space::{Affine, Plane, Preset};
use situs_plugins::renderers::volume_input::VolumeInput;

/// What the edges of the screen show, as a radiologist would write it, per preset and plane: top, bottom, left, right,
/// and where later frames go.
/// Conventions of display and of array storage, not taken from the view code.
const EDGES: [(Preset, Plane, &str); 18] = [
    (Preset::StandardRadiological, Plane::Axial, "APRLS"),
    (Preset::StandardRadiological, Plane::Coronal, "SIRLP"),
    (Preset::StandardRadiological, Plane::Sagittal, "SIAPL"),
    (Preset::StandardNeurological, Plane::Axial, "APLRS"),
    (Preset::StandardNeurological, Plane::Coronal, "SILRP"),
    (Preset::StandardNeurological, Plane::Sagittal, "SIAPL"),
    (Preset::RasPlusRaw, Plane::Axial, "LRPAS"),
    (Preset::RasPlusRaw, Plane::Coronal, "LRISA"),
    (Preset::RasPlusRaw, Plane::Sagittal, "PAISR"),
    (Preset::RasPlusTransposed, Plane::Axial, "PALRS"),
    (Preset::RasPlusTransposed, Plane::Coronal, "ISLRA"),
    (Preset::RasPlusTransposed, Plane::Sagittal, "ISPAR"),
    (Preset::RasFirstRaw, Plane::Axial, "RLAPI"),
    (Preset::RasFirstRaw, Plane::Coronal, "RLSIP"),
    (Preset::RasFirstRaw, Plane::Sagittal, "APSIL"),
    (Preset::RasFirstTransposed, Plane::Axial, "APRLI"),
    (Preset::RasFirstTransposed, Plane::Coronal, "SIRLP"),
    (Preset::RasFirstTransposed, Plane::Sagittal, "SIAPL"),
];

/// World axis and sign of a letter: R, A and S are +x, +y and +z.
fn toward(letter: char) -> (usize, f64) {
    match letter {
        'R' => (0, 1.0),
        'L' => (0, -1.0),
        'A' => (1, 1.0),
        'P' => (1, -1.0),
        'S' => (2, 1.0),
        _ => (2, -1.0),
    }
}

const SHAPE: [usize; 3] = [40, 32, 24];

/// Four structures that differ along every axis and all cut the middle slice of each axis.
fn bench() -> Bench {
    let mut labels = vec![0; SHAPE.iter().product()];
    let parts =
        [([11.0, 9.0, 8.0], 1), ([28.0, 12.0, 12.0], 2), ([14.0, 21.0, 14.0], 3), ([25.0, 24.0, 17.0], 4)];
    for (centre, label) in parts {
        ellipsoid(&mut labels, SHAPE, centre, [2.5; 3], label);
    }
    Bench::new(textured(SHAPE, Affine::scaled([2.0, 2.5, 3.0], [-30.0, 10.0, 5.0]), 1), labels)
}

const COLOURS: [Colour; 4] = [Colour::Red, Colour::Blue, Colour::Green, Colour::Yellow];

fn four_points() -> Vec<Mark> {
    (1..=4).map(|label| mark(&format!("s{label}"), MarkShape::Point, COLOURS[label - 1])).collect()
}

#[test]
fn dots_lie_where_the_patient_is_in_every_preset_and_plane() {
    let bench = bench();
    for (preset, plane, edges) in EDGES {
        let edges: Vec<(usize, f64)> = edges.chars().map(toward).collect();
        let through = plane.through().index();
        // A stack of one frame for each structure: the frame nearest to its centre shows its dot.
        let frames: Vec<usize> = (1..=4)
            .map(|label| {
                bench.structure(&format!("s{label}")).centroid_index.unwrap()[through].round() as usize
            })
            .collect();
        let scene = Scene { frames, stack: true, ..slice_scene(preset, plane, 0, four_points()) };
        let canvas = bench.canvas(&scene);
        let pictures = bench.pictures(&bench.prompt(scene).unwrap());
        let found: Vec<([f64; 2], [f64; 3])> = (1..=4)
            .map(|label| {
                let structure = bench.structure(&format!("s{label}"));
                let dot = centre_of(&pictures[label - 1], COLOURS[label - 1].rgb()).unwrap();
                let expected = canvas.project(structure.centroid_index.unwrap());
                for axis in 0..2 {
                    assert!(
                        (dot[axis] - expected[axis]).abs() < 0.5,
                        "{preset:?} {plane}: s{label} drawn at {dot:?}, not at {expected:?}"
                    );
                }
                (dot, structure.centroid_ras_mm.unwrap())
            })
            .collect();
        for (a, b) in (0..4).flat_map(|a| (0..a).map(move |b| (a, b))) {
            let ((dot_a, world_a), (dot_b, world_b)) = (&found[a], &found[b]);
            // (edge, screen axis, sign of the pixel difference when A lies farther toward this edge)
            for (edge, screen, sign) in [(0, 1, -1.0), (1, 1, 1.0), (2, 0, -1.0), (3, 0, 1.0)] {
                let (axis, world_sign) = edges[edge];
                let farther = (world_a[axis] - world_b[axis]) * world_sign;
                let pixels = (dot_a[screen] - dot_b[screen]) * sign;
                assert!(
                    farther.abs() < 1e-6 || (farther > 0.0) == (pixels > 0.0),
                    "{preset:?} {plane}: s{} and s{} at edge {edge}",
                    a + 1,
                    b + 1
                );
            }
        }
    }
}

#[test]
fn a_single_slice_shows_the_centre_of_the_section() {
    let shape = [30, 30, 9];
    let mut labels = vec![0; shape.iter().product()];
    // An oblique rod: its section moves with the slice, its centre in the volume does not.
    for k in 0..9 {
        ellipsoid(&mut labels, shape, [6.0 + 2.0 * k as f64, 15.0, k as f64], [3.0, 3.0, 0.4], 1);
    }
    let bench = Bench::new(textured(shape, Affine::IDENTITY, 2), labels);
    let scene = |slice| {
        let marks = vec![mark("s1", MarkShape::Point, Colour::Green)];
        slice_scene(Preset::StandardNeurological, Plane::Axial, slice, marks)
    };
    for slice in [0, 4, 8] {
        let dot = centre_of(&bench.picture(scene(slice)), Colour::Green.rgb()).unwrap();
        let expected = bench.canvas(&scene(slice)).project([6.0 + 2.0 * slice as f64, 15.0, slice as f64]);
        assert!((dot[0] - expected[0]).abs() < 0.5, "slice {slice}: {dot:?} and {expected:?}");
    }
}

/// The 48 ways of storing one array: an order of the axes and a flip of each.
fn storage_orders() -> Vec<([usize; 3], [bool; 3])> {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    orders
        .into_iter()
        .flat_map(|order| (0..8).map(move |flips| (order, [0, 1, 2].map(|axis| flips >> axis & 1 == 1))))
        .collect()
}

/// Stored axis n runs along canonical axis `order[n]`, backwards where `flips[n]`; returns the stored affine and shape
/// and, for each stored voxel in order, the canonical one.
fn stored(grid: &Grid, order: [usize; 3], flips: [bool; 3]) -> (Affine, [usize; 3], Vec<usize>) {
    let shape = order.map(|axis| grid.shape[axis]);
    let canonical = |at: [usize; 3]| {
        let mut index = [0; 3];
        for axis in 0..3 {
            index[order[axis]] = if flips[axis] { shape[axis] - 1 - at[axis] } else { at[axis] };
        }
        index
    };
    let world = |at| grid.affine.apply(canonical(at).map(|index| index as f64));
    let origin = world([0, 0, 0]);
    let mut rows = Affine::IDENTITY.0;
    for (axis, unit) in [[1, 0, 0], [0, 1, 0], [0, 0, 1]].into_iter().enumerate() {
        let step = world(unit);
        for row in 0..3 {
            rows[row][axis] = step[row] - origin[row];
            rows[row][3] = origin[row];
        }
    }
    let [nx, ny, _] = grid.shape;
    let mut sources = Vec::with_capacity(grid.len());
    for k in 0..shape[2] {
        for j in 0..shape[1] {
            for i in 0..shape[0] {
                let [x, y, z] = canonical([i, j, k]);
                sources.push(x + nx * (y + ny * z));
            }
        }
    }
    (Affine(rows), shape, sources)
}

/// Reads a stored array back into canonical order, as a reader does.
fn canonicalised<T: Copy>(voxels: &[T], affine: Affine, shape: [usize; 3]) -> (Grid, Vec<T>) {
    let (affine, canonical_shape, source) = affine.canonical(shape);
    let mut out = Vec::with_capacity(voxels.len());
    for z in 0..canonical_shape[2] {
        for y in 0..canonical_shape[1] {
            for x in 0..canonical_shape[0] {
                let mut at = [0; 3];
                for (index, (axis, flipped)) in [x, y, z].into_iter().zip(source) {
                    at[axis] = if flipped { shape[axis] - 1 - index } else { index };
                }
                out.push(voxels[at[0] + shape[0] * (at[1] + shape[1] * at[2])]);
            }
        }
    }
    (Grid { shape: canonical_shape, affine }, out)
}

#[test]
fn all_48_storage_orders_give_the_same_png_bytes() {
    let shape = [21, 17, 12];
    // Slightly oblique, so that the affine is no scaled identity.
    let (sin, cos) = 4.0f64.to_radians().sin_cos();
    let affine = Affine([
        [1.5 * cos, -2.0 * sin, 0.0, -14.0],
        [1.5 * sin, 2.0 * cos, 0.0, 30.0],
        [0.0, 0.0, 2.5, 7.0],
        [0.0, 0.0, 0.0, 1.0],
    ]);
    let image = textured(shape, affine, 3);
    let mut labels = vec![0u8; image.grid.len()];
    ellipsoid(&mut labels, shape, [6.0, 5.0, 6.0], [4.0, 3.0, 5.0], 1);
    ellipsoid(&mut labels, shape, [14.0, 12.0, 5.0], [3.0, 3.0, 5.0], 2);
    let scenes = |bench: &Bench| -> Vec<Vec<u8>> {
        [(Preset::StandardRadiological, Plane::Axial, [3, 6]), (Preset::RasPlusRaw, Plane::Sagittal, [6, 13])]
            .into_iter()
            .flat_map(|(preset, plane, frames)| {
                let marks = vec![
                    lettered("s1", MarkShape::Mask, Colour::Red, 'A'),
                    lettered("s2", MarkShape::Box, Colour::Cyan, 'B'),
                ];
                let scene =
                    Scene { frames: frames.to_vec(), stack: true, ..slice_scene(preset, plane, 0, marks) };
                let prompt = bench.prompt(scene).unwrap();
                prompt.images().map(|image| bench.png(image).unwrap().to_vec()).collect::<Vec<_>>()
            })
            .collect()
    };
    let expected = scenes(&Bench::new(image.clone(), labels.clone()));
    let orders = storage_orders();
    assert_eq!(orders.len(), 48);
    for (order, flips) in orders {
        let (affine, stored_shape, sources) = stored(&image.grid, order, flips);
        let stored_image: Vec<f32> = sources.iter().map(|at| image.voxels[*at]).collect();
        let stored_labels: Vec<u8> = sources.iter().map(|at| labels[*at]).collect();
        let (grid, voxels) = canonicalised(&stored_image, affine, stored_shape);
        let (_, read_labels) = canonicalised(&stored_labels, affine, stored_shape);
        let bench = Bench::new(Volume::new(grid.shape, grid.affine, voxels), read_labels);
        assert!(scenes(&bench) == expected, "order {order:?}, flips {flips:?}");
    }
}

#[test]
fn mirrored_voxels_give_mirrored_pictures() {
    let bench = bench();
    let [nx, ..] = SHAPE;
    let mirrored = |at: usize| at / nx * nx + (nx - 1 - at % nx);
    let count = bench.volume.voxels.len();
    let image = Volume::new(
        SHAPE,
        bench.volume.grid.affine,
        (0..count).map(|at| bench.volume.voxels[mirrored(at)]).collect(),
    );
    let mut labels = vec![0u8; count];
    for label in 1..=4u8 {
        let mask = bench.segmentation.masks[usize::from(label) - 1].as_ref().unwrap();
        for (at, value) in labels.iter_mut().enumerate() {
            let source = mirrored(at);
            let index = [source % nx, source / nx % SHAPE[1], source / nx / SHAPE[1]];
            if mask.contains(index) {
                *value = label;
            }
        }
    }
    let twin = Bench::new(image, labels);
    for shape in [MarkShape::Mask, MarkShape::Box, MarkShape::Point] {
        let scene = || {
            let marks = (1..=4).map(|label| mark(&format!("s{label}"), shape, COLOURS[label - 1])).collect();
            let scene = slice_scene(Preset::StandardRadiological, Plane::Axial, 0, marks);
            Scene { frames: vec![8, 12, 15], stack: true, step_mm: 9.0, ..scene }
        };
        let straight = bench.pictures(&bench.prompt(scene()).unwrap());
        let across = twin.pictures(&twin.prompt(scene()).unwrap());
        for (one, other) in straight.iter().zip(&across) {
            let width = one.width as usize;
            for row in 0..one.height as usize {
                for column in 0..width {
                    let (a, b) = (pixel(one, column, row), pixel(other, width - 1 - column, row));
                    // A sum in the other order may round to the next grey level.
                    let near = a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 1);
                    assert!(near, "{shape:?} ({column}, {row}): {a:?} and {b:?}");
                }
            }
        }
    }
}

#[test]
fn a_bright_corner_shows_in_the_right_corner_of_every_view() {
    // One bright block at the RAS-most corner: it must stand where the edges named R, A and S meet.
    let mut voxels = vec![-160.0f32; SHAPE.iter().product()];
    for (at, voxel) in voxels.iter_mut().enumerate() {
        let index = [at % SHAPE[0], at / SHAPE[0] % SHAPE[1], at / SHAPE[0] / SHAPE[1]];
        if (0..3).all(|axis| index[axis] + 4 >= SHAPE[axis]) {
            *voxel = 240.0;
        }
    }
    let bench = Bench::new(
        Volume::new(SHAPE, Affine::scaled([2.0; 3], [0.0; 3]), voxels.clone()),
        vec![0; voxels.len()],
    );
    for (preset, plane, edges) in EDGES {
        let slice = SHAPE[plane.through().index()] - 1;
        let picture = bench.picture(slice_scene(preset, plane, slice, Vec::new()));
        let positive = |letter: Option<char>| letter.is_some_and(|letter| "RAS".contains(letter));
        let row = if positive(edges.chars().next()) { 1 } else { picture.height as usize - 2 };
        let column = if positive(edges.chars().nth(2)) { 1 } else { picture.width as usize - 2 };
        assert_eq!(pixel(&picture, column, row), [255; 3], "{preset:?} {plane}");
        let (far_column, far_row) = (picture.width as usize - 1 - column, picture.height as usize - 1 - row);
        assert_eq!(pixel(&picture, far_column, far_row), [0; 3], "{preset:?} {plane}");
    }
}

#[test]
fn a_model_volume_runs_with_the_frames_and_the_screen_of_every_view() {
    for (preset, plane, edges) in EDGES {
        let letters: Vec<char> = edges.chars().collect();
        // Depth goes where later frames go, rows where the bottom edge is, columns where the right edge is.
        for (array_axis, letter) in [letters[4], letters[1], letters[3]].into_iter().enumerate() {
            let (world_axis, sign) = toward(letter);
            let ramp = (0..SHAPE.iter().product::<usize>())
                .map(|at| {
                    [at % SHAPE[0], at / SHAPE[0] % SHAPE[1], at / SHAPE[0] / SHAPE[1]][world_axis] as f32
                })
                .collect();
            let bench =
                Bench::new(Volume::new(SHAPE, Affine::IDENTITY, ramp), vec![0; SHAPE.iter().product()]);
            let renderer = VolumeInput { shape: Some([6, 6, 6]), ..VolumeInput::default() }
                .build(&BuildContext::default())
                .unwrap();
            let scene = Scene { stack: true, ..slice_scene(preset, plane, 0, Vec::new()) };
            let prompt = bench.prompt_by(&*renderer, scene).unwrap();
            let bytes = std::fs::read(bench.path(&prompt.volumes().next().unwrap().id).unwrap()).unwrap();
            let value = |at: usize| {
                let start = bytes.len() - 4 * 216 + 4 * at;
                f64::from(f32::from_le_bytes(bytes[start..start + 4].try_into().unwrap()))
            };
            for (axis, step) in [36, 6, 1].into_iter().enumerate() {
                let growth = value(step) - value(0);
                let expected = if axis == array_axis { sign } else { 0.0 };
                assert!(
                    if expected == 0.0 { growth.abs() < 1e-6 } else { growth * expected > 1e-6 },
                    "{preset:?} {plane}: array axis {axis} should grow toward {letter}"
                );
            }
        }
    }
}
