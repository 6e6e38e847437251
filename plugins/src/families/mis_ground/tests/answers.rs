//! Answers are recomputed from nothing but positions, view and the question's own words.

use super::body::{SHAPE, Subject};
use crate::families::mis_ground::MisGround;
use situs_core::prelude::*;
use situs_core::question::{Evidence, Position};
use situs_core::space::{BodyAxis, Plane};
use std::collections::BTreeMap;

/// Phrases as questions print them: which coordinate grows that way, with which sign.
enum Along {
    World(usize, f64),
    Screen(usize, f64),
    Frames(f64),
}

fn phrases() -> Vec<(&'static str, &'static str, Along)> {
    use Along::{Frames, Screen, World};
    vec![
        ("farther toward the patient's right than", "patient's right", World(0, 1.0)),
        ("farther toward the patient's left than", "patient's left", World(0, -1.0)),
        ("anterior to", "anterior", World(1, 1.0)),
        ("posterior to", "posterior", World(1, -1.0)),
        ("superior to", "superior", World(2, 1.0)),
        ("inferior to", "inferior", World(2, -1.0)),
        ("nearer the left edge of the image than", "image left", Screen(0, -1.0)),
        ("nearer the right edge of the image than", "image right", Screen(0, 1.0)),
        ("is above", "above", Screen(1, -1.0)),
        ("is below", "below", Screen(1, 1.0)),
        ("in an earlier frame than", "earlier", Frames(-1.0)),
        ("in a later frame than", "later", Frames(1.0)),
        ("toward the patient's head", "-", World(2, 1.0)),
        ("toward the patient's feet", "-", World(2, -1.0)),
        ("toward the patient's front", "-", World(1, 1.0)),
        ("toward the patient's back", "-", World(1, -1.0)),
        ("toward the patient's right?", "-", World(0, 1.0)),
        ("toward the patient's left?", "-", World(0, -1.0)),
        ("toward the patient's right.", "-", World(0, 1.0)),
        ("toward the patient's left.", "-", World(0, -1.0)),
        ("toward the top edge", "-", Screen(1, -1.0)),
        ("toward the bottom edge", "-", Screen(1, 1.0)),
        ("toward the left edge", "-", Screen(0, -1.0)),
        ("toward the right edge", "-", Screen(0, 1.0)),
        ("toward the first frame", "-", Frames(-1.0)),
        ("toward the last frame", "-", Frames(1.0)),
    ]
}

fn along(position: &Position, along: &Along) -> f64 {
    match along {
        Along::World(axis, sign) => sign * position.ras_mm[*axis],
        Along::Screen(column, sign) => sign * position.screen_px.unwrap()[*column],
        Along::Frames(sign) => sign * position.frame.unwrap(),
    }
}

/// The paragraph that asks: the last but the answer form.
fn asking(question: &Question) -> &str {
    question.text.rsplit("\n\n").nth(1).unwrap()
}

fn check(question: &Question, displays: &BTreeMap<String, String>) {
    let text = asking(question);
    let positions = &question.evidence.positions;
    let phrase = phrases().into_iter().find(|(phrase, ..)| text.contains(phrase));
    let label = |structure: &str| -> Vec<String> {
        let scene = question.scene.as_ref().unwrap();
        let mut words = vec![displays[structure].clone()];
        if let Some(mark) = scene.marks.iter().find(|mark| mark.structure == structure) {
            words.push(mark.colour.word().to_owned());
            words.extend(mark.letter.map(|letter| letter.to_string()));
        }
        words
    };
    match question.template.as_str() {
        "RA-O1" | "RC-O1" | "RF-O" | "RA-O2" | "RC-O2" => {
            let (.., way) = phrases().into_iter().find(|(_, word, _)| *word == question.truth).unwrap();
            assert!(along(&positions[0], &way) > along(&positions[1], &way), "{question:#?}");
            if question.template.ends_with("O2") {
                let size = |way: &Along| (along(&positions[0], way) - along(&positions[1], way)).abs();
                for other in question.options.iter().filter(|option| **option != question.truth) {
                    let (.., other) = phrases().into_iter().find(|(_, word, _)| word == other).unwrap();
                    let same_axis = match (&way, &other) {
                        (Along::World(a, _), Along::World(b, _))
                        | (Along::Screen(a, _), Along::Screen(b, _)) => a == b,
                        _ => false,
                    };
                    assert!(same_axis || size(&way) >= 1.5 * size(&other), "{question:#?}");
                }
            }
        }
        "RA-C" | "RA-I" | "RC-C" | "RC-I" | "RF-C" | "RF-I" => {
            let (.., way) = phrase.unwrap();
            let holds = along(&positions[0], &way) > along(&positions[1], &way);
            assert_eq!(holds.to_string(), question.truth, "{question:#?}");
        }
        "NR-OA" | "NR-OC" | "LR-OA" | "LR-OC" | "LX-O" => {
            let (.., way) = phrase.unwrap();
            let winner = positions
                .iter()
                .max_by(|a, b| along(a, &way).total_cmp(&along(b, &way)))
                .map(|position| label(&position.structure))
                .unwrap();
            assert!(winner.contains(&question.truth), "{question:#?}");
        }
        "NR-C" | "NR-I" | "LR-C" | "LR-I" => {
            let (.., way) = phrase.unwrap();
            let (pair, claim) = text.split_once(", ").unwrap();
            let [far, near] =
                if along(&positions[0], &way) > along(&positions[1], &way) { [0, 1] } else { [1, 0] }
                    .map(|place| label(&positions[place].structure));
            let claim = claim.split(" has its centre").next().unwrap();
            let named = |words: &[String]| {
                claim == format!("the {}", words[0])
                    || words[1..].iter().any(|word| claim.split(' ').any(|part| part == word))
            };
            assert!(pair.starts_with("Statement: of "));
            assert_eq!(named(&far).to_string(), question.truth, "{question:#?}");
            assert_eq!((!named(&near)).to_string(), question.truth, "{question:#?}");
        }
        "NI-O" => assert!(label(&question.structures[0]).contains(&question.truth)),
        "LI-O" => assert!(label(&question.structures[0]).contains(&question.truth)),
        "NI-C" | "NI-I" | "LI-C" | "LI-I" => {
            assert_eq!(question.truth, question.template.ends_with('C').to_string());
        }
        "SD-O" => assert_eq!(question.truth, question.facet("plane")),
        "SD-C" | "SD-I" => {
            assert_eq!(text.contains(question.facet("plane")).to_string(), question.truth);
        }
        other => panic!("the template {other} is not checked"),
    }
}

fn displays(questions: &[Question]) -> BTreeMap<String, String> {
    let classes = include_str!("../data/classes-67-a.toml");
    let mut displays = BTreeMap::new();
    for block in classes.split("[[class]]").skip(1) {
        let field = |name: &str| {
            let line = block.lines().find(|line| line.starts_with(name)).unwrap();
            line.split('"').nth(1).unwrap().to_owned()
        };
        displays.insert(field("name"), field("display"));
    }
    for mark in questions.iter().filter_map(|question| question.scene.as_ref()).flat_map(|scene| &scene.marks)
    {
        displays.entry(mark.structure.clone()).or_insert_with(|| mark.structure.replace('_', " "));
    }
    for structure in questions.iter().flat_map(|question| &question.structures) {
        displays.entry(structure.clone()).or_insert_with(|| structure.replace('_', " "));
    }
    displays
}

#[test]
fn every_answer_follows_from_the_positions_beside_it() {
    let made = [Subject::torso(0.0), Subject::torso(9.0), Subject::knee()];
    for subject in made.into_iter().chain(Subject::real()) {
        let (questions, _) = subject.ask(&MisGround::default(), 3);
        assert!(questions.len() > 500, "{}", questions.len());
        let displays = displays(&questions);
        for question in &questions {
            check(question, &displays);
            let options: std::collections::BTreeSet<&String> = question.options.iter().collect();
            assert_eq!(options.len(), question.options.len(), "{question:#?}");
            assert!(question.options.contains(&question.truth), "{question:#?}");
            assert_eq!(question.chance, 1.0 / question.options.len() as f64);
            if let (Some(margin), Some(required)) =
                (question.evidence.margin_mm, question.evidence.required_mm)
            {
                assert!(margin >= required, "{question:#?}");
            }
        }
    }
}

#[test]
fn centroids_are_those_of_the_voxels_shown() {
    let subject = Subject::torso(9.0);
    let (questions, _) = subject.ask(&MisGround::default(), 5);
    let [nx, ny, _] = SHAPE;
    let mut checked = BTreeMap::new();
    for question in questions.iter().filter(|question| question.facet("visual") != "box") {
        let scene = question.scene.as_ref().unwrap();
        for position in &question.evidence.positions {
            let key = (position.structure.clone(), scene.stack, scene.view.plane, scene.frames[0]);
            checked.entry(key).or_insert_with(|| (position.clone(), scene.clone()));
        }
    }
    assert!(checked.len() > 15);
    for ((structure, stack, plane, slice), (position, _)) in checked {
        let label = *subject.names.iter().find(|(_, name)| **name == structure).unwrap().0 as u8;
        let through = plane.through().index();
        let (mut sum, mut count) = ([0.0; 3], 0.0);
        for (voxel, value) in subject.labels.iter().enumerate() {
            let at = [voxel % nx, voxel / nx % ny, voxel / (nx * ny)];
            if *value == label && (stack || at[through] == slice) {
                count += 1.0;
                (0..3).for_each(|axis| sum[axis] += at[axis] as f64);
            }
        }
        let world = subject.entry.grid.affine.apply(sum.map(|sum| sum / count));
        for (measured, stated) in world.iter().zip(position.ras_mm) {
            assert!((measured - stated).abs() < 1e-6, "{structure} {stack} {plane}");
        }
        assert_eq!(position.centre, if stack { "volume-centroid" } else { "slice-centroid" });
    }
}

#[test]
fn a_slice_is_asked_along_its_own_axes_only_and_a_box_by_its_centre() {
    let (questions, _) = Subject::torso(0.0).ask(&MisGround::default(), 1);
    for question in &questions {
        let scene = question.scene.as_ref().unwrap();
        let through = scene.view.plane.through().name();
        if question.facet("dim") == "2d" {
            assert_ne!(question.facet("axis"), through);
            assert_eq!(scene.frames.len(), 1);
        } else {
            assert_eq!(scene.frames.len(), 32);
        }
        let is_cross = question.facet("axis") == through;
        assert_eq!(question.facet("depth") == "cross_slice", is_cross);
        if question.facet("visual") == "box" {
            assert!(
                question.evidence.positions.iter().all(|position| position.centre.ends_with("box-centre"))
            );
        }
        if question.facet("words") == "coll" {
            assert!(!is_cross);
            assert!(question.evidence.margin_px.unwrap() >= 12.0);
        }
        if is_cross {
            assert!(question.evidence.margin_frames.unwrap() >= 2.0 - 1e-9);
        }
    }
}

#[test]
fn what_a_statement_says_stands_beside_what_holds() {
    let (questions, _) = Subject::torso(0.0).ask(&MisGround::default(), 4);
    let mut forms = std::collections::BTreeSet::new();
    for question in &questions {
        let Evidence { relation, stated, .. } = &question.evidence;
        match question.facet("question_type") {
            "open" => assert_eq!(*stated, None),
            "closed" => assert_eq!(stated.as_ref(), Some(relation)),
            _ => assert_ne!(stated.as_ref().unwrap(), relation),
        }
        forms.insert((question.template.clone(), question.facet("question_type").to_owned()));
    }
    assert!(forms.len() >= 29, "{forms:?}");
}

#[test]
fn where_no_axis_is_asked_the_margin_is_the_distance_from_the_nearest_rival() {
    let mut seen = std::collections::BTreeSet::new();
    for question in Subject::torso(9.0).ask(&MisGround::default(), 4).0 {
        if !["NI", "LI"].iter().any(|kind| question.template.starts_with(kind)) {
            continue;
        }
        let evidence = &question.evidence;
        let (a, rivals) = evidence.positions.split_first().unwrap();
        let apart =
            |b: &Position| (0..3).map(|axis| (a.ras_mm[axis] - b.ras_mm[axis]).powi(2)).sum::<f64>().sqrt();
        let nearest = rivals.iter().min_by(|one, other| apart(one).total_cmp(&apart(other))).unwrap();
        assert!((evidence.margin_mm.unwrap() - apart(nearest)).abs() < 1e-9);
        assert_eq!(evidence.facts["nearest_rival"], nearest.structure.as_str());
        assert_eq!(evidence.margin_px.is_some(), question.facet("dim") == "2d");
        seen.insert((question.template.clone(), question.facet("dim").to_owned()));
    }
    assert_eq!(seen.len(), 12, "{seen:?}");
}

#[test]
fn parts_and_cut_edges_stand_beside_every_structure() {
    let subject = Subject::torso(0.0);
    let (questions, _) = subject.ask(&MisGround::default(), 2);
    let structures = subject.entry.measured.structures.iter();
    let at_the_edge: BTreeMap<String, bool> =
        structures.map(|structure| (structure.name.clone(), structure.touches_border)).collect();
    let mut aorta = 0;
    for question in questions.iter().filter(|question| !question.structures.is_empty()) {
        for name in &question.structures {
            // Every organ of the torso is one body, though others cut into it.
            assert!(question.evidence.facts["parts"][name].as_u64().unwrap() >= 1, "{name}");
            let in_slice = question.evidence.facts.get("parts_in_slice").map(|parts| &parts[name]);
            assert_eq!(
                in_slice.is_some_and(|parts| parts.as_u64() >= Some(1)),
                question.facet("dim") == "2d"
            );
            let touches = question.evidence.facts["touches_border"][name].as_bool().unwrap();
            assert_eq!(touches, at_the_edge[name], "{name}");
            aorta += usize::from(name == "aorta");
        }
    }
    assert!(aorta > 0);
}

#[test]
fn mirroring_the_body_flips_right_and_left_and_nothing_else() {
    let subject = Subject::torso(0.0);
    let spec = MisGround {
        dims: vec![crate::families::mis_ground::Dim::Stack],
        planes: vec![Plane::Axial],
        ..MisGround::default()
    };
    let (plain, _) = subject.ask(&spec, 2);
    let (mirrored, _) = subject.mirrored().ask(&spec, 2);
    let by_cell: BTreeMap<&str, &Question> =
        mirrored.iter().map(|question| (question.cell.as_str(), question)).collect();
    let swapped = |names: &[String]| -> Vec<String> {
        names
            .iter()
            .map(|name| match (name.contains("left"), name.contains("right")) {
                (true, _) => name.replace("left", "right"),
                (_, true) => name.replace("right", "left"),
                _ => name.clone(),
            })
            .collect()
    };
    let mut compared = 0;
    for question in plain.iter().filter(|question| question.template == "RA-O1") {
        let other = by_cell[question.cell.as_str()];
        compared += 1;
        let is_lateral = question.facet("axis") == BodyAxis::RightLeft.name();
        assert_eq!(other.structures, swapped(&question.structures));
        assert_eq!(other.truth != question.truth, is_lateral, "{question:#?}");
        assert_eq!(question.pair_key("mirror"), other.pair_key("mirror"));
    }
    assert!(compared > 5, "{compared}");
}
