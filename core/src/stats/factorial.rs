//! Two crossed factors: main effects, interaction, marginal means.

use super::regression::{ClusteredFit, clustered_regression};

/// A linear probability model of two crossed two-level factors.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoByTwo {
    /// Means of the cells: neither, first factor only, second only, both.
    pub cells: [f64; 4],
    /// Difference of differences, in the unit of the scores.
    pub interaction: f64,
    /// Columns: constant, first factor, second factor, both.
    pub fit: ClusteredFit,
}

/// Regresses `y` on two factors and their product, with errors clustered by `clusters`.
///
/// `None` when a cell is empty or the regression is undefined.
pub fn two_by_two<C: Ord>(y: &[f64], first: &[bool], second: &[bool], clusters: &[C]) -> Option<TwoByTwo> {
    if first.len() != y.len() || second.len() != y.len() {
        return None;
    }
    let level = |on: bool| f64::from(u8::from(on));
    let rows: Vec<Vec<f64>> =
        first.iter().zip(second).map(|(a, b)| vec![1.0, level(*a), level(*b), level(*a && *b)]).collect();
    let fit = clustered_regression(y, &rows, clusters)?;
    let &[constant, a, b, both] = fit.coefficients.as_slice() else { return None };
    let cells = [constant, constant + a, constant + b, constant + a + b + both];
    Some(TwoByTwo { cells, interaction: both, fit })
}

/// Mean of cell means, each cell with the same weight whatever its size. `cells` holds (sum, count); empty cells are
/// left out. `None` when all are empty.
pub fn equal_weight_mean(cells: &[(f64, f64)]) -> Option<f64> {
    let means: Vec<f64> =
        cells.iter().filter(|(_, count)| *count > 0.0).map(|(sum, count)| sum / count).collect();
    let mean = means.iter().sum::<f64>() / means.len() as f64;
    mean.is_finite().then_some(mean)
}
