//! Reading: one row of the test per row of the rule table, and the states around it.

use crate::families::mis_ground::classes::Classes;
use crate::families::mis_ground::factors::Words;
use crate::families::mis_ground::read::{Private, Reader};
use crate::families::mis_ground::templates::Templates;
use situs_core::prelude::*;
use situs_core::space::{Plane, Preset};
use std::collections::BTreeMap;

fn question(options: &[&str], truth: &str) -> Question {
    Question {
        id: String::new(),
        volumes: Vec::new(),
        cases: Vec::new(),
        cluster: String::new(),
        template: String::new(),
        cell: String::new(),
        bundle: String::new(),
        structures: Vec::new(),
        text: String::new(),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        truth: truth.to_owned(),
        chance: 0.5,
        facets: BTreeMap::new(),
        scene: None,
        evidence: Evidence::default(),
        private: serde_json::Value::Null,
    }
}

fn read_reply(options: &[&str], truth: &str, private: &Private, reply: &Reply, lenient: bool) -> Answer {
    let templates = Templates::embedded().unwrap();
    let classes = Classes::load("a", &BuildContext::default()).unwrap();
    let reader = Reader { rules: &templates.reading, classes: &classes, lenient };
    reader.read(&question(options, truth), private, reply)
}

/// "value", "!words flag" for an answer that counts as wrong, or the state.
fn read(options: &[&str], private: &Private, inner: &str) -> String {
    let reply = Reply::text(format!("I look.\n<answer>{inner}</answer>"));
    let answer = read_reply(options, options[0], private, &reply, false);
    match (answer.state, answer.value) {
        (AnswerState::Answered, Some(value)) if answer.flags.is_empty() => value,
        (AnswerState::Answered, Some(_)) => format!("!{}", answer.flags.join(" ")),
        (state, _) => state.word().to_owned(),
    }
}

fn words(words: Words) -> Private {
    Private::Words { words, view: Preset::StandardRadiological.view(Plane::Axial) }
}

fn rows(options: &[&str], private: &Private, rows: &[(&str, &str)]) {
    for (inner, expected) in rows {
        assert_eq!(read(options, private, inner), *expected, "{inner:?} of {options:?}");
    }
}

#[test]
fn anatomical_words() {
    let private = words(Words::Anat);
    rows(
        &["superior", "inferior"],
        &private,
        &[
            ("superior", "superior"),
            ("Cranial.", "superior"),
            ("**cephalad**", "superior"),
            ("craniad", "superior"),
            ("above", "!wrong_register"),
            ("up", "!wrong_register"),
            ("higher", "!wrong_register"),
            ("inferior", "inferior"),
            ("caudal", "inferior"),
            ("the caudad direction", "inferior"),
            ("below", "!wrong_register"),
            ("down", "!wrong_register"),
            ("lower", "!wrong_register"),
            ("superior and anterior", "!multiple"),
            ("superior and inferior", "!multiple"),
            ("superior or inferior", "unparsed"),
            ("superior, inferior", "unparsed"),
            ("superior/inferior", "unparsed"),
            ("anterior", "!not_offered"),
            ("not superior", "unparsed"),
            ("superior (above)", "superior"),
        ],
    );
    rows(
        &["anterior", "posterior"],
        &private,
        &[
            ("ventral", "anterior"),
            ("dorsal", "posterior"),
            ("front", "!wrong_register"),
            ("back", "!wrong_register"),
            ("behind", "!wrong_register"),
        ],
    );
    rows(
        &["patient's right", "patient's left"],
        &private,
        &[
            ("right", "patient's right"),
            ("patient right", "patient's right"),
            ("Patient’s Left", "patient's left"),
            ("toward the patient's left", "patient's left"),
            ("right side of the patient", "patient's right"),
            ("image right", "!wrong_frame"),
            ("left edge of the image", "!wrong_frame"),
            ("medial", "!off_vocabulary"),
            ("lateral", "!off_vocabulary"),
            ("viewer's left", "!wrong_frame"),
            ("left side of the screen", "!wrong_frame"),
            ("the right side of the picture", "!wrong_frame"),
            ("left of the image", "!wrong_frame"),
            ("to the right edge", "!wrong_frame"),
            ("patient's left (right side of the image)", "patient's left"),
        ],
    );
}

#[test]
fn colloquial_words() {
    let private = words(Words::Coll);
    rows(
        &["above", "below"],
        &private,
        &[
            ("on top of", "above"),
            ("higher", "above"),
            ("top", "above"),
            ("under", "below"),
            ("lower", "below"),
            ("bottom", "below"),
            ("beneath", "below"),
            ("superior", "!wrong_register"),
            ("inferior", "!wrong_register"),
        ],
    );
    rows(
        &["image left", "image right"],
        &private,
        &[
            ("left", "image left"),
            ("right edge", "image right"),
            ("left side of the image", "image left"),
            ("to the right", "image right"),
            ("patient's left", "!wrong_frame"),
            ("the patient's right", "!wrong_frame"),
            ("left of the patient", "!wrong_frame"),
            ("right, from the patient's side", "!wrong_frame"),
        ],
    );
}

#[test]
fn frame_words() {
    rows(
        &["earlier", "later"],
        &words(Words::Frame),
        &[
            ("earlier frame", "earlier"),
            ("before", "earlier"),
            ("first", "earlier"),
            ("later frame", "later"),
            ("after", "later"),
            ("superior", "!wrong_register"),
            ("in front", "!wrong_register"),
            ("behind", "!wrong_register"),
        ],
    );
}

#[test]
fn true_and_false() {
    rows(
        &["true", "false"],
        &Private::Truth,
        &[
            ("True", "true"),
            ("yes", "true"),
            ("correct", "true"),
            ("false.", "false"),
            ("no", "false"),
            ("incorrect", "false"),
            ("not true", "false"),
            ("true or false", "unparsed"),
            ("true, false", "unparsed"),
        ],
    );
}

#[test]
fn marks() {
    let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, label)| ((*key).to_owned(), (*label).to_owned())).collect()
    };
    let letters = Private::Mark {
        letters: labels(&[("A", "A"), ("B", "B"), ("C", "C")]),
        colours: labels(&[("red", "A"), ("blue", "B"), ("green", "C")]),
    };
    rows(
        &["A", "B"],
        &letters,
        &[
            ("B", "B"),
            ("a", "A"),
            ("mark B", "B"),
            ("(b)", "B"),
            ("box A", "A"),
            ("the structure marked A", "A"),
            ("blue", "B"),
            ("red box A", "A"),
            ("A, which is the red box", "A"),
            ("A is the one", "A"),
            ("a.", "A"),
            ("I think A", "A"),
            ("I see a structure in B", "B"),
            ("a blue box", "B"),
            ("A blue box", "B"),
            ("A box", "A"),
            ("I say B", "B"),
            ("red box C", "!multiple"),
            ("E", "!unknown_mark"),
            ("C", "!not_offered"),
            ("A and B", "!multiple"),
            ("A, B", "unparsed"),
        ],
    );
    let colours = Private::Mark {
        letters: BTreeMap::new(),
        colours: labels(&[("red", "red"), ("blue", "blue")]),
    };
    rows(
        &["red", "blue"],
        &colours,
        &[("the red box", "red"), ("Blue", "blue"), ("cyan", "!unknown_mark"), ("B", "!unknown_mark")],
    );
}

#[test]
fn names() {
    let classes = Classes::load("a", &BuildContext::default()).unwrap();
    let name = |names: &[&str]| Private::Name {
        spoken: names.iter().map(|name| (classes.display(name).unwrap(), classes.spoken(name))).collect(),
    };
    rows(
        &["left kidney", "right kidney"],
        &name(&["kidney_left", "kidney_right"]),
        &[
            ("the left kidney", "left kidney"),
            ("kidney_right", "right kidney"),
            ("kidney, right", "right kidney"),
            ("left", "left kidney"),
            ("The left one.", "left kidney"),
            ("left ureter", "unparsed"),
            ("the left side has it", "unparsed"),
            ("kidney", "!too_broad"),
            ("left kidney and right kidney", "!multiple"),
            ("spleen", "!not_offered"),
            ("a triangle", "unparsed"),
        ],
    );
    rows(
        &["upper lobe of the left lung", "gallbladder"],
        &name(&["lung_upper_lobe_left", "gallbladder"]),
        &[
            ("left upper lobe", "upper lobe of the left lung"),
            ("Upper lobe of the left lung", "upper lobe of the left lung"),
            ("gall bladder", "gallbladder"),
            ("left lung", "!too_broad"),
        ],
    );
}

#[test]
fn states() {
    let options = ["superior", "inferior"];
    let state = |text: &str, finish: Finish| {
        let reply = Reply { finish, ..Reply::text(text) };
        read_reply(&options, "superior", &words(Words::Anat), &reply, false).state
    };
    use AnswerState::{Abstained, Answered, Refused, Truncated, Unparsed};
    assert_eq!(state("<answer>superior</answer>", Finish::Stop), Answered);
    assert_eq!(state("<answer>superior</answer></think>so", Finish::Stop), Unparsed);
    assert_eq!(state("<answer></answer>", Finish::Stop), Unparsed);
    assert_eq!(state("<answer>...</answer>", Finish::Stop), Unparsed);
    assert_eq!(state("superior", Finish::Stop), Unparsed);
    assert_eq!(state("<answer>superior", Finish::Stop), Unparsed);
    assert_eq!(state("<answer>super", Finish::Length), Truncated);
    assert_eq!(state("Let me think", Finish::Length), Truncated);
    assert_eq!(state("<answer>cannot be determined</answer>", Finish::Stop), Abstained);
    assert_eq!(state("I'm sorry, but I can't help with that.", Finish::Stop), Refused);
    assert_eq!(state("", Finish::Refused), Refused);
    let last = "<answer>inferior</answer> no: <answer>superior</answer>";
    let answer = read_reply(&options, "superior", &words(Words::Anat), &Reply::text(last), false);
    assert_eq!(answer, Answer::answered("superior"));
}

#[test]
fn a_lenient_reading_stands_beside_the_answer_and_never_replaces_it() {
    // On an axial radiological picture "above" means anterior.
    let lenient = |truth: &str, inner: &str| {
        let reply = Reply::text(format!("<answer>{inner}</answer>"));
        let answer = read_reply(&["anterior", "posterior"], truth, &words(Words::Anat), &reply, true);
        assert_ne!(answer.value.as_deref(), Some(truth));
        answer.flags.join(" ")
    };
    assert_eq!(lenient("anterior", "above"), "wrong_register lenient_right");
    assert_eq!(lenient("posterior", "above"), "wrong_register lenient_wrong");
}
