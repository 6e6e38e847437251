//! The pairs of `metrics_golden.jsonl`: made with sacreBLEU 2.6.0, rouge-score 0.1.2, NLTK 3.10.4, SQuAD v1.1.

use crate::fixture::{corpus, golden, metric, near, score, wordnet};
use serde_json::{Value, json};
use situs_core::prelude::Metric;
use situs_plugins::text::{normalised, rouge_words, stem, tokens_13a, treebank_words};
use std::collections::BTreeMap;

/// Absolute, on 0 to 1 and on 0 to 100.
const UNIT: f64 = 1e-9;
const PERCENT: f64 = 1e-7;

fn of_kind<'a>(lines: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    lines.iter().filter(move |line| line["kind"] == kind)
}

fn texts(pair: &Value) -> (&str, &str) {
    (pair["prediction"].as_str().unwrap(), pair["reference"].as_str().unwrap())
}

/// A metric's values by pair and its figures by group of pairs, as the file has them.
fn check(lines: &[Value], metric: &dyn Metric, (field, group_field): (&str, &str), tolerance: f64) {
    let pairs: BTreeMap<&str, (&str, &str)> =
        of_kind(lines, "pair").map(|pair| (pair["id"].as_str().unwrap(), texts(pair))).collect();
    assert!(pairs.len() >= 40);
    for pair in of_kind(lines, "pair") {
        let (prediction, reference) = texts(pair);
        let found = score(metric, prediction, reference).unwrap();
        near(found, pair[field].as_f64().unwrap(), tolerance, &format!("{field} of {}", pair["id"]));
    }
    for group in of_kind(lines, "corpus") {
        let members = group["ids"].as_array().unwrap().iter().map(|id| pairs[id.as_str().unwrap()]);
        let found = corpus(metric, members);
        near(
            found,
            group[group_field].as_f64().unwrap(),
            tolerance,
            &format!("{group_field} of {}", group["group"]),
        );
    }
}

#[test]
fn bleu_is_that_of_sacrebleu() {
    let Some(lines) = golden() else { return };
    let plain = metric(json!({"use": "bleu"}));
    check(&lines, plain.as_ref(), ("sacrebleu_sentence", "sacrebleu"), PERCENT);
    let lower = metric(json!({"use": "bleu", "lowercase": true}));
    check(&lines, lower.as_ref(), ("sacrebleu_sentence_lc", "sacrebleu_lc"), PERCENT);
    let group = of_kind(&lines, "corpus").next().unwrap();
    assert_eq!(plain.signature().as_deref(), group["sacrebleu_signature"].as_str());
}

#[test]
fn rouge_l_is_that_of_rouge_score() {
    let Some(lines) = golden() else { return };
    for (stemmer, fields) in
        [(false, ("rougeL_f", "mean_rougeL_f")), (true, ("rougeL_f_stem", "mean_rougeL_f_stem"))]
    {
        check(&lines, metric(json!({"use": "rouge-l", "stemmer": stemmer})).as_ref(), fields, UNIT);
    }
}

#[test]
fn meteor_is_that_of_nltk() {
    let (Some(lines), Some(folder)) = (golden(), wordnet()) else { return };
    for (tokens, fields) in
        [("whitespace", ("meteor_ws", "mean_meteor_ws")), ("nltk", ("meteor_nltkwt", "mean_meteor_nltkwt"))]
    {
        let metric = metric(json!({"use": "meteor", "wordnet": folder, "tokens": tokens}));
        check(&lines, metric.as_ref(), fields, UNIT);
    }
}

#[test]
fn matches_and_f1_are_those_of_squad() {
    let Some(lines) = golden() else { return };
    check(&lines, metric(json!({"use": "token-f1"})).as_ref(), ("squad_f1", "mean_squad_f1"), UNIT);
    check(&lines, metric(json!({"use": "exact-match"})).as_ref(), ("squad_em", "mean_squad_em"), UNIT);
    for (normalise, field) in [("none", "strict_em"), ("lower", "vsi_em")] {
        let metric = metric(json!({"use": "exact-match", "normalise": normalise}));
        for pair in of_kind(&lines, "pair") {
            let (prediction, reference) = texts(pair);
            assert_eq!(score(metric.as_ref(), prediction, reference), pair[field].as_f64(), "{}", pair["id"]);
        }
    }
}

#[test]
fn words_are_those_of_each_program() {
    let Some(lines) = golden() else { return };
    // The longest texts come without their words.
    let with_words = || of_kind(&lines, "pair").filter(|pair| pair["tokens"]["t13a_pred"].is_string());
    assert!(with_words().count() >= 35);
    for pair in with_words() {
        let (prediction, reference) = texts(pair);
        for (text, side) in [(prediction, "pred"), (reference, "ref")] {
            let expected = |rule: &str| &pair["tokens"][format!("{rule}_{side}")];
            let place = &pair["id"];
            assert_eq!(json!(tokens_13a(text)), *expected("t13a"), "{place}");
            assert_eq!(json!(treebank_words(text)), *expected("nltkwt"), "{place}");
            assert_eq!(json!(rouge_words(text, false)), *expected("rouge"), "{place}");
            assert_eq!(json!(rouge_words(text, true)), *expected("rouge_stem"), "{place}");
            assert_eq!(json!(normalised(text)), *expected("squad_norm"), "{place}");
        }
    }
    for (word, expected) in of_kind(&lines, "stems").flat_map(|line| line["stems"].as_object().unwrap()) {
        assert_eq!(stem(word), *expected, "{word}");
    }
}
