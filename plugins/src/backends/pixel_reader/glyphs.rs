//! Letter plates found again: black rectangles with a coloured rim, matched against the glyphs.

use crate::renderers::slices::letters::{self, PlatePixel};
use situs_core::media::Picture;
use situs_core::scene::Colour;

/// Letters and the colours of their rims, in one picture.
pub(super) fn plates(picture: &Picture) -> Vec<(Colour, char)> {
    let scale = letters::scale(picture.width.max(picture.height));
    let mut found = Vec::new();
    for row in 0..picture.height {
        for column in 0..picture.width {
            let corner = pixel(picture, column, row);
            let Some(colour) = Colour::ALL.into_iter().find(|colour| corner == Some(letters::tint(*colour)))
            else {
                continue;
            };
            found.extend(letter_at(picture, [column, row], scale, colour).map(|letter| (colour, letter)));
        }
    }
    found
}

/// The letter of a plate whose top left corner is here.
///
/// Mirrored plates are read too: who flips a picture flips its letters, and they still name the same marks.
fn letter_at(picture: &Picture, [left, top]: [u32; 2], scale: u32, colour: Colour) -> Option<char> {
    let (width, height) = letters::plate_size(scale);
    for (mirrored, upside_down) in [(false, false), (true, false), (false, true), (true, true)] {
        let fits = |letter: char| {
            (0..height).all(|y| {
                (0..width).all(|x| {
                    let glyph_x = if mirrored { width - 1 - x } else { x };
                    let glyph_y = if upside_down { height - 1 - y } else { y };
                    let wanted = match letters::plate_pixel(letter, scale, glyph_x, glyph_y) {
                        Some(PlatePixel::Rim) => letters::tint(colour),
                        Some(PlatePixel::Ground) => letters::GROUND,
                        Some(PlatePixel::Ink) => letters::INK,
                        None => return false,
                    };
                    pixel(picture, left.saturating_add(x), top.saturating_add(y)) == Some(wanted)
                })
            })
        };
        if let Some(letter) = letters::LETTERS.into_iter().find(|letter| fits(*letter)) {
            return Some(letter);
        }
    }
    None
}

/// RGB of a pixel, or `None` outside the picture.
fn pixel(picture: &Picture, column: u32, row: u32) -> Option<[u8; 3]> {
    if column >= picture.width {
        return None;
    }
    let at = (row as usize * picture.width as usize + column as usize) * 3;
    picture.rgb.get(at..at + 3)?.try_into().ok()
}
