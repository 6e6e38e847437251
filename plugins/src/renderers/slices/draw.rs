//! The layers of a frame in the order in which they are drawn, and what must stay visible.
//!
//! From bottom to top: backdrop, translucent fills, leaders, strokes (larger marks first) and the rims of dots, plates.
//! Nothing is anti-aliased, so every stroke pixel has exactly the colour of its mark.

use super::letters::{self, PlatePixel};
use super::overlay::{Ink, Overlay};
use super::plates::{self, Plate};
use situs_core::fault::Fault;
use situs_core::scene::{Colour, MarkShape};

/// What covers a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Translucent fill of a mask.
    Fill(Colour),
    /// Line between a plate and its mark.
    Leader(Colour),
    /// Solid stroke of a mark.
    Stroke(Colour),
    /// White ring around a dot.
    Ring,
    /// Pixel of a plate; the colour is its mark's.
    Plate(PlatePixel, Colour),
}

/// Half the width of a leader at scale 1, in pixels.
const HALF_LEADER: f64 = 0.9;
/// Pixels by which a stroke's visible extent may fall short of its true one.
const EXTENT_TOLERANCE: i64 = 1;

/// Calls `put` with every covered pixel (offset, row by row), bottom layer first.
pub fn layers(
    overlay: &Overlay,
    plates: &[Plate],
    width: usize,
    height: usize,
    mut put: impl FnMut(usize, Layer),
) {
    let order = stroke_order(overlay, width);
    for ink in &order {
        ink.fill.iter().for_each(|offset| put(*offset as usize, Layer::Fill(ink.colour)));
    }
    for plate in plates {
        leader(plate, width, height, |offset| put(offset, Layer::Leader(plate.colour)));
    }
    for ink in &order {
        ink.rim.iter().for_each(|offset| put(*offset as usize, Layer::Ring));
        ink.stroke.iter().for_each(|offset| put(*offset as usize, Layer::Stroke(ink.colour)));
    }
    for plate in plates {
        let rect = plate.rect();
        for row in rect.top.max(0)..rect.bottom.min(height as i64) {
            for column in rect.left.max(0)..rect.right.min(width as i64) {
                let (x, y) = ((column - rect.left) as u32, (row - rect.top) as u32);
                if let Some(pixel) = letters::plate_pixel(plate.letter, plate.scale, x, y) {
                    put(row as usize * width + column as usize, Layer::Plate(pixel, plate.colour));
                }
            }
        }
    }
}

/// Checks that every mark can still be told from the picture: its stroke reaches as far as it should, at least half of
/// an outline or a third of a box shows (boxes share edges where the scan ends), and a dot shows whole.
///
/// # Errors
/// `Cause::Rejected` naming the form that is hidden.
pub fn legible(overlay: &Overlay, width: usize, height: usize) -> Result<(), Fault> {
    let order = stroke_order(overlay, width);
    let mut top = vec![0u8; width * height];
    for (mark, ink) in order.iter().enumerate() {
        ink.rim.iter().for_each(|offset| top[*offset as usize] = 0);
        ink.stroke.iter().for_each(|offset| top[*offset as usize] = mark as u8 + 1);
    }
    for (mark, ink) in order.iter().enumerate() {
        let shown: Vec<u32> =
            ink.stroke.iter().copied().filter(|offset| top[*offset as usize] == mark as u8 + 1).collect();
        let enough = match ink.shape {
            MarkShape::Point => shown.len() == ink.stroke.len(),
            MarkShape::Mask => shown.len() * 2 >= ink.stroke.len(),
            MarkShape::Box => shown.len() * 3 >= ink.stroke.len(),
        };
        let (whole, seen) = (extent(&ink.stroke, width), extent(&shown, width));
        let short = whole.iter().zip(seen).any(|(whole, seen)| (whole - seen).abs() > EXTENT_TOLERANCE);
        if !enough || short {
            return Err(Fault::rejected(format!("a {} is hidden by another mark", ink.shape.word())));
        }
    }
    Ok(())
}

/// Marks in the order in which they are drawn: larger ones first, so that small ones stay whole.
fn stroke_order(overlay: &Overlay, width: usize) -> Vec<&Ink> {
    let mut order: Vec<(i64, &Ink)> = overlay
        .inks
        .iter()
        .map(|ink| {
            let [left, top, right, bottom] = extent(&ink.stroke, width);
            // Dots last, whatever their size: a dot is lost where a line is only interrupted.
            let size = if ink.shape == MarkShape::Point { 0 } else { (right - left + 1) * (bottom - top + 1) };
            (-size, ink)
        })
        .collect();
    order.sort_by_key(|(size, _)| *size);
    order.into_iter().map(|(_, ink)| ink).collect()
}

/// Smallest and largest column and row of some pixels: left, top, right, bottom, inclusive.
fn extent(offsets: &[u32], width: usize) -> [i64; 4] {
    offsets.iter().fold([i64::MAX / 2, i64::MAX / 2, -1, -1], |[left, top, right, bottom], offset| {
        let (column, row) = ((*offset as usize % width) as i64, (*offset as usize / width) as i64);
        [left.min(column), top.min(row), right.max(column), bottom.max(row)]
    })
}

fn leader(plate: &Plate, width: usize, height: usize, mut put: impl FnMut(usize)) {
    let half = HALF_LEADER * f64::from(plate.scale);
    let [a, b] = plate.leader;
    let bound = |low: f64, high: f64, side: usize| {
        ((low - half).floor().max(0.0) as usize)..((high + half).ceil().max(0.0) as usize).min(side)
    };
    for row in bound(a[1].min(b[1]), a[1].max(b[1]), height) {
        for column in bound(a[0].min(b[0]), a[0].max(b[0]), width) {
            if plates::distance([column as f64 + 0.5, row as f64 + 0.5], plate.leader) <= half {
                put(row * width + column);
            }
        }
    }
}
