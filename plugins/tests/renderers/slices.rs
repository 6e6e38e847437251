//! What a picture shows and how a prompt is put together.

use crate::fixture::*;
use situs_core::prelude::*;
use situs_core::scene::{Backdrop, Colour, MarkShape, Scene};
use situs_core::space::{Affine, Plane, Preset};
use situs_core::volume::{LabelVolume, Labels, Window, sample_trilinear};
use situs_plugins::renderers::slices::Slices;
use situs_plugins::renderers::slices::window::Shades;
use std::sync::Arc;

const SHAPE: [usize; 3] = [32, 32, 16];

/// A block of 12 x 8 x 6 voxels and a ball beside it.
fn bench() -> Bench {
    let mut labels = vec![0; SHAPE.iter().product()];
    for (at, label) in labels.iter_mut().enumerate() {
        let [i, j, k] = [at % 32, at / 32 % 32, at / 1024];
        if (4..16).contains(&i) && (6..14).contains(&j) && (5..11).contains(&k) {
            *label = 1;
        }
    }
    ellipsoid(&mut labels, SHAPE, [23.0, 22.0, 8.0], [4.0, 4.0, 3.0], 2);
    Bench::new(textured(SHAPE, Affine::scaled([2.0; 3], [0.0; 3]), 5), labels)
}

fn axial(slice: usize, marks: Vec<situs_core::scene::Mark>) -> Scene {
    slice_scene(Preset::StandardNeurological, Plane::Axial, slice, marks)
}

fn kinds(prompt: &Prompt) -> Vec<String> {
    prompt
        .parts
        .iter()
        .map(|part| match part {
            Part::Text { text } => text.clone(),
            Part::Image { .. } => "<image>".into(),
            Part::Volume { .. } => "<volume>".into(),
        })
        .collect()
}

#[test]
fn pictures_come_before_the_text_and_frames_are_numbered() {
    let bench = bench();
    assert_eq!(kinds(&bench.prompt(axial(8, vec![])).unwrap()), ["<image>", "Which?"]);
    let stack = Scene { frames: vec![4, 8], stack: true, ..axial(0, vec![]) };
    assert_eq!(
        kinds(&bench.prompt(stack.clone()).unwrap()),
        ["Frame 1:", "<image>", "Frame 2:", "<image>", "Which?"]
    );
    let bare = Slices { headings: false, ..Slices::default() }.build(&BuildContext::default()).unwrap();
    assert_eq!(kinds(&bench.prompt_by(&*bare, stack.clone()).unwrap()), ["<image>", "<image>", "Which?"]);
    let two = slices().render(&[&bench.case, &bench.case], &question(Some(axial(8, vec![]))), &bench);
    assert_eq!(kinds(&two.unwrap()), ["Case 1", "<image>", "Case 2", "<image>", "Which?"]);
}

#[test]
fn without_a_scene_or_a_backdrop_there_is_text_alone() {
    let bench = bench();
    let none = Scene { backdrop: Backdrop::None, ..axial(8, vec![]) };
    assert_eq!(kinds(&bench.prompt(none).unwrap()), ["Which?"]);
    let prompt = slices().render(&[&bench.case], &question(None), &bench).unwrap();
    assert_eq!(kinds(&prompt), ["Which?"]);
}

#[test]
fn a_box_is_the_section_on_a_slice_and_the_whole_structure_in_a_stack() {
    let bench = bench();
    let extent = |picture: &Picture| {
        let found = pixels_of(picture, Colour::Red.rgb());
        let columns = found.iter().map(|(column, _)| *column);
        let rows = found.iter().map(|(_, row)| *row);
        [columns.clone().min(), rows.clone().min(), columns.max(), rows.max()].map(Option::unwrap)
    };
    // 8 pixels a voxel. The ball's slice 10 is smaller than the ball: voxels 21..=25 and 20..=24, not 19..=27 and 18..=26.
    let marks = || vec![mark("s2", MarkShape::Box, Colour::Red)];
    let section = bench.picture(axial(10, marks()));
    let [width, height] = [5, 5].map(|voxels| voxels * 8);
    let [left, top, right, bottom] = extent(&section);
    assert_eq!([right - left + 1, bottom - top + 1], [width, height]);
    assert_eq!(left, 21 * 8);
    let stack = Scene { frames: vec![10, 12], stack: true, ..axial(0, marks()) };
    let pictures = bench.pictures(&bench.prompt(stack).unwrap());
    let [left, top, right, bottom] = extent(&pictures[0]);
    assert_eq!([left, right - left + 1, bottom - top + 1], [19 * 8, 9 * 8, 9 * 8]);
    assert!(pixels_of(&pictures[1], Colour::Red.rgb()).is_empty(), "slice 12 is beyond the ball");
}

#[test]
fn strokes_are_two_pixels_inward_and_fills_let_anatomy_through() {
    let bench = bench();
    let plain = bench.picture(axial(8, vec![]));
    let picture = bench.picture(axial(8, vec![mark("s1", MarkShape::Mask, Colour::Blue)]));
    // Voxels 4..16 of 32 on 256 pixels: columns 32..128; voxel rows 6..14 count from the bottom: rows 144..208.
    let row = 170;
    let solid: Vec<usize> =
        (0..256).filter(|column| pixel(&picture, *column, row) == Colour::Blue.rgb()).collect();
    assert_eq!(solid, [32, 33, 126, 127]);
    let below = pixel(&plain, 80, row);
    let expected: Vec<u8> = below
        .iter()
        .zip(Colour::Blue.rgb())
        .map(|(below, above)| (f64::from(*below) * 0.65 + f64::from(above) * 0.35 + 0.5).floor() as u8)
        .collect();
    assert_eq!(pixel(&picture, 80, row).to_vec(), expected);
    assert_eq!(pixel(&picture, 20, row), pixel(&plain, 20, row), "outside the mask nothing changes");
}

#[test]
fn a_white_backdrop_shows_no_anatomy() {
    let bench = bench();
    let marks = vec![
        lettered("s1", MarkShape::Mask, Colour::Green, 'A'),
        lettered("s2", MarkShape::Point, Colour::Magenta, 'B'),
    ];
    let picture = bench.picture(Scene { backdrop: Backdrop::White, ..axial(8, marks) });
    let grey = picture
        .rgb
        .chunks_exact(3)
        .filter(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2] && rgb[0] != 0 && rgb[0] != 255)
        .count();
    assert_eq!(grey, 0);
    let colours: std::collections::BTreeSet<&[u8]> = picture.rgb.chunks_exact(3).collect();
    // White, black, two strokes, two rims, one fill.
    assert_eq!(colours.len(), 7);
}

#[test]
fn voxels_that_are_not_finite_are_black() {
    let mut bench = bench();
    let mut voxels = vec![240.0f32; SHAPE.iter().product()];
    for (at, odd) in [(0, f32::NAN), (31, f32::INFINITY), (992, f32::NEG_INFINITY)] {
        voxels[8 * 1024 + at] = odd;
    }
    bench.volume = Arc::new(Volume::new(SHAPE, bench.volume.grid.affine, voxels));
    let picture = bench.picture(axial(8, vec![]));
    for (column, row) in [(1, 254), (254, 254), (1, 1)] {
        assert_eq!(pixel(&picture, column, row), [0; 3], "({column}, {row})");
    }
    assert_eq!(pixel(&picture, 128, 128), [255; 3]);
    bench.volume = Arc::new(Volume::new(SHAPE, bench.volume.grid.affine, vec![f32::NAN; 32 * 32 * 16]));
    bench.case.modality = Modality::Mr;
    assert!(bench.picture(axial(8, vec![])).rgb.iter().all(|grey| *grey == 0));
}

#[test]
fn a_picture_covers_the_volume_with_square_pixels() {
    let shape = [30, 20, 10];
    let volume = textured(shape, Affine::scaled([1.0, 2.0, 5.0], [0.0; 3]), 6);
    let bench = Bench::new(volume, vec![0; 6000]);
    for (plane, size) in
        [(Plane::Axial, (192, 256)), (Plane::Coronal, (154, 256)), (Plane::Sagittal, (205, 256))]
    {
        let picture = bench.picture(slice_scene(Preset::StandardRadiological, plane, 5, vec![]));
        assert_eq!((picture.width, picture.height), size, "{plane}");
    }
}

#[test]
fn a_stack_shows_a_point_near_its_slice_and_always_somewhere() {
    let bench = bench();
    let shown = |frames: Vec<usize>, step_mm: f64| -> Vec<bool> {
        let marks = vec![mark("s2", MarkShape::Point, Colour::Yellow)];
        let scene = Scene { frames, stack: true, step_mm, ..axial(0, marks) };
        let pictures = bench.pictures(&bench.prompt(scene).unwrap());
        pictures.iter().map(|picture| centre_of(picture, Colour::Yellow.rgb()).is_some()).collect()
    };
    // The centre lies on slice 8, slices are 2 mm apart: 5 mm reach two slices either way.
    assert_eq!(shown(vec![5, 6, 8, 10, 11], 4.0), [false, true, true, true, false]);
    // Half a step of 12 mm reaches three slices.
    assert_eq!(shown(vec![5, 11], 12.0), [true, true]);
    // Nothing within reach: the nearest frame shows it.
    assert_eq!(shown(vec![0, 4, 14], 8.0), [false, true, false]);
}

#[test]
fn marks_that_cannot_be_seen_drop_the_item() {
    let bench = bench();
    let rejected = |scene: Scene| {
        let fault = bench.prompt(scene).unwrap_err();
        assert_eq!(fault.cause, Cause::Rejected, "{fault}");
        fault.what
    };
    let red = |shape| vec![mark("s2", shape, Colour::Red)];
    assert!(rejected(axial(1, red(MarkShape::Mask))).contains("not on the slice"));
    let stack = Scene { frames: vec![0, 15], stack: true, ..axial(0, red(MarkShape::Box)) };
    assert!(rejected(stack).contains("on no frame"));
    // A structure in two parts with nothing of it on the slice between them.
    let mut labels = vec![0; SHAPE.iter().product()];
    ellipsoid(&mut labels, SHAPE, [10.0, 10.0, 3.0], [3.0; 3], 1);
    ellipsoid(&mut labels, SHAPE, [20.0, 20.0, 12.0], [3.0; 3], 1);
    let parts = Bench::new(textured(SHAPE, Affine::IDENTITY, 8), labels);
    let between = vec![mark("s1", MarkShape::Mask, Colour::Red)];
    let fault = parts.prompt(Scene { stack: true, ..axial(8, between) }).unwrap_err();
    assert_eq!((fault.cause, fault.what.as_str()), (Cause::Rejected, "a marked structure is on no frame"));
    // Two boxes of one structure lie on each other.
    let twice = vec![mark("s2", MarkShape::Box, Colour::Red), mark("s2", MarkShape::Box, Colour::Blue)];
    assert_eq!(rejected(axial(8, twice)), "a box is hidden by another mark");
    let dots = vec![mark("s2", MarkShape::Point, Colour::Red), mark("s2", MarkShape::Point, Colour::Blue)];
    assert_eq!(rejected(axial(8, dots)), "a point is hidden by another mark");
}

#[test]
fn scenes_that_make_no_sense_are_faults_not_panics() {
    let bench = bench();
    let fault = |scene: Scene| bench.prompt(scene).unwrap_err();
    assert_eq!(fault(axial(16, vec![])).cause, Cause::Data);
    assert_eq!(fault(axial(8, vec![mark("absent", MarkShape::Box, Colour::Red)])).cause, Cause::Data);
    assert_eq!(fault(Scene { frames: vec![], ..axial(8, vec![]) }).cause, Cause::Unsupported);
    assert_eq!(fault(Scene { long_side: 0, ..axial(8, vec![]) }).cause, Cause::Unsupported);
    assert_eq!(fault(Scene { long_side: u32::MAX, ..axial(8, vec![]) }).cause, Cause::Unsupported);
    let odd = vec![lettered("s1", MarkShape::Box, Colour::Red, 'Z')];
    assert_eq!(fault(axial(8, odd)).cause, Cause::Unsupported);
    let mut other = self::bench();
    let grid = Grid { shape: [32, 32, 15], affine: other.volume.grid.affine };
    let labels = LabelVolume::new(grid, Labels::U8(vec![1; grid.len()]));
    other.segmentation = Arc::new(Segmentation::from_labels(&labels.view(), None).unwrap());
    let unlike = other.prompt(axial(8, vec![mark("label_1", MarkShape::Box, Colour::Red)])).unwrap_err();
    assert_eq!(unlike.cause, Cause::Data);
    other.case.volumes.clear();
    assert_eq!(other.prompt(axial(8, vec![])).unwrap_err().cause, Cause::Data);
}

#[test]
fn parameters_out_of_range_are_named() {
    for (spec, field) in [
        (Slices { alpha: 1.5, ..Slices::default() }, "alpha"),
        (Slices { alpha: f64::NAN, ..Slices::default() }, "alpha"),
        (Slices { outline: 0, ..Slices::default() }, "outline"),
        (Slices { dot_radius: 1e9, ..Slices::default() }, "dot_radius"),
        (Slices { window: Shades::Set(Window::linear(0.0, 40.0)), ..Slices::default() }, "window"),
    ] {
        let fault = spec.build(&BuildContext::default()).err().unwrap();
        assert_eq!((fault.cause, fault.at), (Cause::Config, vec![field.into()]));
    }
}

#[test]
fn the_same_slice_of_another_volume_of_the_same_name_is_drawn_anew() {
    let mut bench = bench();
    let renderer = slices();
    let first = bench.prompt_by(&*renderer, axial(8, vec![])).unwrap();
    assert_eq!(bench.prompt_by(&*renderer, axial(8, vec![])).unwrap(), first);
    bench.volume = Arc::new(textured(SHAPE, bench.volume.grid.affine, 99));
    assert_ne!(bench.prompt_by(&*renderer, axial(8, vec![])).unwrap(), first);
}

#[test]
fn pixels_are_trilinear_samples_of_the_volume() {
    let bench = bench();
    for preset in Preset::ALL {
        for plane in Plane::ALL {
            let scene = slice_scene(preset, plane, 7, vec![]);
            let (canvas, picture) = (bench.canvas(&scene), bench.picture(scene));
            for (column, row) in [(0, 0), (3, 200), (100, 17), (61, 90), (120, 127)] {
                let (column, row) = (column.min(picture.width - 1), row.min(picture.height - 1));
                let index = canvas.locate([f64::from(column) + 0.5, f64::from(row) + 0.5], 7.0);
                let value = f64::from(sample_trilinear(&bench.volume, index));
                let shade = ((value + 160.0) / 400.0).clamp(0.0, 1.0) * 255.0;
                let found = f64::from(pixel(&picture, column as usize, row as usize)[0]);
                assert!((found - shade).abs() <= 0.51, "{preset:?} {plane} ({column}, {row})");
            }
        }
    }
}
