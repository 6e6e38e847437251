//! Volumes for 3-D models, read back from their NPY files.

use crate::fixture::*;
use situs_core::prelude::*;
use situs_core::scene::{Backdrop, Colour, MarkShape, Scene};
use situs_core::space::{Affine, Plane, Preset};
use situs_core::volume::Window;
use situs_plugins::renderers::slices::window::Shades;
use situs_plugins::renderers::volume_input::{VolumeInput, VolumePreset};
use std::sync::Arc;

const SHAPE: [usize; 3] = [32, 32, 16];

/// Values grow by 100 HU from left to right, 10 from back to front, 1 from bottom to top, in tenths.
fn bench() -> Bench {
    let voxels = (0..SHAPE.iter().product::<usize>())
        .map(|at| {
            let [i, j, k] = [at % 32, at / 32 % 32, at / 1024];
            i as f32 + j as f32 * 0.1 + k as f32 * 0.01
        })
        .collect();
    let mut labels = vec![0; SHAPE.iter().product()];
    ellipsoid(&mut labels, SHAPE, [9.0, 22.0, 8.0], [5.0, 5.0, 4.0], 1);
    ellipsoid(&mut labels, SHAPE, [23.0, 9.0, 8.0], [4.0, 4.0, 3.0], 2);
    Bench::new(Volume::new(SHAPE, Affine::scaled([2.0, 2.0, 4.0], [0.0; 3]), voxels), labels)
}

fn stack(marks: Vec<situs_core::scene::Mark>) -> Scene {
    let scene = slice_scene(Preset::StandardRadiological, Plane::Axial, 0, marks);
    Scene { frames: vec![0, 5, 10, 15], stack: true, step_mm: 20.0, ..scene }
}

/// The one volume of a prompt: shape as written in the header, voxels `[z, y, x]`.
fn array(bench: &Bench, spec: &VolumeInput, scene: Scene) -> Result<(String, Vec<f32>), Fault> {
    let renderer = spec.build(&BuildContext::default()).unwrap();
    let prompt = bench.prompt_by(&*renderer, scene)?;
    let volume = prompt.volumes().next().unwrap();
    let bytes = std::fs::read(bench.path(&volume.id).unwrap()).unwrap();
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8(bytes[10..start].to_vec()).unwrap();
    let voxels = bytes[start..].chunks_exact(4).map(|value| f32::from_le_bytes(value.try_into().unwrap()));
    Ok((header, voxels.collect()))
}

fn wide() -> VolumeInput {
    VolumeInput {
        window: Shades::Set(Window::linear(40.0, 16.0)),
        shape: Some([16, 32, 32]),
        ..VolumeInput::default()
    }
}

#[test]
fn presets_have_the_shapes_of_their_models() {
    let bench = bench();
    for (preset, shape) in
        [(VolumePreset::M3d, "(32, 256, 256)"), (VolumePreset::Med3dvlm, "(128, 256, 256)")]
    {
        let spec = VolumeInput { preset, ..VolumeInput::default() };
        let (header, voxels) = array(&bench, &spec, stack(vec![])).unwrap();
        assert!(header.contains(shape), "{header}");
        assert!(voxels.iter().all(|value| (0.0..=1.0).contains(value)));
    }
}

#[test]
fn depth_rows_and_columns_follow_the_view() {
    let bench = bench();
    let (_, voxels) = array(&bench, &wide(), stack(vec![])).unwrap();
    let value = |z: usize, y: usize, x: usize| f64::from(voxels[(z * 32 + y) * 32 + x]) * 40.0 - 4.0;
    // Radiological axial: depth toward superior, rows toward posterior, columns toward the patient's left.
    for [z, y, x] in [[0, 0, 0], [15, 31, 31], [3, 20, 7]] {
        let expected = (31 - x) as f64 + (31 - y) as f64 * 0.1 + z as f64 * 0.01;
        assert!((value(z, y, x) - expected).abs() < 1e-4, "{z} {y} {x}");
    }
    let scene = Scene { view: Preset::RasFirstRaw.view(Plane::Coronal), ..stack(vec![]) };
    let spec = VolumeInput { shape: Some([32, 32, 16]), ..wide() };
    let (_, voxels) = array(&bench, &spec, scene).unwrap();
    // Depth toward posterior, rows toward left, columns toward inferior.
    let [z, y, x] = [4, 9, 2];
    let found = f64::from(voxels[(z * 32 + y) * 16 + x]) * 40.0 - 4.0;
    assert!((found - ((31 - y) as f64 + (31 - z) as f64 * 0.1 + (15 - x) as f64 * 0.01)).abs() < 1e-4);
}

#[test]
fn resizing_is_trilinear_from_face_to_face() {
    let bench = bench();
    let spec = VolumeInput { shape: Some([8, 64, 16]), ..wide() };
    let (_, voxels) = array(&bench, &spec, stack(vec![])).unwrap();
    // Voxel (z, y, x) of 8 x 64 x 16 has its centre at depth 2z + 0.5, row y / 2 - 0.25, column 2x + 0.5.
    let [z, y, x] = [3, 21, 6];
    let expected = (31.0 - 12.5) + (31.0 - 10.25) * 0.1 + 6.5 * 0.01;
    let found = f64::from(voxels[(z * 64 + y) * 16 + x]) * 40.0 - 4.0;
    assert!((found - expected).abs() < 1e-4, "{found} and {expected}");
}

#[test]
fn marks_are_burnt_in_at_full_intensity_or_left_out() {
    let mut bench = bench();
    bench.volume = Arc::new(Volume::new(SHAPE, bench.volume.grid.affine, vec![0.0; 32 * 32 * 16]));
    for shape in [MarkShape::Mask, MarkShape::Box, MarkShape::Point] {
        let marks =
            || vec![lettered("s1", shape, Colour::Red, 'A'), lettered("s2", shape, Colour::Blue, 'B')];
        let spec = VolumeInput::default();
        let (_, plain) =
            array(&bench, &VolumeInput { marks: false, ..spec.clone() }, stack(marks())).unwrap();
        assert_eq!(plain, array(&bench, &spec, stack(vec![])).unwrap().1);
        let (_, marked) = array(&bench, &spec, stack(marks())).unwrap();
        // 0 HU in the soft-tissue window is 0.4; marks are 1, plates 0 and 1.
        let changed: Vec<usize> = (0..plain.len()).filter(|at| plain[*at] != marked[*at]).collect();
        assert!(!changed.is_empty());
        assert!(changed.iter().all(|at| marked[*at] == 0.0 || marked[*at] == 1.0));
        // Slice 8 of 16 is depth 16 or 17 of 32, and both structures show there; the first and last depth show nothing.
        let plane = 256 * 256;
        assert!(changed.iter().any(|at| at / plane == 17));
        assert!(changed.iter().all(|at| (6..=26).contains(&(at / plane))));
    }
}

#[test]
fn questions_that_a_grey_volume_cannot_carry_are_dropped() {
    let bench = bench();
    let rejected = |scene| {
        let fault = array(&bench, &VolumeInput::default(), scene).unwrap_err();
        assert_eq!(fault.cause, Cause::Rejected, "{fault}");
    };
    rejected(Scene { stack: false, ..stack(vec![]) });
    rejected(Scene { backdrop: Backdrop::White, ..stack(vec![]) });
    rejected(stack(vec![mark("s1", MarkShape::Box, Colour::Red), mark("s2", MarkShape::Box, Colour::Blue)]));
}

#[test]
fn texts_that_speak_of_what_a_volume_does_not_show_are_dropped() {
    let bench = bench();
    let marks = || {
        vec![
            lettered("s1", MarkShape::Box, Colour::Red, 'A'),
            lettered("s2", MarkShape::Box, Colour::Blue, 'B'),
        ]
    };
    let render = |marked: bool, text: &str| {
        // Letter plates need room.
        let spec = VolumeInput { marks: marked, shape: Some([16, 256, 256]), ..wide() };
        let renderer = spec.build(&BuildContext::default()).unwrap();
        let asked = Question { text: text.to_owned(), ..question(Some(stack(marks()))) };
        renderer.render(&[&bench.case], &asked, &bench).map_err(|fault| fault.cause)
    };
    let letters = "The pictures carry 2 marks: box A, box B.";
    let both = "The pictures carry 2 marks: red box A, blue box B.";
    assert_eq!(render(true, letters).map(drop), Ok(()));
    assert_eq!(render(true, both), Err(Cause::Rejected));
    assert_eq!(render(false, letters), Err(Cause::Rejected));
    assert!(render(false, "Where is the liver?").is_ok());
}

#[test]
fn the_prompt_says_that_frames_come_as_one_volume() {
    let bench = bench();
    let renderer = wide().build(&BuildContext::default()).unwrap();
    let prompt = bench.prompt_by(&*renderer, stack(vec![])).unwrap();
    let Part::Text { text } = &prompt.parts[0] else { panic!("{prompt:?}") };
    assert_eq!(
        text,
        "You are given one CT volume instead of separate frames: 16 axial planes, in the order of the frames, spread evenly \
         over the whole scan."
    );
}

#[test]
fn text_only_questions_stay_text_only() {
    let bench = bench();
    let renderer = VolumeInput::default().build(&BuildContext::default()).unwrap();
    let scene = Scene { backdrop: Backdrop::None, ..stack(vec![]) };
    assert_eq!(bench.prompt_by(&*renderer, scene).unwrap(), Prompt::text("Which?"));
}

#[test]
fn shapes_out_of_range_are_refused() {
    for shape in [[0, 256, 256], [1 << 20, 4096, 4096], [1, 5000, 1], [usize::MAX, 2, 2]] {
        let spec = VolumeInput { shape: Some(shape), ..VolumeInput::default() };
        let fault = spec.build(&BuildContext::default()).err().unwrap();
        assert_eq!(fault.at, ["shape".into()]);
    }
}
