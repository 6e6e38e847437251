//! Softmax attention of some queries over the keys and values of one sequence.

use super::exponential::{Sights, cap, weigh};
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

/// How products of queries and keys become scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scores {
    /// Factor.
    pub(crate) scale: f32,
    /// Bound that large scores approach: `cap * tanh(score / cap)`.
    pub(crate) cap: Option<f32>,
}

/// Attention with scores scaled by `1 / sqrt(width)`: query `i` sees the first `visible(i)` keys. Gives
/// `[count, heads, width]`.
pub(crate) fn attend(
    query: Query<'_>,
    keyed: Keyed<'_>,
    visible: impl Fn(usize) -> usize + Sync,
) -> Vec<f32> {
    let scores = Scores { scale: 1.0 / (query.width as f32).sqrt(), cap: None };
    attend_within(query, keyed, scores, |row| 0..visible(row))
}

/// Attention in which query `i` sees the keys of `visible(i)`, at least one. Gives `[count, heads, width]`.
pub(crate) fn attend_within(
    query: Query<'_>,
    keyed: Keyed<'_>,
    scores: Scores,
    visible: impl Fn(usize) -> Range<usize> + Sync,
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
    let done: Vec<Vec<f32>> = pieces
        .par_iter()
        .map(|piece| one_piece(query, keyed, scores, group, lanes, piece, &visible))
        .collect();
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
    rule: Scores,
    group: usize,
    lanes: usize,
    piece: &Piece,
    visible: &impl Fn(usize) -> Range<usize>,
) -> Vec<f32> {
    let Query { values, heads, width } = query;
    let total = keyed.keys.len() / (keyed.heads * width);
    let pairs = piece.pairs.len();
    let mut sights = Sights { starts: [0; LANES], ends: [0; LANES] };
    for (lane, pair) in piece.pairs.clone().enumerate() {
        let seen = visible(pair / group);
        sights.ends[lane] = seen.end.min(total);
        sights.starts[lane] = seen.start.min(sights.ends[lane]);
    }
    let first = sights.starts.iter().take(pairs).copied().min().unwrap_or(0);
    let seen = sights.ends.iter().copied().max().unwrap_or(0) - first;
    for (start, end) in sights.starts.iter_mut().zip(&mut sights.ends).take(pairs) {
        (*start, *end) = (*start - first, *end - first);
    }
    // Lanes without a query see one key, so that nothing is divided by zero.
    sights.ends.iter_mut().skip(pairs).for_each(|end| *end = 1);
    let mut panel = Vec::new();
    let row = |lane: usize| {
        let pair = piece.pairs.start + lane;
        let start = ((pair / group) * heads + piece.head * group + pair % group) * width;
        &values[start..start + width]
    };
    pack(pairs, width, lanes, rule.scale, row, &mut panel);
    let stride = keyed.heads * width;
    let start = first * stride + piece.head * width;
    let mut scores = vec![0.0; seen * lanes];
    let keys = Strided { values: &keyed.keys[start..], row: stride, column: 1 };
    multiply(&panel, lanes, keys, seen, &mut scores);
    if let Some(bound) = rule.cap {
        cap(&mut scores, bound);
    }
    let sums = weigh(&mut scores, lanes, &sights);
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
