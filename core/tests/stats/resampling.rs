//! The cluster bootstrap.

use crate::within;
use situs_core::stats::{bootstrap_clusters, clustered_mean};

fn ratio(sums: &[f64]) -> Option<f64> {
    (sums[1] > 0.0).then(|| sums[0] / sums[1])
}

/// 40 clusters of 1 to 7 questions, a third of them wrong, by a fixed rule.
fn clusters() -> Vec<Vec<f64>> {
    (0..40_u32)
        .map(|cluster| {
            let n = 1 + cluster * 5 % 7;
            let right = (0..n).filter(|question| (cluster * 7 + question * 11) % 3 != 0).count();
            vec![right as f64, f64::from(n)]
        })
        .collect()
}

#[test]
fn a_bootstrapped_mean_agrees_with_the_clustered_error() {
    let sums = clusters();
    let (mut values, mut names) = (vec![], vec![]);
    for (cluster, row) in sums.iter().enumerate() {
        for question in 0..row[1] as usize {
            values.push(if (question as f64) < row[0] { 1.0 } else { 0.0 });
            names.push(cluster);
        }
    }
    let mean = clustered_mean(&values, &names).unwrap();
    let result = bootstrap_clusters(&sums, &ratio, 10_000, 7).unwrap();
    within(result.estimate, mean.mean, 1e-12);
    within(result.se.unwrap() / mean.se_cr0, 1.0, 0.05);
    let (lower, upper) = result.interval.unwrap();
    assert!(lower < result.estimate && result.estimate < upper);
    within((upper - lower) / (2.0 * 1.96 * mean.se_cr0), 1.0, 0.05);
    assert_eq!(result.undefined, 0);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let sums = clusters();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| bootstrap_clusters(&sums, &ratio, 500, 11).unwrap())
    };
    assert_eq!(with(1), with(3));
    assert_ne!(with(1), bootstrap_clusters(&sums, &ratio, 500, 12).unwrap());
}

#[test]
fn replicates_without_a_figure_are_counted_and_left_out() {
    // One cluster of three carries all weight: it is missed in (2/3)^3 = 30 % of replicates.
    let sums = vec![vec![1.0, 2.0], vec![0.0, 0.0], vec![0.0, 0.0]];
    let result = bootstrap_clusters(&sums, &ratio, 4_000, 5).unwrap();
    within(result.undefined as f64 / 4_000.0, 8.0 / 27.0, 0.03);
    assert_eq!(result.interval, Some((0.5, 0.5)));
}

#[test]
fn a_bootstrap_of_nothing_gives_nothing() {
    assert!(bootstrap_clusters(&[], &ratio, 100, 1).is_none());
    assert!(bootstrap_clusters(&[vec![1.0, 2.0], vec![1.0]], &ratio, 100, 1).is_none());
    assert!(bootstrap_clusters(&[vec![f64::NAN, 2.0]], &ratio, 100, 1).is_none());
    assert!(bootstrap_clusters(&[vec![1.0, 0.0]], &ratio, 100, 1).is_none());
    let alone = bootstrap_clusters(&[vec![1.0, 2.0]], &ratio, 100, 1).unwrap();
    assert_eq!((alone.estimate, alone.se, alone.interval), (0.5, None, None));
}
