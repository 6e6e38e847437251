//! `situs neighbors` as scripts see it.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

fn situs(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_situs"))
        .current_dir(folder)
        .args(arguments)
        .env_remove("SITUS_LOG")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = situs(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Message on stderr, nothing on stdout, that exit code.
#[track_caller]
fn refused(folder: &Path, arguments: &[&str], code: i32, message: &str) {
    let output = situs(folder, arguments);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(output.stdout.is_empty(), "stdout: {}", text(&output.stdout));
    assert!(errors.contains(message), "{message:?} in {errors}");
}

/// A checkpoint of five rows in bf16: "up", " up", "down", a special token, a padded row.
fn checkpoint() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rows: [[f32; 2]; 5] = [[1.0, 0.0], [4.0, 3.0], [-1.0, 0.5], [1.0, 0.0], [0.0, 0.0]];
    let data: Vec<u8> =
        rows.iter().flatten().flat_map(|value| ((value.to_bits() >> 16) as u16).to_le_bytes()).collect();
    let name = "language_model.model.embed_tokens.weight";
    let header =
        json!({ name: { "dtype": "BF16", "shape": [5, 2], "data_offsets": [0, data.len()] } }).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(&data);
    std::fs::write(folder.path().join("model.safetensors"), file).unwrap();
    let tokenizer = json!({
        "added_tokens": [{ "id": 3, "content": "<end>", "special": true }],
        "decoder": { "type": "ByteLevel" },
        "model": { "type": "BPE", "vocab": { "up": 0, "Ġup": 1, "down": 2 }, "merges": [] },
    });
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    folder
}

const BY_FILES: [&str; 6] = [
    "--embeddings",
    "model.safetensors",
    "--tensor",
    "language_model.model.embed_tokens.weight",
    "--tokenizer",
    "tokenizer.json",
];

#[test]
fn a_table_is_built_shown_and_checked() {
    let folder = checkpoint();
    let folder = folder.path();
    let build: Vec<&str> = ["neighbors", "build", "--k", "4", "--out", "T.safetensors", "--json"].into();
    let built: Value = serde_json::from_str(&done(folder, &[&build[..], &BY_FILES].concat())).unwrap();
    assert_eq!((&built["rows"], &built["content"], &built["k"]), (&json!(5), &json!(3), &json!(4)));
    let first = std::fs::read(folder.join("T.safetensors")).unwrap();
    done(folder, &["neighbors", "build", "--model", ".", "--k", "4", "--out", "T.safetensors"]);
    assert_eq!(std::fs::read(folder.join("T.safetensors")).unwrap(), first);

    // cos(up, " up") = 4/5; cos(up, down) = -1/sqrt(1.25).
    let show = ["neighbors", "show", "T.safetensors", "up"];
    let table = done(folder, &show);
    assert!(table.contains("\" up\"") && table.contains("0.800000"), "{table}");
    let shown: Value = serde_json::from_str(&done(folder, &[&show[..], &["--json"]].concat())).unwrap();
    assert_eq!(shown["token"], 0);
    assert_eq!(shown["neighbors"][0], json!({ "id": 0, "text": "up", "similarity": 1.0 }));
    assert_eq!(shown["neighbors"][1]["text"], " up");
    assert_eq!(shown["neighbors"][2]["id"], 2);
    assert_eq!(shown["neighbors"].as_array().unwrap().len(), 3);
    assert!(done(folder, &["neighbors", "show", "T.safetensors", "3"]).contains("not content"));

    let checked = done(folder, &["neighbors", "check", "T.safetensors", "--model", "."]);
    assert!(checked.contains("3 rows computed again") && checked.contains("nothing differs"), "{checked}");
}

#[test]
fn texts_come_from_the_tokenizer_that_is_named_or_found_and_without_one_ids_are_shown() {
    let (model, elsewhere) = (checkpoint(), tempfile::tempdir().unwrap());
    let (folder, model) = (elsewhere.path(), model.path().to_str().unwrap());
    let table = ["neighbors", "show", "T.safetensors"];
    let show = |more: &[&str]| situs(folder, &[&table[..], more].concat());
    done(folder, &["neighbors", "build", "--model", model, "--out", "T.safetensors"]);

    let bare = show(&["0"]);
    assert!(bare.status.success() && !text(&bare.stdout).contains("up"), "{}", text(&bare.stdout));
    let why = text(&bare.stderr);
    assert!(why.contains("no tokenizer.json beside the table or here") && why.contains("--model"), "{why}");
    refused(folder, &[&table[..], &["up"]].concat(), 2, "no tokenizer.json beside the table or here");
    let named = [["up", "--model", model], ["1", "--model", model]];
    assert!(named.iter().all(|named| text(&show(named).stdout).contains("\" up\"")));

    // Another tokenizer that lies beside the table is not taken for the table's own.
    std::fs::write(folder.join("tokenizer.json"), r#"{"model":{"vocab":{"north":0,"south":1}}}"#).unwrap();
    let other = show(&["0"]);
    assert!(!text(&other.stdout).contains("north"));
    assert!(text(&other.stderr).contains("is not the tokenizer the table was made with"));
    std::fs::copy(Path::new(model).join("tokenizer.json"), folder.join("tokenizer.json")).unwrap();
    assert!(text(&show(&["up"]).stdout).contains("\" up\""));
    assert!(show(&["up"]).stderr.is_empty());
}

#[test]
fn a_table_of_another_model_fails_the_check_with_exit_6() {
    let (folder, other) = (checkpoint(), checkpoint());
    done(folder.path(), &["neighbors", "build", "--model", ".", "--k", "2", "--out", "T.safetensors"]);
    let file = other.path().join("model.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 20;
    bytes[last + 7] ^= 0x80;
    std::fs::write(&file, bytes).unwrap();
    let model = other.path().to_str().unwrap();
    let output = situs(folder.path(), &["neighbors", "check", "T.safetensors", "--model", model, "--json"]);
    assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
    let checked: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(checked["ok"], false);
    assert!(checked["differences"][0].as_str().unwrap().starts_with("embeddings: "));
}

#[test]
fn bad_input_is_told_by_message_and_exit_code() {
    let folder = checkpoint();
    let folder = folder.path();
    let build = |more: &[&'static str]| [&["neighbors", "build", "--out", "T.safetensors"], more].concat();
    refused(folder, &build(&[]), 2, "--model");
    refused(folder, &build(&["--embeddings", "model.safetensors"]), 2, "--tensor");
    refused(folder, &build(&["--model", "nowhere"]), 4, "nowhere");
    refused(folder, &build(&["--model", ".", "--tensor", "lm_head"]), 4, "no tensor 'lm_head'");
    refused(folder, &build(&["--model", ".", "--k", "0"]), 2, "0 slots");
    refused(folder, &["neighbors", "build", "--model", ".", "--out", "no/T"], 2, "no folder no");
    std::fs::write(
        folder.join("cut.safetensors"),
        &std::fs::read(folder.join("model.safetensors")).unwrap()[..90],
    )
    .unwrap();
    let cut = ["--embeddings", "cut.safetensors", "--tensor", "x", "--tokenizer", "tokenizer.json"];
    refused(folder, &build(&cut), 4, "cut.safetensors");
    refused(folder, &["neighbors", "show", "model.safetensors", "0"], 4, "not a neighbor table");
    std::fs::remove_file(folder.join("cut.safetensors")).unwrap();

    done(folder, &build(&["--model", "."]));
    refused(folder, &["neighbors", "show", "T.safetensors", "5"], 2, "token 5 of a table with 5 rows");
    let with = ["--tokenizer", "tokenizer.json"];
    let show = ["neighbors", "show", "T.safetensors"];
    refused(folder, &[&show[..], &["sideways"], &with].concat(), 2, "no single token is \"sideways\"");
    std::fs::write(folder.join("other.json"), r#"{"model":{"vocab":{"up":0}}}"#).unwrap();
    let other = ["up", "--tokenizer", "other.json"];
    refused(folder, &[&show[..], &other].concat(), 4, "made for another tokenizer");
}
