//! Differences of two means: on the same items, or between items.

use super::clustered::{ClusteredMean, clustered_mean};
use super::quantile::{normal_tails, student_tails, two_sided_z};

/// A difference of means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// First minus second.
    pub difference: f64,
    /// Clustered standard error, `None` for one cluster.
    pub se: Option<f64>,
    /// 95 %.
    pub interval: Option<(f64, f64)>,
    /// Two-sided p value of no difference; `None` when the error is unknown or zero.
    pub p: Option<f64>,
    /// Clusters (the smaller number, when the two have their own).
    pub clusters: usize,
}

/// Mean of `a[i] - b[i]` over items answered in both conditions, by Student's t on clusters - 1.
///
/// `None` when there are no items, lengths differ or a value is not finite.
pub fn paired_difference<C: Ord>(a: &[f64], b: &[f64], clusters: &[C]) -> Option<Difference> {
    if a.len() != b.len() {
        return None;
    }
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let mean = clustered_mean(&differences, clusters)?;
    let p = mean
        .se_clustered
        .filter(|se| *se > 0.0)
        .and_then(|se| student_tails(mean.mean / se, mean.clusters as f64 - 1.0));
    Some(Difference {
        difference: mean.mean,
        se: mean.se_clustered,
        interval: mean.interval_t,
        p,
        clusters: mean.clusters,
    })
}

/// Difference of two means that share no cluster: the errors add in quadrature, the interval is a normal one.
pub fn unpaired_difference(a: &ClusteredMean, b: &ClusteredMean) -> Difference {
    let difference = a.mean - b.mean;
    let se = a.se_clustered.zip(b.se_clustered).map(|(a, b)| a.hypot(b));
    let half = se.zip(two_sided_z(super::LEVEL)).map(|(se, z)| se * z);
    Difference {
        difference,
        se,
        interval: half.map(|half| (difference - half, difference + half)),
        p: se.filter(|se| *se > 0.0).map(|se| normal_tails(difference / se)),
        clusters: a.clusters.min(b.clusters),
    }
}
