//! Blocks of rows as single precision, their products, and the pairs in them that are worth keeping.

use super::live::Live;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder as _};

/// Columns of a tile of products, and rows of the panel they stand for.
pub(super) const PANEL: usize = 512;

/// Depth of one product. Sums of slices are added up one by one, so the rounding error of a dot product grows with this
/// and not with the width of the rows.
pub(super) const SLICE: usize = 512;

/// Numbers between the rows of a slice, so that rows do not fall onto the same lines of the cache.
const PAD: usize = 16;

/// Rows of some positions, slice by slice, each row of a slice with [`PAD`] numbers behind it.
pub(super) struct Panel {
    height: usize,
    width: usize,
    values: Vec<f32>,
    row: Vec<f32>,
    /// What each row is to be multiplied by to have norm 1; 0 for rows beyond the last.
    pub(super) inverse: Vec<f32>,
    /// Rows in use.
    pub(super) count: usize,
}

impl Panel {
    pub(super) fn new(height: usize, width: usize) -> Self {
        let values = vec![0.0; height * width.div_ceil(SLICE) * (SLICE.min(width) + PAD)];
        Self { height, width, values, row: vec![0.0; width], inverse: vec![0.0; height], count: 0 }
    }

    /// Takes up the rows of at most `height` positions.
    pub(super) fn load(&mut self, live: &Live<'_>, positions: impl ExactSizeIterator<Item = usize>) {
        let pitch = self.pitch();
        let block = self.height * pitch;
        self.count = positions.len().min(self.height);
        self.inverse[self.count..].fill(0.0);
        for (index, position) in positions.take(self.height).enumerate() {
            self.inverse[index] = live.arch.dispatch(|| live.read_scaled(position, &mut self.row));
            for (slice, numbers) in self.row.chunks(SLICE).enumerate() {
                let first = slice * block + index * pitch;
                self.values[first..first + numbers.len()].copy_from_slice(numbers);
            }
        }
    }

    fn pitch(&self) -> usize {
        SLICE.min(self.width) + PAD
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
        let block = self.height * self.pitch();
        let values = self.values.get(slice * block..(slice + 1) * block)?;
        ArrayView2::from_shape((rows, depth).strides((self.pitch(), 1)), values).ok()
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
