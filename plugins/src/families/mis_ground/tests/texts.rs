//! Wording: every template once, side words, and what forms of one question share.

use super::body::Subject;
use crate::families::mis_ground::MisGround;
use situs_core::prelude::*;
use std::collections::BTreeMap;

const SIDED: [&str; 6] = [
    "left kidney",
    "right kidney",
    "left hip bone",
    "right hip bone",
    "upper lobe of the left lung",
    "upper lobe of the right lung",
];

fn pool(seed: u64) -> Vec<Question> {
    Subject::torso(0.0).ask(&MisGround::default(), seed).0
}

#[test]
fn every_template_reads_as_agreed() {
    let mut questions = pool(1);
    questions.extend(Subject::knee().ask(&MisGround::default(), 1).0);
    let mut first: BTreeMap<String, &Question> = BTreeMap::new();
    for question in &questions {
        let key = format!(
            "{} {} {} {} {}",
            question.template,
            question.facet("dim"),
            question.facet("words"),
            question.facet("modality"),
            question.facet("ablation"),
        );
        first.entry(key).or_insert(question);
    }
    let rendered: Vec<String> = first
        .iter()
        .map(|(key, question)| format!("== {key}\n{}\n-> {}\n", question.text, question.truth))
        .collect();
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("every_template", rendered.join("\n"));
    });
}

#[test]
fn left_and_right_never_stand_alone() {
    for mut questions in [pool(1), pool(2), Subject::knee().ask(&MisGround::default(), 1).0] {
        questions.retain(|question| !question.text.is_empty());
        for question in questions {
            let (asked, _) = question.text.rsplit_once("exactly one of:").unwrap();
            let mut text = asked.replace("Structure names use the patient's own left and right.", "");
            for allowed in SIDED {
                text = text.replace(allowed, "");
            }
            for allowed in [
                "he patient's right-left axis",
                "he patient's right",
                "he patient's left",
                "he left edge of the image",
                "he right edge of the image",
                "the right knee of the patient",
            ] {
                text = text.replace(allowed, "");
            }
            let bare = text.split(|c: char| !c.is_alphanumeric()).find(|w| matches!(*w, "left" | "right"));
            assert_eq!(bare, None, "{}", question.text);
            assert!(!question.text.contains(['{', '}']), "{}", question.text);
        }
    }
}

#[test]
fn closed_and_inverted_differ_in_one_paragraph_and_there_in_one_phrase() {
    let mut forms: BTreeMap<String, Vec<Question>> = BTreeMap::new();
    for question in pool(4).into_iter().filter(|question| question.facet("question_type") != "open") {
        forms.entry(question.pair_key("question_type")).or_default().push(question);
    }
    assert!(forms.len() > 100);
    for pair in forms.values() {
        let [a, b] = [&pair[0].text, &pair[1].text].map(|text| text.split("\n\n").collect::<Vec<_>>());
        assert_eq!(a.len(), b.len(), "{}", pair[0].text);
        let differing: Vec<(&&str, &&str)> = a.iter().zip(&b).filter(|(a, b)| a != b).collect();
        let [(a, b)] = differing.as_slice() else { panic!("{:#?}", differing) };
        let start = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
        let end = a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b).count();
        let middle = |text: &str| text.chars().count().saturating_sub(start + end);
        assert!(middle(a).max(middle(b)) <= 60, "{a}\n{b}");
    }
}

#[test]
fn an_ablation_changes_the_input_block_alone() {
    let mut twins: BTreeMap<String, Vec<Question>> = BTreeMap::new();
    for question in pool(6).into_iter().filter(|question| question.facet("shape_only") == "no") {
        let key = format!("{} {}", question.template, question.evidence.facts["drawn_as"]);
        twins.entry(key).or_default().push(question);
    }
    let mut compared = 0;
    for pair in twins.values().filter(|pair| pair.len() == 2) {
        compared += 1;
        let [(first_a, rest_a), (first_b, rest_b)] =
            [&pair[0].text, &pair[1].text].map(|text| text.split_once("\n\n").unwrap());
        assert_ne!(first_a, first_b);
        assert_eq!(rest_a, rest_b);
        assert_eq!((&pair[0].truth, &pair[0].structures), (&pair[1].truth, &pair[1].structures));
    }
    assert!(compared > 200, "{compared}");
}

fn cell(cell: &str, template: &str) -> Question {
    let subject = Subject::torso(0.0);
    let spec = MisGround { templates: vec![template.to_owned()], ..MisGround::default() };
    (0..20)
        .flat_map(|seed| subject.ask(&spec, seed).0)
        .find(|question| question.cell == cell && question.template == template)
        .unwrap()
}

#[test]
fn a_boxed_axial_slice_is_asked_about_in_the_agreed_words() {
    let question = cell(
        "CT/2d/axial/standard_radiological/box/letter/mark/anat/RA-C/closed/none/edges",
        "RA-C",
    );
    let scene = question.scene.as_ref().unwrap();
    let letter = |place: usize| scene.marks[place].letter.unwrap();
    let k = scene.marks.len();
    let letters: std::collections::BTreeSet<char> =
        scene.marks.iter().filter_map(|mark| mark.letter).collect();
    let list: Vec<String> = letters.iter().map(|letter| format!("box {letter}")).collect();
    let rel = match question.evidence.relation.as_str() {
        "A anterior B" => "anterior to",
        "A posterior B" => "posterior to",
        "A patient's right B" => "farther toward the patient's right than",
        "A patient's left B" => "farther toward the patient's left than",
        other => panic!("{other}"),
    };
    let expected = [
        "You are given one axial slice of a CT scan of the torso.".to_owned(),
        "Display: standard radiological view. The top edge of the image is toward the patient's anterior side and the bottom edge toward the patient's posterior side. The left edge of the image is toward the patient's right side and the right edge of the image toward the patient's left side.".to_owned(),
        format!("The picture carries {k} marks: {}. Each mark belongs to one structure.", list.join(", ")),
        "Directions are anatomical directions of the patient's body, whatever way the image is turned. The centre of a structure is the centre of its box.".to_owned(),
        format!("Statement: the centre of the structure marked {} is {rel} the centre of the structure marked {}. Is the statement true or false?", letter(0), letter(1)),
        format!("Think step by step. Then finish with one line that holds only your final answer between the tags `<answer>` and `</answer>`. Between the tags write exactly one of: {}.", question.options.join(", ")),
    ];
    assert_eq!(question.text, expected.join("\n\n"));
}

#[test]
fn an_unmarked_coronal_stack_in_storage_order_is_asked_about_in_the_agreed_words() {
    let question = cell(
        "CT/3d/coronal/ras_plus_raw/none/none/name/frame/RF-O/open/none/edges",
        "RF-O",
    );
    // 70 slices of 4 mm in 32 frames: 69 * 4 / 31.
    let start = "You are given 32 coronal slices of one CT scan of the torso, as frames in order. They are about 8.9 mm apart. Frame 1 is the first; each later frame lies farther toward the patient's anterior side.\n\nDisplay: the raw array in RAS+ (array indices grow toward the patient's right, anterior and superior sides; first in-plane array axis down the image, second across) storage order, not turned into a clinical view. The top edge of the image is toward the patient's left side and the bottom edge toward the patient's right side. The left edge of the image is toward the patient's inferior side and the right edge of the image toward the patient's superior side.\n\n";
    assert!(question.text.starts_with(start), "{}", question.text);
    let asking = "Directions are directions on the displayed picture, as a viewer sees it, not directions of the patient's body. The centre of a structure is the centre of the whole structure in the volume.\n\nGoing through the frames from first to last, is the centre of the ";
    assert!(question.text.contains(asking), "{}", question.text);
}

#[test]
fn text_alone_asks_about_a_typical_patient() {
    let question = cell(
        "CT/2d/sagittal/standard_radiological/none/none/name/anat/NR-OA/open/text_only/edges",
        "NR-OA",
    );
    let start = "No image is given. Picture one sagittal slice of a CT scan of the torso that shows both structures. Answer for a typical patient with normal anatomy.\n\nDisplay: standard radiological view. ";
    assert!(question.text.starts_with(start), "{}", question.text);
    assert!(question.text.contains("which one has its centre farther toward the patient's "));
    assert_eq!(question.scene.unwrap().backdrop, situs_core::scene::Backdrop::None);
}

#[test]
fn every_storage_preset_describes_itself() {
    let mut leads = std::collections::BTreeSet::new();
    let spec = MisGround {
        orientations: situs_core::space::Preset::ALL.to_vec(),
        templates: vec!["RC-O1".to_owned()],
        ..MisGround::default()
    };
    for question in Subject::torso(0.0).ask(&spec, 1).0 {
        let lead = question.text.split("\n\n").nth(1).unwrap().split(" The top edge").next().unwrap().to_owned();
        leads.insert((question.facet("orientation").to_owned(), lead));
    }
    let presets: std::collections::BTreeSet<&String> = leads.iter().map(|(preset, _)| preset).collect();
    assert_eq!((leads.len(), presets.len()), (6, 6), "{leads:#?}");
    let first = leads.iter().find(|(preset, _)| preset == "ras_first_transposed").unwrap();
    assert_eq!(
        first.1,
        "Display: the raw array in LPI+ (array indices grow toward the patient's left, posterior and inferior sides; first in-plane array axis across the image, second down) storage order, not turned into a clinical view."
    );
}
