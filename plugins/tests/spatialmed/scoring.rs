//! `mcq`, `mra_vsi10`, `mra_linear` and `no_commitment` on replies scored by hand and on golden values.

use crate::bench::{family, params};
use serde_json::{Value, json};
use situs_core::prelude::*;
use situs_core::record::ScoredRecord;
use situs_core::registry::Registry;
use situs_plugins::metrics::mra_vsi10::mra_vsi10;

fn metric(spec: Value) -> Box<dyn Metric> {
    Registry::builtin()
        .unwrap()
        .build::<dyn Metric>(&params(spec), &BuildContext::default())
        .unwrap()
        .component
}

fn record(options: &[&str], truth: &str, text: &str) -> Record {
    let question = Question {
        id: format!("q{text}"),
        volumes: Vec::new(),
        cases: vec!["c".to_owned()],
        cluster: "c".to_owned(),
        template: "T".to_owned(),
        cell: "T".to_owned(),
        bundle: String::new(),
        structures: Vec::new(),
        text: String::new(),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        truth: truth.to_owned(),
        chance: 0.25,
        facets: Default::default(),
        scene: None,
        evidence: Evidence::default(),
        private: json!({"unit": if options.is_empty() { Some("cm3") } else { None }}),
    };
    let reply = Reply::text(text);
    let answer = family(json!({})).read(&question, &reply).unwrap();
    Record {
        arm: "arm".to_owned(),
        question,
        trial: 0,
        prompt: Prompt::default(),
        reply: Some(reply),
        fault: None,
        answer,
    }
}

fn value(spec: Value, record: &Record) -> Option<f64> {
    metric(spec).score(record, &Replies::default()).unwrap().map(|score| score.value)
}

#[test]
fn ten_thresholds_with_their_ends() {
    // What VSI-Bench's published code gives (thresholds numpy.linspace(.5, .95, 10), `<=`, numpy 2.4.6). In exact arithmetic 60
    // for 50 would keep seven thresholds.
    for (prediction, target, expected) in [
        (50.0, 50.0, 1.0),
        (60.0, 50.0, 0.6),
        (45.0, 50.0, 0.9),
        (75.0, 50.0, 0.1),
        (25.0, 50.0, 0.1),
        (52.5, 50.0, 1.0),
        (0.0, 50.0, 0.0),
        (1.0, 3.0, 0.0),
    ] {
        assert_eq!(mra_vsi10(prediction, target), expected, "{prediction} for {target}");
    }
}

#[test]
fn the_two_accuracies_of_one_name_are_two_functions() {
    let record = record(&[], "100", "<answer>80 cm³</answer>");
    assert_eq!(value(json!({"use": "mra_linear"}), &record), Some(0.8));
    assert_ne!(value(json!({"use": "mra_vsi10"}), &record), Some(0.8));
}

#[test]
fn a_reply_without_a_number_scores_nothing_or_is_left_out() {
    let silent = record(&[], "100", "<answer>80 to 120 cm³</answer>");
    assert_eq!(value(json!({"use": "mra_vsi10"}), &silent), Some(0.0));
    assert_eq!(value(json!({"use": "mra_vsi10", "over": "parsed"}), &silent), None);
    assert_eq!(value(json!({"use": "no_commitment"}), &silent), Some(1.0));
    let choice = record(&["a", "b"], "a", "<answer>A</answer>");
    for name in ["mra_vsi10", "mra_linear", "no_commitment"] {
        assert_eq!(value(json!({"use": name}), &choice), None, "{name}");
    }
}

#[test]
fn a_model_that_never_commits_has_no_figure_where_that_is_asked_for() {
    let records = [record(&[], "100", "<answer>large</answer>"), record(&[], "50", "I see a liver.")];
    let summary = |spec: Value, records: &[Record]| {
        let metric = metric(spec);
        let records = records
            .iter()
            .map(|record| ScoredRecord { record, score: metric.score(record, &Replies::default()).unwrap() })
            .collect();
        metric.summarise(&Scored { records, seed: 0, replicates: 100 }).unwrap()
    };
    let none = json!({"use": "mra_vsi10", "never_committed": "none"});
    assert_eq!(summary(none.clone(), &records), Some(Summary::nothing()));
    assert_eq!(summary(json!({"use": "mra_vsi10"}), &records), None);
    let [first, _] = records;
    assert_eq!(summary(none, &[first, record(&[], "50", "<answer>51 ml</answer>")]), None);
}

#[test]
fn a_fraction_for_per_cent_is_wrong_however_near() {
    let score = |truth: &str, text: &str| {
        let mut record = record(&[], truth, text);
        record.question.private = json!({"unit": "percent"});
        record.answer = family(json!({})).read(&record.question, record.reply.as_ref().unwrap()).unwrap();
        value(json!({"use": "mra_vsi10"}), &record)
    };
    assert_eq!(score("1.2", "<answer>1</answer>"), Some(0.0));
    assert!(score("1.2", "<answer>1 %</answer>") > Some(0.5));
    // Below 1 % a bare number need be no fraction.
    assert_eq!(score("0.4", "<answer>0.4</answer>"), Some(1.0));
}

#[test]
fn the_readings_of_choices_differ_where_their_rules_do() {
    let options = ["1.0 cm", "2.0 cm"];
    let of = |read: &str, text: &str| {
        value(json!({"use": "mcq", "read": read}), &record(&options, "2.0 cm", text))
    };
    for (text, expected) in [
        // family, lenient, first token, first letter
        ("<answer>B</answer>", [1.0, 1.0, 0.0, 1.0]),
        ("B", [0.0, 1.0, 1.0, 1.0]),
        ("The answer is B.", [0.0, 1.0, 0.0, 1.0]),
        ("2.0 cm", [0.0, 1.0, 0.0, 0.0]),
    ] {
        let found = ["family", "lenient", "first_token", "first_letter"].map(|read| of(read, text).unwrap());
        assert_eq!(found, expected, "{text}");
    }
    assert_eq!(value(json!({"use": "mcq", "over": "parsed"}), &record(&options, "2.0 cm", "no idea")), None);
}

/// A record of one task: right or wrong, in a case of its own.
fn of_task(task: &str, index: usize, right: bool) -> Record {
    let free = ["absolute", "ratio", "cross"].contains(&task);
    let mut record = match (free, right) {
        (true, true) => record(&[], "100", "<answer>100 cm³</answer>"),
        (true, false) => record(&[], "100", "<answer>large</answer>"),
        (false, right) => {
            record(&["a", "b"], "a", if right { "<answer>A</answer>" } else { "<answer>B</answer>" })
        }
    };
    record.question.id = format!("{task}-{index}");
    record.question.cluster = format!("p{index}");
    record.question.facets.insert("task".to_owned(), task.to_owned());
    record
}

#[test]
fn the_average_weighs_tasks_alike_under_three_policies() {
    let figure = |policy: &str, records: &[Record]| {
        let metric = metric(json!({"use": "spatialmed_average", "without_number": policy}));
        let records = records
            .iter()
            .map(|record| ScoredRecord { record, score: metric.score(record, &Replies::default()).unwrap() })
            .collect();
        metric.summarise(&Scored { records, seed: 0, replicates: 100 }).unwrap().unwrap().value
    };
    // Direction 1 of 2 right, the other choice tasks right; three volume questions without a number.
    let mut records = vec![of_task("dir", 0, true), of_task("dir", 1, false)];
    for task in ["dist", "ext", "vol", "comp"] {
        records.extend([of_task(task, 0, true), of_task(task, 1, true)]);
    }
    records.extend([
        of_task("absolute", 0, false),
        of_task("ratio", 0, false),
        of_task("absolute", 1, false),
    ]);
    let near = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-12;
    assert!(near(figure("zero", &records), 4.5 / 6.0));
    assert!(near(figure("skip", &records), 4.5 / 5.0));
    assert_eq!(figure("void", &records), None);
    // One number, and all policies agree.
    records.push(of_task("cross", 1, true));
    for policy in ["zero", "skip", "void"] {
        assert!(near(figure(policy, &records), (4.5 + 0.25) / 6.0), "{policy}");
    }
    // A task that was not asked.
    records.retain(|record| record.question.facet("task") != "ext");
    assert_eq!(figure("zero", &records), None);
}

#[test]
fn explanation_and_answer_are_judged_apart() {
    let outcome = |outcome: &str, text: &str, verdict: Option<&str>| {
        let metric = metric(json!({"use": "faithfulness", "outcome": outcome}));
        let record = record(&["a", "b"], "a", text);
        let mut replies = Replies::default();
        let needs = metric.consult(std::slice::from_ref(&record), &replies).unwrap();
        for need in needs {
            let prompt = need.prompt.joined_text();
            // The final answer must not sway the judge.
            assert!(prompt.contains("The liver is larger.") && !prompt.contains("<answer>A"), "{prompt}");
            match verdict {
                Some(verdict) => replies.insert(need.key, Reply::text(format!("<answer>{verdict}</answer>"))),
                None => replies.fail(need.key),
            }
        }
        metric.score(&record, &replies).unwrap().map(|score| score.value)
    };
    let right = "The liver is larger. <answer>A</answer>";
    let wrong = "The liver is larger. <answer>B</answer>";
    for (text, verdict, expected) in [
        (right, "yes", "faithful"),
        (wrong, "yes", "decision_error"),
        (right, "no", "lucky_guess"),
        (wrong, "no", "hallucinated"),
    ] {
        for name in ["faithful", "decision_error", "lucky_guess", "hallucinated"] {
            let value = outcome(name, text, Some(verdict));
            assert_eq!(value, Some(f64::from(u8::from(name == expected))), "{text} {verdict} {name}");
        }
    }
    assert_eq!(outcome("faithful", right, Some("perhaps")), None);
    assert_eq!(outcome("faithful", right, None), None);
    // Without an explanation there is nothing to judge.
    let silent = metric(json!({"use": "faithfulness"}));
    let bare = record(&["a", "b"], "a", "<answer>A</answer>");
    assert!(silent.consult(&[bare], &Replies::default()).unwrap().is_empty());
}
