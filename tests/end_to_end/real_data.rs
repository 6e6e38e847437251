//! Real scans, where they are at hand: `SITUS_TEST_DATA`, else `../shared/data`.

use crate::program::{json, situs};
use serde_json::json;
use std::path::PathBuf;

/// A folder of real data, or a word about its absence.
fn real(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SITUS_TEST_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")), PathBuf::from);
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

/// Every question that the pixel-reader answers, it answers right.
fn read_marks(name: &str, modality: &str) {
    let Some(data) = real(name) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut command =
        situs(&["run", "examples/mis-ground.toml", "--limit", "300", "--model", "pixel-reader"]);
    command.args(["--data", data.to_str().unwrap(), "--output", folder.path().to_str().unwrap()]);
    command.args(["--set", "family.slice_filter=false", "--set", "family.long_side=256"]);
    command.args(["--set", "family.frames=12"]);
    let printed = json(command, 0);
    assert_eq!((&printed["failed"], &printed["missing"]), (&json!(0), &json!(0)));
    assert_eq!(printed["summary"]["plan"]["asked_by_modality"][modality], 1);
    let arm = &printed["summary"]["arms"][0];
    let parsed = &arm["overall"]["figures"]["accuracy_parsed"];
    assert_eq!(parsed["value"], 1.0, "some answer is wrong: {}", arm["overall"]["states"]);
    assert!(parsed["n"].as_u64().unwrap() > 120, "{parsed}");
}

#[test]
fn marks_on_a_real_ct_are_read_without_a_mistake() {
    read_marks("ts-ct-3mm", "CT");
}

#[test]
fn marks_on_a_real_mr_are_read_without_a_mistake() {
    read_marks("ts-mr-3mm", "MR");
}
