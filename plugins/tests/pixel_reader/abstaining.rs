//! What marks alone cannot answer.

use crate::page::Page;
use crate::{AXIAL, RADIOLOGICAL_EDGES, marks, one, options, prompt};
use situs_core::scene::{Colour, MarkShape};
use situs_plugins::backends::pixel_reader::answer;

fn page() -> Page {
    Page::grey(200, 200)
        .mark(MarkShape::Mask, Colour::Red, [50, 50])
        .mark(MarkShape::Mask, Colour::Blue, [150, 150])
        .plate('A', Colour::Red, [100, 10], [60, 45])
        .plate('B', Colour::Blue, [20, 150], [135, 150])
}

fn ask(template: &str, list: &str) -> Option<String> {
    let text = prompt(&[AXIAL, RADIOLOGICAL_EDGES, &marks("overlay A, overlay B"), template, &options(list)]);
    one(&text, &page())
}

#[test]
fn names_of_marked_structures_are_not_in_the_picture() {
    for (template, list) in [
        ("Which anatomical structure is the structure marked A?", "liver, spleen"),
        ("Statement: the structure marked A is the liver. Is the statement true or false?", "true, false"),
        ("Which mark belongs to the liver?", "A, B"),
        (
            "Statement: the mark that belongs to the liver is overlay A. Is the statement true or false?",
            "true, false",
        ),
        (
            "Of the liver and the spleen, which one has its centre farther toward the patient's left?",
            "liver, spleen",
        ),
        (
            "Statement: of the liver and the spleen, the liver has its centre farther toward the patient's left. Is the \
             statement true or false?",
            "true, false",
        ),
        (
            "Statement: the centre of the liver is anterior to the centre of the spleen. Is the statement true or false?",
            "true, false",
        ),
        ("In which anatomical plane is this slice taken?", "axial, coronal, sagittal"),
        ("Statement: this slice is axial. Is the statement true or false?", "true, false"),
    ] {
        assert_eq!(ask(template, list), None, "{template}");
    }
}

#[test]
fn marks_that_are_not_there_are_not_invented() {
    let statement = |a: &str, b: &str| {
        format!(
            "Statement: the centre of {a} is anterior to the centre of {b}. Is the statement true or false?"
        )
    };
    let (a, b) = ("the structure marked A", "the structure marked B");
    assert_eq!(ask(&statement(a, b), "true, false").as_deref(), Some("true"));
    assert_eq!(ask(&statement(a, "the structure marked C"), "true, false"), None);
    assert_eq!(ask(&statement("the structure under the green overlay", b), "true, false"), None);
    assert_eq!(ask(&statement("the structure under the blue overlay marked A", b), "true, false"), None);
    assert_eq!(ask(&statement(a, a), "true, false"), None, "one mark has no relation to itself");
    let all = "Among all marked structures, which one has its centre farthest toward the patient's left?";
    assert_eq!(ask(all, "A, B").as_deref(), Some("B"));
    let three = prompt(&[
        AXIAL,
        RADIOLOGICAL_EDGES,
        &marks("overlay A, overlay B, overlay C"),
        all,
        &options("A, B, C"),
    ]);
    assert_eq!(one(&three, &page()), None, "one of three is missing");
}

#[test]
fn text_without_pictures_and_pictures_without_marks_decide_nothing() {
    let statement = "Statement: the centre of the structure marked A is anterior to the centre of the structure marked B. Is \
        the statement true or false?";
    let text = prompt(&[
        AXIAL,
        RADIOLOGICAL_EDGES,
        &marks("overlay A, overlay B"),
        statement,
        &options("true, false"),
    ]);
    assert_eq!(answer(&text, &[]), None);
    assert_eq!(one(&text, &Page::grey(64, 64)), None);
    assert_eq!(one(&text, &Page::grey(0, 0)), None);
    assert_eq!(one("", &page()), None);
    assert_eq!(one("The picture carries marks: . Write exactly one of: .", &page()), None);
}

#[test]
fn a_letter_on_two_colours_names_neither() {
    let page = page().plate('A', Colour::Blue, [170, 60], [160, 140]);
    let text = prompt(&[
        AXIAL,
        RADIOLOGICAL_EDGES,
        &marks("overlay A, overlay B"),
        "Statement: on the picture, the centre of the structure marked A is above the centre of the structure marked B. Is \
         the statement true or false?",
        &options("true, false"),
    ]);
    assert_eq!(one(&text, &page), None);
}
