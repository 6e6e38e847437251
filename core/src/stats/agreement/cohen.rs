//! Two raters.

use std::collections::{BTreeMap, BTreeSet};

/// How much a disagreement counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// All alike.
    Unweighted,
    /// By the distance of the categories in the order of those that occur.
    Linear,
    /// By its square.
    Quadratic,
}

/// Cohen's kappa of two raters over the same items.
///
/// `None` when lengths differ, there are no items, or chance alone explains everything (one category).
pub fn cohen_kappa(first: &[u32], second: &[u32], weights: Weights) -> Option<f64> {
    if first.len() != second.len() || first.is_empty() {
        return None;
    }
    let categories: BTreeSet<u32> = first.iter().chain(second).copied().collect();
    let place: BTreeMap<u32, usize> =
        categories.iter().enumerate().map(|(place, category)| (*category, place)).collect();
    let weight = |a: usize, b: usize| {
        let distance = a.abs_diff(b) as f64;
        match weights {
            Weights::Unweighted => f64::from(u8::from(a != b)),
            Weights::Linear => distance,
            Weights::Quadratic => distance * distance,
        }
    };
    let (mut rows, mut columns) = (vec![0.0; place.len()], vec![0.0; place.len()]);
    let mut observed = 0.0;
    for (a, b) in first.iter().zip(second) {
        let (a, b) = (*place.get(a)?, *place.get(b)?);
        rows[a] += 1.0;
        columns[b] += 1.0;
        observed += weight(a, b);
    }
    let mut expected = 0.0;
    for (a, row) in rows.iter().enumerate() {
        for (b, column) in columns.iter().enumerate() {
            expected += weight(a, b) * row * column;
        }
    }
    expected /= first.len() as f64;
    (expected > 0.0).then(|| 1.0 - observed / expected)
}
