//! Single slices.

use crate::page::Page;
use crate::{AXIAL, RADIOLOGICAL_EDGES, marks, one, options, prompt};
use situs_core::scene::{Colour, MarkShape};

const SHAPES: [(MarkShape, &str, &str); 3] =
    [(MarkShape::Mask, "overlay", "under"), (MarkShape::Box, "box", "in"), (MarkShape::Point, "dot", "at")];

fn is(answer: Option<String>, expected: &str) {
    assert_eq!(answer.as_deref(), Some(expected));
}

#[test]
fn every_form_and_colour_is_found_and_a_flipped_picture_flips_the_answer() {
    for (shape, noun, lies) in SHAPES {
        for (position, colour) in Colour::ALL.into_iter().enumerate() {
            let other = Colour::ALL[(position + 1) % 6];
            let (a, b) = (colour.word(), other.word());
            let text = |axis: &str, list: &str| {
                prompt(&[
                    AXIAL,
                    RADIOLOGICAL_EDGES,
                    &marks(&format!("{a} {noun}, {b} {noun}")),
                    "Directions are directions on the displayed picture, as a viewer sees it, not directions of the \
                     patient's body. The centre of a structure is the centre of the part visible in this slice.",
                    &format!(
                        "Compare the positions on the picture along its {axis} direction. Relative to the centre of \
                         the structure {lies} the {b} {noun}, where is the centre of the structure {lies} the {a} {noun}?"
                    ),
                    &options(list),
                ])
            };
            let across = text("horizontal", "image right, image left");
            let down = text("vertical", "above, below");
            for empty in [Page::grey(260, 200), Page::white(260, 200)] {
                let page = empty.mark(shape, colour, [60, 140]).mark(shape, other, [180, 50]);
                is(one(&across, &page), "image left");
                is(one(&across, &page.mirrored()), "image right");
                is(one(&across, &page.upside_down()), "image left");
                is(one(&down, &page), "below");
                is(one(&down, &page.mirrored()), "below");
                is(one(&down, &page.upside_down()), "above");
            }
        }
    }
}

/// Four boxes with letters: A top left, B top right, C bottom right, D bottom left.
fn lettered() -> Page {
    Page::grey(512, 400)
        .mark(MarkShape::Box, Colour::Cyan, [100, 100])
        .mark(MarkShape::Box, Colour::Red, [400, 110])
        .mark(MarkShape::Box, Colour::Green, [390, 300])
        .mark(MarkShape::Box, Colour::Yellow, [110, 310])
        .plate('A', Colour::Cyan, [300, 200], [118, 100])
        .plate('B', Colour::Red, [20, 350], [390, 124])
        .plate('C', Colour::Green, [20, 20], [375, 290])
        .plate('D', Colour::Yellow, [480, 20], [125, 300])
}

fn lettered_prompt(template: &str, list: &str) -> String {
    prompt(&[
        AXIAL,
        RADIOLOGICAL_EDGES,
        &marks("box A, box B, box C, box D"),
        "Directions are anatomical directions of the patient's body, whatever way the image is turned. The centre of a \
         structure is the centre of its box.",
        template,
        &options(list),
    ])
}

#[test]
fn letters_name_the_marks_whose_colour_their_plates_have() {
    let statement = |a: char, relation: &str, b: char| {
        lettered_prompt(
            &format!(
                "Statement: the centre of the structure marked {a} is {relation} the centre of the structure marked {b}. \
                 Is the statement true or false?"
            ),
            "false, true",
        )
    };
    let page = lettered();
    // Radiological: the right edge is the patient's left, the top edge anterior.
    is(one(&statement('C', "farther toward the patient's left than", 'A'), &page), "true");
    is(one(&statement('C', "farther toward the patient's right than", 'A'), &page), "false");
    is(one(&statement('A', "farther toward the patient's left than", 'C'), &page), "false");
    is(one(&statement('A', "anterior to", 'D'), &page), "true");
    is(one(&statement('A', "posterior to", 'D'), &page), "false");
    // Mirror writing is read, and the answer turns with the picture.
    let mirrored = page.mirrored();
    is(one(&statement('C', "farther toward the patient's left than", 'A'), &mirrored), "false");
    is(one(&statement('A', "anterior to", 'D'), &mirrored), "true");
    is(one(&statement('A', "anterior to", 'D'), &page.upside_down()), "false");
}

#[test]
fn all_six_letters_are_told_apart() {
    let colours = Colour::ALL;
    for (position, letter) in ('A'..='F').enumerate() {
        let mut page = Page::grey(400, 300);
        for (at, colour) in colours.into_iter().enumerate() {
            let x = 40 + 60 * at as i64;
            page = page.dot(colour, [x as f64, 150.0]);
            page = page.plate(char::from(b'A' + at as u8), colour, [x - 7, 40], [x, 140]);
        }
        let next = char::from(b'A' + ((position + 1) % 6) as u8);
        let text = prompt(&[
            AXIAL,
            &marks("dot A, dot B, dot C, dot D, dot E, dot F"),
            &format!(
                "Statement: on the picture, the centre of the structure marked {letter} is nearer the left edge of the \
                 image than the centre of the structure marked {next}. Is the statement true or false?"
            ),
            &options("true, false"),
        ]);
        is(one(&text, &page), if letter == 'F' { "false" } else { "true" });
    }
}

#[test]
fn the_centre_of_a_mask_is_its_centroid_and_not_that_of_its_box() {
    // A long thin arm reaches left: the box centre lies left of the dot-like mask, the centroid right of it.
    let page = Page::grey(300, 200)
        .mask(Colour::Red, |x, y| {
            ((20..200).contains(&x) && (100..106).contains(&y))
                || ((200..280).contains(&x) && (60..140).contains(&y))
        })
        .mask(Colour::Blue, |x, y| (165..185).contains(&x) && (20..50).contains(&y));
    let text = |noun: &str, lies: &str| {
        prompt(&[
            AXIAL,
            &marks(&format!("red {noun}, blue {noun}")),
            &format!(
                "Statement: on the picture, the centre of the structure {lies} the red {noun} is nearer the right edge of \
                 the image than the centre of the structure {lies} the blue {noun}. Is the statement true or false?"
            ),
            &options("true, false"),
        ])
    };
    is(one(&text("overlay", "under"), &page), "true");
}

#[test]
fn letters_beside_a_mark_do_not_move_its_centre() {
    // The two centres are 12 pixels apart; plate and leader pull the other way.
    let page = Page::grey(512, 300)
        .mark(MarkShape::Mask, Colour::Magenta, [250, 80])
        .mark(MarkShape::Mask, Colour::Green, [262, 200])
        .plate('E', Colour::Magenta, [480, 60], [270, 80])
        .plate('B', Colour::Green, [10, 200], [242, 200]);
    let text = prompt(&[
        AXIAL,
        &marks("overlay E, overlay B"),
        "Look at the structure marked E and the structure marked B. Which of the two has its centre farther toward the left \
         edge of the image?",
        &options("B, E"),
    ]);
    is(one(&text, &page), "E");
    is(one(&text, &page.mirrored()), "B");
}

#[test]
fn the_farthest_of_all_marks_is_chosen_among_the_options_in_any_form() {
    let page = lettered();
    let farthest = |toward: &str, list: &str| {
        lettered_prompt(
            &format!("Among all marked structures, which one has its centre farthest {toward}?"),
            list,
        )
    };
    is(one(&farthest("toward the patient's front", "C, A, D, B"), &page), "A");
    is(one(&farthest("toward the patient's back", "box C, box A, box D, box B"), &page), "box D");
    is(one(&farthest("toward the patient's left", "B, A, C, D"), &page), "B");
    is(one(&farthest("toward the patient's right", "B, A, C, D"), &page), "A");
    is(one(&farthest("toward the bottom edge of the image", "A, B, C, D"), &page), "D");
    is(one(&farthest("toward the left edge of the image", "cyan, red, green, yellow"), &page), "cyan");
    is(
        one(
            &farthest("toward the right edge of the image", "cyan box, red box, green box, yellow box"),
            &page,
        ),
        "red box",
    );
}

#[test]
fn of_two_marks_the_farther_one_is_named_claimed_and_denied() {
    let page = lettered();
    let both = "the structure in the cyan box marked A and the structure in the green box marked C";
    let open = |toward: &str| {
        lettered_prompt(
            &format!("Look at {both}. Which of the two has its centre farther {toward}?"),
            "green box C, cyan box A",
        )
    };
    is(one(&open("toward the patient's front"), &page), "cyan box A");
    is(one(&open("toward the patient's left"), &page), "green box C");
    let claim = |claimed: &str, toward: &str| {
        lettered_prompt(
            &format!(
                "Statement: of {both}, {claimed} has its centre farther {toward}. Is the statement true or false?"
            ),
            "true, false",
        )
    };
    is(one(&claim("the structure in the cyan box marked A", "toward the patient's back"), &page), "false");
    is(one(&claim("the structure in the green box marked C", "toward the patient's back"), &page), "true");
    is(one(&claim("the structure in the green box marked C", "toward the patient's right"), &page), "false");
}

#[test]
fn the_largest_displacement_is_named_among_four_words() {
    let page = lettered();
    let anatomical = |a: char, b: char| {
        lettered_prompt(
            &format!(
                "Relative to the centre of the structure marked {b}, in which one anatomical direction is the centre of the \
                 structure marked {a} displaced the most?"
            ),
            "posterior, patient's left, anterior, patient's right",
        )
    };
    is(one(&anatomical('C', 'A'), &page), "patient's left");
    is(one(&anatomical('D', 'A'), &page), "posterior");
    is(one(&anatomical('A', 'D'), &page), "anterior");
    let colloquial = lettered_prompt(
        "On the picture, in which one direction is the centre of the structure marked C displaced the most from the centre \
         of the structure marked A?",
        "above, below, image left, image right",
    );
    is(one(&colloquial, &page), "image right");
    is(one(&colloquial, &page.mirrored()), "image left");
}

#[test]
fn a_name_beside_a_mark_does_not_hide_it() {
    let page = lettered();
    for (a, b) in [
        ("the liver (cyan box)", "the spleen (green box)"),
        ("the liver (marked A)", "the spleen (marked C)"),
        ("the liver (cyan box marked A)", "the spleen (green box marked C)"),
        ("the liver (cyan box / marked A)", "the spleen (green box / marked C)"),
    ] {
        let text = lettered_prompt(
            &format!(
                "Compare the centre of {a} with the centre of {b} along the patient's right-left axis. Relative \
                 to the centre of {b}, which way is the centre of {a} displaced?"
            ),
            "patient's left, patient's right",
        );
        is(one(&text, &page), "patient's right");
        is(one(&text, &page.mirrored()), "patient's left");
    }
}
