//! Marks found again in pixels: strokes have exactly a palette colour, fills are grey tinted toward one.

use super::glyphs;
use crate::renderers::slices::letters;
use situs_core::media::Picture;
use situs_core::scene::{Colour, MarkShape};
use std::collections::{BTreeMap, BTreeSet};

/// A mark as seen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) colour: Colour,
    /// Letter of its plate; `None` without a plate, or with plates that contradict each other.
    pub(super) letter: Option<char>,
    /// Column and row in pixels (0 at the outer edge of the picture) and frame (0 the first).
    pub(super) centre: [f64; 3],
}

/// Share of the colour in a tinted pixel from which it counts as filled.
const FAINTEST_FILL: f64 = 0.08;
/// Largest share: beyond lie strokes and the rims and leaders of letters.
const STRONGEST_FILL: f64 = 0.95;
/// How far, in grey levels, a tinted pixel may lie beside the line from grey to its colour.
const FILL_TOLERANCE: f64 = 3.0;

/// All marks of a stack of frames, or of a single picture, that have the form the prompt speaks of.
pub(super) fn find(frames: &[Picture], shape: MarkShape) -> Vec<Seen> {
    let mut tallies: [Tally; 6] = Default::default();
    let mut letters: BTreeMap<char, BTreeSet<usize>> = BTreeMap::new();
    for (number, frame) in frames.iter().enumerate() {
        let width = frame.width.max(1) as usize;
        for (offset, pixel) in frame.rgb.chunks_exact(3).enumerate() {
            let &[red, green, blue] = pixel else { continue };
            if red == green && green == blue {
                continue;
            }
            let counted = classify([red, green, blue]).filter(|(_, fill)| !fill || shape == MarkShape::Mask);
            if let Some((colour, _)) = counted {
                tallies[colour].add(offset % width, offset / width, number);
            }
        }
        for (colour, letter) in glyphs::plates(frame) {
            letters.entry(letter).or_default().extend(place(colour));
        }
    }
    let letter_of = |colour: usize| {
        let mut own = letters.iter().filter(|(_, colours)| colours.contains(&colour));
        let (letter, colours) = own.next()?;
        (own.next().is_none() && colours.len() == 1).then_some(*letter)
    };
    tallies
        .iter()
        .enumerate()
        .filter_map(|(at, tally)| {
            let colour = *Colour::ALL.get(at)?;
            Some(Seen { colour, letter: letter_of(at), centre: tally.centre(shape)? })
        })
        .collect()
}

fn place(colour: Colour) -> Option<usize> {
    Colour::ALL.into_iter().position(|other| other == colour)
}

/// Position in the palette, and whether the pixel is a translucent fill rather than a stroke.
fn classify(pixel: [u8; 3]) -> Option<(usize, bool)> {
    if let Some(stroke) = Colour::ALL.into_iter().position(|colour| colour.rgb() == pixel) {
        return Some((stroke, false));
    }
    if Colour::ALL.into_iter().any(|colour| letters::tint(colour) == pixel) {
        return None;
    }
    let seen = chroma(pixel);
    let mut best: Option<(usize, f64)> = None;
    for (place, colour) in Colour::ALL.into_iter().enumerate() {
        let pure = chroma(colour.rgb());
        let share = dot(seen, pure) / dot(pure, pure);
        let beside = (0..3).map(|channel| (seen[channel] - share * pure[channel]).abs()).fold(0.0, f64::max);
        let fits = (FAINTEST_FILL..=STRONGEST_FILL).contains(&share) && beside <= FILL_TOLERANCE;
        if fits && best.is_none_or(|(_, least)| beside < least) {
            best = Some((place, beside));
        }
    }
    best.map(|(place, _)| (place, true))
}

/// What is left of a colour without its grey: grey under a translucent colour shortens this vector but does not turn it.
fn chroma(rgb: [u8; 3]) -> [f64; 3] {
    let grey = rgb.iter().copied().min().unwrap_or(0);
    rgb.map(|value| f64::from(value - grey))
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Pixels of one colour over all frames.
#[derive(Default)]
struct Tally {
    pixels: f64,
    /// Sums of columns, rows and frames.
    sums: [f64; 3],
    /// Smallest and largest column, row and frame.
    span: Option<[[f64; 2]; 3]>,
}

impl Tally {
    fn add(&mut self, column: usize, row: usize, frame: usize) {
        let at = [column as f64, row as f64, frame as f64];
        self.pixels += 1.0;
        let mut span = self.span.unwrap_or(at.map(|value| [value, value]));
        for axis in 0..3 {
            self.sums[axis] += at[axis];
            span[axis] = [span[axis][0].min(at[axis]), span[axis][1].max(at[axis])];
        }
        self.span = Some(span);
    }

    /// Mean of the pixels; for a box, whose lines say nothing by their number, the middle of what they span.
    fn centre(&self, shape: MarkShape) -> Option<[f64; 3]> {
        let span = self.span?;
        let [column, row, frame] = match shape {
            MarkShape::Box => span.map(|[low, high]| (low + high) / 2.0),
            MarkShape::Mask | MarkShape::Point => self.sums.map(|sum| sum / self.pixels),
        };
        Some([column + 0.5, row + 0.5, frame])
    }
}
