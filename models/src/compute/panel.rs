//! The innermost loops.

use pulp::{Arch, Simd, WithSimd};

/// Rows of activations in a panel: two of the widest vectors.
pub(crate) const LANES: usize = 32;
/// The same for few rows, as in decoding.
pub(crate) const FEW_LANES: usize = 16;
/// Rows of weights that are multiplied together: with two vectors of lanes, 24 sums stay in registers.
pub(crate) const TILE: usize = 12;

/// Weights of a product, seen as `count` rows of `depth` numbers.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a> {
    /// The numbers.
    pub(crate) values: &'a [f32],
    /// Distance from one row to the next.
    pub(crate) row: usize,
    /// Distance from one number of a row to the next.
    pub(crate) column: usize,
}

/// `out[j][lane] = sum over k of weights[j][k] * panel[k][lane]` for `count` rows of weights.
///
/// `panel` holds `depth * lanes` numbers, `out` receives `count * lanes`; `lanes` is [`LANES`] or [`FEW_LANES`].
pub(crate) fn multiply(panel: &[f32], lanes: usize, weights: Strided<'_>, count: usize, out: &mut [f32]) {
    debug_assert!(out.len() >= count * lanes);
    Arch::new().dispatch(Multiply { panel, lanes, weights, count, out });
}

struct Multiply<'a> {
    panel: &'a [f32],
    lanes: usize,
    weights: Strided<'a>,
    count: usize,
    out: &'a mut [f32],
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { panel, lanes, weights, count, out } = self;
        match (lanes, S::F32_LANES) {
            (LANES, 16) => rows::<S, 2, TILE>(simd, panel, weights, count, out),
            (FEW_LANES, 16) => rows::<S, 1, TILE>(simd, panel, weights, count, out),
            (LANES, 8) => rows::<S, 4, 3>(simd, panel, weights, count, out),
            (FEW_LANES, 8) => rows::<S, 2, 6>(simd, panel, weights, count, out),
            (LANES, 4) => rows::<S, 8, 2>(simd, panel, weights, count, out),
            (FEW_LANES, 4) => rows::<S, 4, 4>(simd, panel, weights, count, out),
            (LANES, _) => rows::<S, LANES, 1>(simd, panel, weights, count, out),
            (_, _) => rows::<S, FEW_LANES, 1>(simd, panel, weights, count, out),
        }
    }
}

/// All rows of weights, `N` at a time, the rest one by one.
#[inline(always)]
fn rows<S: Simd, const V: usize, const N: usize>(
    simd: S,
    panel: &[f32],
    weights: Strided<'_>,
    count: usize,
    out: &mut [f32],
) {
    let panel = S::as_simd_f32s(panel).0.as_chunks::<V>().0;
    let out = S::as_mut_simd_f32s(out).0.as_chunks_mut::<V>().0;
    let whole = count - count % N;
    let mut first = 0;
    while first < whole {
        let sums = if weights.column == 1 {
            along::<S, V, N>(simd, panel, weights, first)
        } else {
            across::<S, V, N>(simd, panel, weights, first)
        };
        for (out, sums) in out.iter_mut().skip(first).zip(sums) {
            *out = sums;
        }
        first += N;
    }
    while first < count {
        let sums = if weights.column == 1 {
            along::<S, V, 1>(simd, panel, weights, first)
        } else {
            across::<S, V, 1>(simd, panel, weights, first)
        };
        for (out, sums) in out.iter_mut().skip(first).zip(sums) {
            *out = sums;
        }
        first += 1;
    }
}

/// `N` rows whose numbers lie side by side.
#[inline(always)]
fn along<S: Simd, const V: usize, const N: usize>(
    simd: S,
    panel: &[[S::f32s; V]],
    weights: Strided<'_>,
    first: usize,
) -> [[S::f32s; V]; N] {
    let depth = panel.len();
    let mut sums = [[simd.splat_f32s(0.0); V]; N];
    let rows: [&[f32]; N] = std::array::from_fn(|j| {
        let start = (first + j) * weights.row;
        &weights.values[start..start + depth]
    });
    for (k, lanes) in panel.iter().enumerate() {
        for j in 0..N {
            let weight = simd.splat_f32s(rows[j][k]);
            for v in 0..V {
                sums[j][v] = simd.mul_add_f32s(weight, lanes[v], sums[j][v]);
            }
        }
    }
    sums
}

/// `N` neighboring rows whose first numbers lie side by side.
#[inline(always)]
fn across<S: Simd, const V: usize, const N: usize>(
    simd: S,
    panel: &[[S::f32s; V]],
    weights: Strided<'_>,
    first: usize,
) -> [[S::f32s; V]; N] {
    let mut sums = [[simd.splat_f32s(0.0); V]; N];
    let mut start = first * weights.row;
    for lanes in panel {
        let Some(column) = weights.values.get(start..).and_then(|rest| rest.first_chunk::<N>()) else {
            break;
        };
        for j in 0..N {
            let weight = simd.splat_f32s(column[j]);
            for v in 0..V {
                sums[j][v] = simd.mul_add_f32s(weight, lanes[v], sums[j][v]);
            }
        }
        start += weights.column;
    }
    sums
}

/// Puts `rows` rows of `depth` numbers side by side: `panel[k][lane]`; lanes without a row are zero.
///
/// `row(lane)` gives the numbers of a row.
pub(crate) fn pack<'a>(
    rows: usize,
    depth: usize,
    lanes: usize,
    scale: f32,
    row: impl Fn(usize) -> &'a [f32],
    panel: &mut Vec<f32>,
) {
    panel.clear();
    panel.resize(depth * lanes, 0.0);
    for lane in 0..rows.min(lanes) {
        for (slot, value) in panel.iter_mut().skip(lane).step_by(lanes).zip(row(lane)) {
            *slot = *value * scale;
        }
    }
}
