//! `situs metric` as scripts see it.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn situs(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_situs")).args(arguments).env_remove("SITUS_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A file of pairs in a folder of its own.
fn pairs(lines: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.jsonl");
    std::fs::write(&path, lines).unwrap();
    (folder, path)
}

#[track_caller]
fn scored(name: &str, path: &Path, more: &[&str]) -> Value {
    let arguments = [&["metric", name, "--pairs", path.to_str().unwrap(), "--json"][..], more].concat();
    let output = situs(&arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Message on stderr, nothing on stdout, that exit code.
#[track_caller]
fn refused(output: &Output, code: i32, messages: &[&str]) {
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(output.stdout.is_empty(), "stdout: {}", text(&output.stdout));
    for message in messages {
        assert!(errors.contains(message), "{message:?} in {errors}");
    }
}

const TWO: &[u8] = b"{\"prediction\": \"The cysts\", \"reference\": \"the cyst\", \"case\": 7}\n\n\
    {\"prediction\": \"right\", \"reference\": \"left\"}\n";

#[test]
fn a_figure_stands_beside_its_settings_and_every_pair_has_a_value() {
    let (_folder, path) = pairs(TWO);
    let printed = scored("rouge-l", &path, &[]);
    assert_eq!(printed["metric"], "rouge-l");
    assert!(printed["signature"].as_str().unwrap().contains("stemmer:nltk-porter"));
    assert_eq!((&printed["n"], &printed["skipped"], &printed["corpus"]), (&json!(2), &json!(0), &json!(0.5)));
    assert_eq!(
        printed["pairs"],
        json!([
            {"index": 0, "value": 1.0, "state": "scored"},
            {"index": 1, "value": 0.0, "state": "scored"},
        ])
    );
    let plain = scored("rouge-l", &path, &["--set", "stemmer=false"]);
    assert_eq!((&plain["corpus"], &plain["pairs"][0]["value"]), (&json!(0.25), &json!(0.5)));
    let bleu = scored("bleu", &path, &["--set", "lowercase=true"]);
    assert!(bleu["signature"].as_str().unwrap().contains("case:lc"));
    assert!(bleu["pairs"][0]["value"].as_f64().unwrap() > 1.0, "0 to 100, with effective order");
    assert_eq!(bleu["corpus"], 0.0, "without it, a corpus that has no four words in a row has no BLEU");
}

#[test]
fn pairs_without_a_value_are_counted_and_named() {
    let (_folder, path) = pairs(
        b"{\"prediction\": \"\", \"reference\": \"left\"}\n{\"prediction\": null, \"reference\": \"left\"}\n\
          {\"prediction\": \"left\", \"reference\": \"left\"}",
    );
    let printed = scored("token-f1", &path, &["--set", "skip_empty=true"]);
    assert_eq!((&printed["n"], &printed["skipped"], &printed["corpus"]), (&json!(1), &json!(2), &json!(1.0)));
    let states: Vec<&Value> =
        printed["pairs"].as_array().unwrap().iter().map(|pair| &pair["state"]).collect();
    assert_eq!(states, ["skipped", "missing", "scored"]);
    assert_eq!(printed["pairs"][1]["value"], Value::Null);
    let (_folder, path) = pairs(b"{\"prediction\": null, \"reference\": \"left\"}\n");
    assert_eq!(scored("bleu", &path, &[])["corpus"], Value::Null);
}

#[test]
fn any_registered_metric_is_reached() {
    let (_folder, path) = pairs(TWO);
    // A family's metric on pairs: right when the answer is the reference.
    assert_eq!(scored("accuracy", &path, &[])["corpus"], 0.0);
    assert_eq!(scored("meteor_exact_stem", &path, &["--set", "tokens=nltk"])["n"], 2);
}

#[test]
fn bad_files_are_bad_data() {
    for (lines, message) in [
        (&b""[..], "holds no pairs"),
        (b"\n \n", "holds no pairs"),
        (b"[1, 2]\n", ":1: no pair"),
        (b"{\"prediction\": \"a\", \"reference\": \"b\"}\nnonsense\n", ":2: no pair"),
        (b"{\"prediction\": \"a\"}\n", "missing field `reference`"),
        (b"{\"reference\": \"a\"}\n", "missing field `prediction`"),
        (b"{\"reference\": \"a\", \"prediction\": 3}\n", ":1: no pair"),
        (b"{\"reference\": \"a\", \"prediction\": \"\xff\"}\n", ":1: no pair"),
        (b"{\"reference\": \"a\", \"prediction\": \"\\ud800\"}\n", ":1: no pair"),
    ] {
        let (_folder, path) = pairs(lines);
        refused(
            &situs(&["metric", "bleu", "--pairs", path.to_str().unwrap(), "--json"]),
            4,
            &[message, "pairs.jsonl"],
        );
    }
    let (_folder, path) = pairs(&[b'x'; 17 << 20]);
    refused(&situs(&["metric", "bleu", "--pairs", path.to_str().unwrap()]), 4, &["a line has at most"]);
    refused(&situs(&["metric", "bleu", "--pairs", "/nowhere/pairs.jsonl"]), 4, &["/nowhere/pairs.jsonl"]);
}

#[test]
fn wrong_names_and_settings_are_usage() {
    let (_folder, path) = pairs(TWO);
    let path = path.to_str().unwrap();
    refused(
        &situs(&["metric", "bleau", "--pairs", path]),
        2,
        &["unknown metric 'bleau'", "did you mean 'bleu'?"],
    );
    refused(
        &situs(&["metric", "rouge-l", "--pairs", path, "--set", "stemer=false"]),
        2,
        &["stemer", "stemmer"],
    );
    refused(&situs(&["metric", "rouge-l", "--pairs", path, "--set", "stemmer"]), 2, &["no `=`"]);
    refused(&situs(&["metric", "rouge-l", "--pairs", path, "--set", "stemmer=7"]), 2, &["stemmer"]);
    refused(&situs(&["metric", "meteor", "--pairs", path]), 2, &["wordnet", "meteor_exact_stem"]);
    refused(&situs(&["metric", "meteor", "--pairs", path, "--wordnet", "/nowhere"]), 2, &["index.noun"]);
    refused(&situs(&["metric", "judge", "--pairs", path]), 2, &["metric 'judge' asks models", "situs run"]);
    refused(&situs(&["metric", "bleu"]), 2, &["--pairs"]);
}

#[test]
fn without_json_a_person_reads_figure_n_and_settings() {
    let (_folder, path) = pairs(TWO);
    let output = situs(&["metric", "token-f1", "--pairs", path.to_str().unwrap()]);
    let table = text(&output.stdout);
    assert!(output.status.success() && table.contains("token-f1") && table.contains("squad-1.1"), "{table}");
}
