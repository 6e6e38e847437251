//! Pairs of our own, scored by the same programs; `make_golden.py` beside this file made `golden.jsonl`.

use crate::fixture::{corpus, metric, near, score, wordnet};
use serde_json::{Value, json};
use situs_plugins::text::{normalised, stem, tokens_13a, treebank_words};

fn lines(kind: &str) -> Vec<Value> {
    let lines = include_str!("golden.jsonl").lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.filter(|line: &Value| line["kind"] == kind).collect();
    assert!(!lines.is_empty());
    lines
}

fn texts(pair: &Value) -> (&str, &str) {
    (pair["prediction"].as_str().unwrap(), pair["reference"].as_str().unwrap())
}

#[track_caller]
fn check(params: Value, field: &str, tolerance: f64) {
    let metric = metric(params);
    for pair in lines("pair") {
        let (prediction, reference) = texts(&pair);
        let found = score(metric.as_ref(), prediction, reference).unwrap();
        near(
            found,
            pair[field].as_f64().unwrap(),
            tolerance,
            &format!("{field} of {prediction:?}, {reference:?}"),
        );
    }
}

#[test]
fn values_are_those_of_the_programs() {
    check(json!({"use": "bleu"}), "bleu", 1e-7);
    check(json!({"use": "bleu", "lowercase": true}), "bleu_lower", 1e-7);
    check(json!({"use": "rouge-l", "stemmer": false}), "rouge", 1e-9);
    check(json!({"use": "rouge-l", "stemmer": true}), "rouge_stem", 1e-9);
    check(json!({"use": "token-f1"}), "f1", 1e-9);
    check(json!({"use": "exact-match"}), "em", 0.0);
}

#[test]
fn meteor_is_that_of_nltk_with_wordnet() {
    let Some(folder) = wordnet() else { return };
    check(json!({"use": "meteor", "wordnet": folder}), "meteor", 1e-9);
    check(json!({"use": "meteor", "wordnet": folder, "tokens": "nltk"}), "meteor_nltk", 1e-9);
}

#[test]
fn the_figure_over_all_pairs_is_that_of_sacrebleu() {
    let (pairs, expected) = (lines("pair"), &lines("corpus")[0]);
    for (lowercase, field) in [(false, "bleu"), (true, "bleu_lower")] {
        let metric = metric(json!({"use": "bleu", "lowercase": lowercase}));
        near(
            corpus(metric.as_ref(), pairs.iter().map(texts)),
            expected[field].as_f64().unwrap(),
            1e-7,
            field,
        );
    }
}

#[test]
fn words_and_stems_are_those_of_the_programs() {
    for pair in lines("pair") {
        let (text, _) = texts(&pair);
        assert_eq!(json!(tokens_13a(text)), pair["tokens_13a"], "{text:?}");
        assert_eq!(json!(treebank_words(text)), pair["words"], "{text:?}");
        assert_eq!(json!(normalised(text)), pair["squad"], "{text:?}");
    }
    let stems = lines("stems");
    let stems = stems[0]["stems"].as_object().unwrap();
    assert!(stems.len() > 900);
    for (word, expected) in stems {
        assert_eq!(json!(stem(word)), *expected, "{word:?}");
    }
}
