//! Arms under a control: each changes exactly what it should on a reader of pixels, a reader of names and a guesser.

use crate::controls::{ALL_DISPLAYS, Done, SMALL_TORSO, ask, other_side};
use situs_core::prelude::*;
use situs_core::run::{ControlFigure, Exit};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Records of an arm by question.
pub fn of<'a>(done: &'a Done, arm: &str) -> BTreeMap<&'a str, &'a Record> {
    let arm = done.records.iter().filter(|record| record.arm == arm);
    arm.map(|record| (record.question.id.as_str(), record)).collect()
}

pub fn figure<'a>(done: &'a Done, arm: &str) -> &'a ControlFigure {
    done.outcome.summary.controls.iter().find(|figure| figure.arm == arm).unwrap()
}

/// Pairs of records of a plain arm and its twin.
pub fn pairs<'a>(done: &'a Done, arm: &str, control: &str) -> Vec<(&'a Record, &'a Record)> {
    let plain = of(done, arm);
    let twins = of(done, &format!("{arm}+{control}"));
    assert!(!twins.is_empty(), "{arm}+{control} was asked nothing");
    twins.into_iter().map(|(id, twin)| (plain[id], twin)).collect()
}

#[track_caller]
pub fn answers_alike(done: &Done, arm: &str, control: &str) {
    for (plain, twin) in pairs(done, arm, control) {
        assert_eq!(plain.answer, twin.answer, "{arm} under {control}: {}", twin.question.text);
    }
    let figure = figure(done, &format!("{arm}+{control}"));
    assert_eq!(figure.same_answers.value, Some(1.0));
    assert_eq!(figure.kept.value, Some(1.0), "prior reliance of one who never looks");
}

pub fn is_silent(record: &Record) -> bool {
    record.answer.state != AnswerState::Answered
}

pub fn pictures(record: &Record) -> Vec<&str> {
    record.prompt.images().map(|image| image.pixels.as_str()).collect()
}

fn asked(folder: &Path, controls: &str, more: &[&str]) -> Done {
    let controls = format!("run.controls=[{controls}]");
    let sets =
        [SMALL_TORSO, "dataset.cases=4", "run.questions=160", "family.visual=[\"mask\", \"box\"]", &controls];
    let done = ask(&[&sets[..], more].concat(), folder);
    assert_eq!((done.outcome.exit, done.outcome.failed, done.outcome.missing), (Exit::Done, 0, 0));
    for record in done.records.iter().filter(|record| record.arm.starts_with("oracle")) {
        assert!(record.is_right(), "{}: {}", record.arm, record.question.text);
    }
    done
}

#[test]
fn without_pictures_only_the_reader_of_pictures_loses() {
    let folder = tempfile::tempdir().unwrap();
    let done = asked(
        folder.path(),
        r#""no-image", "blank""#,
        &[
            "family.ablations=[\"none\", \"text_only\"]",
            "family.visual=[\"mask\", \"box\", \"none\"]",
            "run.questions=240",
        ],
    );
    for control in ["no-image", "blank"] {
        answers_alike(&done, "prior", control);
        answers_alike(&done, "random", control);
        for (plain, twin) in pairs(&done, "pixel-reader", control) {
            assert!(
                is_silent(twin),
                "{control}: {} on {}",
                twin.answer.value.clone().unwrap(),
                twin.question.text
            );
            assert_eq!(plain.question, twin.question, "{control} leaves the question alone");
        }
        assert_eq!(figure(&done, &format!("pixel-reader+{control}")).kept.value, Some(0.0));
    }
    for (plain, twin) in pairs(&done, "pixel-reader", "no-image") {
        assert!(!pictures(plain).is_empty() && pictures(twin).is_empty());
        assert_eq!(twin.prompt, Prompt::text(&twin.question.text), "headings of frames go with their frames");
    }
    for (plain, twin) in pairs(&done, "pixel-reader", "blank") {
        assert_eq!(plain.prompt.joined_text(), twin.prompt.joined_text());
        assert_eq!(pictures(plain).len(), pictures(twin).len());
        for image in twin.prompt.images() {
            let png = std::fs::read(folder.path().join(format!("media/{}.png", image.pixels))).unwrap();
            let pixels = image::load_from_memory(&png).unwrap().into_rgb8();
            assert!(pixels.pixels().all(|pixel| *pixel == *pixels.get_pixel(0, 0)));
        }
    }
    // A text-only item has no picture to take away: it is left out of these arms, and counted.
    let shown_nothing =
        of(&done, "prior").values().filter(|record| pictures(record).is_empty()).count() as u64;
    let left_out = &figure(&done, "prior+no-image").dropped;
    assert!(shown_nothing > 0);
    assert_eq!(left_out["no-image: the question shows nothing"], shown_nothing);
}

#[test]
fn the_wrong_patient_shows_another_ones_pictures_under_the_same_text() {
    let folder = tempfile::tempdir().unwrap();
    let done = asked(folder.path(), r#""wrong-patient""#, &[ALL_DISPLAYS]);
    answers_alike(&done, "prior", "wrong-patient");
    answers_alike(&done, "random", "wrong-patient");
    let mut owners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for record in of(&done, "pixel-reader").values() {
        for picture in pictures(record) {
            owners.entry(picture).or_default().insert(&record.question.cluster);
        }
    }
    for (plain, twin) in pairs(&done, "pixel-reader", "wrong-patient") {
        assert_eq!(plain.question, twin.question);
        assert_eq!(plain.prompt.joined_text(), twin.prompt.joined_text());
        assert_eq!(pictures(plain).len(), pictures(twin).len());
        for picture in pictures(twin) {
            // A frame of nothing but air, or marks on white, may be the same in two patients.
            let mine_alone = owners
                .get(picture)
                .is_some_and(|owners| owners.len() == 1 && owners.contains(twin.question.cluster.as_str()));
            assert!(!mine_alone, "{}", twin.question.text);
        }
    }
    let figure = figure(&done, "pixel-reader+wrong-patient");
    let (own, plain) = (figure.accuracy.value.unwrap(), figure.accuracy_plain.value.unwrap());
    assert!(own < 0.6 * plain, "{own} with another patient's pictures, {plain} with the right ones");
}

#[test]
fn one_patient_alone_has_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let done = asked(folder.path(), r#""wrong-patient""#, &["dataset.cases=1", "run.questions=40"]);
    let figure = figure(&done, "pixel-reader+wrong-patient");
    assert_eq!((figure.same_answers.n, figure.kept.value), (0, None));
    assert!(figure.dropped["wrong-patient: no other patient has pictures of this form"] > 20, "{figure:?}");
}

#[test]
fn the_mirror_turns_right_and_left_of_the_same_organs_and_keeps_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let done = asked(
        folder.path(),
        r#""mirror""#,
        &["run.questions=300", "family.templates=[\"RA-O1\", \"RA-O2\"]"],
    );
    let (mut turned, mut kept) = (0, 0);
    for (plain, twin) in pairs(&done, "oracle", "mirror") {
        let swapped: Vec<String> = plain.question.structures.iter().map(|name| other_side(name)).collect();
        assert_eq!(
            twin.question.structures, swapped,
            "the same voxels, under the names they have in the mirror"
        );
        let compared = if plain.question.facet("axis") == "right-left" { &mut turned } else { &mut kept };
        *compared += 1;
        assert_eq!(
            plain.question.truth != twin.question.truth,
            plain.question.facet("axis") == "right-left",
            "{}",
            plain.question.text
        );
    }
    assert!(turned >= 20 && kept >= 40, "{turned} turned, {kept} kept");
    // Whoever reads pictures follows the mirror.
    let twins = pairs(&done, "pixel-reader", "mirror");
    assert!(twins.iter().filter(|(plain, twin)| plain.is_right() && twin.is_right()).count() > 40);
    for (plain, twin) in twins {
        assert_eq!(plain.is_right(), twin.is_right(), "{}", twin.question.text);
    }
    // Whoever recites anatomy is wrong there about right and left, and about nothing else.
    let mut lost = 0;
    for (plain, twin) in pairs(&done, "prior", "mirror") {
        let question = &plain.question;
        let sided = question.structures.iter().any(|name| other_side(name) != *name);
        if question.facet("text") != "name" || sided || !plain.is_right() {
            continue;
        }
        if question.facet("axis") == "right-left" {
            assert!(!twin.is_right(), "{}", twin.question.text);
            lost += 1;
        } else {
            assert!(twin.is_right(), "{}", twin.question.text);
        }
    }
    assert!(lost >= 3, "{lost}");
    // The plain arms of the run are those of a run without the control.
    let alone = tempfile::tempdir().unwrap();
    let alone = asked(alone.path(), "", &["run.questions=300", "family.templates=[\"RA-O1\", \"RA-O2\"]"]);
    assert_eq!(of(&alone, "prior"), of(&done, "prior"));
}

#[test]
fn slices_out_of_order_matter_to_questions_about_the_order_alone() {
    let folder = tempfile::tempdir().unwrap();
    let done = asked(folder.path(), r#""shuffled-slices""#, &["run.questions=300"]);
    answers_alike(&done, "prior", "shuffled-slices");
    answers_alike(&done, "random", "shuffled-slices");
    let mut changed = 0;
    for (plain, twin) in pairs(&done, "pixel-reader", "shuffled-slices") {
        let sorted = |record| BTreeSet::from_iter(pictures(record));
        assert_eq!(sorted(plain), sorted(twin), "the same pictures");
        assert_ne!(pictures(plain), pictures(twin), "in another order");
        assert_eq!(plain.question.facet("dim"), "3d", "a single slice has no order");
        if plain.answer != twin.answer {
            assert_eq!(plain.question.facet("depth"), "cross_slice", "{}", plain.question.text);
            changed += 1;
        }
    }
    assert!(changed > 5, "{changed} answers followed the order of slices");
    let left_out = &figure(&done, "pixel-reader+shuffled-slices").dropped;
    assert!(left_out["shuffled-slices: no stack of two or more slices"] > 0, "{left_out:?}");
}

#[test]
fn options_in_another_order_change_the_guess_and_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let done = asked(folder.path(), r#""shuffled-options""#, &[]);
    for arm in ["pixel-reader", "oracle"] {
        for (plain, twin) in pairs(&done, arm, "shuffled-options") {
            assert_eq!(plain.answer, twin.answer, "{arm}: {}", twin.question.text);
            assert_eq!(plain.question.truth, twin.question.truth);
            assert_eq!(pictures(plain), pictures(twin));
            assert_ne!(plain.question.options, twin.question.options);
        }
    }
    let mut moved = 0;
    for (plain, twin) in pairs(&done, "random", "shuffled-options") {
        let place = |record: &Record| {
            let value = record.answer.value.as_ref().unwrap();
            record.question.options.iter().position(|option| option == value).unwrap()
        };
        assert_eq!(place(plain), place(twin), "a guess is a place in the list");
        moved += usize::from(plain.answer != twin.answer);
    }
    assert!(moved > 20, "{moved} guesses fell on another answer");
}

#[test]
fn arms_under_controls_resume_and_are_told_apart_in_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let controls = r#""no-image", "mirror", "wrong-patient", "shuffled-options""#;
    let done = asked(folder.path(), controls, &["run.questions=40"]);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let before = (read("questions.jsonl"), read("mirrored.jsonl"), read("summary.json"));
    let again = asked(folder.path(), controls, &["run.questions=40"]);
    assert_eq!(again.outcome.asked, 0, "everything is on record");
    assert_eq!(before, (read("questions.jsonl"), read("mirrored.jsonl"), read("summary.json")));
    assert_eq!(done.records, again.records);
    let manifest: serde_json::Value = serde_json::from_str(&read("manifest.json")).unwrap();
    let arms = manifest["arms"].as_array().unwrap();
    let named: Vec<(&str, Option<&str>)> =
        arms.iter().map(|arm| (arm["name"].as_str().unwrap(), arm["control"].as_str())).collect();
    assert_eq!(
        named[5..8],
        [
            ("pixel-reader", None),
            ("pixel-reader+no-image", Some("no-image")),
            ("pixel-reader+mirror", Some("mirror")),
        ]
    );
    let stamps = &done.outcome.summary.arms[7].stamps;
    assert_eq!(stamps, &["control: mirror"]);
    // Differences between models are of plain arms; what a control changes stands in a table of its own.
    assert!(done.outcome.summary.comparisons.iter().all(|one| !one.a.contains('+') && !one.b.contains('+')));
    assert_eq!(done.outcome.summary.controls.len(), 4 * 4);
}
