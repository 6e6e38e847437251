//! The renderer `three-view`, and volumes for models that take them.

use crate::bench::{Clinic, family, params, phantoms};
use serde_json::{Value, json};
use situs_core::prelude::*;
use situs_core::registry::Registry;

fn renderer(spec: Value) -> Box<dyn PromptRenderer> {
    let registry = Registry::builtin().unwrap();
    registry.build::<dyn PromptRenderer>(&params(spec), &BuildContext::default()).unwrap().component
}

fn texts(prompt: &Prompt) -> Vec<&str> {
    prompt
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

fn draw(clinic: &Clinic, spec: Value, question: &Question) -> Prompt {
    let cases: Vec<&Case> = question
        .cases
        .iter()
        .map(|name| clinic.cases.iter().find(|case| case.name == *name).unwrap())
        .collect();
    renderer(spec).render(&cases, question, clinic).unwrap()
}

#[test]
fn honest_views_use_no_mask_and_say_their_scale() {
    let clinic = Clinic::new(phantoms(2));
    // Lungs have a window of their own.
    let asked = |task: &str| {
        let (questions, _) = clinic.ask_case(&*family(json!({"tasks": [task], "items": 12})), 0);
        questions
            .into_iter()
            .filter(|one| !one.structures.iter().any(|name| name.starts_with("lung")))
            .collect::<Vec<_>>()
    };
    let questions = asked("vol");
    let prompt = draw(&clinic, json!({"use": "three-view", "slices": 3, "long_side": 96}), &questions[0]);
    assert_eq!(prompt.images().count(), 9);
    let texts = texts(&prompt);
    assert!(
        texts[0].starts_with(
            "You are given 9 views of one CT scan of the torso: 3 axial, 3 coronal, 3 sagittal."
        ),
        "{}",
        texts[0]
    );
    assert!(
        texts[0].contains("Axial views: the left edge of the image is toward the patient's right side"),
        "{}",
        texts[0]
    );
    // 499.2 mm over 96 pixels of the coronal view's height.
    assert!(texts[0].contains("Coronal view: one pixel is 5.200 mm."), "{}", texts[0]);
    assert_eq!(texts[1], "Axial view 1 of 3:");
    assert_eq!(*texts.last().unwrap(), questions[0].text);
    // Other structures, same pictures.
    let others = asked("dir");
    let other = draw(&clinic, json!({"use": "three-view", "slices": 3, "long_side": 96}), &others[0]);
    assert_eq!(prompt.images().collect::<Vec<_>>(), other.images().collect::<Vec<_>>());
}

#[test]
fn crops_show_planes_through_each_structure_at_one_scale() {
    let clinic = Clinic::new(phantoms(1));
    let (questions, _) =
        clinic.ask_case(&*family(json!({"tasks": ["dist"], "templates": ["DIST-1"], "items": 3})), 0);
    let question = &questions[0];
    let prompt = draw(&clinic, json!({"use": "three-view", "views": "crop", "long_side": 128}), question);
    // Two structures in three planes, fewer where both centres share a slice.
    assert!((3..=6).contains(&prompt.images().count()));
    assert!(prompt.images().all(|image| image.width.max(image.height) <= 129));
    let scale_free =
        Question { facets: [("scale_statement".to_owned(), "off".to_owned())].into(), ..question.clone() };
    let without = draw(&clinic, json!({"use": "three-view", "views": "crop", "long_side": 128}), &scale_free);
    assert!(texts(&prompt)[0].contains("one pixel is") && !texts(&without)[0].contains("one pixel is"));
    let fault = renderer(json!({"use": "three-view", "views": "crop"}))
        .render(
            &[&clinic.cases[0]],
            &Question { structures: vec!["tail".to_owned()], ..question.clone() },
            &clinic,
        )
        .unwrap_err();
    assert!(fault.what.contains("no tail to crop around"), "{fault}");
}

#[test]
fn two_patients_are_headed() {
    let clinic = Clinic::new(phantoms(3));
    let (questions, _) = clinic.ask(&*family(json!({"tasks": ["cross"], "items": 4})));
    let prompt = draw(&clinic, json!({"use": "three-view", "slices": 1, "long_side": 64}), &questions[0]);
    let texts = texts(&prompt);
    assert!(texts.contains(&"Case 1, axial view:") && texts.contains(&"Case 2, sagittal view:"), "{texts:?}");
    assert_eq!(prompt.images().count(), 6);
}

#[test]
fn models_of_volumes_get_an_array_with_the_size_of_its_voxels() {
    let clinic = Clinic::new(phantoms(1));
    let (questions, _) = clinic.ask_case(&*family(json!({"tasks": ["absolute"], "items": 1})), 0);
    let prompt = draw(&clinic, json!({"use": "volume", "shape": [8, 16, 16]}), &questions[0]);
    assert_eq!(prompt.volumes().count(), 1);
    // 374.4 x 291.2 x 499.2 mm over 16 columns, 16 rows and 8 planes.
    assert!(texts(&prompt)[1].starts_with("Voxel size: 23.400 x 18.200 x 62.400 mm"), "{:?}", texts(&prompt));
    let fault = renderer(json!({"use": "volume", "hand": "file"}))
        .render(&[&clinic.cases[0]], &questions[0], &clinic)
        .unwrap_err();
    assert!(fault.to_string().contains("hand = \"array\""), "{fault}");
}

#[test]
fn wrong_parameters_name_the_field() {
    let registry = Registry::builtin().unwrap();
    for (field, value) in
        [("slices", json!(0)), ("margin", json!(-1.0)), ("least_mm", json!(0.0)), ("long_side", json!(1))]
    {
        let mut spec = params(json!({"use": "three-view"}));
        spec.insert(field.to_owned(), value);
        let fault = registry.build::<dyn PromptRenderer>(&spec, &BuildContext::default()).err().unwrap();
        assert!(fault.to_string().starts_with(field), "{fault}");
    }
}
