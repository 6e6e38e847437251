//! The jury over the verdicts that CT-SpatialVQA's authors released: the published figures come back with the votes joined
//! by row, and others with the votes joined by item.
//!
//! Needs a copy of the authors' repository, named by `SITUS_CT_SPATIALVQA`; nothing of it is part of this project.

#![allow(clippy::unwrap_used)]

use serde_json::json;
use situs_core::prelude::*;
use situs_core::registry::{Params, Registry};
use situs_plugins::datasets::ct_rate::pairs;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Pairs of the release.
const PAIRS: usize = 9077;

fn release() -> Option<PathBuf> {
    let named = std::env::var_os("SITUS_CT_SPATIALVQA").map(PathBuf::from);
    if named.is_none() {
        eprintln!("SITUS_CT_SPATIALVQA is not set: the released verdicts are not read");
    }
    named
}

/// The verdict file of a judge on a model's answers.
fn verdicts(release: &Path, model: &str, judge: &str) -> PathBuf {
    let folder = release.join("benchmarking/reports/llm_eval");
    let of = |name: &str| {
        name.starts_with(&format!("{model}_")) && name.contains(judge) && name.ends_with(".json")
    };
    let mut found: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| of(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
        .into_iter()
        .next()
        .unwrap_or_else(|| panic!("no verdicts of {judge} on {model} in {}", folder.display()))
}

/// Every pair as a record with some answer: the votes are in the files.
fn records(release: &Path) -> Vec<Record> {
    let cases = pairs::read(&release.join("dataset/ct_spatialvqa/spatial_qa_filtered_full.json")).unwrap();
    let record = |case: &str, pair: &pairs::Pair| {
        let item = format!("{case}::{}", pair.index);
        let facts = BTreeMap::from([("item".to_owned(), json!(item)), ("row".to_owned(), json!(pair.row))]);
        let question = Question {
            id: item,
            volumes: Vec::new(),
            cases: vec![case.to_owned()],
            cluster: case.to_owned(),
            template: "free-text".to_owned(),
            cell: String::new(),
            bundle: String::new(),
            structures: Vec::new(),
            text: pair.question.clone(),
            options: Vec::new(),
            truth: pair.answer.clone(),
            chance: 0.0,
            facets: BTreeMap::new(),
            scene: None,
            evidence: Evidence { facts, ..Evidence::default() },
            private: serde_json::Value::Null,
        };
        Record {
            arm: "released".to_owned(),
            question,
            trial: 0,
            prompt: Prompt::default(),
            reply: None,
            fault: None,
            answer: Answer::answered("released"),
        }
    };
    cases.iter().flat_map(|case| case.pairs.iter().map(|pair| record(&case.case, pair))).collect()
}

/// Share in per cent, two decimals, and number of answers that were counted.
fn jury(release: &Path, records: &[Record], model: &str, join: &str) -> (f64, usize) {
    let files: BTreeMap<&str, PathBuf> =
        ["gemini", "gpt", "qwen"].map(|judge| (judge, verdicts(release, model, judge))).into();
    let params: Params = json!({
        "use": "jury", "roles": [], "files": files, "join": join, "null": "against", "quorum": 2,
    })
    .as_object()
    .unwrap()
    .clone();
    let registry = Registry::builtin().unwrap();
    let metric = registry.build::<dyn Metric>(&params, &BuildContext::default()).unwrap().component;
    assert!(metric.consult(records, &Replies::default()).unwrap().is_empty(), "files are not asked");
    let scores: Vec<f64> = records
        .iter()
        .filter_map(|record| metric.score(record, &Replies::default()).unwrap())
        .map(|score| score.value)
        .collect();
    let share = scores.iter().sum::<f64>() / scores.len() as f64;
    ((share * 1e4).round() / 1e2, scores.len())
}

#[test]
fn published_figures_come_back_with_votes_joined_by_row_and_others_by_item() {
    let Some(release) = release() else { return };
    let records = records(&release);
    assert_eq!(records.len(), PAIRS);
    for (model, published, corrected) in [("m3d", 30.57, 31.23), ("med3dvlm", 31.44, 32.31)] {
        assert_eq!(jury(&release, &records, model, "row"), (published, 9074), "{model}");
        assert_eq!(jury(&release, &records, model, "item"), (corrected, PAIRS), "{model}");
    }
}
