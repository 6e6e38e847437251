//! A storm of letter plates pasted on a picture: real pictures carry six letters at most, too few to learn them from.

use situs_core::digest::Draw;
use situs_core::scene::Colour;
use situs_models::small::{CELLS, SIDE};
use situs_plugins::renderers::slices::letters::{self, LETTERS, PlatePixel};

/// Pixels for each plate that is tried.
const ROOM: usize = 256;
/// Pixels of a cell.
const CELL: usize = SIDE / CELLS;

/// Pastes plates over the RGB bytes of a square part of a reduced picture; gives for each letter the cells that hold one,
/// row by row.
pub fn paste(bytes: &mut [u8], side: usize, draw: &Draw) -> Vec<Vec<usize>> {
    let mut cells = vec![Vec::new(); LETTERS.len()];
    let mut taken: Vec<(usize, usize)> = Vec::new();
    let (across, down) = (letters::PLATE_WIDTH as usize, letters::PLATE_HEIGHT as usize);
    for at in 0..side * side / ROOM {
        let draw = draw.of(at);
        let (left, top) = (draw.of("x").below(2 * side - across), draw.of("y").below(2 * side - down));
        if taken.iter().any(|(x, y)| x.abs_diff(left) < across + 2 && y.abs_diff(top) < down + 2) {
            continue;
        }
        taken.push((left, top));
        let letter = draw.of("letter").below(LETTERS.len());
        let colour = Colour::ALL[draw.of("colour").below(Colour::ALL.len())];
        plate(bytes, side, (left, top), LETTERS[letter], colour);
        let cell = |middle: usize| middle / 2 / CELL;
        cells[letter].push(cell(top + down / 2) * (side / CELL) + cell(left + across / 2));
    }
    cells
}

/// One plate whose corner lies at a pixel of the picture before it was reduced to half.
fn plate(bytes: &mut [u8], side: usize, (left, top): (usize, usize), letter: char, colour: Colour) {
    let (across, down) = (letters::PLATE_WIDTH as usize, letters::PLATE_HEIGHT as usize);
    for y in top / 2..=(top + down - 1) / 2 {
        for x in left / 2..=(left + across - 1) / 2 {
            let Some(pixel) = bytes.get_mut((y * side + x) * 3..(y * side + x) * 3 + 3) else { continue };
            let mut sums = [0u32; 3];
            for (dy, dx) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let place = ((2 * x + dx).checked_sub(left), (2 * y + dy).checked_sub(top));
                let shown = match place {
                    (Some(column), Some(row)) => letters::plate_pixel(letter, 1, column as u32, row as u32),
                    _ => None,
                };
                let rgb = match shown {
                    Some(PlatePixel::Rim) => letters::tint(colour),
                    Some(PlatePixel::Ground) => letters::GROUND,
                    Some(PlatePixel::Ink) => letters::INK,
                    None => [pixel[0], pixel[1], pixel[2]],
                };
                sums.iter_mut().zip(rgb).for_each(|(sum, value)| *sum += u32::from(value));
            }
            pixel.iter_mut().zip(sums).for_each(|(value, sum)| *value = ((sum + 2) / 4) as u8);
        }
    }
}
