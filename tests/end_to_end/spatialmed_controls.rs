//! SpatialMed under controls, and what readers without pictures score where its distractor rules promise chance.

use crate::control_arms::{figure, is_silent, of, pairs, pictures};
use crate::controls::{Done, SMALL_TORSO, ask_config};
use situs_core::prelude::*;
use situs_core::run::Exit;
use situs_core::volume::swap_sides;
use std::path::Path;

const CONFIG: &str = r#"
[dataset]
use = "phantom"

[family]
use = "spatialmed"
tasks = ["dir", "dist", "ext", "vol", "comp"]
fewest_voxels = 24

[renderer]
use = "three-view"
slices = 3
long_side = 96

[run]

[metrics.mcq]

[[arm]]
name = "oracle"
model = { use = "oracle" }
[[arm]]
name = "pixel-reader"
model = { use = "pixel-reader" }
[[arm]]
name = "prior"
model = { use = "prior" }
[[arm]]
name = "random"
model = { use = "random" }
"#;

fn asked(folder: &Path, sets: &[&str]) -> Done {
    let done = ask_config(CONFIG, &[&[SMALL_TORSO][..], sets].concat(), folder);
    assert_eq!((done.outcome.exit, done.outcome.failed, done.outcome.missing), (Exit::Done, 0, 0));
    for record in done.records.iter().filter(|record| record.arm.starts_with("oracle")) {
        assert!(record.is_right(), "{}: {:?} {}", record.arm, record.answer, record.question.text);
    }
    done
}

/// A question and its twin are answered with the same option.
fn stays(done: &Done, arm: &str, control: &str) {
    for (plain, twin) in pairs(done, arm, control) {
        assert_eq!(plain.answer, twin.answer, "{arm} under {control}: {}", twin.question.text);
    }
}

#[test]
fn each_control_changes_what_is_sent_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let controls =
        r#"run.controls=["no-image", "blank", "wrong-patient", "shuffled-slices", "shuffled-options"]"#;
    let done = asked(folder.path(), &["dataset.cases=3", "family.items=4", controls]);
    // No marks, so that nothing in these pictures speaks to the reader of marks, whatever is done to them.
    assert!(done.records.iter().filter(|record| record.arm.starts_with("pixel-reader")).all(is_silent));
    for control in ["no-image", "blank", "wrong-patient", "shuffled-slices"] {
        for arm in ["prior", "random"] {
            stays(&done, arm, control);
        }
        for (plain, twin) in pairs(&done, "random", control) {
            assert_eq!(plain.question, twin.question);
            match control {
                "no-image" => assert!(pictures(twin).is_empty()),
                _ => {
                    assert_eq!(plain.prompt.joined_text(), twin.prompt.joined_text());
                    assert_eq!(pictures(plain).len(), pictures(twin).len());
                    assert_ne!(pictures(plain), pictures(twin), "{control}");
                }
            }
        }
    }
    for (plain, twin) in pairs(&done, "random", "shuffled-options") {
        assert_eq!(plain.question.truth, twin.question.truth);
        assert_eq!(pictures(plain), pictures(twin));
        for (place, option) in twin.question.options.iter().enumerate() {
            let line = format!("{}. {option}", char::from(b'A' + place as u8));
            assert!(twin.question.text.lines().any(|printed| printed == line), "{line}");
        }
    }
    for figure in &done.outcome.summary.controls {
        assert!(figure.same_answers.n > 40, "{figure:?}");
    }
}

#[test]
fn the_mirror_turns_right_and_left_and_leaves_sizes_and_distances() {
    let folder = tempfile::tempdir().unwrap();
    let done = asked(folder.path(), &["dataset.cases=3", "family.items=12", r#"run.controls=["mirror"]"#]);
    let (mut turned, mut kept) = (0, 0);
    // "right-left" is an axis, in the mirror too.
    let side = |text: &str| if text == "right-left" { text.to_owned() } else { swap_sides(text) };
    let asks_from_a_side = |text: &str| {
        [
            "toward the patient's right?",
            "toward the patient's left?",
            "from the patient's right?",
            "from the patient's left?",
        ]
        .iter()
        .any(|phrase| text.contains(phrase))
    };
    for (plain, twin) in pairs(&done, "oracle", "mirror") {
        let (before, now) = (&plain.question, &twin.question);
        let swapped: Vec<String> = before.structures.iter().map(|name| side(name)).collect();
        assert_eq!(now.structures, swapped);
        // What is a middle lobe on the left only in the mirror has no everyday name.
        let unnamed = before.structures.iter().any(|name| name.contains("middle_lobe"));
        if asks_from_a_side(&before.text) || unnamed {
            continue;
        }
        // Numbers stay; names and directions change their side with the patient.
        assert_eq!(now.truth, side(&before.truth), "{}\n{}", before.text, now.text);
        if now.truth == before.truth {
            kept += 1;
        } else {
            turned += 1;
        }
    }
    assert!(turned >= 3 && kept >= 60, "{turned} turned, {kept} kept");
    let left_out: u64 = figure(&done, "oracle+mirror").dropped.values().sum();
    assert!(left_out as usize <= of(&done, "oracle").len() / 4, "{left_out} without a counterpart");
}

/// Share of right answers of an arm and the interval, beside chance.
fn score(done: &Done, arm: &str) -> (f64, [f64; 2], f64) {
    let arm = done.outcome.summary.arms.iter().find(|one| one.name == arm).unwrap();
    let figure = &arm.overall.figures["mcq"];
    (figure.value.unwrap(), figure.interval.unwrap(), arm.overall.chance.unwrap())
}

const BASELINES: &str = r#"
[[arm]]
name = "median"
model = { use = "median" }
[[arm]]
name = "textbook"
model = { use = "textbook" }
"#;

#[test]
fn the_middle_option_scores_chance_and_what_books_tell_in_nearly_everybody_is_not_asked() {
    // Ranks of numbers and places of ranges are uniform.
    let templates = r#"family.templates=["VOL-1", "VOL-2", "EXT-1", "DIST-1", "DIST-4", "VOL-4"]"#;
    let sets = [SMALL_TORSO, "family.items=12", "renderer.use=words-alone", templates];
    // Below 20 patients nobody knows what is typical, and everything is asked.
    let folder = tempfile::tempdir().unwrap();
    let few = ask_config(
        &[CONFIG, BASELINES].concat(),
        &[&sets[..], &["dataset.cases=19"]].concat(),
        folder.path(),
    );
    for arm in ["median", "random"] {
        let (value, [low, high], chance) = score(&few, arm);
        println!("{arm}: {value} [{low}, {high}], chance {chance}");
        assert!(low <= chance && chance <= high, "{arm}: {value} [{low}, {high}], chance {chance}");
    }
    let (typical, ..) = score(&few, "textbook");
    let folder = tempfile::tempdir().unwrap();
    let more = ask_config(
        &[CONFIG, BASELINES].concat(),
        &[&sets[..], &["dataset.cases=24"]].concat(),
        folder.path(),
    );
    let (kept, ..) = score(&more, "textbook");
    let (before, now) = (of(&few, "textbook").len() as f64 / 19.0, of(&more, "textbook").len() as f64 / 24.0);
    println!("textbook: {typical} of {before} a patient below 20 patients, {kept} of {now} above");
    assert!(now < before && kept < typical, "phantoms differ little in size: most of these are dropped");
}

#[test]
fn among_other_patients_sizes_the_other_patients_do_not_tell_the_answer() {
    // Tumours differ in size by far more than the gap between options, so that these are other patients' sizes.
    let folder = tempfile::tempdir().unwrap();
    let sets = [
        SMALL_TORSO,
        "dataset.cases=40",
        "dataset.tumours=true",
        "family.items=12",
        "renderer.use=words-alone",
        r#"family.templates=["VOL-1", "EXT-1"]"#,
    ];
    let done = ask_config(&[CONFIG, BASELINES].concat(), &sets, folder.path());
    let known: Vec<&Record> = of(&done, "textbook")
        .into_values()
        .filter(|record| record.question.facet("population_known") == "yes")
        .collect();
    let right = known.iter().filter(|record| record.is_right()).count();
    println!("textbook: {right} of {} among other patients' sizes", known.len());
    assert!(known.len() >= 30, "{}", known.len());
    let (share, spread) = (right as f64 / known.len() as f64, (0.25 * 0.75 / known.len() as f64).sqrt());
    assert!((share - 0.25).abs() < 3.0 * spread, "{share}, chance 0.25 give or take {spread}");
}

#[test]
fn the_other_patients_know_what_is_the_same_in_everybody() {
    let config = CONFIG.replace(
        "[[arm]]\nname = \"prior\"\nmodel = { use = \"prior\" }",
        "[[arm]]\nname = \"textbook\"\nmodel = { use = \"textbook\" }",
    );
    let folder = tempfile::tempdir().unwrap();
    // Nothing is trivial below 20 patients, so that these items stand.
    let done = ask_config(
        &config,
        &[
            SMALL_TORSO,
            "dataset.cases=6",
            "family.items=8",
            "renderer.use=words-alone",
            r#"family.templates=["DIR-1", "DIR-2", "DIR-3", "DIR-4", "DIST-2", "DIST-3", "EXT-2", "EXT-5", "COMP-1", "COMP-3", "COMP-4"]"#,
        ],
        folder.path(),
    );
    let textbook = done.outcome.summary.arms.iter().find(|arm| arm.name == "textbook").unwrap();
    let by_template = textbook.facets.iter().find(|table| table.facet == "template").unwrap();
    for (template, cell) in &by_template.rows {
        let figure = &cell.figures["mcq"];
        println!("{template}: {:?} of {}", figure.value, cell.n);
        if cell.n >= 8 {
            assert!(figure.value.unwrap() > cell.chance.unwrap() + 0.25, "{template}: {figure:?}");
        }
    }
    // Of one patient alone there is nobody else to know: it guesses like the guesser.
    let folder = tempfile::tempdir().unwrap();
    let alone =
        ask_config(&config, &[SMALL_TORSO, "dataset.cases=1", "renderer.use=words-alone"], folder.path());
    let (book, guess) = (of(&alone, "textbook"), of(&alone, "random"));
    assert!(book.iter().all(|(id, record): (_, &&Record)| record.answer == guess[id].answer));
}
