//! A checkpoint inside: every sampler works on it, and a semantic one needs no table.

use crate::program::{finals, json, run, situs};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn checkpoint(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tests/fixtures").join(family)
}

fn ask(folder: &Path, cache: &Path, family: &str, sampler: &[&str]) -> Command {
    let dir = format!("model.dir={}", checkpoint(family).display());
    let mut command = run(folder, &["--model", "candle", "--set", &dir, "--limit", "6", "--max-tokens", "4"]);
    command.arg("--sampler").args(sampler).env("XDG_CACHE_HOME", cache);
    command
}

fn records(folder: &Path) -> Vec<Value> {
    crate::program::journal(folder).into_iter().filter(|line| line["kind"] == "reply").collect()
}

#[test]
fn greedy_categorical_and_semantic_sampling_run_on_both_families() {
    let cache = tempfile::tempdir().unwrap();
    for family in ["qwen3_vl", "qwen2_5_vl"] {
        for sampler in [&["greedy"][..], &["categorical"], &["semantic", "--set", "sampler.top_k=5"]] {
            let name = sampler[0];
            let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            json(ask(one.path(), cache.path(), family, sampler), 0);
            json(ask(other.path(), cache.path(), family, sampler), 0);
            assert_eq!(finals(one.path()), finals(other.path()), "{family} {name}: not byte-identical");
            let replies = records(one.path());
            assert_eq!(replies.len(), 6, "{family} {name}");
            let ledgers =
                replies.iter().filter(|line| line["reply"]["notes"][0]["candidates"].is_u64()).count();
            assert_eq!(ledgers, if name == "semantic" { 6 } else { 0 }, "{family} {name}");
            let timings: Value =
                serde_json::from_slice(&std::fs::read(one.path().join("timings.json")).unwrap()).unwrap();
            let decoding = timings["decoding"].as_object().unwrap().values().next().unwrap();
            assert!(
                decoding["tokens_per_second"].as_f64()
                    <= decoding["tokens_per_second_without_sampler"].as_f64()
            );
        }
    }
    let tables = std::fs::read_dir(cache.path().join("situs/neighbors")).unwrap().count();
    assert_eq!(tables, 1, "both have the same embeddings and tokenizer, and share a table");
}

#[test]
fn a_checkpoint_is_compared_with_its_reference() {
    let folder = checkpoint("qwen3_vl");
    let report = json(situs_on(&["model", "check"], &folder), 0);
    assert_eq!(report["ok"], true);
    let stages: Vec<&str> = report["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["case"] == "image")
        .map(|one| one["stage"].as_str().unwrap())
        .collect();
    assert_eq!(stages, ["ids", "pixels", "vision", "positions", "hidden", "prefill", "steps"]);
    let mut other = situs_on(&["model", "check"], &checkpoint("qwen2_5_vl"));
    other.arg("--reference").arg(folder.join("reference"));
    assert_eq!(other.output().unwrap().status.code(), Some(6), "another model's reference differs");
    let mut none = situs_on(&["model", "check"], &folder);
    none.arg("--reference").arg(folder.join("nowhere"));
    assert_eq!(none.output().unwrap().status.code(), Some(4), "no reference");
}

fn situs_on(arguments: &[&str], folder: &Path) -> Command {
    let mut command = situs(arguments);
    command.arg(folder);
    command
}
