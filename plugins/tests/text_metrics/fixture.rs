//! Pairs as records, metrics by name, and where files outside the project are looked for.

use serde_json::Value;
use situs_core::prelude::*;
use situs_core::registry::Registry;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub fn build(params: Value) -> Result<Box<dyn Metric>, Fault> {
    let params = params.as_object().unwrap().clone();
    let built = Registry::builtin().unwrap().build::<dyn Metric>(&params, &BuildContext::default())?;
    Ok(built.component)
}

pub fn metric(params: Value) -> Box<dyn Metric> {
    build(params).unwrap()
}

pub fn record(prediction: &str, reference: &str) -> Record {
    Record {
        arm: "main".to_owned(),
        question: Question {
            id: "q".to_owned(),
            volumes: Vec::new(),
            cases: vec!["c".to_owned()],
            cluster: "c".to_owned(),
            template: "T".to_owned(),
            cell: "c".to_owned(),
            bundle: String::new(),
            structures: Vec::new(),
            text: "Where?".to_owned(),
            options: Vec::new(),
            truth: reference.to_owned(),
            chance: 0.0,
            facets: BTreeMap::new(),
            scene: None,
            evidence: Evidence::default(),
            private: Value::Null,
        },
        trial: 0,
        prompt: Prompt::default(),
        reply: Some(Reply::text(prediction)),
        fault: None,
        answer: Answer::answered(prediction),
    }
}

pub fn score(metric: &dyn Metric, prediction: &str, reference: &str) -> Option<f64> {
    metric.score(&record(prediction, reference), &Replies::default()).unwrap().map(|score| score.value)
}

/// The figure over several pairs, from the sum of their statistics.
pub fn corpus<'a>(metric: &dyn Metric, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> f64 {
    let mut sums: Vec<f64> = Vec::new();
    for (prediction, reference) in pairs {
        if let Some(score) = metric.score(&record(prediction, reference), &Replies::default()).unwrap() {
            sums.resize(score.stats.len(), 0.0);
            sums.iter_mut().zip(&score.stats).for_each(|(sum, stat)| *sum += stat);
        }
    }
    metric.finish(&sums).unwrap()
}

#[track_caller]
pub fn near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} is not {expected}");
}

/// The lines of `metrics_golden.jsonl` beside the test data; without it a message and `None`.
pub fn golden() -> Option<Vec<Value>> {
    let data = std::env::var_os("SITUS_TEST_DATA").map(PathBuf::from);
    let data = data.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"));
    let path = data.join("../golden/metrics_golden.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no {}", path.display());
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// WordNet's folder: `SITUS_WORDNET`, else where Debian puts it; without it a message and `None`.
pub fn wordnet() -> Option<PathBuf> {
    let folder = std::env::var_os("SITUS_WORDNET").map_or_else(|| "/usr/share/wordnet".into(), PathBuf::from);
    let found = folder.join("data.noun").is_file().then_some(folder);
    if found.is_none() {
        println!("skipped: no WordNet in SITUS_WORDNET or /usr/share/wordnet");
    }
    found
}
