//! Blocks of rows as single precision, their products, and the pairs in them that are worth keeping.

use super::live::Live;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder as _};

/// Columns of a tile of products, and rows of the panel they stand for.
pub(super) const PANEL: usize = 512;

/// Depth of one product. Sums of slices are added up one by one, so the rounding error of a dot product grows with this
/// and not with the width of the rows.
pub(super) const SLICE: usize = 512;

/// Rows that are turned into columns together: one line of the cache.
const GROUP: usize = 16;

/// Rows of some positions, stored column by column: the products take in a few rows at a time, number by number.
pub(super) struct Panel {
    height: usize,
    width: usize,
    values: Vec<f32>,
    rows: Vec<f32>,
    /// What each row is to be multiplied by to have norm 1; 0 for rows beyond the last.
    pub(super) inverse: Vec<f32>,
}

impl Panel {
    /// Room for `height` rows, rounded up to a multiple of [`GROUP`].
    pub(super) fn new(height: usize, width: usize) -> Self {
        let height = height.next_multiple_of(GROUP);
        let (values, rows) = (vec![0.0; height * width], vec![0.0; GROUP * width]);
        Self { height, width, values, rows, inverse: vec![0.0; height] }
    }

    /// Takes up the rows of at most `height` positions.
    pub(super) fn load(&mut self, live: &Live<'_>, positions: impl ExactSizeIterator<Item = usize>) {
        let (height, width) = (self.height, self.width);
        self.inverse.fill(0.0);
        let mut positions = positions.take(height);
        for first in (0..positions.len()).step_by(GROUP) {
            let group = self.rows.chunks_exact_mut(width).zip(&mut self.inverse[first..]);
            for ((row, inverse), position) in group.zip(&mut positions) {
                *inverse = live.arch.dispatch(|| live.read_scaled(position, row));
            }
            let (rows, values) = (&self.rows, &mut self.values);
            live.arch.dispatch(|| turn(rows, width, &mut values[first..], height));
        }
    }

    /// Dot products of the first `rows` rows of this with all rows of a panel, row by row of this, [`PANEL`] in a row.
    pub(super) fn products(&self, rows: usize, panel: &Panel, dots: &mut [f32]) {
        let dots = &mut dots[..rows * PANEL];
        if self.multiply(rows, panel, dots).is_none() {
            // Buffers too small for their shape, which `new` rules out: every pair is a candidate then, none is lost.
            dots.fill(f32::INFINITY);
        }
    }

    fn multiply(&self, rows: usize, panel: &Panel, dots: &mut [f32]) -> Option<()> {
        let mut out = ArrayViewMut2::from_shape((rows, PANEL), dots).ok()?;
        for slice in 0..self.width.div_ceil(SLICE) {
            let depth = SLICE.min(self.width - slice * SLICE);
            let left = self.slice(slice, rows, depth)?;
            let right = panel.slice(slice, PANEL, depth)?;
            general_mat_mul(1.0, &left, &right.t(), if slice == 0 { 0.0 } else { 1.0 }, &mut out);
        }
        Some(())
    }

    fn slice(&self, slice: usize, rows: usize, depth: usize) -> Option<ArrayView2<'_, f32>> {
        let values = self.values.get(slice * SLICE * self.height..)?;
        ArrayView2::from_shape((rows, depth).strides((1, self.height)), values).ok()
    }
}

/// Writes [`GROUP`] rows as columns, `height` apart.
#[inline(always)]
fn turn(rows: &[f32], width: usize, out: &mut [f32], height: usize) {
    for (column, out) in out.chunks_mut(height).enumerate() {
        let Some(line) = out.first_chunk_mut::<GROUP>() else { return };
        for (index, value) in line.iter_mut().enumerate() {
            *value = rows[index * width + column];
        }
    }
}

/// How far a cosine from [`Panel::products`] times both inverse norms can be from the exact one.
///
/// Rows have norms of 1 to 2 and `inverse` the rest. A dot product of n terms, summed in any order, with or without fused
/// operations, is off by at most n u / (1 - n u) times the product of the norms (Higham, Accuracy and Stability of
/// Numerical Algorithms, section 3.1), u = 2^-24; a term passes through at most [`SLICE`] roundings in its slice and one
/// for each slice. The inverse norms and the two multiplications add four more, numbers too small for single precision
/// 2^-124 a term. The f64 arithmetic of the exact cosine is covered by the last term.
pub(super) fn error_bound(width: usize) -> f64 {
    let roundings = SLICE.min(width) + width.div_ceil(SLICE) + 8;
    let unit = f64::from(f32::EPSILON) / 2.0;
    let relative = roundings as f64 * unit;
    relative / (1.0 - relative) * 1.000_01 + width as f64 * f64::EPSILON
}

/// A pair whose approximate cosine reaches a floor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) score: f32,
}

/// Scales products to cosines and finds those that reach the floor of their row or of their column.
pub(super) struct Sieve<'a> {
    pub(super) row_inverse: &'a [f32],
    pub(super) column_inverse: &'a [f32],
    pub(super) row_floor: &'a [f32],
    pub(super) column_floor: &'a [f32],
}

impl Sieve<'_> {
    /// Walks rows of [`PANEL`] products; `admits` says whether a pair counts at all.
    #[inline(always)]
    pub(super) fn run(
        &self,
        dots: &[f32],
        admits: impl Fn(usize, usize) -> bool,
        by_row: &mut Vec<Hit>,
        by_column: &mut Vec<Hit>,
    ) {
        const LANES: usize = 32;
        by_row.clear();
        by_column.clear();
        let inverses = self.column_inverse.as_chunks::<LANES>().0;
        let floors = self.column_floor.as_chunks::<LANES>().0;
        let rows = dots.chunks_exact(PANEL).zip(self.row_inverse.iter().zip(self.row_floor));
        for (row, (dots, (&inverse, &floor))) in rows.enumerate() {
            let chunks = dots.as_chunks::<LANES>().0.iter().zip(inverses.iter().zip(floors));
            for (chunk, (dots, (inverses, floors))) in chunks.enumerate() {
                let mut scores = [0f32; LANES];
                let mut any = false;
                for lane in 0..LANES {
                    scores[lane] = dots[lane] * inverse * inverses[lane];
                    any |= (scores[lane] >= floor) | (scores[lane] >= floors[lane]);
                }
                if !any {
                    continue;
                }
                for (lane, &score) in scores.iter().enumerate() {
                    let column = chunk * LANES + lane;
                    if !admits(row, column) {
                        continue;
                    }
                    if score >= floor {
                        by_row.push(Hit { row, column, score });
                    }
                    if score >= floors[lane] {
                        by_column.push(Hit { row, column, score });
                    }
                }
            }
        }
    }
}
