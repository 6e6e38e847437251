//! The metrics `judge`, `jury` and `agreement`: who is asked what, what becomes of replies, how votes are joined.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use situs_core::prelude::*;
use situs_core::registry::Registry;
use situs_plugins as _;
use std::collections::BTreeMap;

fn build(params: Value) -> Result<Box<dyn Metric>, Fault> {
    let params = params.as_object().unwrap().clone();
    let built = Registry::builtin().unwrap().build::<dyn Metric>(&params, &BuildContext::default())?;
    Ok(built.component)
}

fn metric(params: Value) -> Box<dyn Metric> {
    build(params).unwrap()
}

/// Answer number `row` of case `row / 3`; its prediction is `answer`.
fn record(row: usize, answer: &str) -> Record {
    let (case, index) = (format!("valid_{}_a_1", row / 3), row % 3);
    let facts = BTreeMap::from([
        ("item".to_owned(), json!(format!("{case}::{index}"))),
        ("row".to_owned(), json!(row)),
    ]);
    Record {
        arm: "main".to_owned(),
        question: Question {
            // Ids do not sort as rows do.
            id: format!("q{:04}", 9999 - row),
            volumes: Vec::new(),
            cases: vec![case.clone()],
            cluster: case,
            template: "T".to_owned(),
            cell: "c".to_owned(),
            bundle: String::new(),
            structures: Vec::new(),
            text: format!("Question {row}?"),
            options: Vec::new(),
            truth: format!("truth {row}"),
            chance: 0.0,
            facets: BTreeMap::new(),
            scene: None,
            evidence: Evidence { facts, ..Evidence::default() },
            private: Value::Null,
        },
        trial: 0,
        prompt: Prompt::default(),
        reply: Some(Reply::text(answer)),
        fault: None,
        answer: Answer::answered(answer),
    }
}

/// Records in the order that the engine hands them over: by question id.
fn records(answers: &[&str]) -> Vec<Record> {
    let mut records: Vec<Record> =
        answers.iter().enumerate().map(|(row, answer)| record(row, answer)).collect();
    records.sort_by(|a, b| a.question.id.cmp(&b.question.id));
    records
}

/// What was asked: role, prompt.
type Asked = Vec<(String, String)>;

/// Plays the engine: asks until nothing more is needed. `None` is a request that failed.
fn consulted(
    metric: &dyn Metric,
    records: &[Record],
    mut says: impl FnMut(&str, &str) -> Option<String>,
) -> (Replies, Asked) {
    let (mut replies, mut asked) = (Replies::default(), Vec::new());
    for round in 0.. {
        let needs = metric.consult(records, &replies).unwrap();
        if needs.is_empty() {
            break;
        }
        assert!(round < 8, "the engine allows eight rounds");
        for need in needs {
            assert!(!replies.contains(&need.key), "asked twice: {:?}", need.key);
            let prompt = need.prompt.joined_text();
            match says(&need.role, &prompt) {
                Some(text) => replies.insert(need.key, Reply::text(text)),
                None => replies.fail(need.key),
            }
            asked.push((need.role, prompt));
        }
    }
    (replies, asked)
}

/// Scores by row.
fn scores(metric: &dyn Metric, records: &[Record], replies: &Replies) -> Vec<Option<f64>> {
    let mut by_row: Vec<(u64, Option<f64>)> = records
        .iter()
        .map(|record| {
            let row = record.question.evidence.facts["row"].as_u64().unwrap();
            let score = if record.answer.state == AnswerState::Failed {
                None
            } else {
                metric.score(record, replies).unwrap().map(|score| score.value)
            };
            (row, score)
        })
        .collect();
    by_row.sort_by_key(|(row, _)| *row);
    by_row.into_iter().map(|(_, score)| score).collect()
}

/// Numbers and candidate answers of a prompt, in its order.
fn listed(prompt: &str) -> Vec<(usize, String)> {
    let mut items = Vec::new();
    let mut number = 0;
    for line in prompt.lines() {
        if let Some((head, _)) = line.split_once(". Question: ") {
            number = head.parse().unwrap();
        }
        if let Some(answer) = line.trim().strip_prefix("Candidate answer: ") {
            items.push((number, serde_json::from_str(answer).unwrap()));
        }
    }
    items
}

/// The verdicts of a judge that likes every answer that starts with `right`.
fn fair(prompt: &str) -> Vec<Value> {
    listed(prompt)
        .into_iter()
        .map(|(index, answer)| json!({"index": index, "is_correct": answer.starts_with("right")}))
        .collect()
}

fn in_json(verdicts: &[Value]) -> Option<String> {
    Some(Value::from(verdicts.to_vec()).to_string())
}

const SEVEN: [&str; 7] = ["right a", "wrong b", "right c", "right d", "wrong e", "right f", "wrong g"];
const TRUTH: [Option<f64>; 7] = [Some(1.0), Some(0.0), Some(1.0), Some(1.0), Some(0.0), Some(1.0), Some(0.0)];

#[test]
fn answers_are_put_to_the_judge_in_batches_in_the_order_of_the_data_set() {
    let judge = metric(json!({"use": "judge", "role": "expert"}));
    let records = records(&SEVEN);
    let (replies, asked) = consulted(judge.as_ref(), &records, |_, prompt| in_json(&fair(prompt)));
    assert_eq!(asked.len(), 2, "five and two");
    assert_eq!(asked[0].0, "expert");
    let answers: Vec<String> = listed(&asked[0].1).into_iter().map(|(_, answer)| answer).collect();
    assert_eq!(answers, SEVEN[..5]);
    for part in ["Question 3?", "truth 3", "right d", "is_correct", "index"] {
        assert!(asked[0].1.contains(part), "{part} in {}", asked[0].1);
    }
    assert_eq!(scores(judge.as_ref(), &records, &replies), TRUTH);
}

#[test]
fn shuffled_verdicts_find_their_items() {
    let judge = metric(json!({"use": "judge"}));
    let records = records(&SEVEN);
    let (replies, asked) = consulted(judge.as_ref(), &records, |_, prompt| {
        let mut verdicts = fair(prompt);
        verdicts.reverse();
        Some(format!("Here is my verdict:\n```json\n{}\n```", Value::from(verdicts)))
    });
    assert_eq!((asked.len(), scores(judge.as_ref(), &records, &replies)), (2, TRUTH.to_vec()));
}

#[test]
fn items_missing_from_a_short_list_are_asked_about_alone() {
    let judge = metric(json!({"use": "judge"}));
    let records = records(&SEVEN);
    let (replies, asked) = consulted(judge.as_ref(), &records, |_, prompt| {
        let verdicts = fair(prompt);
        let keep = if verdicts.len() > 1 { verdicts.len() - 2 } else { 1 };
        in_json(&verdicts[..keep])
    });
    let alone: Vec<String> =
        asked[2..].iter().flat_map(|(_, prompt)| listed(prompt)).map(|(_, answer)| answer).collect();
    assert_eq!(alone, ["right d", "wrong e", "right f", "wrong g"], "nothing else is asked again");
    assert_eq!(scores(judge.as_ref(), &records, &replies), TRUTH);
}

#[test]
fn a_judge_that_fails_half_the_time_still_judges_everything() {
    let judge = metric(json!({"use": "judge"}));
    let records = records(&SEVEN);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let (replies, asked) = consulted(judge.as_ref(), &records, |_, prompt| {
        let times = seen.entry(prompt.to_owned()).or_default();
        *times += 1;
        if *times % 2 == 1 {
            Some("As a language model I would rather not.".to_owned())
        } else {
            in_json(&fair(prompt))
        }
    });
    assert_eq!(scores(judge.as_ref(), &records, &replies), TRUTH);
    assert_eq!(asked.len(), 2 + 7 * 2);
}

#[test]
fn a_judge_without_a_readable_word_leaves_items_without_a_verdict_and_the_policy_decides() {
    let records = records(&SEVEN);
    for (policy, expected) in [("left_out", None), ("wrong", Some(0.0))] {
        let judge = metric(json!({"use": "judge", "null": policy, "asking": {"retries": 2}}));
        let (replies, asked) = consulted(judge.as_ref(), &records, |_, _| Some("no comment".to_owned()));
        assert_eq!(asked.len(), 2 + 7 * 2, "two batches, then each item twice alone");
        assert_eq!(scores(judge.as_ref(), &records, &replies), [expected; 7], "{policy}");
    }
}

#[test]
fn a_failed_request_costs_its_items_one_more_try_each_and_no_more() {
    let judge = metric(json!({"use": "judge"}));
    let records = records(&SEVEN);
    let (replies, asked) = consulted(judge.as_ref(), &records, |_, prompt| {
        if prompt.contains("right d") { None } else { in_json(&fair(prompt)) }
    });
    assert_eq!(asked.len(), 2 + 5);
    let mut expected = TRUTH.to_vec();
    expected[3] = None;
    assert_eq!(scores(judge.as_ref(), &records, &replies), expected);
}

#[test]
fn empty_answers_are_wrong_without_a_question_and_failed_requests_are_no_answers() {
    let judge = metric(json!({"use": "judge"}));
    let mut records = records(&["right a", "", " \n", "right d", "right e", "right f"]);
    let failed = records.iter_mut().find(|record| record.question.text == "Question 4?").unwrap();
    failed.answer = Answer::without_value(AnswerState::Failed);
    let (replies, asked) = consulted(judge.as_ref(), &records, |_, prompt| in_json(&fair(prompt)));
    let answers: Vec<usize> = asked.iter().map(|(_, prompt)| listed(prompt).len()).collect();
    assert_eq!(
        answers,
        [2, 1],
        "a failed request keeps its place, so that no batch changes once it is answered"
    );
    let expected = [Some(1.0), Some(0.0), Some(0.0), Some(1.0), None, Some(1.0)];
    assert_eq!(scores(judge.as_ref(), &records, &replies), expected);

    let thorough = metric(json!({"use": "judge", "asking": {"ask_empty": true}}));
    let (_, asked) = consulted(thorough.as_ref(), &records, |_, prompt| in_json(&fair(prompt)));
    assert_eq!(listed(&asked[0].1).len(), 4);
}

fn three(policy: &str) -> Box<dyn Metric> {
    metric(json!({"use": "jury", "roles": ["a", "b", "c"], "null": policy, "asking": {"retries": 0}}))
}

/// Verdicts of `a`, `b`, `c` on one item: true, false, or silence.
fn one_item(policy: &str, votes: [Option<bool>; 3]) -> Option<f64> {
    let jury = three(policy);
    let records = records(&["right"]);
    let (replies, _) = consulted(jury.as_ref(), &records, |role, _| {
        let vote = votes[["a", "b", "c"].iter().position(|own| *own == role).unwrap()];
        in_json(&[json!({"index": 1, "is_correct": vote})])
    });
    scores(jury.as_ref(), &records, &replies)[0]
}

#[test]
fn the_majority_decides_and_the_policy_says_what_silence_is() {
    let (yes, no, silent) = (Some(true), Some(false), None);
    for (votes, against, abstain, void) in [
        ([yes, yes, no], Some(1.0), Some(1.0), Some(1.0)),
        ([yes, no, no], Some(0.0), Some(0.0), Some(0.0)),
        ([yes, yes, silent], Some(1.0), Some(1.0), None),
        ([yes, no, silent], Some(0.0), Some(0.0), None),
        ([yes, silent, silent], Some(0.0), Some(1.0), None),
        ([silent, silent, silent], Some(0.0), None, None),
    ] {
        assert_eq!(one_item("against", votes), against, "{votes:?}");
        assert_eq!(one_item("abstain", votes), abstain, "{votes:?}");
        assert_eq!(one_item("void", votes), void, "{votes:?}");
    }
}

#[test]
fn an_answer_with_too_few_votes_is_left_out() {
    let jury =
        metric(json!({"use": "jury", "roles": ["a", "b", "c"], "fewest": 2, "asking": {"retries": 0}}));
    let records = records(&["right"]);
    for (silent, expected) in [(1, Some(1.0)), (2, None)] {
        let (replies, _) = consulted(jury.as_ref(), &records, |role, _| {
            let silent = ["a", "b", "c"].iter().take(silent).any(|own| *own == role);
            let vote = if silent { Value::Null } else { true.into() };
            in_json(&[json!({"index": 1, "is_correct": vote})])
        });
        assert_eq!(scores(jury.as_ref(), &records, &replies), [expected], "{silent} of three are silent");
    }
}

#[test]
fn joined_by_row_one_dropped_item_shifts_every_later_vote() {
    // Judge c returns one verdict too few in its first batch; published code then drops that batch's last item.
    let answers = ["right 0", "wrong 1", "right 2", "wrong 3", "right 4", "wrong 5", "right 6", "wrong 7"];
    let records = records(&answers);
    let says = |role: &str, prompt: &str| {
        let verdicts = fair(prompt);
        match role {
            "a" => in_json(&verdicts),
            // Judge b is contrary: right is wrong and wrong is right.
            "b" => in_json(
                &verdicts
                    .iter()
                    .map(|it| json!({"index": it["index"], "is_correct": !it["is_correct"].as_bool().unwrap()}))
                    .collect::<Vec<_>>(),
            ),
            _ if prompt.contains("right 0") => in_json(&verdicts[..verdicts.len() - 1]),
            _ => in_json(&verdicts),
        }
    };
    let panel = |join: &str| {
        metric(json!({
            "use": "jury", "roles": ["a", "b", "c"], "join": join,
            "asking": {"retries": 0, "matching": "position", "batch": 4, "ask_empty": true}
        }))
    };
    let by_item = panel("item");
    let (replies, _) = consulted(by_item.as_ref(), &records, says);
    // a and b cancel out, so c decides; it is silent on item 3.
    let honest = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0].map(Some);
    assert_eq!(scores(by_item.as_ref(), &records, &replies), honest);
    let by_row = panel("row");
    let (replies, asked) = consulted(by_row.as_ref(), &records, says);
    assert_eq!(asked.len(), 6);
    // From row 3 on, c's verdict is that of the next item; row 7 is beyond its list.
    let shifted = [Some(1.0), Some(0.0), Some(1.0), Some(1.0), Some(0.0), Some(1.0), Some(0.0), None];
    assert_eq!(scores(by_row.as_ref(), &records, &replies), shifted);
}

#[test]
fn verdicts_in_files_are_joined_by_item_or_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let row = |row: usize, is: Value| {
        json!({"case_id": format!("valid_{}_a_1.nii.gz", row / 3), "question": format!("Question {row}?"),
               "is_correct": is})
    };
    write(
        "main_a.json",
        &json!([row(0, json!(true)), row(1, json!(false)), row(2, json!(true))]).to_string(),
    );
    // The second judge's file lacks row 1.
    write("b.jsonl", &format!("{}\n{}\n", row(0, json!(true)), row(2, json!(true))));
    write("c.csv", "item,is_correct\nvalid_0_a_1::2,0\nvalid_0_a_1::1,yes\nvalid_0_a_1::0,\n");
    let files = json!({
        "a": folder.path().join("{arm}_a.json"), "b": folder.path().join("b.jsonl"), "c": folder.path().join("c.csv"),
    });
    let records = records(&["x", "y", "z"]);
    let jury = |join: &str| metric(json!({"use": "jury", "files": files, "join": join}));
    for (join, expected) in
        [("item", [Some(1.0), Some(0.0), Some(1.0)]), ("row", [Some(1.0), Some(1.0), None])]
    {
        let jury = jury(join);
        assert_eq!(consulted(jury.as_ref(), &records, |_, _| unreachable!()).1.len(), 0);
        assert_eq!(scores(jury.as_ref(), &records, &Replies::default()), expected, "{join}");
    }
}

#[test]
fn bad_verdict_files_are_refused_with_the_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.jsonl");
    let refusal = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let jury = metric(json!({"use": "jury", "files": {"a": path}}));
        jury.consult(&records(&["x"]), &Replies::default()).unwrap_err().to_string()
    };
    for (text, expected) in [
        ("{\"item\": \"valid_0_a_1::0\", \"is_correct\": \"perhaps\"}\n", "row 1: \"perhaps\" is no verdict"),
        ("{\"item\": \"valid_0_a_1::0\"}\n", "row 1: no field is_correct"),
        ("{\"item\": 1,\n", "line 1: no JSON object"),
        (
            "{\"item\": \"valid_0_a_1::0\", \"is_correct\": 1}\n{\"item\": \"valid_0_a_1::0\", \"is_correct\": 1}\n",
            "rows 1 and 2 are both about item valid_0_a_1::0",
        ),
    ] {
        let message = refusal(text);
        assert!(message.contains(expected) && message.contains("v.jsonl"), "{message}");
    }
}

#[test]
fn metrics_with_the_same_settings_share_every_request() {
    let records = records(&SEVEN);
    let judge = metric(json!({"use": "judge", "role": "a"}));
    let jury = metric(json!({"use": "jury", "roles": ["a", "b", "c"]}));
    let kappa = metric(json!({"use": "agreement", "roles": ["a", "b"], "statistic": "cohen"}));
    assert!(judge.pool().is_some() && judge.pool() == jury.pool() && jury.pool() == kappa.pool());
    let needs = |metric: &dyn Metric| {
        let needs = metric.consult(&records, &Replies::default()).unwrap();
        needs.into_iter().filter(|need| need.role == "a").collect::<Vec<_>>()
    };
    assert_eq!(needs(judge.as_ref()), needs(jury.as_ref()));
    assert_eq!(needs(jury.as_ref()), needs(kappa.as_ref()));
    // Another prompt, another signature: the digest of the template stands in it.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.txt");
    std::fs::write(&path, "{% for item in items %}{{ item.index }} {{ item.prediction }} {% endfor %}")
        .unwrap();
    let own = metric(json!({"use": "judge", "role": "a", "asking": {"prompt": path}}));
    assert_ne!(own.signature(), judge.signature());
    assert!(own.signature().unwrap().contains("prompt:sha256:"));
    assert_eq!(needs(own.as_ref())[0].prompt.joined_text().split_whitespace().count(), 15);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for (params, at, what) in [
        (json!({"use": "jury"}), "roles", "needs judges"),
        (json!({"use": "jury", "roles": ["a", "a"]}), "roles", "votes twice"),
        (json!({"use": "jury", "roles": ["a"], "quorum": 2}), "quorum", "number of judges"),
        (json!({"use": "jury", "files": {"x": "/nowhere/x.json"}}), "files.x", "no file"),
        (json!({"use": "judge", "asking": {"batch": 0}}), "asking.batch", "1 to"),
        (json!({"use": "judge", "asking": {"retries": 99}}), "asking.retries", "at most"),
        (json!({"use": "judge", "asking": {"prompt": "/nowhere/p.txt"}}), "asking.prompt", "/nowhere/p.txt"),
        (json!({"use": "agreement", "roles": ["a"]}), "roles", "1 raters"),
        (json!({"use": "agreement", "roles": ["a", "b", "c"], "statistic": "cohen"}), "roles", "3 raters"),
    ] {
        let fault = build(params.clone()).err().expect("refused");
        let place = situs_core::fault::dotted(&fault.at);
        assert!(place == at && fault.what.contains(what), "{params}: {place}: {fault}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.txt");
    std::fs::write(&path, "{% for item in items %}").unwrap();
    let fault = build(json!({"use": "judge", "asking": {"prompt": path}})).err().unwrap();
    assert!(fault.what.contains("no usable template"), "{fault}");
}

/// Sums the statistics of all records and takes the figure.
fn figure(metric: &dyn Metric, records: &[Record], replies: &Replies) -> Result<f64, Fault> {
    let mut sums: Vec<f64> = Vec::new();
    for record in records {
        if let Some(score) = metric.score(record, replies).unwrap() {
            sums.resize(score.stats.len(), 0.0);
            sums.iter_mut().zip(&score.stats).for_each(|(sum, stat)| *sum += stat);
        }
    }
    metric.finish(&sums)
}

#[test]
fn agreement_is_that_of_the_published_packages() {
    // scikit-learn 1.9.1, statsmodels 0.15.0, krippendorff 0.9.0 on these very votes; `-` is a missing one.
    let folder = tempfile::tempdir().unwrap();
    let votes = [("a", "1101011010"), ("b", "1001011110"), ("c", "1101-1001-")];
    let mut files = serde_json::Map::new();
    for (name, votes) in votes {
        let path = folder.path().join(format!("{name}.csv"));
        let mut text = "item,verdict\n".to_owned();
        for (row, vote) in votes.chars().enumerate() {
            let vote = if vote == '-' { String::new() } else { vote.to_string() };
            text.push_str(&format!("valid_{}_a_1::{},{vote}\n", row / 3, row % 3));
        }
        std::fs::write(&path, text).unwrap();
        files.insert(name.to_owned(), json!(path));
    }
    let records = records(&["x"; 10]);
    let of = |names: &[&str], statistic: &str| {
        let files: serde_json::Map<String, Value> = files
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()))
            .map(|(a, b)| (a.clone(), b.clone()))
            .collect();
        let metric = metric(json!({"use": "agreement", "files": files, "statistic": statistic}));
        metric.consult(&records, &Replies::default()).unwrap();
        figure(metric.as_ref(), &records, &Replies::default()).unwrap()
    };
    for (names, statistic, expected) in [
        (&["a", "b"][..], "cohen", 0.5833333333333333),
        (&["a", "c"], "cohen", 0.7142857142857143),
        (&["a", "b", "c"], "fleiss", 0.3949579831932773),
        (&["a", "b", "c"], "krippendorff", 0.5668449197860963),
        (&["a", "b"], "share", 0.8),
        (&["a", "b", "c"], "coverage", 28.0 / 30.0),
    ] {
        let found = of(names, statistic);
        assert!((found - expected).abs() < 1e-12, "{statistic} of {names:?}: {found}");
    }
}

#[test]
fn a_pooled_panel_is_compared_with_people_as_one_rater() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("people.csv");
    std::fs::write(
        &path,
        "item,is_correct\nvalid_0_a_1::0,1\nvalid_0_a_1::1,0\nvalid_0_a_1::2,0\nvalid_1_a_1::0,1\n",
    )
    .unwrap();
    let metric = metric(json!({
        "use": "agreement", "roles": ["a", "b", "c"], "files": {"people": path}, "pooled": true, "statistic": "share",
    }));
    let records = records(&["right 0", "wrong 1", "right 2", "right 3"]);
    let (replies, _) =
        consulted(
            metric.as_ref(),
            &records,
            |role, prompt| {
                if role == "c" { in_json(&[]) } else { in_json(&fair(prompt)) }
            },
        );
    // Two of three judges are a majority; people disagree on item 2.
    assert!((figure(metric.as_ref(), &records, &replies).unwrap() - 0.75).abs() < 1e-12);
}
