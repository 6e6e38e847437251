//! A weighted mean of means: composite figures whose parts share patients.

use super::LEVEL;
use super::estimate::{FEW_CLUSTERS, MeanEstimate};
use super::quantile::two_sided_t;
use std::collections::{BTreeMap, BTreeSet};

/// One part of a composite figure.
#[derive(Debug, Clone)]
pub struct WeightedPart<C> {
    /// Weight, not negative.
    pub weight: f64,
    /// Values; none for a part that counts as zero.
    pub values: Vec<f64>,
    /// Cluster of each value.
    pub clusters: Vec<C>,
}

/// The mean of the parts' means by weight, with the cluster-robust error of the whole: what a patient adds to several
/// parts is summed before it is squared, so that parts on the same patients are not taken for independent.
///
/// The interval is Student's t on clusters - 1. `None` without weight or values, when lengths differ or a value is not
/// finite.
pub fn weighted_means<C: Ord>(parts: &[WeightedPart<C>]) -> Option<MeanEstimate> {
    let weights: f64 = parts.iter().map(|part| part.weight).sum();
    let n: usize = parts.iter().map(|part| part.values.len()).sum();
    let sound = parts.iter().all(|part| {
        part.weight >= 0.0
            && part.values.len() == part.clusters.len()
            && part.values.iter().all(|value| value.is_finite())
    });
    if !sound || n == 0 || !(weights.is_finite() && weights > 0.0) {
        return None;
    }
    let mut mean = 0.0;
    let mut reach: BTreeMap<&C, f64> = BTreeMap::new();
    for part in parts.iter().filter(|part| !part.values.is_empty()) {
        let (share, count) = (part.weight / weights, part.values.len() as f64);
        let own = part.values.iter().sum::<f64>() / count;
        mean += share * own;
        for (value, cluster) in part.values.iter().zip(&part.clusters) {
            *reach.entry(cluster).or_default() += share * (value - own) / count;
        }
    }
    let clusters = reach.keys().collect::<BTreeSet<_>>().len();
    let groups = clusters as f64;
    let se = (clusters > 1)
        .then(|| (groups / (groups - 1.0) * reach.values().map(|sum| sum * sum).sum::<f64>()).sqrt());
    let interval = se
        .filter(|se| *se > 0.0)
        .and_then(|se| Some(two_sided_t(LEVEL, groups - 1.0)? * se))
        .map(|half| (mean - half, mean + half));
    let few = if clusters < FEW_CLUSTERS { ", few clusters: read with care" } else { "" };
    Some(MeanEstimate {
        mean,
        n,
        clusters,
        se,
        interval,
        pooled: None,
        estimator: format!("weighted mean of means, cluster-robust t{few}"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::clustered_mean;
    use super::*;

    fn part(weight: f64, values: &[f64], clusters: &[u32]) -> WeightedPart<u32> {
        WeightedPart { weight, values: values.to_vec(), clusters: clusters.to_vec() }
    }

    #[test]
    fn one_part_is_the_clustered_mean() {
        let (values, clusters) = ([1.0, 0.0, 0.0, 1.0, 1.0, 0.0], [1, 1, 2, 2, 3, 3]);
        let (one, plain) = (
            weighted_means(&[part(0.3, &values, &clusters)]).unwrap(),
            clustered_mean(&values, &clusters).unwrap(),
        );
        assert!((one.mean - plain.mean).abs() < 1e-12);
        assert!((one.se.unwrap() - plain.se_clustered.unwrap()).abs() < 1e-12);
    }

    #[test]
    fn parts_weigh_alike_whatever_their_counts() {
        // Means 1/4 and 1: half of each is 5/8, although the first part has twice as many values.
        let whole = weighted_means(&[
            part(1.0, &[1.0, 0.0, 0.0, 0.0], &[1, 1, 2, 2]),
            part(1.0, &[1.0, 1.0], &[3, 4]),
        ]);
        assert_eq!(whole.as_ref().map(|whole| (whole.mean, whole.n, whole.clusters)), Some((0.625, 6, 4)));
        // By hand: clusters 1 and 2 reach +-(0.5/4)/2 = +-0.0625, 3 and 4 reach 0: sqrt(4/3 * 2 * 0.0625^2).
        assert!((whole.unwrap().se.unwrap() - (4.0f64 / 3.0 * 2.0 * 0.0625 * 0.0625).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_part_that_counts_as_zero_pulls_the_figure_down_without_adding_doubt() {
        let whole = weighted_means(&[part(1.0, &[1.0, 1.0, 0.0], &[1, 2, 3]), part(1.0, &[], &[])]).unwrap();
        assert!((whole.mean - 1.0 / 3.0).abs() < 1e-12);
        assert!(weighted_means::<u32>(&[part(1.0, &[], &[])]).is_none());
        assert!(weighted_means(&[part(0.0, &[1.0], &[1])]).is_none());
    }
}
