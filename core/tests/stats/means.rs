//! Clustered means, differences, design effects, factorial contrasts.

use crate::{near, near_pair, within};
use situs_core::stats::{
    clustered_mean, clustered_regression, effective_size, equal_weight_mean, intraclass_correlation,
    paired_difference, two_by_two, unpaired_difference,
};

const CLUSTERS: [usize; 19] = [0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5];
const A: [f64; 19] = [1., 0., 0., 0., 0., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.];
const B: [f64; 19] = [1., 1., 0., 0., 0., 0., 0., 1., 1., 1., 1., 1., 1., 1., 1., 1., 0., 0., 1.];

#[test]
fn the_clustered_error_of_a_mean_is_that_of_the_sandwich() {
    // statsmodels OLS on a constant, cov_type="cluster".
    let a = clustered_mean(&A, &CLUSTERS).unwrap();
    assert_eq!((a.n, a.clusters), (19, 6));
    near(a.mean, 0.7894736842105263);
    near(a.se_iid.unwrap(), 0.0960916767552923);
    near(a.se_cr0, 0.1391122385539027);
    near(a.se_clustered.unwrap(), 0.15238982216202482);
    near(a.design_effect.unwrap(), 2.09584487534626);
    near_pair(a.interval_t, (0.39774317542497706, 1.1812041929960757));
    near_pair(a.interval_z(0.95), (0.5168187068361327, 1.06212866158492));
    near(effective_size(&a).unwrap(), 19.0 / 2.09584487534626);

    let b = clustered_mean(&B, &CLUSTERS).unwrap();
    near(b.mean, 0.631578947368421);
    near(b.se_iid.unwrap(), 0.11369720523522561);
    near(b.se_cr0, 0.1718791363710645);
    near(b.se_clustered.unwrap(), 0.18828416030987744);
    near(b.design_effect.unwrap(), 2.2853185595567873);
    near_pair(b.interval_t, (0.14757910493781418, 1.115578789799028));
    near_pair(b.interval_z(0.95), (0.2947020303872861, 0.968455864349556));
}

#[test]
fn the_names_of_clusters_and_the_order_of_values_do_not_matter() {
    let names: Vec<String> = CLUSTERS.iter().map(|cluster| format!("case-{}", 9 - cluster)).collect();
    let named = clustered_mean(&A, &names).unwrap();
    let numbered = clustered_mean(&A, &CLUSTERS).unwrap();
    near(named.se_cr0, numbered.se_cr0);
    let backwards: Vec<f64> = A.iter().rev().copied().collect();
    let clusters: Vec<usize> = CLUSTERS.iter().rev().copied().collect();
    near(clustered_mean(&backwards, &clusters).unwrap().se_cr0, numbered.se_cr0);
}

#[test]
fn clusters_of_one_value_give_the_independent_error() {
    let alone: Vec<usize> = (0..A.len()).collect();
    let mean = clustered_mean(&A, &alone).unwrap();
    near(mean.se_clustered.unwrap(), mean.se_iid.unwrap());
}

#[test]
fn a_paired_difference_is_the_clustered_mean_of_differences() {
    let differences: Vec<f64> = A.iter().zip(B).map(|(a, b)| a - b).collect();
    let mean = clustered_mean(&differences, &CLUSTERS).unwrap();
    let paired = paired_difference(&A, &B, &CLUSTERS).unwrap();
    near(paired.difference, 3.0 / 19.0);
    near(paired.se.unwrap(), mean.se_clustered.unwrap());
    near_pair(paired.interval, mean.interval_t.unwrap());
    let back = paired_difference(&B, &A, &CLUSTERS).unwrap();
    near(back.difference, -paired.difference);
    near(back.p.unwrap(), paired.p.unwrap());
    // The interval holds zero exactly when the test does not reject.
    let (lower, upper) = paired.interval.unwrap();
    assert_eq!(lower <= 0.0 && upper >= 0.0, paired.p.unwrap() >= 0.05);
}

#[test]
fn errors_of_unpaired_means_add_in_quadrature() {
    let (a, b) = (clustered_mean(&A, &CLUSTERS).unwrap(), clustered_mean(&B, &CLUSTERS).unwrap());
    let difference = unpaired_difference(&a, &b);
    near(difference.difference, 3.0 / 19.0);
    near(difference.se.unwrap(), 0.15238982216202482_f64.hypot(0.18828416030987744));
}

#[test]
fn a_regression_on_a_constant_is_the_clustered_mean() {
    let rows = vec![vec![1.0]; A.len()];
    let fit = clustered_regression(&A, &rows, &CLUSTERS).unwrap();
    near(fit.coefficients[0], 0.7894736842105263);
    near(fit.se_cr0[0], 0.1391122385539027);
    near(fit.se_clustered[0], 0.15238982216202482);
    near_pair(fit.interval(0), (0.39774317542497706, 1.1812041929960757));
}

#[test]
fn the_interaction_of_two_factors_is_the_difference_of_differences() {
    // Cell means 0.5, 1, 0.25, 0.25; by hand: (0.25 - 0.25) - (1 - 0.5) = -0.5.
    let cells = [
        (false, false, [1., 0., 1., 0.]),
        (true, false, [1., 1., 1., 1.]),
        (false, true, [1., 0., 0., 0.]),
        (true, true, [0., 1., 0., 0.]),
    ];
    let (mut y, mut first, mut second, mut clusters) = (vec![], vec![], vec![], vec![]);
    for (a, b, values) in cells {
        for (cluster, value) in values.into_iter().enumerate() {
            y.push(value);
            first.push(a);
            second.push(b);
            clusters.push(cluster);
        }
    }
    let model = two_by_two(&y, &first, &second, &clusters).unwrap();
    for (cell, expected) in model.cells.into_iter().zip([0.5, 1.0, 0.25, 0.25]) {
        near(cell, expected);
    }
    near(model.interaction, -0.5);
    // Saturated and balanced: the error is that of the per-cluster contrasts 0.0 - 0 = (d11 - d01) - (d10 - d00).
    let contrasts = [-1.0, 0.0, 0.0, -1.0];
    let mean = clustered_mean(&contrasts, &[0, 1, 2, 3]).unwrap();
    near(model.fit.se_cr0[3], mean.se_cr0);
    assert!(two_by_two(&y[..8], &first[..8], &second[..8], &clusters[..8]).is_none(), "empty cells");
}

#[test]
fn marginal_means_weight_cells_alike() {
    near(equal_weight_mean(&[(84.0, 100.0), (1.0, 4.0), (0.0, 0.0)]).unwrap(), (0.84 + 0.25) / 2.0);
    assert_eq!(equal_weight_mean(&[(0.0, 0.0)]), None);
}

#[test]
fn values_of_one_cluster_are_alike_when_the_intraclass_correlation_says_so() {
    within(intraclass_correlation(&[1., 1., 5., 5.], &[0, 0, 1, 1]).unwrap(), 1.0, 1e-12);
    within(intraclass_correlation(&[1., 5., 1., 5.], &[0, 0, 1, 1]).unwrap(), -1.0, 1e-12);
    // By hand, sizes 3 and 2: MSB = 7.5, MSW = 2/3, typical size 2.4.
    let expected = (4.8 - 2.0 / 3.0) / (4.8 + 1.4 * 2.0 / 3.0);
    near(intraclass_correlation(&[1., 2., 3., 4., 4.], &[0, 0, 0, 1, 1]).unwrap(), expected);
}
