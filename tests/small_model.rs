//! The small model on the project's own questions.
//!
//! What the picture is worth to it takes 2,400 questions, minutes rather than seconds, and is a release step:
//!
//!     cargo test --release --test small_model -- --ignored

#![cfg(feature = "native")]
#![allow(clippy::unwrap_used)]

use situs_core::config::{Overrides, RunConfig};
use situs_core::prelude::*;
use situs_core::registry::Registry;
use situs_core::run::{RunOptions, Silent, run};
use situs_models::small::Vocabulary;
use situs_plugins as _;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// What the model has to win over who does not look, at the lower end of the paired 95 % interval.
const LEAST_GAIN: f64 = 0.15;

/// The config of the comparison, with changes.
fn config(registry: &Registry, changes: &[&str]) -> RunConfig {
    let mut overrides = Overrides::default();
    changes.iter().for_each(|change| overrides.push(change).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/small-model.toml");
    RunConfig::load(&path, &overrides, registry).unwrap()
}

/// Runs it into a folder and gives the questions that were asked.
fn questions(changes: &[&str]) -> Vec<Question> {
    let registry = Registry::builtin().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions { folder: folder.path().to_owned(), limit: None, stop: Arc::default() };
    run(&config(&registry, changes), &registry, &options, &Silent).unwrap();
    let lines = std::fs::read_to_string(folder.path().join("questions.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_word_of_what_it_was_taught_is_in_its_vocabulary() {
    let vocabulary = Vocabulary::embedded();
    let asked = questions(&["dataset.cases=1", "dataset.shape=[96, 74, 208]", "run.questions=200"]);
    let templates: BTreeSet<&str> = asked.iter().map(|question| question.template.as_str()).collect();
    assert_eq!(templates.len(), 11, "{templates:?}");
    for question in &asked {
        assert!(!vocabulary.encode(&question.text).contains(&Vocabulary::UNKNOWN), "{}", question.text);
        for option in &question.options {
            assert_eq!(vocabulary.decode(&vocabulary.encode(option)), *option);
        }
    }
}

#[test]
#[ignore = "a release step: 2,400 questions"]
fn the_picture_is_worth_fifteen_points_over_the_text_and_over_names() {
    let registry = Registry::builtin().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions { folder: folder.path().to_owned(), limit: None, stop: Arc::default() };
    let summary = run(&config(&registry, &[]), &registry, &options, &Silent).unwrap().summary;
    for blind in ["small text-only", "prior"] {
        let gain = summary
            .comparisons
            .iter()
            .find(|comparison| {
                comparison.metric == "accuracy" && comparison.a == "small" && comparison.b == blind
            })
            .unwrap();
        let [low, _] = gain.interval.unwrap();
        assert!(gain.n >= 2000, "{blind}: {} questions", gain.n);
        assert!(low >= LEAST_GAIN, "{blind}: {gain:?}");
    }
}
