//! The pipeline of models, played by hand: what they may change and what drops an item.

use crate::bench::{Clinic, build_family, phantoms};
use serde_json::{Value, json};
use situs_core::prelude::*;

/// Asks one case, answering every consultation by role; gives the questions, what was left out, and every prompt.
fn play(
    spec: Value,
    answer: impl Fn(&Consultation) -> Option<String>,
) -> (Vec<Question>, Reasons, Vec<Consultation>) {
    let clinic = Clinic::new(phantoms(1));
    let family = build_family(spec).unwrap();
    let mut replies = Replies::default();
    let mut asked = Vec::new();
    for _ in 0..8 {
        match clinic.ask_with(&*family, 0, &replies).unwrap() {
            Asked::Questions { questions, left_out } => return (questions, left_out, asked),
            Asked::Needs(needs) => {
                for need in needs {
                    match answer(&need) {
                        Some(text) => replies.insert(need.key.clone(), Reply::text(text)),
                        None => replies.fail(need.key.clone()),
                    }
                    asked.push(need);
                }
            }
        }
    }
    panic!("still asking after eight rounds");
}

fn text(need: &Consultation) -> String {
    need.prompt.joined_text()
}

/// The question of an item as it stands in a prompt's data.
fn stem(need: &Consultation) -> String {
    let text = text(need);
    let (_, data) = text.split_once("Item:\n").unwrap();
    let end = data.rfind("\n}").unwrap() + 2;
    serde_json::from_str::<Value>(&data[..end]).unwrap()["question"].as_str().unwrap().to_owned()
}

fn only(tasks: &[&str], agents: Value) -> Value {
    json!({"tasks": tasks, "items": 8, "agents": agents})
}

#[test]
fn a_writer_words_the_question_and_nothing_else() {
    let spec = only(&["vol", "dist"], json!({"writer": "writer"}));
    let reworded = |need: &Consultation| {
        Some(
            json!({"question": format!("For surgical planning: {}", stem(need)), "distractors": []})
                .to_string(),
        )
    };
    let (questions, left_out, asked) = play(spec.clone(), reworded);
    assert_eq!(questions.len(), asked.len());
    assert!(questions.iter().all(|question| question.text.contains("For surgical planning: ")));
    assert_eq!(left_out["funnel 1 generated"], asked.len() as u64);
    let (plain, ..) = play(only(&["vol", "dist"], json!({})), |_| None);
    let key = |questions: &[Question]| -> Vec<_> {
        questions.iter().map(|one| (one.options.clone(), one.truth.clone(), one.structures.clone())).collect()
    };
    assert_eq!(key(&questions), key(&plain));
}

#[test]
fn names_sides_and_numbers_must_survive_a_new_wording() {
    let spec = only(&["dir", "vol"], json!({"writer": "writer"}));
    let swaps = |need: &Consultation| {
        let stem = stem(need).replace("left", "LEFT").replace("right", "left").replace("LEFT", "right");
        Some(json!({"question": format!("{stem} (12 cm)")}).to_string())
    };
    let (questions, left_out, asked) = play(spec, swaps);
    assert!(questions.iter().all(|question| !question.text.contains("(12 cm)")));
    let kept: u64 = left_out
        .iter()
        .filter(|(reason, _)| reason.starts_with("funnel writer: kept the template"))
        .map(|(_, count)| count)
        .sum();
    assert_eq!(kept, asked.len() as u64, "{left_out:?}");
}

#[test]
fn proposed_distractors_must_keep_gaps_and_the_rank_of_the_truth() {
    let spec = json!({"tasks": ["vol"], "templates": ["VOL-1"], "items": 12, "agents": {"writer": "writer"}});
    let proposal = |need: &Consultation| {
        let stem = stem(need);
        Some(json!({"question": stem, "distractors": ["0.9 cm³", "0.8 cm³", "0.7 cm³"]}).to_string())
    };
    let (questions, left_out, _) = play(spec, proposal);
    assert!(questions.iter().all(|question| question.options.iter().all(|option| option != "0.9 cm³")));
    assert_eq!(
        left_out["funnel writer: kept the options, proposals break the rules"],
        questions.len() as u64,
        "{left_out:?}"
    );
}

#[test]
fn the_validator_drops_by_criterion() {
    let spec = only(&["vol"], json!({"validator": "validator"}));
    let judge = |need: &Consultation| match need.key.name.as_str() {
        "validator/vol/0" => {
            Some(r#"{"relevant": false, "plausible": true, "non_trivial": true}"#.to_owned())
        }
        "validator/vol/1" => {
            Some("```json\n{\"relevant\": true, \"plausible\": true, \"non_trivial\": false}\n```".to_owned())
        }
        "validator/vol/2" => Some("fine".to_owned()),
        "validator/vol/3" => None,
        _ => Some(r#"{"relevant": true, "plausible": true, "non_trivial": true}"#.to_owned()),
    };
    let (questions, left_out, asked) = play(spec, judge);
    let known = |name: &str| asked.iter().any(|need| need.key.name == name);
    for (name, reason) in [
        ("validator/vol/0", "4 validator: not relevant"),
        ("validator/vol/1", "4 validator: trivial"),
        ("validator/vol/2", "4 validator: verdict that cannot be read"),
        ("validator/vol/3", "4 validator: no reply"),
    ] {
        assert_eq!(left_out.contains_key(reason), known(name), "{reason}: {left_out:?}");
    }
    assert_eq!(left_out["funnel 2 past the validator"], questions.len() as u64);
}

#[test]
fn what_two_of_three_know_without_the_image_is_dropped() {
    let spec = only(&["vol", "comp"], json!({"specialists": ["one", "two", "three"]}));
    let (all, ..) = play(only(&["vol", "comp"], json!({})), |_| None);
    let truth = |need: &Consultation| {
        let text = text(need);
        all.iter().find(|question| text.ends_with(&question.text)).unwrap().truth.clone()
    };
    // Two know everything: nothing is left. One does: everything is.
    for (knowing, left) in [(2, 0), (1, all.len())] {
        let (questions, left_out, asked) = play(spec.clone(), |need| {
            let place: usize = need.key.name.rsplit('/').next().unwrap().parse().unwrap();
            Some(if place < knowing {
                format!("<answer>{}</answer>", truth(need))
            } else {
                "no idea".to_owned()
            })
        });
        assert_eq!(questions.len(), left, "{left_out:?}");
        assert_eq!(asked.len(), 3 * all.len());
        assert!(asked.iter().all(|need| text(need).contains("No image is given")));
        assert!(
            left_out.keys().any(|reason| reason.contains("4 options (guessing alone drops 16 %)")),
            "{left_out:?}"
        );
    }
}

#[test]
fn passages_of_a_folder_stand_in_the_prompts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("organs.txt"), "The volume of the liver differs.\n\nNothing here.")
        .unwrap();
    let agents = json!({"writer": "writer", "texts": folder.path(), "passages": 1});
    let (_, _, asked) = play(only(&["absolute"], agents), |_| Some("{}".to_owned()));
    assert!(asked.iter().any(|need| text(need).contains("[1] The volume of the liver differs.")));
    let missing = build_family(json!({"agents": {"texts": "/nowhere/at/all"}})).err().unwrap();
    assert!(missing.to_string().starts_with("agents.texts"), "{missing}");
    let two = build_family(json!({"agents": {"specialists": ["a", "b"]}})).err().unwrap();
    assert!(two.to_string().starts_with("agents.specialists"), "{two}");
}
