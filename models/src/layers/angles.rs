//! Rotary positions along time, rows and columns.

use super::floats::matrix;
use crate::checkpoint::Rope;
use crate::pixels::Grid;
use candle_core::{Result, Tensor};
use std::ops::Range;

/// Where a token stands: time, row and column; the same number three times for text.
pub(crate) type Place = [u32; 3];

/// Which pairs of a head turn with which axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mixing {
    /// First those of time, then of rows, then of columns.
    Blocks,
    /// Taken in turn, until rows and columns have theirs; the rest is of time.
    Interleaved,
}

/// Cosines and sines of the pairs of a head.
pub(crate) struct Angles {
    frequencies: Vec<f32>,
    axes: Vec<usize>,
    /// Frequencies of layers whose attention slides, where they have their own.
    sliding: Option<Vec<f32>>,
}

/// Cosines and sines `[count, width / 2]` of some tokens.
pub(crate) struct Turns {
    all: (Tensor, Tensor),
    sliding: Option<(Tensor, Tensor)>,
}

impl Turns {
    /// Those of a layer.
    pub(crate) fn of(&self, slides: bool) -> &(Tensor, Tensor) {
        self.sliding.as_ref().filter(|_| slides).unwrap_or(&self.all)
    }
}

impl Angles {
    /// For heads of `width` numbers.
    pub(crate) fn new(rope: &Rope, width: usize, mixing: Mixing) -> Self {
        let half = width / 2;
        let axes = (0..half)
            .map(|pair| match mixing {
                Mixing::Blocks => {
                    let [time, rows, _] = rope.sections;
                    usize::from(pair >= time) + usize::from(pair >= time + rows)
                }
                Mixing::Interleaved => {
                    let axis = pair % 3;
                    if axis > 0 && pair < rope.sections[axis] * 3 { axis } else { 0 }
                }
            })
            .collect();
        Self { frequencies: stretched(rope, width), axes, sliding: None }
    }

    /// With other wavelengths for layers whose attention slides.
    pub(crate) fn with_sliding(self, rope: &Rope, width: usize) -> Self {
        Self { sliding: Some(stretched(rope, width)), ..self }
    }

    /// Cosines and sines of tokens at these places.
    ///
    /// # Errors
    /// None.
    pub(crate) fn at(&self, places: &[Place]) -> Result<Turns> {
        let table = |frequencies: &[f32]| {
            let angles = places.iter().flat_map(|place| {
                frequencies.iter().zip(&self.axes).map(|(frequency, axis)| place[*axis] as f32 * frequency)
            });
            turned(angles, places.len(), frequencies.len())
        };
        let sliding = self.sliding.as_deref().map(table).transpose()?;
        Ok(Turns { all: table(&self.frequencies)?, sliding })
    }
}

fn stretched(rope: &Rope, width: usize) -> Vec<f32> {
    let mut frequencies = frequencies(rope.theta, width);
    frequencies.iter_mut().for_each(|frequency| *frequency /= rope.factor as f32);
    frequencies
}

/// Cosines and sines `[patches, width / 2]` of the patches of a grid in the order of its tokens: the first half of the
/// pairs turns with the row, the second with the column.
///
/// # Errors
/// None.
pub(crate) fn grid_angles(grid: Grid, merge: usize, width: usize) -> Result<(Tensor, Tensor)> {
    const THETA: f64 = 10_000.0;
    let frequencies = frequencies(THETA, width / 2);
    let mut angles = Vec::with_capacity(grid.patches() * width / 2);
    for (row, column) in grid_places(grid, merge) {
        angles.extend(frequencies.iter().map(|frequency| row as f32 * frequency));
        angles.extend(frequencies.iter().map(|frequency| column as f32 * frequency));
    }
    turned(angles.into_iter(), grid.patches(), width / 2)
}

/// Row and column of every patch, in the order of the tokens.
pub(crate) fn grid_places(grid: Grid, merge: usize) -> impl Iterator<Item = (usize, usize)> {
    let blocks = (grid.rows / merge) * (grid.columns / merge);
    (0..grid.time).flat_map(move |_| {
        (0..blocks).flat_map(move |block| {
            let (block_row, block_column) = (block / (grid.columns / merge), block % (grid.columns / merge));
            (0..merge * merge).map(move |within| {
                (block_row * merge + within / merge, block_column * merge + within % merge)
            })
        })
    })
}

/// Patches of each frame.
pub(crate) fn frames(grid: Grid) -> Vec<Range<usize>> {
    let each = grid.rows * grid.columns;
    (0..grid.time).map(|time| time * each..(time + 1) * each).collect()
}

fn frequencies(theta: f64, width: usize) -> Vec<f32> {
    (0..width / 2).map(|pair| 1.0 / (theta as f32).powf((2 * pair) as f32 / width as f32)).collect()
}

fn turned(angles: impl Iterator<Item = f32>, rows: usize, width: usize) -> Result<(Tensor, Tensor)> {
    // In double precision, so that every machine gives the same.
    let (sines, cosines): (Vec<f32>, Vec<f32>) = angles
        .map(|angle| {
            let (sine, cosine) = f64::from(angle).sin_cos();
            (sine as f32, cosine as f32)
        })
        .unzip();
    Ok((matrix(cosines, rows, width)?, matrix(sines, rows, width)?))
}
