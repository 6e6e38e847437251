//! LLaVA checkpoints of other make than the committed ones: what is computed differently, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use serde_json::{Value, json};
use situs_core::fault::Cause;
use situs_core::prelude::*;
use std::path::Path;
use support::{Album, built, change, copied, fixture, greedy, request};

const FAMILIES: [&str; 3] = ["llava", "llava_med", "llava_next"];

fn first_logits(folder: &Path, more: Value, size: (u32, u32)) -> Vec<f32> {
    let model = built(folder, more).unwrap();
    let album = Album::default();
    let image = album.stripes(size.0, size.1, 90);
    let asked = request(&[image], "Is the liver left of the spleen? Answer yes or no.");
    let (rows, _) = greedy(model.session().unwrap().as_mut(), &asked, &album, 1);
    rows.concat()
}

fn largest(values: impl Iterator<Item = f32>) -> f32 {
    values.map(f32::abs).fold(0.0, f32::max)
}

fn apart(one: &[f32], other: &[f32]) -> f32 {
    largest(one.iter().zip(other).map(|(one, other)| one - other))
}

#[test]
fn the_layer_the_class_token_and_the_way_a_picture_is_fitted_all_reach_the_logits() {
    type Change = fn(&mut Value);
    let changes: [(&str, &str, Change); 4] = [
        ("llava", "config.json", |config| config["vision_feature_layer"] = json!(-1)),
        ("llava", "config.json", |config| config["vision_feature_select_strategy"] = json!("full")),
        ("llava_med", "preprocessor_config.json", |table| table["do_pad"] = json!(false)),
        ("llava_med", "config.json", |config| config["text_config"]["sliding_window"] = json!(null)),
    ];
    for (family, file, edit) in changes {
        let folder = copied(family);
        let before = first_logits(folder.path(), json!({}), (90, 50));
        change(folder.path(), file, edit);
        let after = first_logits(folder.path(), json!({}), (90, 50));
        assert!(apart(&before, &after) > 1e-2, "{family} {file}");
    }
}

#[test]
fn the_layer_may_be_counted_from_either_end() {
    for same in [json!(2), json!([-2])] {
        let folder = copied("llava");
        let before = first_logits(folder.path(), json!({}), (90, 50));
        change(folder.path(), "config.json", |config| config["vision_feature_layer"] = same);
        assert_eq!(before, first_logits(folder.path(), json!({}), (90, 50)));
    }
}

/// 16 features of the whole picture; of the tiles those that do not show padding alone, and a mark for each row. Worked
/// out by hand from tiles of 4 x 4 features.
#[test]
fn a_tiled_picture_takes_as_many_tokens_as_its_shape_asks_for() {
    let model = built(&fixture("llava_next"), json!({})).unwrap();
    let album = Album::default();
    let tokens = |images: &[ImageRef]| {
        let mut session = model.session().unwrap();
        let asked = request(images, "Where is the liver?");
        greedy(session.as_mut(), &asked, &album, 1).1.tokens.prompt.unwrap()
    };
    let text = tokens(&[]);
    let line_break = 1;
    for ((width, height), rows, columns) in
        [((56, 28), 4, 8), ((56, 56), 8, 8), ((84, 21), 4, 12), ((28, 90), 12, 4), ((60, 45), 6, 8)]
    {
        let image = album.stripes(width, height, 90);
        let expected = 16 + rows * (columns + 1);
        let found = tokens(std::slice::from_ref(&image)) - text - line_break;
        assert!(found.abs_diff(expected) <= 1, "{width} x {height}: {found}, not {expected}");
    }
}

#[test]
fn what_is_not_computed_is_refused_by_name() {
    type Change = fn(&mut Value);
    let cases: [(&str, &str, Change, Cause, &str); 15] = [
        (
            "llava",
            "config.json",
            |c| c["text_config"]["model_type"] = json!("qwen2"),
            Cause::Unsupported,
            "'qwen2'",
        ),
        (
            "llava",
            "config.json",
            |c| c["text_config"]["mlp_bias"] = json!(true),
            Cause::Unsupported,
            "mlp_bias",
        ),
        (
            "llava",
            "config.json",
            |c| c["vision_config"]["model_type"] = json!("siglip_vision_model"),
            Cause::Unsupported,
            "siglip_vision_model",
        ),
        (
            "llava",
            "config.json",
            |c| c["vision_feature_layer"] = json!(-9),
            Cause::Data,
            "vision_feature_layer",
        ),
        (
            "llava",
            "config.json",
            |c| c["vision_feature_layer"] = json!(i64::MIN),
            Cause::Data,
            "vision_feature_layer",
        ),
        (
            "llava",
            "config.json",
            |c| c["vision_feature_layer"] = json!([-2, -3]),
            Cause::Data,
            "vision_feature_layer",
        ),
        (
            "llava_next",
            "config.json",
            |c| c["vision_feature_select_strategy"] = json!("full"),
            Cause::Unsupported,
            "vision_feature_select_strategy",
        ),
        (
            "llava",
            "config.json",
            |c| c["multimodal_projector_bias"] = json!(false),
            Cause::Unsupported,
            "multimodal_projector_bias",
        ),
        (
            "llava",
            "config.json",
            |c| c["projector_hidden_act"] = json!("relu"),
            Cause::Unsupported,
            "projector_hidden_act",
        ),
        (
            "llava_next",
            "config.json",
            |c| c["image_grid_pinpoints"] = json!([]),
            Cause::Data,
            "image_grid_pinpoints",
        ),
        (
            "llava_next",
            "config.json",
            |c| c["image_grid_pinpoints"] = json!([[28, 57]]),
            Cause::Data,
            "[28,57]",
        ),
        (
            "llava_next",
            "config.json",
            |c| c["image_grid_pinpoints"] = json!([[28, 56]]),
            Cause::Data,
            "image_grid_pinpoints",
        ),
        (
            "llava",
            "preprocessor_config.json",
            |t| t["crop_size"]["height"] = json!(56),
            Cause::Data,
            "crop_size",
        ),
        ("llava", "preprocessor_config.json", |t| t["do_pad"] = json!(true), Cause::Unsupported, "do_pad"),
        (
            "llava",
            "preprocessor_config.json",
            |t| t["do_center_crop"] = json!(false),
            Cause::Unsupported,
            "do_center_crop",
        ),
    ];
    for (family, file, edit, cause, word) in cases {
        let folder = copied(family);
        change(folder.path(), file, edit);
        let fault = built(folder.path(), json!({})).err().unwrap_or_else(|| panic!("{word}: it was built"));
        assert_eq!(fault.cause, cause, "{fault}");
        assert!(fault.to_string().contains(word), "'{word}' is not in: {fault}");
    }
}

#[test]
fn one_kind_of_checkpoint_in_the_other_s_name_is_found_out() {
    let folder = copied("llava");
    change(folder.path(), "config.json", |config| config["model_type"] = json!("llava_next"));
    let fault = built(folder.path(), json!({})).err().unwrap();
    assert!(fault.to_string().contains("image_grid_pinpoints"), "{fault}");
}

#[test]
fn a_strip_and_a_video_are_refused() {
    let album = Album::default();
    for family in FAMILIES {
        let model = built(&fixture(family), json!({})).unwrap();
        let strip = album.stripes(2010, 10, 1);
        let fault =
            model.session().unwrap().admit(&request(&[strip], "Where?"), &album).expect_err("a strip");
        assert_eq!(fault.cause, Cause::Rejected, "{fault}");
        let fault = built(&fixture(family), json!({ "video": true })).err().unwrap();
        assert_eq!(fault.cause, Cause::Config, "{fault}");
        assert!(fault.to_string().contains("no videos"), "{fault}");
    }
}
