//! Input that leaves a figure undefined.

use situs_core::stats::{
    clopper_pearson, clustered_mean, clustered_regression, effective_size, intraclass_correlation, jeffreys,
    paired_difference, pooled_beta, sign_flip_test, unpaired_difference, wald, wilson,
};

#[test]
fn no_values_and_values_that_are_no_numbers_have_no_mean() {
    assert_eq!(clustered_mean::<usize>(&[], &[]), None);
    assert_eq!(clustered_mean(&[1.0], &[0, 1]), None);
    assert_eq!(clustered_mean(&[f64::NAN, 1.0], &[0, 1]), None);
    assert_eq!(clustered_mean(&[f64::MAX, f64::MAX], &[0, 1]), None);
    assert_eq!(paired_difference(&[1.0], &[1.0, 2.0], &[0]), None);
    assert_eq!(paired_difference::<usize>(&[], &[], &[]), None);
}

#[test]
fn one_value_and_one_cluster_have_a_mean_without_an_error() {
    let one = clustered_mean(&[0.5], &["a"]).unwrap();
    assert_eq!((one.mean, one.se_iid, one.se_clustered, one.interval_t), (0.5, None, None, None));
    let cluster = clustered_mean(&[0.0, 1.0], &["a", "a"]).unwrap();
    assert!(cluster.se_iid.is_some());
    assert_eq!((cluster.se_clustered, cluster.interval_t, cluster.interval_z(0.95)), (None, None, None));
    assert_eq!(unpaired_difference(&one, &cluster).se, None);
}

#[test]
fn values_that_do_not_vary_have_no_design_effect_and_no_test() {
    let constant = clustered_mean(&[1.0; 4], &[0, 0, 1, 1]).unwrap();
    assert_eq!((constant.se_clustered, constant.design_effect), (Some(0.0), None));
    assert_eq!(constant.interval_t, Some((1.0, 1.0)));
    assert_eq!(effective_size(&constant), None);
    let same = paired_difference(&[1.0, 0.0], &[1.0, 0.0], &[0, 1]).unwrap();
    assert_eq!((same.difference, same.p), (0.0, None));
    assert_eq!(intraclass_correlation(&[1.0; 4], &[0, 0, 1, 1]), None);
    assert_eq!(intraclass_correlation(&[1.0, 2.0], &[0, 1]), None);
}

#[test]
fn proportions_of_nothing_and_impossible_counts_have_no_interval() {
    for interval in [wilson, clopper_pearson, jeffreys, wald] {
        assert_eq!(interval(0, 0, 0.95), None);
        assert_eq!(interval(3, 2, 0.95), None);
        for level in [0.0, 1.0, -1.0, f64::NAN] {
            assert_eq!(interval(1, 2, level), None);
        }
    }
    assert_eq!(pooled_beta(3, 2, 1.0, 1.0, 0.95), None);
    assert_eq!(pooled_beta(1, 2, 0.0, 1.0, f64::NAN), None);
    assert_eq!(pooled_beta(1, 2, -2.0, 1.0, 0.95), None);
    // Without data the posterior is the prior.
    let (lower, upper) = pooled_beta(0, 0, 1.0, 1.0, 0.95).unwrap();
    assert!((lower - 0.025).abs() < 1e-12 && (upper - 0.975).abs() < 1e-12);
}

#[test]
fn sign_flips_of_nothing_and_regressions_without_room_are_undefined() {
    assert_eq!(sign_flip_test(&[], 1), None);
    assert_eq!(sign_flip_test(&[f64::INFINITY], 1), None);
    assert_eq!(sign_flip_test(&[2.0], 1), Some(1.0));
    let one = vec![vec![1.0], vec![1.0], vec![1.0]];
    assert!(clustered_regression(&[1.0, 2.0, 3.0], &one, &[0, 0, 0]).is_none());
    assert!(clustered_regression(&[1.0, 2.0], &one, &[0, 1]).is_none());
    let twice = vec![vec![1.0, 2.0]; 4];
    assert!(clustered_regression(&[1.0, 2.0, 3.0, 4.0], &twice, &[0, 1, 2, 3]).is_none(), "columns depend");
    assert!(clustered_regression::<usize>(&[], &[], &[]).is_none());
}
