//! The metrics `accuracy` and `consistency` on answers counted by hand.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use situs_core::prelude::*;
use situs_core::record::ScoredRecord;
use situs_core::registry::Registry;
use situs_plugins as _;

fn metric(params: serde_json::Value) -> Box<dyn Metric> {
    let params = params.as_object().unwrap().clone();
    Registry::builtin().unwrap().build::<dyn Metric>(&params, &BuildContext::default()).unwrap().component
}

/// A record about `a` and `b` in a case that is its own cluster.
fn record(
    case: &str,
    bundle: &str,
    relation: &str,
    [a, b]: [&str; 2],
    truth: &str,
    answer: Answer,
) -> Record {
    let options =
        if ["true", "false"].contains(&truth) { ["true", "false"] } else { ["superior", "inferior"] };
    Record {
        arm: "arm".to_owned(),
        question: Question {
            id: format!("{case}-{bundle}-{truth}-{a}-{b}"),
            volumes: Vec::new(),
            cases: vec![case.to_owned()],
            cluster: case.to_owned(),
            template: "T".to_owned(),
            cell: "c".to_owned(),
            bundle: bundle.to_owned(),
            structures: vec![a.to_owned(), b.to_owned()],
            text: String::new(),
            options: options.map(str::to_owned).to_vec(),
            truth: truth.to_owned(),
            chance: 0.5,
            facets: Default::default(),
            scene: None,
            evidence: Evidence { relation: relation.to_owned(), ..Evidence::default() },
            private: serde_json::Value::Null,
        },
        trial: 0,
        prompt: Prompt::default(),
        reply: None,
        fault: None,
        answer,
    }
}

fn says(value: &str) -> Answer {
    Answer::answered(value)
}

fn without(state: AnswerState) -> Answer {
    Answer::without_value(state)
}

/// The closed form (truth "true") and the inverted one of one pair.
fn pair(case: &str, bundle: &str, closed: Answer, inverted: Answer) -> [Record; 2] {
    let of = |truth, answer| record(case, bundle, "A superior B", ["heart", "liver"], truth, answer);
    [of("true", closed), of("false", inverted)]
}

fn summary(params: serde_json::Value, records: &[Record]) -> Summary {
    let scored = Scored {
        records: records.iter().map(|record| ScoredRecord { record, score: None }).collect(),
        seed: 0,
        replicates: 100,
    };
    metric(params).summarise(&scored).unwrap().unwrap()
}

fn accuracy(over: &str, records: &[Record]) -> (f64, f64) {
    let metric = metric(json!({"use": "accuracy", "over": over}));
    let mut sums = [0.0, 0.0];
    for record in records {
        if let Some(score) = metric.score(record, &Replies::default()).unwrap() {
            sums.iter_mut().zip(&score.stats).for_each(|(sum, stat)| *sum += stat);
        }
    }
    (metric.finish(&sums).unwrap(), sums[1])
}

#[test]
fn accuracy_counts_strictly_or_over_what_was_read() {
    let one = |answer| record("c", "b", "A superior B", ["heart", "liver"], "superior", answer);
    let records = [
        one(says("superior")),
        one(says("superior")),
        one(says("inferior")),
        one(says("superior and inferior").flag("multiple")),
        one(without(AnswerState::Abstained)),
        one(without(AnswerState::Unparsed)),
        one(without(AnswerState::Refused)),
        one(without(AnswerState::Truncated)),
        one(without(AnswerState::Failed)),
    ];
    // Two right of eight that did not fail; two right of four that were read.
    assert_eq!(accuracy("all", &records), (0.25, 8.0));
    assert_eq!(accuracy("parsed", &records), (0.5, 4.0));
}

#[test]
fn joint_wants_both_forms_right() {
    let records = [
        pair("p1", "b1", says("true"), says("false")),
        pair("p1", "b2", says("true"), says("true")),
        pair("p2", "b1", says("false"), says("true")),
        pair("p2", "b2", says("true"), without(AnswerState::Unparsed)),
        pair("p3", "b1", says("true"), without(AnswerState::Failed)),
        pair("p4", "b1", says("true"), says("false")),
    ]
    .concat();
    let joint = summary(json!({"use": "consistency"}), &records);
    // Right: p1/b1 and p4/b1 of five; p3/b1 lacks a reply.
    assert_eq!((joint.value, joint.n, joint.clusters), (Some(0.4), 5, 3));
    // By hand: deviations from 0.4 sum by cluster to 0.2, -0.8, 0.6; sqrt(0.04 + 0.64 + 0.36) / 5 x sqrt(3 / 2).
    let expected = (1.04f64).sqrt() / 5.0 * 1.5f64.sqrt();
    assert!((joint.standard_error.unwrap() - expected).abs() < 1e-12, "{:?}", joint.standard_error);
    let values = joint.values.unwrap();
    assert_eq!(values[..4], [Some(1.0), Some(1.0), Some(0.0), Some(0.0)]);
    assert_eq!(values[8..10], [None, None]);
}

#[test]
fn antisymmetry_forgives_a_wrong_belief_but_not_two() {
    let records = [
        pair("p1", "b1", says("true"), says("false")),
        pair("p1", "b2", says("true"), says("true")),
        pair("p2", "b1", says("false"), says("true")),
        pair("p2", "b2", says("true"), without(AnswerState::Unparsed)),
    ]
    .concat();
    let figure = summary(json!({"use": "consistency", "check": "antisymmetry"}), &records);
    assert_eq!((figure.value, figure.n, figure.clusters), (Some(2.0 / 3.0), 3, 2));
}

#[test]
fn transitivity_counts_circles_among_three() {
    let ask =
        |a: &str, b: &str, answer: &str| record("p1", "", "A superior B", [a, b], "superior", says(answer));
    let figure = |records: &[Record]| {
        let figure = summary(json!({"use": "consistency", "check": "transitivity"}), records);
        (figure.value, figure.n)
    };
    let chain = [ask("a", "b", "superior"), ask("b", "c", "superior"), ask("a", "c", "superior")];
    assert_eq!(figure(&chain), (Some(1.0), 1));
    let circle = [ask("a", "b", "superior"), ask("b", "c", "superior"), ask("c", "a", "superior")];
    assert_eq!(figure(&circle), (Some(0.0), 1));
    // A wrong answer claims the opposite: a over b, b over c, c over a once more.
    let wrong = [ask("a", "b", "superior"), ask("b", "c", "superior"), ask("a", "c", "inferior")];
    assert_eq!(figure(&wrong), (Some(0.0), 1));
    // Relations told from the other end, and by superlatives.
    let turned = |a: &str, b: &str, relation: &str| record("p1", "", relation, [a, b], "true", says("true"));
    let mixed = [
        turned("a", "b", "B inferior A"),
        turned("c", "b", "B farther toward the patient's head than A"),
        turned("a", "c", "A superior B"),
    ];
    assert_eq!(figure(&mixed), (Some(1.0), 1));
    // Four structures, all six pairs in one order: four triples. One pair twice with opposite claims is none.
    let mut four: Vec<Record> = ["ab", "ac", "ad", "bc", "bd", "cd"]
        .iter()
        .map(|pair| ask(&pair[..1], &pair[1..], "superior"))
        .collect();
    assert_eq!(figure(&four), (Some(1.0), 4));
    four.push(ask("a", "b", "inferior"));
    assert_eq!(figure(&four), (Some(1.0), 2));
}

#[test]
fn random_guesses_pass_transitivity_three_times_in_four() {
    let mut records = Vec::new();
    for case in 0..2000 {
        for (index, pair) in [["a", "b"], ["b", "c"], ["a", "c"]].into_iter().enumerate() {
            let right = Draw::new(5).of(case).of(index).coin();
            let answer = if right { "superior" } else { "inferior" };
            records.push(record(&format!("p{case}"), "", "A superior B", pair, "superior", says(answer)));
        }
    }
    let figure = summary(json!({"use": "consistency", "check": "transitivity"}), &records);
    let [low, high] = figure.interval.unwrap();
    assert!(low < 0.75 && 0.75 < high && high - low < 0.05, "{figure:?}");
}

#[test]
fn different_pictures_trials_and_axes_are_not_mixed() {
    let ask = |a: &str, b: &str, relation: &str, trial: u32| {
        let options = ["true", "false"].map(str::to_owned).to_vec();
        let mut record = record("p1", "", relation, [a, b], "true", says("true"));
        record.question.options = options;
        record.trial = trial;
        record
    };
    let records = [
        ask("a", "b", "A superior B", 0),
        ask("b", "c", "A anterior B", 0),
        ask("a", "c", "A superior B", 0),
        ask("b", "c", "A superior B", 1),
    ];
    let figure = summary(json!({"use": "consistency", "check": "transitivity"}), &records);
    assert_eq!((figure.value, figure.n, figure.interval), (None, 0, None));
}
