//! Prompts as published models' own pipelines prepare them.

use crate::fixture::*;
use situs_core::prelude::*;
use situs_core::space::Affine;
use situs_plugins::renderers::model_slices::{ModelSlices, SlicesFor};
use situs_plugins::renderers::model_volume::{ModelVolume, VolumeFor};
use situs_plugins::renderers::uniform_slices;

/// A CT whose voxels are a function of their canonical index: x grows toward right, y toward anterior, z toward superior.
fn bench(shape: [usize; 3], spacing: [f64; 3], value: impl Fn([usize; 3]) -> f32) -> Bench {
    let count = shape.iter().product::<usize>();
    let voxels = (0..count)
        .map(|at| value([at % shape[0], at / shape[0] % shape[1], at / shape[0] / shape[1]]))
        .collect();
    Bench::new(Volume::new(shape, Affine::scaled(spacing, [0.0; 3]), voxels), vec![0; count])
}

fn asked(bench: &Bench, spec: &dyn PromptRendererSpec) -> Prompt {
    let question = Question { text: "Where?".to_owned(), ..question(None) };
    spec.build(&BuildContext::default()).unwrap().render(&[&bench.case], &question, bench).unwrap()
}

fn array(bench: &Bench, spec: &ModelVolume) -> (String, Vec<f32>) {
    let prompt = asked(bench, spec);
    let bytes = std::fs::read(bench.path(&prompt.volumes().next().unwrap().id).unwrap()).unwrap();
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8(bytes[10..start].to_vec()).unwrap();
    (
        header,
        bytes[start..].chunks_exact(4).map(|value| f32::from_le_bytes(value.try_into().unwrap())).collect(),
    )
}

#[test]
fn slices_are_those_of_numpys_linspace() {
    // numpy.round(numpy.linspace(0, n - 1, k)).astype(int)
    assert_eq!(uniform_slices(10, 4), [0, 3, 6, 9]);
    assert_eq!(uniform_slices(6, 3), [0, 2, 5], "2.5 rounds to the even neighbour");
    assert_eq!(uniform_slices(8, 3), [0, 4, 7], "3.5 does, too");
    assert_eq!(uniform_slices(3, 5), [0, 1, 2]);
    assert_eq!(uniform_slices(9, 1), [4]);
    let many = uniform_slices(300, 85);
    assert_eq!((many.len(), many[0], many[84]), (85, 0, 299));
}

#[test]
fn each_models_pictures_have_its_number_and_size() {
    let bench = bench([40, 30, 100], [1.0, 1.0, 2.0], |_| 0.0);
    for (model, pictures, size) in [
        (SlicesFor::Medgemma, 85, (896, 896)),
        (SlicesFor::Lingshu, 32, (40, 30)),
        (SlicesFor::VilaM3, 1, (40, 30)),
    ] {
        let prompt = asked(&bench, &ModelSlices { model, ..ModelSlices::default() });
        let images: Vec<&ImageRef> = prompt.images().collect();
        assert_eq!(images.len(), pictures, "{model:?}");
        assert_eq!((images[0].width, images[0].height), size, "{model:?}");
        assert!(prompt.joined_text().contains("Where?"), "{model:?}");
    }
}

#[test]
fn each_colour_channel_has_a_window_of_its_own() {
    let bench = bench([16, 16, 4], [1.0; 3], |_| 40.0);
    let prompt = asked(&bench, &ModelSlices { model: SlicesFor::Medgemma, ..ModelSlices::default() });
    let picture = &bench.pictures(&prompt)[0];
    // (40 + 1225) / 2250 * 255 = 143.37; (40 + 135) / 350 * 255 = 127.5 to the even 128; 40 / 80 * 255 = 127.5 likewise.
    assert_eq!(picture.rgb[..3], [143, 128, 128]);
    let parts: Vec<&Part> = prompt.parts.iter().collect();
    assert!(
        matches!(parts[2], Part::Text { text } if text == "SLICE 1"),
        "each picture is followed by its number"
    );
}

#[test]
fn the_patients_right_is_on_the_left_of_the_picture() {
    // x grows toward the patient's right, so the largest values belong on the left.
    let bench = bench([16, 16, 2], [1.0; 3], |[x, ..]| x as f32 * 10.0);
    let spec =
        ModelSlices { model: SlicesFor::Lingshu, windows: Some([[0.0, 150.0]; 3]), ..ModelSlices::default() };
    let picture = &bench.pictures(&asked(&bench, &spec))[0];
    assert_eq!((picture.rgb[0], picture.rgb[15 * 3]), (255, 0));
}

#[test]
fn each_models_volume_has_its_shape_and_range() {
    let bench =
        bench([20, 20, 20], [6.0; 3], |[x, y, z]| if (x, y, z) == (0, 0, 0) { -2000.0 } else { 500.0 });
    for (model, shape, middle) in [
        (VolumeFor::CtChat, "(240, 480, 480)", 0.5),
        (VolumeFor::Merlin, "(160, 224, 224)", 0.75),
        (VolumeFor::Med3dvlm, "(128, 256, 256)", 1.0),
        (VolumeFor::M3d, "(32, 256, 256)", 1.0),
        (VolumeFor::Radfm, "(128, 512, 512)", (500.0 + 1024.0) / 2048.0),
    ] {
        let (header, voxels) = array(&bench, &ModelVolume { model, ..ModelVolume::default() });
        assert!(header.contains(shape), "{model:?}: {header}");
        // The middle of the array lies half a plane in; all neighbours there are 500 HU.
        let sides: Vec<usize> =
            shape.trim_matches(['(', ')']).split(", ").map(|side| side.parse().unwrap()).collect();
        let at = (sides[0] / 2 * sides[1] + sides[1] / 2) * sides[2] + sides[2] / 2;
        assert!((voxels[at] - middle as f32).abs() < 1e-6, "{model:?}: {}", voxels[at]);
    }
}

#[test]
fn a_small_scan_is_padded_with_the_lowest_value_and_stays_in_the_middle() {
    // 120 mm a side at 3 x 1.5 x 1.5 mm: 40 x 80 x 80 voxels in the middle of 160 x 224 x 224.
    let bench = bench([20, 20, 20], [6.0; 3], |_| 1000.0);
    let (_, voxels) = array(&bench, &ModelVolume { model: VolumeFor::Merlin, ..ModelVolume::default() });
    assert_eq!(voxels.iter().filter(|value| **value == 1.0).count(), 40 * 80 * 80);
    assert!(voxels.iter().all(|value| *value == 0.0 || *value == 1.0));
    let (_, voxels) = array(&bench, &ModelVolume { model: VolumeFor::CtChat, ..ModelVolume::default() });
    assert_eq!(voxels[0], -1.0, "CT-CHAT pads with air");
}

#[test]
fn columns_run_to_the_left_but_for_merlin() {
    let bench = bench([80, 80, 40], [1.5, 1.5, 3.0], |[x, ..]| x as f32);
    let middle_row = |model: VolumeFor| {
        let (_, voxels) = array(&bench, &ModelVolume { model, ..ModelVolume::default() });
        let row = &voxels[(80 * 224 + 112) * 224..][..224];
        (row[72], row[72 + 79])
    };
    let (first, last) = middle_row(VolumeFor::Merlin);
    assert!(first < last, "RAS: columns run toward right");
    let (header, voxels) = array(&bench, &ModelVolume { model: VolumeFor::M3d, ..ModelVolume::default() });
    assert!(header.contains("(32, 256, 256)"));
    assert!(voxels[0] > voxels[255], "LPS: columns run toward left");
}

#[test]
fn words_can_be_sent_without_the_volume_and_must_hold_the_question() {
    let bench = bench([8, 8, 4], [1.0; 3], |_| 0.0);
    let prompt = asked(&bench, &ModelVolume { volume: false, ..ModelVolume::default() });
    assert_eq!((prompt.volumes().count(), prompt.joined_text().as_str()), (0, "Where?"));
    for spec in [
        Box::new(ModelVolume { after: Some("no".into()), ..ModelVolume::default() })
            as Box<dyn PromptRendererSpec>,
        Box::new(ModelSlices { after: Some("no".into()), ..ModelSlices::default() }),
        Box::new(ModelSlices { windows: Some([[0.0, 0.0]; 3]), ..ModelSlices::default() }),
        Box::new(ModelSlices { size: Some([0, 5]), ..ModelSlices::default() }),
        Box::new(ModelSlices { frames: Some(0), ..ModelSlices::default() }),
    ] {
        assert_eq!(spec.build(&BuildContext::default()).err().unwrap().cause, Cause::Config, "{spec:?}");
    }
}
