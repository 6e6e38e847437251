//! What the prompt says of the picture decides what a direction of the body is.

use crate::page::Page;
use crate::{marks, one, options, prompt};
use situs_core::scene::{Colour, MarkShape};

/// Red at the top left, blue at the bottom right.
fn page() -> Page {
    Page::grey(200, 200).mark(MarkShape::Box, Colour::Red, [50, 50]).mark(
        MarkShape::Box,
        Colour::Blue,
        [150, 150],
    )
}

fn ask(plane: &str, view: &str, relation: &str) -> Option<String> {
    let text = prompt(&[
        &format!("You are given one {plane} slice of a CT scan of the torso."),
        view,
        &marks("red box, blue box"),
        &format!(
            "Statement: the centre of the structure in the red box is {relation} the centre of the structure in the blue \
             box. Is the statement true or false?"
        ),
        &options("true, false"),
    ]);
    one(&text, &page())
}

const RELATIONS: [(&str, char); 6] = [
    ("superior to", 'S'),
    ("inferior to", 'I'),
    ("anterior to", 'A'),
    ("posterior to", 'P'),
    ("farther toward the patient's right than", 'R'),
    ("farther toward the patient's left than", 'L'),
];

/// Up and left of each display, as letters.
fn check(plane: &str, view: &str, up: char, left: char) {
    let opposite = |letter: char| match letter {
        'S' => 'I',
        'I' => 'S',
        'A' => 'P',
        'P' => 'A',
        'R' => 'L',
        _ => 'R',
    };
    for (relation, letter) in RELATIONS {
        let expected = if letter == up || letter == left {
            Some("true")
        } else if letter == opposite(up) || letter == opposite(left) {
            Some("false")
        } else {
            None
        };
        assert_eq!(ask(plane, view, relation).as_deref(), expected, "{plane}, {view}: {relation}");
    }
}

#[test]
fn named_displays_are_known() {
    let radiological = "Display: standard radiological view.";
    check("axial", radiological, 'A', 'R');
    check("coronal", radiological, 'S', 'R');
    check("sagittal", radiological, 'S', 'A');
    let neurological = "Display: standard neurological view.";
    check("axial", neurological, 'A', 'L');
    check("coronal", neurological, 'S', 'L');
    check("sagittal", neurological, 'S', 'A');
}

#[test]
fn storage_orders_are_worked_out_from_their_description() {
    let storage = |code: &str, grow: &str, layout: &str| {
        format!(
            "Display: the raw array in {code} (array indices grow toward the patient's {grow} sides; {layout}) storage \
             order, not turned into a clinical view."
        )
    };
    let down = "first in-plane array axis down the image, second across";
    let across = "first in-plane array axis across the image, second down";
    let raw = storage("RAS+", "right, anterior and superior", down);
    check("axial", &raw, 'L', 'P');
    check("coronal", &raw, 'L', 'I');
    check("sagittal", &raw, 'P', 'I');
    let transposed = storage("RAS+", "right, anterior and superior", across);
    check("axial", &transposed, 'P', 'L');
    check("coronal", &transposed, 'I', 'L');
    check("sagittal", &transposed, 'I', 'P');
    let first = storage("LPI+", "left, posterior and inferior", down);
    check("axial", &first, 'R', 'A');
    check("coronal", &first, 'R', 'S');
    check("sagittal", &first, 'A', 'S');
}

#[test]
fn edges_outweigh_what_a_name_would_say() {
    let view = "Display: standard radiological view. The top edge of the image is toward the patient's left side and the \
        bottom edge toward the patient's right side. The left edge of the image is toward the patient's posterior side and \
        the right edge of the image toward the patient's anterior side.";
    check("axial", view, 'L', 'P');
}

#[test]
fn without_a_word_on_the_view_directions_of_the_body_are_unknown() {
    for (relation, _) in RELATIONS {
        assert_eq!(ask("axial", "", relation), None);
    }
}

#[test]
fn edges_that_contradict_each_other_are_not_believed() {
    let view = "The top edge of the image is toward the patient's anterior side and the bottom edge toward the patient's \
        anterior side. The left edge of the image is toward the patient's right side and the right edge of the image toward \
        the patient's left side.";
    assert_eq!(ask("axial", view, "anterior to"), None);
}
