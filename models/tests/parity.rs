//! Models against outputs that transformers 5.23.0 recorded, stage by stage. The committed references were made by
//! `tests/make_reference.py --family FAMILY --seed 0 --trim`; more are made where Python with torch exists.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use serde_json::{Value, json};
use situs_models::parity::{Compared, Precision, check, rounded};
use std::path::{Path, PathBuf};
use std::process::Command;

fn fixture(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(family)
}

/// Every stage that differs, and a panic if there is one; what was compared otherwise.
fn agreeing(folder: &Path) -> Vec<Compared> {
    let report = check(folder, &folder.join("reference")).unwrap();
    let differing: Vec<&Compared> = report.cases.iter().filter(|one| !one.skipped && !one.pass).collect();
    assert!(differing.is_empty(), "{}: {differing:#?}", folder.display());
    assert!(report.ok);
    report.cases
}

fn compared<'a>(cases: &'a [Compared], stage: &str) -> Vec<&'a str> {
    let found = cases.iter().filter(|one| one.stage == stage && !one.skipped);
    found.map(|one| one.case.as_str()).collect()
}

/// Families with a committed reference, and whether they take videos.
const FAMILIES: [(&str, bool); 5] = [
    ("qwen3_vl", true),
    ("qwen2_5_vl", true),
    ("gemma3", false),
    ("paligemma", false),
    ("paligemma2", false),
];

#[test]
fn committed_references_agree_at_every_stage() {
    for (family, videos) in FAMILIES {
        let mut all = vec!["image", "image_resized", "image_shrunk", "slices", "text"];
        all.extend(videos.then_some("video"));
        let cases = agreeing(&fixture(family));
        for stage in ["ids", "positions", "hidden", "prefill", "steps"] {
            assert_eq!(compared(&cases, stage), all, "{family} {stage}");
        }
        for stage in ["pixels", "vision"] {
            let pictures: Vec<&str> = all.iter().copied().filter(|case| *case != "text").collect();
            assert_eq!(compared(&cases, stage), pictures, "{family} {stage}");
        }
    }
}

#[test]
fn resized_pixels_are_equal_to_the_bit() {
    for (family, _) in FAMILIES {
        for one in agreeing(&fixture(family)) {
            if one.stage == "pixels" && !one.skipped {
                assert_eq!(one.max_abs, Some(0.0), "{family} {}", one.case);
            }
        }
    }
}

#[test]
fn logits_of_weights_rounded_to_bf16_are_near() {
    for (family, _) in FAMILIES {
        let folder = fixture(family);
        let apart = rounded(&folder, &folder.join("reference"), Precision::Bf16).unwrap();
        // Random weights amplify rounding: transformers' own pass in bf16 is 2.6e-2 and 2.8e-2 away for these two.
        let bound = if ["paligemma", "qwen2_5_vl"].contains(&family) { 3.5e-2 } else { 2e-2 };
        assert!(apart > 1e-5 && apart < bound, "{family}: {apart}");
    }
}

/// Configurations as they were published: older layout, without what the library's classes say themselves.
#[test]
fn configurations_that_leave_out_what_is_usual_say_the_same() {
    for family in ["gemma3", "paligemma", "paligemma2"] {
        let folder = tempfile::tempdir().unwrap();
        copy(&fixture(family), folder.path());
        let path = folder.path().join("config.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let remove = |table: &mut Value, fields: &[&str]| {
            for field in fields {
                table.as_object_mut().unwrap().remove(*field);
            }
        };
        let usual = ["hidden_activation", "hidden_act", "rms_norm_eps", "attention_bias", "rope_parameters"];
        remove(&mut config["text_config"], &usual);
        remove(&mut config["text_config"], &["tie_word_embeddings", "use_bidirectional_attention"]);
        remove(&mut config["vision_config"], &["layer_norm_eps", "hidden_act", "num_channels"]);
        remove(&mut config, &["tie_word_embeddings"]);
        if family == "gemma3" {
            remove(&mut config["text_config"], &["layer_types", "_sliding_window_pattern"]);
            config["text_config"]["sliding_window_pattern"] = json!(2);
            config["text_config"]["rope_scaling"] = json!({ "factor": 8.0, "rope_type": "linear" });
        }
        if family == "paligemma2" {
            remove(&mut config["text_config"], &["layer_types"]);
        }
        std::fs::write(&path, config.to_string()).unwrap();
        std::fs::remove_file(folder.path().join("preprocessor_config.json")).unwrap();
        agreeing(folder.path());
    }
}

/// What a wrong number in the configuration does is seen in the logits, so a number that is not read would be, too.
#[test]
fn every_number_of_a_gemma_configuration_counts() {
    for (family, table, field, value) in [
        ("gemma3", "text_config", "sliding_window", json!(8)),
        ("gemma3", "text_config", "query_pre_attn_scalar", json!(16)),
        ("gemma3", "text_config", "hidden_activation", json!("silu")),
        ("gemma3", "text_config", "layer_types", json!(vec!["full_attention"; 3])),
        ("gemma3", "rope_parameters", "full_attention", json!({ "rope_type": "default", "rope_theta": 1e6 })),
        (
            "gemma3",
            "rope_parameters",
            "sliding_attention",
            json!({ "rope_type": "default", "rope_theta": 1e6 }),
        ),
        ("gemma3", "vision_config", "layer_norm_eps", json!(0.1)),
        ("gemma3", "vision_config", "hidden_act", json!("silu")),
        ("paligemma", "rope_parameters", "rope_theta", json!(1e6)),
        ("paligemma2", "text_config", "sliding_window", json!(6)),
        ("paligemma2", "text_config", "attn_logit_softcapping", json!(2.5)),
        ("paligemma2", "text_config", "attn_logit_softcapping", json!(null)),
        ("paligemma2", "text_config", "final_logit_softcapping", json!(3.1)),
        ("paligemma2", "text_config", "query_pre_attn_scalar", json!(16)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        copy(&fixture(family), folder.path());
        let path = folder.path().join("config.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let place =
            if table == "rope_parameters" { &mut config["text_config"][table] } else { &mut config[table] };
        assert_ne!(place[field], value, "{family} {field}");
        place[field] = value;
        std::fs::write(&path, config.to_string()).unwrap();
        let report = check(folder.path(), &folder.path().join("reference")).unwrap();
        let steps = report.cases.iter().find(|one| one.case == "slices" && one.stage == "steps").unwrap();
        assert!(!report.ok && !steps.pass, "{family} {table}.{field}: {steps:?}");
    }
}

#[test]
fn a_changed_weight_is_found_where_it_acts() {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture("qwen3_vl"), folder.path());
    let path = folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    // The tensors of the tower lie last; the very last one is its table of positions.
    let end = bytes.len();
    for number in bytes[end - 49 * 32 * 4..].as_chunks_mut::<4>().0 {
        *number = (f32::from_le_bytes(*number) * 1.5).to_le_bytes();
    }
    std::fs::write(&path, bytes).unwrap();
    let report = check(folder.path(), &folder.path().join("reference")).unwrap();
    assert!(!report.ok);
    let failing: Vec<(&str, &str)> = report
        .cases
        .iter()
        .filter(|one| !one.skipped && !one.pass)
        .map(|one| (one.case.as_str(), one.stage.as_str()))
        .collect();
    assert!(failing.contains(&("image", "vision")), "{failing:?}");
    assert!(
        failing
            .iter()
            .all(|(case, stage)| *case != "text" && !["ids", "pixels", "positions"].contains(stage))
    );
}

#[test]
fn references_made_anew_agree() {
    let Some(python) = std::env::var_os("SITUS_PYTHON") else {
        let required = std::env::var("SITUS_REQUIRE_REFERENCES").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "SITUS_REQUIRE_REFERENCES=1, but SITUS_PYTHON names no Python with torch and transformers"
        );
        println!("skipped: SITUS_PYTHON names no Python with torch and transformers");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/make_reference.py");
    for (family, seed, flags) in [
        ("qwen3_vl", "1", &["--untied", "--older"][..]),
        ("qwen3_vl", "2", &[]),
        ("qwen2_5_vl", "1", &["--older"]),
        ("qwen2_5_vl", "2", &["--untied"]),
        ("gemma3", "1", &["--older"]),
        ("gemma3", "2", &["--untied"]),
        ("paligemma", "1", &["--older"]),
        ("paligemma", "2", &[]),
        ("paligemma2", "1", &["--older"]),
        ("paligemma2", "2", &[]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new(&python)
            .arg(&script)
            .args(["--family", family, "--seed", seed, "--out"])
            .arg(folder.path())
            .args(flags)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        agreeing(folder.path());
    }
}

/// Checkpoints with references that lie in folders below the one that SITUS_REFERENCES names.
#[test]
fn further_references_agree() {
    let Some(folders) = std::env::var_os("SITUS_REFERENCES") else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folders).unwrap() {
        let folder = entry.unwrap().path();
        if folder.join("reference").is_dir() {
            agreeing(&folder);
            count += 1;
        }
    }
    assert!(count > 0, "no folder with a reference");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
