//! Templates, truths and the distractor rules, on phantoms.

use crate::bench::{Clinic, build_family, family, phantoms};
use serde_json::json;
use situs_core::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// Six phantoms and what is asked of them.
fn asked() -> &'static (Clinic, Vec<Question>, Reasons) {
    static ASKED: OnceLock<(Clinic, Vec<Question>, Reasons)> = OnceLock::new();
    ASKED.get_or_init(|| {
        let clinic = Clinic::new(phantoms(6));
        // Tumours of coarse phantoms have few voxels.
        let (questions, left_out) = clinic.ask(&*family(json!({"items": 40, "fewest_voxels": 8})));
        (clinic, questions, left_out)
    })
}

fn of<'a>(questions: &'a [Question], facet: &'a str, level: &'a str) -> impl Iterator<Item = &'a Question> {
    questions.iter().filter(move |question| question.facet(facet) == level)
}

fn fact<T: serde::de::DeserializeOwned>(question: &Question, name: &str) -> Option<T> {
    serde_json::from_value(question.evidence.facts.get(name)?.clone()).ok()
}

fn measured(question: &Question, structure: &str, what: &str) -> serde_json::Value {
    question.evidence.facts["measured"][structure][what].clone()
}

fn volume(question: &Question, place: usize) -> f64 {
    measured(question, &question.structures[place], "volume_cm3").as_f64().unwrap()
}

fn centre(question: &Question, place: usize) -> [f64; 3] {
    question.evidence.positions[place].ras_mm
}

#[test]
fn every_template_is_asked_about_one_time_in_five() {
    let (_, questions, left_out) = asked();
    let mut counts: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for question in questions {
        *counts.entry(question.facet("task")).or_default().entry(&question.template).or_default() += 1;
    }
    assert_eq!(counts.len(), 8, "{counts:?} {left_out:#?}");
    for (task, templates) in &counts {
        assert_eq!(templates.len(), 5, "{task}: {templates:?} {left_out:#?}");
    }
}

#[test]
fn truths_follow_from_the_evidence() {
    let (_, questions, _) = asked();
    let mut checked = BTreeSet::new();
    for question in questions {
        let truth = question.truth.as_str();
        let number = || truth.parse::<f64>().unwrap();
        let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-5;
        let apart = |a: usize, b: usize| {
            let (a, b) = (centre(question, a), centre(question, b));
            (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f64>().sqrt()
        };
        let holds = match question.template.as_str() {
            "DIR-1" => {
                let step: Vec<f64> =
                    (0..3).map(|axis| centre(question, 0)[axis] - centre(question, 1)[axis]).collect();
                let main = (0..3).max_by(|a, b| step[*a].abs().total_cmp(&step[*b].abs())).unwrap();
                let words = [["left", "right"], ["back", "front"], ["feet", "head"]];
                truth.ends_with(words[main][usize::from(step[main] > 0.0)])
            }
            "DIST-2" => {
                let names: Vec<usize> = (1..question.structures.len()).collect();
                let best = names.iter().min_by(|a, b| apart(0, **a).total_cmp(&apart(0, **b))).unwrap();
                // "clavicula_right" is printed as "the right clavicle".
                let printed = |place: usize, option: &str| option.contains(&question.structures[place][..4]);
                if names.iter().any(|place| !question.options.iter().any(|option| printed(*place, option))) {
                    continue;
                }
                printed(*best, truth)
            }
            "EXT-2" => {
                let size: [f64; 3] =
                    serde_json::from_value(measured(question, &question.structures[0], "box_mm")).unwrap();
                let longest = (0..3).max_by(|a, b| size[*a].total_cmp(&size[*b])).unwrap();
                truth == ["right-left", "anterior-posterior", "superior-inferior"][longest]
            }
            "VOL-1" => {
                let values: Vec<f64> = fact(question, "option_values").unwrap();
                let index: usize = fact(question, "truth_index").unwrap();
                question.options[index] == truth && close(values[index], volume(question, 0))
            }
            "COMP-5" => {
                let ratio = volume(question, 0) / volume(question, 1);
                let place = [0.5, 1.0, 2.0].iter().filter(|limit| ratio >= **limit).count();
                truth == ["below 0.5", "0.5 to below 1", "1 to below 2", "2 or more"][place]
            }
            "ABS-1" | "ABS-2" | "ABS-3" | "ABS-5" => close(number(), volume(question, 0)),
            "RAT-1" | "RAT-2" => close(number(), volume(question, 0) / volume(question, 1)),
            "RAT-5" => close(number(), 100.0 * volume(question, 0) / volume(question, 1)),
            "RAT-3" => {
                close(number(), 100.0 * volume(question, 0) / (volume(question, 0) + volume(question, 1)))
            }
            _ => continue,
        };
        assert!(holds, "{}: {truth}\n{}\n{:?}", question.template, question.text, question.evidence);
        checked.insert(question.template.clone());
    }
    assert_eq!(checked.len(), 13, "{checked:?}");
}

#[test]
fn options_are_exclusive_and_the_right_one_is_among_them() {
    let (_, questions, _) = asked();
    for question in of(questions, "answer", "choice") {
        let distinct: BTreeSet<&String> = question.options.iter().collect();
        assert_eq!(distinct.len(), question.options.len(), "{}", question.text);
        assert!(question.options.contains(&question.truth), "{}", question.text);
        assert_eq!(question.chance, 1.0 / question.options.len() as f64);
        for (place, option) in question.options.iter().enumerate() {
            let line = format!("\n{}. {option}", char::from(b'A' + place as u8));
            assert!(question.text.contains(&line), "{line} is not in {}", question.text);
        }
    }
    for question in of(questions, "answer", "number") {
        assert!(question.options.is_empty() && question.truth.parse::<f64>().unwrap() > 0.0);
    }
}

#[test]
fn numeric_options_keep_their_gaps() {
    let (_, questions, _) = asked();
    let mut seen = 0;
    for question in questions
        .iter()
        .filter(|question| ["DIST-1", "EXT-1", "VOL-1", "VOL-4"].contains(&question.template.as_str()))
    {
        let mut values: Vec<f64> = fact(question, "option_values").unwrap();
        values.sort_by(f64::total_cmp);
        // Two voxels of 3.98 mm.
        let least = if question.template.starts_with("VOL") { 1.0 } else { 7.9 };
        for pair in values.windows(2) {
            let gap = pair[1] - pair[0];
            assert!(gap >= 0.2 * pair[1] - 1e-6 && gap >= least - 1e-6, "{values:?} {}", question.text);
        }
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn neither_letter_nor_rank_nor_length_tells_the_answer() {
    let (_, questions, _) = asked();
    let mut letters = [0.0; 4];
    let mut ranks = [0.0; 4];
    let (mut four, mut ranked, mut longest) = (0.0, 0.0, 0.0);
    for question in of(questions, "answer", "choice").filter(|question| question.options.len() == 4) {
        four += 1.0;
        let index: usize = fact(question, "truth_index").unwrap();
        letters[index] += 1.0;
        let most = question.options.iter().map(String::len).max().unwrap();
        if question.truth.len() == most {
            longest += 1.0 / question.options.iter().filter(|option| option.len() == most).count() as f64;
        }
        if let Some(values) = fact::<Vec<f64>>(question, "option_values") {
            ranks[values.iter().filter(|value| **value < values[index]).count()] += 1.0;
            ranked += 1.0;
        }
    }
    assert!(four > 400.0 && ranked > 150.0, "{four} {ranked}");
    // Three standard errors around a quarter; whole blocks are balanced exactly, so that this is generous.
    let fair = |count: f64, all: f64| (count / all - 0.25).abs() < 3.0 * (0.1875 / all).sqrt();
    assert!(letters.iter().all(|count| fair(*count, four)), "{letters:?}");
    assert!(ranks.iter().all(|count| fair(*count, ranked)), "{ranks:?}");
    assert!(fair(longest, four), "{longest} of {four}");
}

#[test]
fn no_side_word_stands_alone() {
    let (_, questions, _) = asked();
    for question in questions {
        for side in ["left", "right"] {
            for (at, _) in question.text.match_indices(side) {
                let before = &question.text[..at];
                let after = &question.text[at + side.len()..];
                if before.ends_with(char::is_alphabetic) {
                    continue;
                }
                let owned = before.ends_with("the patient's ")
                    || before.ends_with("patient's own ")
                    || before.ends_with("left and ")
                    || before.ends_with("x ")
                    || before.ends_with("as ")
                    || after.starts_with("-left")
                    || before.ends_with('-')
                    // Part of a name: "left kidney", "upper lobe of the left lung".
                    || after.starts_with(' ') && (before.ends_with("the ") || before.ends_with("of the "));
                assert!(owned, "{:?}", &question.text[at.saturating_sub(30)..]);
            }
        }
    }
}

#[test]
fn a_tumour_belongs_to_an_organ_and_is_asked_about() {
    let (_, questions, _) = asked();
    let tumours: BTreeSet<&str> =
        questions.iter().map(|question| question.facet("tumour")).filter(|tumour| *tumour != "-").collect();
    assert_eq!(
        tumours.into_iter().collect::<Vec<_>>(),
        ["liver tumour", "lung tumour", "pancreatic tumour", "renal tumour"]
    );
    // A tumour and its own organ only where the rules allow the pair.
    for question in questions {
        let names = &question.structures;
        let pair = names.contains(&"liver_tumor".to_owned()) && names.contains(&"liver".to_owned());
        if pair && question.cases.len() == 1 && names.len() == 2 {
            let allowed = ["dir", "dist"].contains(&question.facet("task")) || question.template == "RAT-3";
            assert!(allowed && names[0] == "liver_tumor", "{}", question.text);
        }
    }
}

#[test]
fn what_the_scan_cuts_is_not_measured() {
    let (clinic, questions, _) = asked();
    for question in questions.iter().filter(|question| !["dir", "dist"].contains(&question.facet("task"))) {
        for case in &question.cases {
            let entry = clinic.catalogue.entry(case).unwrap();
            for name in &question.structures {
                let structure = entry.measured.structures.iter().find(|one| one.name == *name).unwrap();
                assert!(!structure.touches_border, "{name}: {}", question.text);
            }
        }
    }
}

#[test]
fn two_patients_are_compared_once_and_share_a_cluster() {
    let (_, questions, _) = asked();
    let mut seen = BTreeSet::new();
    for question in of(questions, "task", "cross") {
        let [one, two] = &question.cases[..] else { panic!("{:?}", question.cases) };
        assert_ne!(one, two);
        let mut pair = [one.as_str(), two.as_str()];
        pair.sort_unstable();
        assert_eq!(question.cluster, pair.join("+"));
        assert!(seen.insert((pair.join("+"), question.template.clone(), question.structures.clone())));
    }
}

#[test]
fn one_case_has_nothing_to_be_compared_with() {
    let clinic = Clinic::new(phantoms(1));
    let (questions, left_out) = clinic.ask(&*family(json!({"tasks": ["cross", "vol"], "items": 3})));
    assert_eq!(left_out.get("2 item: cross: not run: one case"), Some(&3));
    assert_eq!(of(&questions, "task", "cross").count(), 0);
}

#[test]
fn the_same_seed_asks_the_same_and_variants_share_their_items() {
    let (clinic, ..) = asked();
    let both = family(json!({"items": 6, "variants": ["direct", "reason"]}));
    let (first, _) = clinic.ask_case(&*both, 0);
    assert_eq!(first, clinic.ask_case(&*both, 0).0);
    let mut bundles: BTreeMap<&str, Vec<&Question>> = BTreeMap::new();
    for question in &first {
        bundles.entry(&question.bundle).or_default().push(question);
    }
    for pair in bundles.values() {
        let [direct, reason] = &pair[..] else { panic!("{} of one item", pair.len()) };
        assert_eq!((&direct.truth, &direct.options), (&reason.truth, &reason.options));
        assert!(reason.text.contains("step by step") && !direct.text.contains("step by step"));
    }
}

#[test]
fn books_tell_trivial_items_where_there_are_patients_enough() {
    // Anatomical phantoms differ by a few per cent: a book knows nearly every order and direction.
    let clinic = Clinic::new(json!({"use": "phantom", "cases": 8, "shape": [94, 73, 125]}));
    let family_of =
        |population: usize| family(json!({"tasks": ["comp", "vol"], "items": 30, "population": population}));
    let (_, few) = clinic.ask_case(&*family_of(20), 0);
    assert!(few.keys().all(|reason| !reason.starts_with("3 trivial")), "{few:?}");
    let (questions, many) = clinic.ask_case(&*family_of(5), 0);
    assert!(many.keys().any(|reason| reason.starts_with("3 trivial: comp")), "{many:?}");
    // What a book can tell of the rest stands beside each item.
    assert!(of(&questions, "task", "comp").all(|question| question.facet("prior_right") != "unknown"));
    assert!(of(&questions, "template", "VOL-1").any(|question| question.facet("population_known") == "no"));
}

#[test]
fn voxel_items_exist_in_their_own_profile_alone() {
    let (clinic, questions, _) = asked();
    assert!(questions.iter().all(|question| !question.template.starts_with("PV")));
    let (voxel, _) = clinic.ask_case(&*family(json!({"profile": "paper-voxel", "items": 6})), 0);
    let templates: BTreeSet<&str> = voxel.iter().map(|question| question.template.as_str()).collect();
    assert_eq!(templates.into_iter().collect::<Vec<_>>(), ["PV-DIR", "PV-DIST", "PV-EXT"]);
    let distance = of(&voxel, "template", "PV-DIST").next().unwrap();
    let mut values: Vec<f64> = fact(distance, "option_values").unwrap();
    values.sort_by(f64::total_cmp);
    // The paper's sample: 103.72, 104.72, 104.73, 105.72.
    assert!((values[3] - values[0] - 2.0).abs() < 1e-9 && (values[2] - values[1] - 0.01).abs() < 1e-9);
}

#[test]
fn wrong_parameters_name_the_field() {
    for (spec, field) in [
        (json!({"tasks": []}), "tasks"),
        (json!({"items": 0}), "items"),
        (json!({"variants": []}), "variants"),
        (json!({"templates": ["DIR-9"]}), "templates"),
        (json!({"trivial_from": 2.0}), "trivial_from"),
    ] {
        let fault = build_family(spec).err().unwrap();
        assert!(fault.to_string().starts_with(field), "{fault}");
    }
}
