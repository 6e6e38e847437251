//! Letter plates: the glyphs A-F as bitmaps of our own, and the exact geometry of the plate around them.
//!
//! At scale 1 a plate is [`PLATE_WIDTH`] x [`PLATE_HEIGHT`] pixels (14 x 18), from the outside in:
//!
//! 1. a rim, 1 pixel wide, in [`tint`] of the mark's colour;
//! 2. a black ground, [`GROUND`], 1 pixel wide around the glyph and behind it;
//! 3. the glyph, [`GLYPH_WIDTH`] x [`GLYPH_HEIGHT`] pixels (10 x 14), its ink white, [`INK`].
//!
//! At scale `k` every pixel of this becomes a block of `k` x `k`; see [`scale`]. Plates lie on whole pixels, upright and
//! complete, and nothing is drawn over them. The leader between plate and mark has the colour of the rim.
//!
//! Rim and leader are one grey level off the palette in red, which no eye sees: pixels of exactly [`Colour::rgb`] belong
//! to the strokes of marks alone, so whoever measures a mark in the picture is not misled by its letter.

use situs_core::scene::Colour;

/// Letters that have a glyph.
pub const LETTERS: [char; 6] = ['A', 'B', 'C', 'D', 'E', 'F'];
/// Columns of a glyph at scale 1.
pub const GLYPH_WIDTH: u32 = 10;
/// Rows of a glyph at scale 1.
pub const GLYPH_HEIGHT: u32 = 14;
/// Pixels between a plate's edge and its glyph at scale 1: one of rim, one of ground.
pub const BORDER: u32 = 2;
/// Columns of a plate at scale 1.
pub const PLATE_WIDTH: u32 = GLYPH_WIDTH + 2 * BORDER;
/// Rows of a plate at scale 1.
pub const PLATE_HEIGHT: u32 = GLYPH_HEIGHT + 2 * BORDER;
/// Colour of a plate behind its letter.
pub const GROUND: [u8; 3] = [0, 0, 0];
/// Colour of a letter.
pub const INK: [u8; 3] = [255, 255, 255];

/// Picture side for which a plate has scale 1.
const REFERENCE_SIDE: u32 = 512;

/// What one pixel of a plate shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlatePixel {
    /// Outermost ring, [`tint`] of the mark's colour.
    Rim,
    /// [`GROUND`].
    Ground,
    /// [`INK`].
    Ink,
}

/// Whole-number magnification of plates on a picture with this longer side: 1 up to 767 pixels, 2 up to 1279, and so
/// on. Never below 1: a smaller letter could not be read.
pub fn scale(long_side: u32) -> u32 {
    (long_side.saturating_add(REFERENCE_SIDE / 2) / REFERENCE_SIDE).max(1)
}

/// Width and height of a plate in pixels.
pub fn plate_size(scale: u32) -> (u32, u32) {
    (PLATE_WIDTH * scale, PLATE_HEIGHT * scale)
}

/// Colour of rims and leaders: the palette's, with the lowest bit of red turned over.
pub fn tint(colour: Colour) -> [u8; 3] {
    let [red, green, blue] = colour.rgb();
    [red ^ 1, green, blue]
}

/// Whether a glyph has ink at (column, row), scale 1; `false` outside the glyph and for a letter without one.
pub fn has_ink(letter: char, column: u32, row: u32) -> bool {
    let Some(position) = LETTERS.iter().position(|known| *known == letter) else { return false };
    GLYPHS[position]
        .get(row as usize)
        .and_then(|line| line.as_bytes().get(column as usize))
        .is_some_and(|ink| *ink == b'#')
}

/// What a plate shows at (column, row), counted in pixels from its top left corner; `None` outside the plate.
pub fn plate_pixel(letter: char, scale: u32, column: u32, row: u32) -> Option<PlatePixel> {
    let scale = scale.max(1);
    let (column, row) = (column / scale, row / scale);
    if column >= PLATE_WIDTH || row >= PLATE_HEIGHT {
        return None;
    }
    if column == 0 || row == 0 || column == PLATE_WIDTH - 1 || row == PLATE_HEIGHT - 1 {
        return Some(PlatePixel::Rim);
    }
    let inked = column >= BORDER && row >= BORDER && has_ink(letter, column - BORDER, row - BORDER);
    Some(if inked { PlatePixel::Ink } else { PlatePixel::Ground })
}

const GLYPHS: [[&str; GLYPH_HEIGHT as usize]; LETTERS.len()] = [
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_a_full_glyph_unlike_all_others() {
        for (position, glyph) in GLYPHS.iter().enumerate() {
            assert!(glyph.iter().all(|row| row.len() == GLYPH_WIDTH as usize), "{}", LETTERS[position]);
            for other in GLYPHS.iter().skip(position + 1) {
                let apart: usize = glyph
                    .iter()
                    .zip(other)
                    .map(|(a, b)| a.bytes().zip(b.bytes()).filter(|(a, b)| a != b).count())
                    .sum();
                assert!(apart >= 16, "{} is {apart} pixels from another letter", LETTERS[position]);
            }
        }
    }

    #[test]
    fn a_plate_is_rim_ground_and_ink_at_every_scale() {
        for scale in [1, 2, 3] {
            let (width, height) = plate_size(scale);
            assert_eq!(plate_pixel('A', scale, 0, height - 1), Some(PlatePixel::Rim));
            assert_eq!(plate_pixel('A', scale, scale, scale), Some(PlatePixel::Ground));
            assert_eq!(plate_pixel('A', scale, 6 * scale, 2 * scale), Some(PlatePixel::Ink));
            assert_eq!(plate_pixel('A', scale, width, 0), None);
        }
        assert_eq!(plate_size(scale(512)), (14, 18));
    }

    #[test]
    fn rims_are_no_colour_of_the_palette() {
        for colour in Colour::ALL {
            assert!(Colour::ALL.iter().all(|other| other.rgb() != tint(colour)));
        }
    }
}
