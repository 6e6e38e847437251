//! Letters and colours frozen by hand: nothing here comes from the renderer, so neither side can change alone.

use crate::{AXIAL, marks, options, prompt};
use situs_core::media::Picture;
use situs_plugins::backends::pixel_reader::answer;

/// Ink of A to F, 10 x 14 pixels, as pictures of the first version show them.
const GLYPHS: [[&str; 14]; 6] = [
    [
        "....##....",
        "....##....",
        "...####...",
        "...####...",
        "..##..##..",
        "..##..##..",
        "..##..##..",
        ".##....##.",
        ".########.",
        ".########.",
        "##......##",
        "##......##",
        "##......##",
        "##......##",
    ],
    [
        "########..",
        "#########.",
        "##.....###",
        "##......##",
        "##......##",
        "##.....##.",
        "########..",
        "#########.",
        "##.....###",
        "##......##",
        "##......##",
        "##.....###",
        "#########.",
        "########..",
    ],
    [
        "..######..",
        ".########.",
        "###....###",
        "##......##",
        "##........",
        "##........",
        "##........",
        "##........",
        "##........",
        "##........",
        "##......##",
        "###....###",
        ".########.",
        "..######..",
    ],
    [
        "#######...",
        "########..",
        "##....###.",
        "##.....###",
        "##......##",
        "##......##",
        "##......##",
        "##......##",
        "##......##",
        "##......##",
        "##.....###",
        "##....###.",
        "########..",
        "#######...",
    ],
    [
        "##########",
        "##########",
        "##........",
        "##........",
        "##........",
        "##........",
        "########..",
        "########..",
        "##........",
        "##........",
        "##........",
        "##........",
        "##########",
        "##########",
    ],
    [
        "##########",
        "##########",
        "##........",
        "##........",
        "##........",
        "##........",
        "########..",
        "########..",
        "##........",
        "##........",
        "##........",
        "##........",
        "##........",
        "##........",
    ],
];
/// Word, stroke, and rim of a plate.
const PALETTE: [(&str, [u8; 3], [u8; 3]); 6] = [
    ("red", [235, 30, 30], [234, 30, 30]),
    ("blue", [40, 70, 255], [41, 70, 255]),
    ("green", [20, 190, 40], [21, 190, 40]),
    ("yellow", [250, 220, 0], [251, 220, 0]),
    ("magenta", [240, 40, 230], [241, 40, 230]),
    ("cyan", [0, 215, 230], [1, 215, 230]),
];
const WIDTH: usize = 400;
const HEIGHT: usize = 300;

/// A box of 30 x 30 pixels with 2-pixel lines, and its plate 6 pixels above it.
fn draw(picture: &mut Picture, [left, top]: [usize; 2], letter: usize, colour: usize) {
    let (_, stroke, rim) = PALETTE[colour];
    let mut put = |column: usize, row: usize, rgb: [u8; 3]| {
        let at = (row * WIDTH + column) * 3;
        picture.rgb[at..at + 3].copy_from_slice(&rgb);
    };
    for (x, y) in (0..30).flat_map(|y| (0..30).map(move |x| (x, y))) {
        if !(2..28).contains(&x) || !(2..28).contains(&y) {
            put(left + x, top + y, stroke);
        }
    }
    for (x, y) in (0..18).flat_map(|y| (0..14).map(move |x| (x, y))) {
        let rgb = if x == 0 || y == 0 || x == 13 || y == 17 {
            rim
        } else if (2..12).contains(&x)
            && (2..16).contains(&y)
            && GLYPHS[letter][y - 2].as_bytes()[x - 2] == b'#'
        {
            [255; 3]
        } else {
            [0; 3]
        };
        put(left + 8 + x, top - 24 + y, rgb);
    }
}

#[test]
fn every_frozen_letter_is_read_in_every_frozen_colour() {
    for letter in 0..6 {
        for (colour, painted) in PALETTE.iter().enumerate() {
            let (other_letter, other_colour) = ((letter + 1) % 6, (colour + 1) % 6);
            let mut picture =
                Picture { width: WIDTH as u32, height: HEIGHT as u32, rgb: vec![90; WIDTH * HEIGHT * 3] };
            draw(&mut picture, [60, 100], letter, colour);
            draw(&mut picture, [260, 200], other_letter, other_colour);
            let name = |place: usize| char::from(b'A' + place as u8);
            let text = prompt(&[
                AXIAL,
                &marks(&format!("box {}, box {}", name(letter), name(other_letter))),
                "Among all marked structures, which one has its centre farthest toward the top edge of the image?",
                &options(&format!("{}, {}", name(letter), name(other_letter))),
            ]);
            assert_eq!(answer(&text, &[picture.clone()]), Some(name(letter).to_string()));
            let by_colour = prompt(&[
                AXIAL,
                &marks(&format!("{} box, {} box", painted.0, PALETTE[other_colour].0)),
                "Among all marked structures, which one has its centre farthest toward the right edge of the image?",
                &options(&format!("{}, {}", PALETTE[colour].0, PALETTE[other_colour].0)),
            ]);
            assert_eq!(answer(&by_colour, &[picture]).as_deref(), Some(PALETTE[other_colour].0));
        }
    }
}
