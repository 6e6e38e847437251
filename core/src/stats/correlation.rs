//! How alike values of one cluster are.

use std::collections::BTreeMap;

/// ICC(1) from one-way analysis of variance with clusters of unequal size.
///
/// `None` with fewer than two clusters, no cluster of two values, no variation, or values that are not finite.
pub fn intraclass_correlation<C: Ord>(values: &[f64], clusters: &[C]) -> Option<f64> {
    let n = values.len();
    if clusters.len() != n || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mut groups: BTreeMap<&C, Vec<f64>> = BTreeMap::new();
    for (value, cluster) in values.iter().zip(clusters) {
        groups.entry(cluster).or_default().push(*value);
    }
    let count = groups.len();
    if count < 2 || n <= count {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    let (mut between, mut within, mut squared_sizes) = (0.0, 0.0, 0.0);
    for group in groups.values() {
        let size = group.len() as f64;
        let centre = group.iter().sum::<f64>() / size;
        between += size * (centre - mean).powi(2);
        within += group.iter().map(|value| (value - centre).powi(2)).sum::<f64>();
        squared_sizes += size * size;
    }
    let between = between / (count - 1) as f64;
    let within = within / (n - count) as f64;
    let typical_size = (n as f64 - squared_sizes / n as f64) / (count - 1) as f64;
    let icc = (between - within) / (between + (typical_size - 1.0) * within);
    icc.is_finite().then_some(icc)
}
