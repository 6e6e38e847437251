//! `situs audit`: what is wrong with the items of a config, and how far one gets without pictures.

use crate::program::{json, situs, text};
use serde_json::Value;
use std::path::Path;

fn config(folder: &Path, rows: &Value) -> String {
    let volume = crate::files::nifti(
        [4, 4, 4],
        [[3.0, 0.0, 0.0, 0.0], [0.0, 3.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0]],
        &crate::files::Stored::I16((0..64).collect()),
    );
    std::fs::write(folder.join("a.nii"), volume).unwrap();
    std::fs::write(folder.join("rows.json"), rows.to_string()).unwrap();
    let config = "[dataset]\nuse = \"released-rows\"\npath = \"rows.json\"\n[family]\nuse = \"released-rows\"\n\
                  [renderer]\nuse = \"slices\"\n[model]\nuse = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\nname = \"none\"\n";
    let path = folder.join("run.toml");
    std::fs::write(&path, config).unwrap();
    path.to_str().unwrap().to_owned()
}

fn row(question: &str, options: &[&str], answer: &str) -> Value {
    serde_json::json!({"question": question, "options": options, "answer": answer, "image": "a.nii"})
}

#[test]
fn damaged_items_are_named_with_examples_and_the_exit_code_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(
        folder.path(),
        &serde_json::json!([
            row("How long is the liver?", &["10.0 cm", "10.2 cm", "14.0 cm"], "A"),
            row("How large is the spleen?", &["50-70 ml", "60 to 80 ml", "90 to 95 ml"], "C"),
            row("Which series and image number show it?", &["3 and 4", "5 and 6"], "B"),
            row("Where does the left kidney lie, left of what?", &["left kidney", "spleen"], "A"),
            row("Which organ is larger?", &["the liver", "the spleen"], "A"),
        ]),
    );
    let output = folder.path().join("audit");
    let audit = ["audit", &config, "--output", output.to_str().unwrap()];
    // No model of the config is asked: its server does not exist.
    let told = json(situs(&audit), 6);
    assert_eq!((&told["ok"], &told["items"]), (&Value::Bool(false), &Value::from(5)));
    let count = |name: &str| {
        let lints = told["lints"].as_array().unwrap();
        lints.iter().find(|lint| lint["lint"] == name).unwrap()["items"].as_u64().unwrap()
    };
    for (lint, items) in [
        ("distractor-gap", 1),
        ("overlapping-ranges", 1),
        ("non-visual", 1),
        ("answer-in-question", 1),
        ("options-alike", 0),
    ] {
        assert_eq!(count(lint), items, "{lint}");
    }
    let readers: Vec<&str> =
        told["blind"].as_array().unwrap().iter().map(|one| one["reader"].as_str().unwrap()).collect();
    assert_eq!(readers, ["prior", "median", "textbook"]);
    let printed = text(&situs(&audit).output().unwrap().stdout);
    assert!(printed.contains("2.000 mm between two of 10.0 cm, 10.2 cm, 14.0 cm"), "{printed}");
}

#[test]
fn good_items_pass() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(
        folder.path(),
        &serde_json::json!([row("Which organ is larger?", &["the liver", "the spleen"], "A")]),
    );
    let output = folder.path().join("audit");
    let told = json(situs(&["audit", &config, "--output", output.to_str().unwrap()]), 0);
    assert_eq!(told["ok"], true);
}
