//! Which cells there are, what they share, and how draws spread.

use super::body::Subject;
use crate::families::mis_ground::{Ablation, Dim, Identity, MisGround, SliceFilter, SliceRange, Visual};
use situs_core::prelude::*;
use situs_core::space::{Direction, Plane, Preset};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn a_cell_is_filled_once_and_the_same_seed_gives_the_same_questions() {
    let subject = Subject::torso(0.0);
    let (questions, left_out) = subject.ask(&MisGround::default(), 7);
    let cells: BTreeSet<&str> = questions.iter().map(|question| question.cell.as_str()).collect();
    assert_eq!(cells.len(), questions.len());
    assert_eq!(subject.ask(&MisGround::default(), 7), (questions.clone(), left_out));
    assert_ne!(subject.ask(&MisGround::default(), 8).0, questions);
    let templates: BTreeSet<&str> = questions.iter().map(|question| question.template.as_str()).collect();
    assert_eq!(templates.len(), 29);
}

#[test]
fn validity_rules_hold_in_every_cell() {
    let spec = MisGround {
        view_statements: crate::families::mis_ground::ViewStatement::ALL.to_vec(),
        ..MisGround::default()
    };
    let (questions, _) = Subject::torso(0.0).ask(&spec, 1);
    for question in &questions {
        let facet = |name: &str| question.facet(name);
        let group = question.template.split('-').next().unwrap();
        assert_eq!(facet("visual") == "none", facet("identity") == "none", "{}", question.cell);
        if facet("visual") == "none" && group != "SD" {
            assert_eq!(facet("text"), "name", "{}", question.cell);
        }
        match group {
            "NI" | "LR" | "LX" => assert_eq!(facet("text"), "mark"),
            "LI" | "NR" => assert_eq!(facet("text"), "name"),
            "SD" => assert_eq!(
                (facet("text"), facet("view_statement"), facet("ablation")),
                ("none", "none", "none")
            ),
            _ => {}
        }
        match facet("ablation") {
            "text_only" => {
                assert!(["RA", "RC", "RF", "NR"].contains(&group), "{}", question.cell);
                assert_eq!((facet("visual"), facet("text")), ("none", "name"));
            }
            "marks_on_white" => {
                let by_shape = ["NI", "LI"].contains(&group);
                assert!(by_shape || ["RA", "RC", "RF", "LR", "LX"].contains(&group));
                assert_eq!(facet("shape_only") == "yes", by_shape);
                assert!(!by_shape || facet("visual") == "mask");
                assert!(by_shape || facet("text") == "mark");
                assert!(!(facet("words") == "anat" && facet("view_statement") == "none"));
            }
            _ => {}
        }
        let scene = question.scene.as_ref().unwrap();
        let letters: BTreeSet<char> = scene.marks.iter().filter_map(|mark| mark.letter).collect();
        let colours: BTreeSet<_> = scene.marks.iter().map(|mark| mark.colour).collect();
        assert_eq!(colours.len(), scene.marks.len());
        let has_letters = matches!(facet("identity"), "letter" | "both");
        assert_eq!(letters.len(), if has_letters { scene.marks.len() } else { 0 });
        assert!(scene.marks.is_empty() || (2..=6).contains(&scene.marks.len()));
    }
}

#[test]
fn lists_restrict_the_grid() {
    let spec = MisGround {
        dims: vec![Dim::Slice],
        planes: vec![Plane::Coronal],
        orientations: vec![Preset::StandardRadiological],
        visual: vec![Visual::Box],
        identities: vec![Identity::Letter],
        ablations: vec![Ablation::None],
        templates: vec!["RA-C".to_owned(), "RA-I".to_owned()],
        ..MisGround::default()
    };
    let (questions, _) = Subject::torso(0.0).ask(&spec, 1);
    assert_eq!(questions.len(), 2 * 3);
    assert!(questions.iter().all(|question| question.facet("plane") == "coronal"));
}

#[test]
fn closed_and_inverted_share_pair_picture_and_bundle() {
    let (questions, _) = Subject::torso(0.0).ask(&MisGround::default(), 11);
    let mut forms: BTreeMap<String, Vec<&Question>> = BTreeMap::new();
    for question in questions.iter().filter(|question| question.facet("question_type") != "open") {
        forms.entry(question.pair_key("question_type")).or_default().push(question);
    }
    for pair in forms.values() {
        let [a, b] = pair.as_slice() else { panic!("{} questions share a key", pair.len()) };
        assert_eq!((&a.bundle, &a.scene, &a.options), (&b.bundle, &b.scene, &b.options));
        assert_eq!(a.structures, b.structures);
        assert_ne!(a.truth, b.truth);
    }
}

#[test]
fn slices_are_two_of_different_planes() {
    for seed in 0..6 {
        let spec = MisGround { dims: vec![Dim::Slice], ..MisGround::default() };
        let (questions, _) = Subject::torso(0.0).ask(&spec, seed);
        let slices: BTreeSet<(Plane, usize)> = questions
            .iter()
            .map(|question| question.scene.as_ref().map(|scene| (scene.view.plane, scene.frames[0])).unwrap())
            .collect();
        let planes: BTreeSet<Plane> = slices.iter().map(|(plane, _)| *plane).collect();
        assert_eq!((slices.len(), planes.len()), (2, 2));
    }
}

#[test]
fn answers_are_balanced_within_a_cell() {
    let spec = MisGround {
        dims: vec![Dim::Stack],
        planes: vec![Plane::Axial],
        orientations: vec![Preset::StandardRadiological],
        visual: vec![Visual::None, Visual::Mask],
        identities: vec![Identity::Letter],
        ablations: vec![Ablation::None],
        templates: ["RA-O1", "RC-O1", "NR-OA", "LR-OA", "LI-O", "RA-O2"].map(str::to_owned).to_vec(),
        ..MisGround::default()
    };
    let subject = Subject::torso(0.0);
    let mut counts: BTreeMap<(String, String), BTreeMap<String, usize>> = BTreeMap::new();
    for seed in 0..200 {
        for question in subject.ask(&spec, seed).0 {
            let answer = match question.template.as_str() {
                // Which of the two printed first is right.
                "NR-OA" => (question.text.contains(&format!("Of the {}", question.truth))).to_string(),
                _ => question.truth.clone(),
            };
            // The largest displacement is asked among all axes, so all words count together.
            let axis = if question.template == "RA-O2" { "all" } else { question.facet("axis") };
            let key = (question.cell.clone(), axis.to_owned());
            *counts.entry(key).or_default().entry(answer).or_default() += 1;
        }
    }
    for ((cell, axis), answers) in counts {
        let total: usize = answers.values().sum();
        if total < 40 || cell.contains("LR-OA") {
            continue;
        }
        let share = 1.0 / if cell.contains("LI-O") || cell.contains("RA-O2") { 6.0 } else { 2.0 };
        // Four standard errors of a share.
        let slack = 4.0 * (share * (1.0 - share) / total as f64).sqrt();
        for (answer, count) in &answers {
            let seen = *count as f64 / total as f64;
            assert!((seen - share).abs() < slack, "{cell} {axis} {answer}: {count} of {total}");
        }
    }
}

#[test]
fn what_a_cell_asks_depends_on_no_other_cell() {
    let small = MisGround {
        visual: vec![Visual::None, Visual::Mask],
        planes: vec![Plane::Axial, Plane::Sagittal],
        templates: ["RA-O1", "RC-C", "NR-OC", "LX-O", "LI-O"].map(str::to_owned).to_vec(),
        orientations: vec![Preset::RasPlusRaw],
        ..MisGround::default()
    };
    let more_forms = MisGround { visual: vec![Visual::None, Visual::Mask, Visual::Box], ..small.clone() };
    let more_templates = MisGround { templates: Vec::new(), ..small.clone() };
    let more_views = MisGround { orientations: MisGround::default().orientations, ..small.clone() };
    // A third plane takes the place of one of the two slices; stacks stay.
    let stacks = MisGround { dims: vec![Dim::Stack], ..small.clone() };
    let more_planes = MisGround { planes: Plane::ALL.to_vec(), ..stacks.clone() };
    let subject = Subject::torso(0.0);
    for (few, many) in
        [(&small, more_forms), (&small, more_templates), (&small, more_views), (&stacks, more_planes)]
    {
        let (few, many) = (subject.ask(few, 5).0, subject.ask(&many, 5).0);
        let many: BTreeMap<&str, &Question> =
            many.iter().map(|question| (question.cell.as_str(), question)).collect();
        assert!(few.len() > 50 && many.len() > few.len(), "{} and {}", few.len(), many.len());
        for question in &few {
            assert_eq!(many.get(question.cell.as_str()), Some(&question));
        }
    }
}

#[test]
fn the_largest_displacement_lies_along_every_axis_equally_often() {
    let spec = MisGround {
        dims: vec![Dim::Stack],
        templates: vec!["RA-O2".to_owned()],
        ablations: vec![Ablation::None],
        ..MisGround::default()
    };
    let mut words: BTreeMap<String, usize> = BTreeMap::new();
    let mut total = 0;
    for seed in 0..4 {
        for question in Subject::torso(0.0).ask(&spec, seed).0 {
            *words.entry(question.truth.clone()).or_default() += 1;
            total += 1;
        }
    }
    // A majority answer is right about once in six.
    assert_eq!(words.len(), 6, "{words:?}");
    assert!(words.values().all(|count| count * 6 <= total + total / 4), "{words:?} of {total}");
}

#[test]
fn text_alone_is_asked_of_every_patient_and_untypical_ones_are_told_apart() {
    let text_only = |subject: &Subject| -> Vec<Question> {
        let (questions, _) = subject.ask(&MisGround::default(), 1);
        questions.into_iter().filter(|question| question.facet("ablation") == "text_only").collect()
    };
    let mut subject = Subject::torso(0.0);
    let plain = text_only(&subject);
    let mirrored = text_only(&subject.mirrored());
    assert!(plain.len() > 30 && plain.len() == mirrored.len());
    for (one, other) in plain.iter().zip(&mirrored) {
        assert_eq!((one.facet("mirror"), other.facet("mirror")), ("no", "yes"));
        assert_eq!(one.facet("arrangement"), "anatomical");
        assert_eq!(one.pair_key("mirror"), other.pair_key("mirror"));
    }
    for arrangement in ["anatomical", "inversus", "shuffled"] {
        subject.case.facts.insert("arrangement".to_owned(), arrangement.to_owned());
        let questions = text_only(&subject);
        assert_eq!(questions.len(), plain.len(), "{arrangement}");
        assert!(questions.iter().all(|question| question.facet("arrangement") == arrangement));
    }
}

#[test]
fn volumes_are_called_what_the_case_the_parameters_or_the_data_set_say() {
    let first = |subject: &Subject, spec: &MisGround| {
        let (questions, _) = subject.ask(spec, 1);
        let plain = questions.iter().find(|question| question.template == "SD-O").unwrap();
        plain.text.split("\n\n").next().unwrap().to_owned()
    };
    let mut subject = Subject::torso(0.0);
    let spec = MisGround { dims: vec![Dim::Slice], ..MisGround::default() };
    let named = MisGround { modality_text: "CT scan of a patient".to_owned(), ..spec.clone() };
    subject.card.modality_text = "CT scan".to_owned();
    assert_eq!(first(&subject, &spec), "You are given one slice of a CT scan.");
    assert_eq!(first(&subject, &named), "You are given one slice of a CT scan of a patient.");
    subject.case.facts.insert("modality_text".to_owned(), "low-dose CT scan".to_owned());
    assert_eq!(first(&subject, &named), "You are given one slice of a low-dose CT scan.");
}

#[test]
fn structures_outside_the_class_list_are_counted_and_reasons_stay_few() {
    let mut subject = Subject::torso(0.0);
    let outside = "structure: not in class list a (try family.classes=\"all\")";
    let count = |left_out: &Reasons| left_out.get(outside).copied().unwrap_or(0);
    let before = count(&subject.ask(&MisGround::default(), 1).1);
    // The tibia is in no list.
    let segmentation = std::sync::Arc::make_mut(&mut subject.segmentation);
    segmentation.measured.structures[0].name = "tibia".to_owned();
    let (_, left_out) = subject.ask(&MisGround::default(), 1);
    assert_eq!(count(&left_out), before + 1);
    let cells = left_out.keys().filter(|reason| reason.starts_with("cell: ")).count();
    assert!(cells <= 9, "{left_out:#?}");
}

#[test]
fn the_largest_of_frames_and_pixels_needs_a_scale_on_white_too() {
    let (questions, _) = Subject::torso(0.0).ask(&MisGround::default(), 1);
    let white = |question: &Question| question.facet("ablation") == "marks_on_white";
    let largest: Vec<&Question> = questions.iter().filter(|question| question.template == "RA-O2").collect();
    for dim in ["2d", "3d"] {
        assert!(largest.iter().any(|question| question.facet("dim") == dim && white(question)), "{dim}");
    }
    for question in largest {
        assert_eq!(question.facet("needs_scale") == "yes", question.facet("dim") == "3d");
    }
}

#[test]
fn all_six_letters_are_asked_about_equally_often() {
    let spec = MisGround {
        identities: vec![Identity::Letter],
        most_marks: 2,
        ablations: vec![Ablation::None],
        ..MisGround::default()
    };
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    for seed in 0..3 {
        for question in Subject::torso(0.0).ask(&spec, seed).0 {
            for mark in &question.scene.unwrap().marks {
                *counts.entry(mark.letter.unwrap()).or_default() += 1;
            }
        }
    }
    let total: usize = counts.values().sum();
    assert_eq!(counts.len(), 6);
    assert!(counts.values().all(|count| count * 6 > total / 2 && count * 6 < total * 2), "{counts:?}");
}

#[test]
fn the_order_of_frames_can_be_chosen_for_standard_displays() {
    let spec = MisGround {
        dims: vec![Dim::Stack],
        planes: vec![Plane::Axial],
        templates: vec!["RF-O".to_owned()],
        frame_order: vec![Direction::Inferior],
        ..MisGround::default()
    };
    for question in Subject::torso(0.0).ask(&spec, 1).0 {
        let frames = &question.scene.as_ref().unwrap().frames;
        let standard = question.facet("orientation") == "standard_radiological";
        assert_eq!(frames[0] > frames[1], standard);
        let toward = if standard { "patient's inferior side" } else { "patient's superior side" };
        assert!(question.text.contains(&format!("lies farther toward the {toward}")), "{}", question.text);
    }
}

#[test]
fn obliquity_is_a_facet() {
    for (degrees, band) in [(0.0, "no"), (9.0, "5-15"), (20.0, "15+")] {
        let (questions, _) = Subject::torso(degrees).ask(&MisGround::default(), 1);
        assert!(questions.iter().all(|question| question.facet("oblique") == band), "{degrees}");
    }
}

#[test]
fn names_that_carry_sides_are_flagged_on_the_right_left_axis() {
    let mut levels = BTreeSet::new();
    for seed in 0..4 {
        for question in Subject::torso(0.0).ask(&MisGround::default(), seed).0 {
            let level = question.facet("name_leaks_answer").to_owned();
            let side = |name: &String| ["left", "right"].into_iter().find(|side| name.contains(side));
            let lateral = question.facet("axis") == "right-left";
            let named = question.facet("text") != "mark";
            let expected = match question.structures.as_slice() {
                [a, b, ..] if lateral && named => match (side(a), side(b)) {
                    (Some(a), Some(b)) if a != b => "full",
                    (Some(_), None) | (None, Some(_)) => "partial",
                    _ => "none",
                },
                _ => "none",
            };
            assert_eq!(level, expected, "{}", question.cell);
            levels.insert(level);
        }
    }
    assert_eq!(levels.len(), 3);
}

#[test]
fn sides_are_seen_however_the_class_names_spell_them() {
    let mut subject = Subject::torso(0.0);
    let segmentation = std::sync::Arc::make_mut(&mut subject.segmentation);
    for structure in &mut segmentation.measured.structures {
        structure.name = match structure.name.as_str() {
            "kidney_left" => "Kidney_L".to_owned(),
            "kidney_right" => "Kidney_R".to_owned(),
            "hip_left" => "Left-Hip".to_owned(),
            "hip_right" => "R_Hip".to_owned(),
            other => other.to_owned(),
        };
    }
    let spec = MisGround {
        classes: "all".to_owned(),
        templates: ["RA-O1", "NR-OA"].map(str::to_owned).to_vec(),
        visual: vec![Visual::None],
        ablations: vec![Ablation::None],
        ..MisGround::default()
    };
    let (mut full, mut partial) = (0, 0);
    for seed in 0..60 {
        for question in subject.ask(&spec, seed).0 {
            let renamed =
                |name: &String| ["Kidney_L", "Kidney_R", "Left-Hip", "R_Hip"].contains(&name.as_str());
            let [a, b] = question.structures.as_slice() else { panic!("{:?}", question.structures) };
            if question.facet("axis") != "right-left" || !(renamed(a) || renamed(b)) {
                continue;
            }
            assert!(question.text.contains("own left and right"), "{}", question.text);
            let side = |name: &String| match name.as_str() {
                "Kidney_L" | "Left-Hip" => Some("left"),
                "Kidney_R" | "R_Hip" => Some("right"),
                other => ["left", "right"].into_iter().find(|side| other.contains(side)),
            };
            let expected = match (side(a), side(b)) {
                (Some(a), Some(b)) if a == b => "none",
                (Some(_), Some(_)) => "full",
                _ => "partial",
            };
            assert_eq!(question.facet("name_leaks_answer"), expected, "{a} {b}");
            full += usize::from(expected == "full");
            partial += usize::from(expected == "partial");
        }
    }
    assert!(full > 3 && partial > 3, "{full} full, {partial} partial");
}

#[test]
fn the_slice_filter_names_itself_and_the_count_and_can_be_switched_off() {
    let subject = Subject::torso(0.0);
    let range = SliceFilter::Range(SliceRange { min: 300, max: 450 });
    let (questions, left_out) = subject.ask(&MisGround { slice_filter: range, ..MisGround::default() }, 1);
    assert!(questions.is_empty());
    assert_eq!(left_out, Reasons::from([("slice_filter 300..=450: 200 slices".to_owned(), 1)]));
    let off: MisGround = serde_json::from_value(serde_json::json!({"slice_filter": false})).unwrap();
    assert!(!subject.ask(&off, 1).0.is_empty());
}

#[test]
fn a_knee_is_shown_by_boxes_and_named_by_its_side() {
    let (questions, _) = Subject::knee().ask(&MisGround::default(), 1);
    assert!(questions.iter().all(|question| matches!(question.facet("visual"), "none" | "box")));
    let plain = questions.iter().find(|question| question.template == "RA-O1").unwrap();
    assert!(plain.text.contains("MR scan (DESS) of the right knee of the patient"), "{}", plain.text);
    for question in questions.iter().filter(|question| question.facet("dim") == "2d") {
        assert!(question.evidence.positions.iter().all(|position| position.centre == "slice-box-centre"));
    }
}

#[test]
fn parameters_that_cannot_work_are_refused_by_name() {
    let refuse = |spec: MisGround| spec.build(&BuildContext::default()).err().unwrap().to_string();
    assert!(refuse(MisGround { planes: Vec::new(), ..MisGround::default() }).starts_with("planes: "));
    assert!(refuse(MisGround { frames: 1, ..MisGround::default() }).starts_with("frames: "));
    let unknown = MisGround { templates: vec!["RA-X".to_owned()], ..MisGround::default() };
    assert!(refuse(unknown).starts_with("templates[0]: unknown template"));
    let missing = MisGround { classes: "no-such-file.toml".to_owned(), ..MisGround::default() };
    assert!(refuse(missing).starts_with("classes: "));
    let lists = ["identities", "texts", "words", "targets", "ablations"];
    for field in lists {
        let spec: MisGround = serde_json::from_value(serde_json::json!({ field: [] })).unwrap();
        assert!(refuse(spec).starts_with(&format!("{field}: ")), "{field}");
    }
    let rules = [
        ("area_mm2", -1.0),
        ("area_px", -1.0),
        ("frame_steps", -2.0),
        ("dominance", 0.5),
        ("slice_pairs", 0.0),
    ];
    for (field, value) in rules {
        let rule = match field {
            "slice_pairs" => serde_json::json!({ field: value as u64 }),
            _ => serde_json::json!({ field: value }),
        };
        let spec: MisGround = serde_json::from_value(serde_json::json!({ "eligibility": rule })).unwrap();
        assert!(refuse(spec).starts_with(&format!("eligibility.{field}: ")), "{field}");
    }
    let mut endless = MisGround::default();
    endless.eligibility.area_mm2 = f64::NAN;
    assert!(refuse(endless).starts_with("eligibility.area_mm2: "));
    let mut negative = MisGround::default();
    negative.margins.slice.px = -1.0;
    assert!(refuse(negative).starts_with("margins.slice.px: "));
    let frames = vec![Direction::Superior, Direction::Inferior];
    assert!(refuse(MisGround { frame_order: frames, ..MisGround::default() }).starts_with("frame_order: "));
}
