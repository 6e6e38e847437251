//! Softmax attention of some queries over the keys and values of one sequence.

use super::exponential::weigh;
use super::panel::{FEW_LANES, LANES, Strided, multiply, pack};
use rayon::prelude::*;
use std::ops::Range;

/// Queries `[count, heads, width]`.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    /// The numbers.
    pub(crate) values: &'a [f32],
    /// Heads of a query.
    pub(crate) heads: usize,
    /// Numbers of a head.
    pub(crate) width: usize,
}

/// Keys and values `[count, heads, width]`; each serves `query heads / heads` neighboring heads of the queries.
#[derive(Clone, Copy)]
pub(crate) struct Keyed<'a> {
    /// Keys.
    pub(crate) keys: &'a [f32],
    /// Values.
    pub(crate) values: &'a [f32],
    /// Heads.
    pub(crate) heads: usize,
}

/// One piece of work: a head of the keys and as many pairs of query and query head as a panel has lanes.
struct Piece {
    head: usize,
    pairs: Range<usize>,
}

/// Attention with scores scaled by `1 / sqrt(width)`: query `i` sees the first `visible(i)` keys. Gives
/// `[count, heads, width]`.
pub(crate) fn attend(
    query: Query<'_>,
    keyed: Keyed<'_>,
    visible: impl Fn(usize) -> usize + Sync,
) -> Vec<f32> {
    let Query { heads, width, .. } = query;
    let count = query.values.len() / (heads * width).max(1);
    let group = heads / keyed.heads.max(1);
    let pairs = count * group;
    let lanes = if pairs <= FEW_LANES { FEW_LANES } else { LANES };
    let pieces: Vec<Piece> = (0..keyed.heads)
        .flat_map(|head| {
            (0..pairs)
                .step_by(lanes)
                .map(move |first| Piece { head, pairs: first..(first + lanes).min(pairs) })
        })
        .collect();
    let done: Vec<Vec<f32>> =
        pieces.par_iter().map(|piece| one_piece(query, keyed, group, lanes, piece, &visible)).collect();
    let mut out = vec![0.0; query.values.len()];
    for (piece, done) in pieces.iter().zip(done) {
        for (pair, value) in piece.pairs.clone().zip(done.chunks_exact(width)) {
            let start = ((pair / group) * heads + piece.head * group + pair % group) * width;
            out[start..start + width].copy_from_slice(value);
        }
    }
    out
}

fn one_piece(
    query: Query<'_>,
    keyed: Keyed<'_>,
    group: usize,
    lanes: usize,
    piece: &Piece,
    visible: &impl Fn(usize) -> usize,
) -> Vec<f32> {
    let Query { values, heads, width } = query;
    let total = keyed.keys.len() / (keyed.heads * width);
    let pairs = piece.pairs.len();
    let mut sight = [0; LANES];
    for (sight, pair) in sight.iter_mut().zip(piece.pairs.clone()) {
        *sight = visible(pair / group).min(total);
    }
    let seen = sight.iter().copied().max().unwrap_or(0);
    let mut panel = Vec::new();
    let row = |lane: usize| {
        let pair = piece.pairs.start + lane;
        let start = ((pair / group) * heads + piece.head * group + pair % group) * width;
        &values[start..start + width]
    };
    pack(pairs, width, lanes, 1.0 / (width as f32).sqrt(), row, &mut panel);
    let stride = keyed.heads * width;
    let start = piece.head * width;
    let mut scores = vec![0.0; seen * lanes];
    let keys = Strided { values: &keyed.keys[start..], row: stride, column: 1 };
    multiply(&panel, lanes, keys, seen, &mut scores);
    // Lanes without a query see one key, so that nothing is divided by zero.
    sight.iter_mut().skip(pairs).for_each(|sight| *sight = 1);
    let sums = weigh(&mut scores, lanes, &sight);
    let mut mixed = vec![0.0; width * lanes];
    let turned = Strided { values: &keyed.values[start..], row: 1, column: stride };
    multiply(&scores, lanes, turned, width, &mut mixed);
    let mut out = vec![0.0; pairs * width];
    for (lane, out) in out.chunks_exact_mut(width).enumerate() {
        for (value, mixed) in out.iter_mut().zip(mixed.iter().skip(lane).step_by(lanes)) {
            *value = mixed / sums[lane];
        }
    }
    out
}
