//! The mean of scores that come in clusters, with a standard error that knows it.

use super::quantile::{two_sided_t, two_sided_z};
use std::collections::BTreeMap;

/// A mean over clustered values (Miller 2024, "Adding error bars to evals").
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusteredMean {
    /// Mean over all values, each with the same weight.
    pub mean: f64,
    /// Number of values.
    pub n: usize,
    /// Number of clusters.
    pub clusters: usize,
    /// Standard error as if values were independent, with n - 1; `None` for one value.
    pub se_iid: Option<f64>,
    /// Clustered standard error without correction: sqrt(sum over clusters of squared residual sums) / n.
    pub se_cr0: f64,
    /// [`Self::se_cr0`] x sqrt(G / (G - 1)); `None` for one cluster.
    pub se_clustered: Option<f64>,
    /// (se_cr0 / se_iid) squared; `None` when the values do not vary.
    pub design_effect: Option<f64>,
    /// 95 % by Student's t with G - 1 degrees of freedom, not clipped to any range; `None` for one cluster.
    pub interval_t: Option<(f64, f64)>,
}

impl ClusteredMean {
    /// Interval by Student's t with G - 1 degrees of freedom.
    pub fn interval_at(&self, level: f64) -> Option<(f64, f64)> {
        let half = two_sided_t(level, self.clusters as f64 - 1.0)? * self.se_clustered?;
        Some((self.mean - half, self.mean + half))
    }

    /// Interval by the normal distribution around the uncorrected error: too short for few clusters.
    pub fn interval_z(&self, level: f64) -> Option<(f64, f64)> {
        let half = two_sided_z(level)? * self.se_cr0;
        (self.clusters > 1).then_some((self.mean - half, self.mean + half))
    }
}

/// Mean of `values`, where `clusters[i]` names the cluster of `values[i]`.
///
/// `None` when there are no values, the lengths differ or a value is not finite.
pub fn clustered_mean<C: Ord>(values: &[f64], clusters: &[C]) -> Option<ClusteredMean> {
    let n = values.len();
    if n == 0 || clusters.len() != n || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let count = n as f64;
    let mean = values.iter().sum::<f64>() / count;
    let mut residuals: BTreeMap<&C, f64> = BTreeMap::new();
    for (value, cluster) in values.iter().zip(clusters) {
        *residuals.entry(cluster).or_default() += value - mean;
    }
    let groups = residuals.len();
    let se_cr0 = residuals.values().map(|sum| sum * sum).sum::<f64>().sqrt() / count;
    let se_iid = (n > 1).then(|| {
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (squares / (count - 1.0) / count).sqrt()
    });
    let se_clustered = (groups > 1).then(|| se_cr0 * (groups as f64 / (groups as f64 - 1.0)).sqrt());
    let design_effect = se_iid.filter(|se| *se > 0.0).map(|se| (se_cr0 / se).powi(2));
    if !(mean.is_finite() && se_cr0.is_finite()) {
        return None;
    }
    let mut estimate = ClusteredMean {
        mean,
        n,
        clusters: groups,
        se_iid,
        se_cr0,
        se_clustered,
        design_effect,
        interval_t: None,
    };
    estimate.interval_t = estimate.interval_at(super::LEVEL);
    Some(estimate)
}

/// How many independent values the clustered ones are worth: n / design effect.
///
/// `None` when the design effect is unknown or zero.
pub fn effective_size(estimate: &ClusteredMean) -> Option<f64> {
    estimate.design_effect.filter(|effect| *effect > 0.0).map(|effect| estimate.n as f64 / effect)
}
