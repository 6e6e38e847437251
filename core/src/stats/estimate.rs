//! The mean of scores with the interval that suits them: one rule for tables, metrics and published comparisons.

use super::LEVEL;
use super::beta::pooled_beta;
use super::clustered::clustered_mean;

/// Clusters below which an interval is marked: it takes patients for more alike than so few can show.
pub const FEW_CLUSTERS: usize = 10;

/// A mean and how sure one can be of it.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanEstimate {
    /// Mean over all values, each with the same weight.
    pub mean: f64,
    /// Values.
    pub n: usize,
    /// Clusters among them.
    pub clusters: usize,
    /// Clustered standard error; `None` for one cluster.
    pub se: Option<f64>,
    /// 95 %; `None` when values other than 0 and 1 do not vary between clusters.
    pub interval: Option<(f64, f64)>,
    /// Exact equal-tailed Beta(1 + s, 1 + f) interval, for values that are 0 or 1.
    pub pooled: Option<(f64, f64)>,
    /// What `interval` is.
    pub estimator: String,
}

/// Mean of `values` with `clusters[i]` the cluster of `values[i]`.
///
/// The interval is Student's t on clusters - 1 around the clustered error, cut to 0..1 for values that are 0 or 1. Where
/// that error is zero or unknown, values that are 0 or 1 get the pooled Beta(1,1) interval, which reaches to the end
/// when none or all are 1, so that the mean lies inside. Below [`FEW_CLUSTERS`] the estimator says so.
///
/// `None` when there are no values, lengths differ or a value is not finite.
pub fn mean_estimate<C: Ord>(values: &[f64], clusters: &[C]) -> Option<MeanEstimate> {
    let clustered = clustered_mean(values, clusters)?;
    let binary = values.iter().all(|value| *value == 0.0 || *value == 1.0);
    let ones = values.iter().filter(|value| **value == 1.0).count();
    let pooled = if binary { pooled_beta(ones as u64, values.len() as u64, 1.0, 1.0, LEVEL) } else { None };
    let by_cluster = clustered
        .interval_t
        // A clustered error of zero says that nothing varied, not that nothing is uncertain.
        .filter(|(low, high)| high > low)
        .map(|(low, high)| if binary { (low.max(0.0), high.min(1.0)) } else { (low, high) });
    let by_count = pooled.map(|(low, high)| {
        (if ones == 0 { 0.0 } else { low }, if ones == values.len() { 1.0 } else { high })
    });
    let name = match (by_cluster, by_count) {
        (Some(_), _) => "mean, cluster-robust t",
        (None, Some(_)) => "mean, pooled Beta(1,1)",
        (None, None) => "mean",
    };
    let few = if clustered.clusters < FEW_CLUSTERS { ", few clusters: read with care" } else { "" };
    Some(MeanEstimate {
        mean: clustered.mean,
        n: clustered.n,
        clusters: clustered.clusters,
        se: clustered.se_clustered,
        interval: by_cluster.or(by_count),
        pooled,
        estimator: format!("{name}{few}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_right_and_all_wrong_lie_inside_their_intervals() {
        let clusters: Vec<usize> = (0..40).map(|index| index / 2).collect();
        // Beta(41, 1): lower end 0.025^(1/41).
        let all = mean_estimate(&[1.0; 40], &clusters).unwrap();
        let (low, high) = all.interval.unwrap();
        assert!((low - 0.025f64.powf(1.0 / 41.0)).abs() < 1e-9 && high == 1.0);
        assert_eq!(all.estimator, "mean, pooled Beta(1,1)");
        let none = mean_estimate(&[0.0; 40], &clusters).unwrap();
        assert_eq!(none.interval.unwrap().0, 0.0);
        assert!(none.pooled.unwrap().0 > 0.0, "the exact interval stands beside it");
    }

    #[test]
    fn averaged_trials_are_no_counts() {
        let estimate = mean_estimate(&[0.25, 0.5, 0.75, 0.5], &[0, 0, 0, 0]).unwrap();
        assert_eq!((estimate.interval, estimate.pooled), (None, None));
        assert_eq!(estimate.estimator, "mean, few clusters: read with care");
    }
}
