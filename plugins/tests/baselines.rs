//! The baselines `random`, `oracle` and `prior`: what a score is worth.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/still_media.rs"]
mod still_media;

use serde_json::json;
use situs_core::digest::Draw;
use situs_core::prelude::*;
use situs_core::space::{Plane, Preset};
use situs_plugins as _;
use still_media::{StillMedia, backend, request};

fn answer(name: &str, request: &Request) -> Result<String, Fault> {
    let model = backend(json!({"use": name}))?;
    model.reply(request, &Sampling::default(), &StillMedia::default()).map(|reply| reply.text)
}

#[test]
fn random_is_uniform_over_the_options() {
    let options = ["a", "b", "c", "d", "e", "f"];
    let model = backend(json!({"use": "random"})).unwrap();
    let n = 6000;
    let mut counts = [0f64; 6];
    for trial in 0..n {
        let request = request(Prompt::text("q"), &options, Draw::new(11).of(trial).bits());
        let reply = model.reply(&request, &Sampling::default(), &StillMedia::default()).unwrap().text;
        counts[options.iter().position(|option| *option == reply).unwrap()] += 1.0;
    }
    let expected = f64::from(n) / 6.0;
    let chi_square: f64 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
    // 0.999 quantile of chi-square with 5 degrees of freedom.
    assert!(chi_square < 20.52, "{chi_square}: {counts:?}");
}

#[test]
fn random_follows_its_draw_and_reaches_both_ends() {
    let of = |draw| answer("random", &request(Prompt::text("q"), &["first", "last"], draw)).unwrap();
    assert_eq!((of(0), of(u64::MAX), of(0)), ("first".into(), "last".into(), "first".into()));
    let free = answer("random", &request(Prompt::text("q"), &[], 0)).unwrap_err();
    assert_eq!(free.cause, Cause::Unsupported);
}

#[test]
fn the_oracle_gives_what_it_is_handed_and_says_so() {
    let card = backend(json!({"use": "oracle"})).unwrap().card().clone();
    assert!(card.reads_answers && card.deterministic);
    let mut asked = request(Prompt::text("q"), &["x", "y"], 0);
    assert_eq!(answer("oracle", &asked).unwrap_err().cause, Cause::Unsupported);
    asked.truth = Some("patient's left".to_owned());
    assert_eq!(answer("oracle", &asked).unwrap(), "patient's left");
    for other in ["random", "prior"] {
        assert!(!backend(json!({"use": other})).unwrap().card().reads_answers);
    }
}

#[test]
fn answers_go_between_tags_when_the_prompt_asks_for_tags() {
    let prompt = Prompt::text("q\n\nFinish with the tags `<answer>` and `</answer>`.");
    let mut asked = request(prompt, &["only"], 0);
    asked.truth = Some("only".to_owned());
    for name in ["oracle", "random", "prior"] {
        assert_eq!(answer(name, &asked).unwrap(), "<answer>only</answer>");
    }
}

/// What `prior` says, whichever way a guess would fall; `None` when it guesses.
fn prior(text: &str, options: &[&str]) -> Option<String> {
    let say = |draw| answer("prior", &request(Prompt::text(text), options, draw)).unwrap();
    let (low, high) = (say(0), say(u64::MAX));
    (low == high).then_some(low)
}

/// A prompt as the mis-ground family writes it, with everything a view statement tells.
fn shown(preset: Preset, plane: Plane, question: &str) -> String {
    let view = preset.view(plane);
    format!(
        "You are given 32 {} slices of one CT scan of the torso, as frames in order. They are 7.5 mm apart. Frame 1 is the first; \
         each later frame lies farther toward the patient's {} side.\n\n\
         Display: standard radiological view. The top edge of the image is toward the patient's {} side and the bottom edge toward \
         the patient's {} side. The left edge of the image is toward the patient's {} side and the right edge of the image toward \
         the patient's {} side.\n\n\
         Structure names use the patient's own left and right.\n\n\
         The centre of a structure is the centre of the whole structure in the volume.\n\n{question}",
        plane.word(),
        view.frame.word(),
        view.up().word(),
        view.down.word(),
        view.left().word(),
        view.right.word()
    )
}

const BOTH: [&str; 2] = ["false", "true"];

#[test]
fn prior_answers_open_anatomical_questions() {
    let ask = |question: &str, options: &[&str]| {
        prior(&shown(Preset::StandardRadiological, Plane::Axial, question), options).unwrap()
    };
    let along = "Compare the centre of the liver with the centre of the spleen along the patient's right-left axis. \
                 Relative to the centre of the spleen, which way is the centre of the liver displaced?";
    assert_eq!(ask(along, &["patient's left", "patient's right"]), "patient's right");
    let most = "Relative to the centre of the urinary bladder, in which one anatomical direction is the centre of the \
                heart displaced the most?";
    let six = ["anterior", "posterior", "superior", "inferior", "patient's left", "patient's right"];
    assert_eq!(ask(most, &six), "superior");
    let farther = "Of the left clavicle and the portal vein and splenic vein, which one has its centre farther toward the patient's head?";
    assert_eq!(ask(farther, &["portal vein and splenic vein", "left clavicle"]), "left clavicle");
    let marked = "Relative to the centre of the left kidney (marked C), which way is the centre of the right kidney (red box) displaced?";
    assert_eq!(ask(marked, &["patient's right", "patient's left"]), "patient's right");
}

#[test]
fn prior_judges_statements_and_their_inverses() {
    let judge = |statement: &str| {
        let question = format!("Statement: {statement}. Is the statement true or false?");
        prior(&shown(Preset::StandardRadiological, Plane::Coronal, &question), &BOTH).unwrap()
    };
    for (statement, inverse) in [
        (
            "the centre of the heart is superior to the centre of the left hip bone",
            "the centre of the heart is inferior to the centre of the left hip bone",
        ),
        (
            "the centre of the spleen is farther toward the patient's left than the centre of the aorta",
            "the centre of the spleen is farther toward the patient's right than the centre of the aorta",
        ),
        (
            "on the picture, the centre of the liver is nearer the left edge of the image than the centre of the stomach",
            "on the picture, the centre of the liver is nearer the right edge of the image than the centre of the stomach",
        ),
        (
            "on the picture, the centre of the liver is above the centre of the colon",
            "on the picture, the centre of the liver is below the centre of the colon",
        ),
        // The standard coronal stack goes from front to back.
        (
            "the centre of the sternum lies in an earlier frame than the centre of the sacrum",
            "the centre of the sternum lies in a later frame than the centre of the sacrum",
        ),
        (
            "of the lower lobe of the left lung and the liver, the lower lobe of the left lung has its centre farther toward the patient's back",
            "of the lower lobe of the left lung and the liver, the liver has its centre farther toward the patient's back",
        ),
    ] {
        assert_eq!(judge(statement), "true", "{statement}");
        assert_eq!(judge(inverse), "false", "{inverse}");
    }
}

#[test]
fn prior_translates_picture_words_through_every_view() {
    // The heart lies superior, anterior and to the patient's left of the right kidney.
    let words = ["above", "below", "image left", "image right", "earlier", "later"];
    for preset in Preset::ALL {
        for plane in Plane::ALL {
            let view = preset.view(plane);
            let question = |direction: &str| {
                format!(
                    "Compare the positions on the picture along its {direction} direction. Relative to the centre of the right kidney, \
                 where is the centre of the heart?"
                )
            };
            let heart = |direction: situs_core::space::Direction| direction.component([-1.0, 1.0, 1.0]) > 0.0;
            let vertical = prior(&shown(preset, plane, &question("vertical")), &words[..2]).unwrap();
            assert_eq!(vertical == "above", heart(view.up()), "{preset:?} {plane}");
            let horizontal = prior(&shown(preset, plane, &question("horizontal")), &words[2..4]).unwrap();
            assert_eq!(horizontal == "image left", heart(view.left()), "{preset:?} {plane}");
            let frames = "Going through the frames from first to last, is the centre of the heart reached in an earlier \
                          or in a later frame than the centre of the right kidney?";
            let frames = prior(&shown(preset, plane, frames), &words[4..]).unwrap();
            assert_eq!(frames == "later", heart(view.frame), "{preset:?} {plane}");
        }
    }
}

#[test]
fn prior_knows_the_conventions_when_edges_are_not_told() {
    let ask = |lead: &str| {
        let text = format!(
            "You are given one axial slice of a CT scan of the torso.\n\n{lead}\n\nStatement: on the picture, the centre of the \
             sternum is above the centre of the sacrum. Is the statement true or false?"
        );
        prior(&text, &BOTH).unwrap()
    };
    assert_eq!(ask("Display: standard radiological view."), "true");
    // Growing toward left, posterior, inferior, transposed: the radiological view; not turned, rows go to the left.
    let storage = |code: &str, words: &str, layout: &str| {
        format!(
            "Display: the raw array in {code}+ (array indices grow toward the patient's {words} sides; {layout}) storage order, not turned into a clinical view."
        )
    };
    let across = "first in-plane array axis across the image, second down";
    let down = "first in-plane array axis down the image, second across";
    assert_eq!(ask(&storage("LPI", "left, posterior and inferior", across)), "true");
    assert_eq!(ask(&storage("RAS", "right, anterior and superior", across)), "false");
    let raw = storage("RAS", "right, anterior and superior", down);
    let text = format!(
        "You are given one axial slice of a CT scan of the torso.\n\n{raw}\n\nStatement: on the picture, the centre of the spleen is \
         above the centre of the liver. Is the statement true or false?"
    );
    assert_eq!(prior(&text, &BOTH).as_deref(), Some("true"));
}

#[test]
fn prior_knows_left_knees_from_right_ones() {
    let ask = |side: &str| {
        let text = format!(
            "You are given one coronal slice of an MR scan (DESS) of the {side} knee of the patient.\n\nStatement: the centre of the \
             medial meniscus is farther toward the patient's left than the centre of the lateral meniscus. Is the statement true or false?"
        );
        prior(&text, &BOTH).unwrap()
    };
    assert_eq!((ask("right").as_str(), ask("left").as_str()), ("true", "false"));
}

#[test]
fn prior_guesses_what_names_do_not_tell() {
    for question in [
        "Statement: the centre of the structure marked C is above the centre of the structure marked A. Is the statement true or false?",
        "Statement: the centre of the spleen is superior to the centre of the flux capacitor. Is the statement true or false?",
        "Statement: the structure in the red box is the liver. Is the statement true or false?",
        "Statement: these slices are coronal. Is the statement true or false?",
        "Statement: the centre of the liver is above the centre of the liver. Is the statement true or false?",
        "Statement: ",
        "Statement: of the a, b. Is the statement true or false?",
    ] {
        let text = shown(Preset::StandardRadiological, Plane::Axial, question);
        assert_eq!(prior(&text, &BOTH), None, "{question}");
    }
}

#[test]
fn the_atlas_covers_every_class_of_totalsegmentator() {
    let paired = "kidney adrenal_gland kidney_cyst subclavian_artery common_carotid_artery brachiocephalic_vein iliac_artery \
        iliac_vena humerus scapula clavicula femur hip gluteus_maximus gluteus_medius gluteus_minimus autochthon iliopsoas \
        lung_upper_lobe lung_lower_lobe";
    let single = "spleen gallbladder liver stomach pancreas lung_middle_lobe_right esophagus trachea thyroid_gland small_bowel \
        duodenum colon urinary_bladder prostate sacrum heart pulmonary_vein brachiocephalic_trunk atrial_appendage_left \
        superior_vena_cava inferior_vena_cava portal_vein_and_splenic_vein spinal_cord brain skull sternum costal_cartilages";
    let mut names: Vec<String> = single.split_whitespace().map(str::to_owned).collect();
    for side in ["left", "right"] {
        names.extend(paired.split_whitespace().map(|name| format!("{name}_{side}")));
        names.extend((1..=12).map(|number| format!("rib_{side}_{number}")));
    }
    names.extend(
        "S1 L5 L4 L3 L2 L1 T12 T11 T10 T9 T8 T7 T6 T5 T4 T3 T2 T1 C7 C6 C5 C4 C3 C2 C1"
            .split(' ')
            .map(|v| format!("vertebrae_{v}")),
    );
    assert_eq!(names.len(), 116, "all but the aorta, which the others are compared with");
    for name in names {
        let name = name.replace('_', " ");
        let question = format!(
            "Statement: the centre of the {name} is superior to the centre of the aorta. Is the statement true or false?"
        );
        let text = shown(Preset::StandardRadiological, Plane::Coronal, &question);
        let level = prior(&text, &BOTH);
        let question = question.replace("superior to", "anterior to");
        let depth = prior(&shown(Preset::StandardRadiological, Plane::Coronal, &question), &BOTH);
        assert!(level.is_some() || depth.is_some(), "{name} is not in the atlas");
    }
}

#[test]
fn the_median_picker_takes_the_middle_of_numbers_and_ranges() {
    let of = |options: &[&str], draw| answer("median", &request(Prompt::text("q"), options, draw)).unwrap();
    assert_eq!(of(&["9.0 cm", "2.0 cm", "4.0 cm"], 0), "4.0 cm");
    let four = ["10 mm", "1 mm", "3 mm", "5 mm"];
    assert_eq!((of(&four, 0), of(&four, u64::MAX)), ("3 mm".into(), "5 mm".into()), "either of two");
    assert_eq!(of(&["10 ml or more", "below 2 ml", "2 to below 10 ml"], 0), "2 to below 10 ml");
    assert_eq!(of(&["the liver", "the spleen"], u64::MAX), "the spleen", "without an order it guesses");
    assert_eq!(of(&[], 0), "");
}
