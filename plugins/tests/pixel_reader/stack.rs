//! Stacks of frames.

use crate::page::Page;
use crate::{many, marks, options, prompt};
use situs_core::scene::{Colour, MarkShape};

const EDGES: &str = "Display: standard radiological view. The top edge of the image is toward the patient's superior side \
    and the bottom edge toward the patient's inferior side. The left edge of the image is toward the patient's right side \
    and the right edge of the image toward the patient's left side.";

fn intro(frames: usize) -> String {
    format!(
        "You are given {frames} coronal slices of one CT scan of the torso, as frames in order. They are about 7.5 mm apart. \
         Frame 1 is the first; each later frame lies farther toward the patient's posterior side."
    )
}

/// The red mark on frames 1 to 3 at the top left, the blue one on frames 4 to 7 at the bottom right.
fn frames(shape: MarkShape) -> Vec<Page> {
    (0..8)
        .map(|frame| {
            let page = Page::grey(240, 200);
            match frame {
                1..=3 => page.mark(shape, Colour::Red, [60, 50]),
                4..=7 => page.mark(shape, Colour::Blue, [180, 150]),
                _ => page,
            }
        })
        .collect()
}

fn statement(noun: &str, lies: &str, middle: &str, list: &str) -> String {
    let (a, b) =
        (format!("the structure {lies} the red {noun}"), format!("the structure {lies} the blue {noun}"));
    let template = middle.replace("{A}", &a).replace("{B}", &b);
    prompt(&[
        "Frame 1:",
        "Frame 2:",
        &intro(8),
        EDGES,
        &marks(&format!("red {noun}, blue {noun}")).replace("The picture carries", "The pictures carry"),
        "The centre of a structure is the centre of the whole structure in the volume.",
        &template,
        &options(list),
    ])
}

#[test]
fn frames_have_an_order_for_every_form() {
    for (shape, noun, lies) in [
        (MarkShape::Mask, "overlay", "under"),
        (MarkShape::Box, "box", "in"),
        (MarkShape::Point, "dot", "at"),
    ] {
        let forward = frames(shape);
        let backward: Vec<Page> = forward.iter().rev().cloned().collect();
        let open = statement(
            noun,
            lies,
            "Going through the frames from first to last, is the centre of {A} reached in an earlier or in a later frame \
             than the centre of {B}?",
            "later, earlier",
        );
        assert_eq!(many(&open, &forward).as_deref(), Some("earlier"));
        assert_eq!(many(&open, &backward).as_deref(), Some("later"));
        let closed = statement(
            noun,
            lies,
            "Statement: the centre of {A} lies in a later frame than the centre of {B}. Is the statement true or false?",
            "true, false",
        );
        assert_eq!(many(&closed, &forward).as_deref(), Some("false"));
        assert_eq!(many(&closed, &backward).as_deref(), Some("true"));
        let through = statement(
            noun,
            lies,
            "Statement: the centre of {A} is anterior to the centre of {B}. Is the statement true or false?",
            "true, false",
        );
        assert_eq!(many(&through, &forward).as_deref(), Some("true"));
        assert_eq!(many(&through, &backward).as_deref(), Some("false"));
        let in_plane = statement(
            noun,
            lies,
            "Statement: the centre of {A} is superior to the centre of {B}. Is the statement true or false?",
            "true, false",
        );
        assert_eq!(many(&in_plane, &forward).as_deref(), Some("true"));
    }
}

#[test]
fn the_centre_of_a_mask_weighs_frames_by_their_pixels() {
    // Red: thin on frames 0 to 5, thick on 6; blue on frame 4. The middle frame of red is 3, its centroid beyond 4.
    let pages: Vec<Page> = (0..8)
        .map(|frame| {
            let page = Page::grey(300, 200);
            let page = match frame {
                0..=5 => page.mask(Colour::Red, |x, y| (20..26).contains(&x) && (20..26).contains(&y)),
                6 => page.mask(Colour::Red, |x, y| (20..120).contains(&x) && (20..120).contains(&y)),
                _ => page,
            };
            if frame == 4 { page.mark(MarkShape::Mask, Colour::Blue, [220, 150]) } else { page }
        })
        .collect();
    let text = statement(
        "overlay",
        "under",
        "Statement: the centre of {A} lies in a later frame than the centre of {B}. Is the statement true or false?",
        "true, false",
    );
    assert_eq!(many(&text, &pages).as_deref(), Some("true"));
}

#[test]
fn six_words_are_decided_only_where_no_pixel_size_could_decide_otherwise() {
    let text = statement(
        "dot",
        "at",
        "Relative to the centre of {B}, in which one anatomical direction is the centre of {A} displaced the most?",
        "superior, inferior, anterior, posterior, patient's right, patient's left",
    );
    let apart = |first: usize, second: usize, x: i64| -> Vec<Page> {
        (0..8)
            .map(|frame| {
                let page = Page::grey(240, 200);
                let page =
                    if frame == first { page.mark(MarkShape::Point, Colour::Red, [20, 50]) } else { page };
                if frame == second { page.mark(MarkShape::Point, Colour::Blue, [x, 55]) } else { page }
            })
            .collect()
    };
    // 200 pixels are at least 83 mm, one frame is 7.5 mm.
    assert_eq!(many(&text, &apart(2, 3, 220)).as_deref(), Some("patient's right"));
    // 5 pixels are at most 17 mm, seven frames are 52.5 mm.
    assert_eq!(many(&text, &apart(0, 7, 25)).as_deref(), Some("anterior"));
    // 40 pixels may be 17 mm or 133 mm.
    assert_eq!(many(&text, &apart(0, 7, 60)), None);
}

#[test]
fn frames_that_did_not_arrive_leave_the_question_open() {
    let text = statement(
        "box",
        "in",
        "Statement: the centre of {A} is superior to the centre of {B}. Is the statement true or false?",
        "true, false",
    );
    let pages = frames(MarkShape::Box);
    assert!(many(&text, &pages).is_some());
    assert_eq!(many(&text, &pages[..7]), None);
    assert_eq!(many(&text, &[]), None);
}
