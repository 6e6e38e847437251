//! Least squares with a covariance that allows for clusters.

use super::quantile::{student_tails, two_sided_t};
use nalgebra::{DMatrix, DVector};
use std::collections::BTreeMap;

/// A linear model with cluster-robust errors.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusteredFit {
    /// Coefficients, in the order of the columns.
    pub coefficients: Vec<f64>,
    /// Standard errors without correction for few clusters.
    pub se_cr0: Vec<f64>,
    /// [`Self::se_cr0`] x sqrt(G / (G - 1) x (n - 1) / (n - k)).
    pub se_clustered: Vec<f64>,
    /// Clusters.
    pub clusters: usize,
}

impl ClusteredFit {
    /// 95 % interval of one coefficient by Student's t with G - 1 degrees of freedom.
    pub fn interval(&self, column: usize) -> Option<(f64, f64)> {
        let (value, se) = (self.coefficients.get(column)?, self.se_clustered.get(column)?);
        let half = two_sided_t(super::LEVEL, self.clusters as f64 - 1.0)? * se;
        Some((value - half, value + half))
    }

    /// Two-sided p value of one coefficient by Student's t with G - 1 degrees of freedom.
    pub fn p(&self, column: usize) -> Option<f64> {
        let (value, se) = (self.coefficients.get(column)?, self.se_clustered.get(column)?);
        student_tails(value / se, self.clusters as f64 - 1.0)
    }
}

/// Regresses `y` on `rows` (one row of predictors a value, the constant included).
///
/// `None` when shapes do not fit, values are not finite, columns depend on each other, there are no more values than
/// columns, or there is one cluster.
pub fn clustered_regression<C: Ord>(y: &[f64], rows: &[Vec<f64>], clusters: &[C]) -> Option<ClusteredFit> {
    let (n, k) = (y.len(), rows.first()?.len());
    let fits = rows.len() == n && clusters.len() == n && n > k && k > 0;
    let finite = y.iter().chain(rows.iter().flatten()).all(|value| value.is_finite());
    if !fits || !finite || rows.iter().any(|row| row.len() != k) {
        return None;
    }
    let x = DMatrix::from_row_iterator(n, k, rows.iter().flatten().copied());
    let y = DVector::from_column_slice(y);
    let bread = (x.transpose() * &x).cholesky()?;
    let diagonal = bread.l_dirty().diagonal();
    if diagonal.min() <= 1e-10 * diagonal.max() {
        return None;
    }
    let coefficients = bread.solve(&(x.transpose() * &y));
    let residuals = y - &x * &coefficients;
    let mut scores: BTreeMap<&C, DVector<f64>> = BTreeMap::new();
    for (position, cluster) in clusters.iter().enumerate() {
        let score = scores.entry(cluster).or_insert_with(|| DVector::zeros(k));
        *score += x.row(position).transpose() * residuals[position];
    }
    let groups = scores.len();
    if groups < 2 {
        return None;
    }
    let meat = scores.values().fold(DMatrix::zeros(k, k), |meat, score| meat + score * score.transpose());
    let inverse = bread.inverse();
    let covariance = &inverse * meat * &inverse;
    let se_cr0: Vec<f64> = covariance.diagonal().iter().map(|variance| variance.max(0.0).sqrt()).collect();
    let (g, n, k) = (groups as f64, n as f64, k as f64);
    let factor = (g / (g - 1.0) * (n - 1.0) / (n - k)).sqrt();
    Some(ClusteredFit {
        coefficients: coefficients.iter().copied().collect(),
        se_clustered: se_cr0.iter().map(|se| se * factor).collect(),
        se_cr0,
        clusters: groups,
    })
}
