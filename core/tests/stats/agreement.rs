//! Agreement of raters (scikit-learn, statsmodels, krippendorff).

use crate::near;
use situs_core::stats::{Distance, Weights, cohen_kappa, fleiss_kappa, krippendorff_alpha, randolph_kappa};

const FIRST: [u32; 12] = [2, 3, 0, 3, 3, 3, 0, 2, 0, 3, 3, 1];
const SECOND: [u32; 12] = [1, 2, 0, 3, 3, 3, 0, 2, 3, 3, 3, 1];
const THIRD: [u32; 12] = [2, 3, 0, 0, 1, 3, 0, 2, 0, 3, 3, 0];

#[test]
fn cohens_kappa_agrees_with_scikit_learn() {
    near(cohen_kappa(&FIRST, &SECOND, Weights::Unweighted).unwrap(), 0.625);
    near(cohen_kappa(&FIRST, &SECOND, Weights::Linear).unwrap(), 0.6739130434782609);
    near(cohen_kappa(&FIRST, &SECOND, Weights::Quadratic).unwrap(), 0.6857142857142857);
    near(cohen_kappa(&FIRST, &FIRST, Weights::Linear).unwrap(), 1.0);
    assert_eq!(cohen_kappa(&[1, 1], &[1, 1], Weights::Unweighted), None);
    assert_eq!(cohen_kappa(&[1], &[1, 2], Weights::Unweighted), None);
    assert_eq!(cohen_kappa(&[], &[], Weights::Unweighted), None);
}

#[test]
fn fleiss_and_randolph_agree_with_statsmodels() {
    let ratings = [FIRST.to_vec(), SECOND.to_vec(), THIRD.to_vec()];
    near(fleiss_kappa(&ratings).unwrap(), 0.5135135135135135);
    near(randolph_kappa(&ratings).unwrap(), 0.5555555555555555);
    assert_eq!(fleiss_kappa(&ratings[..1]), None);
    assert_eq!(fleiss_kappa(&[vec![1, 2], vec![1]]), None);
    assert_eq!(fleiss_kappa(&[vec![2, 2], vec![2, 2]]), None);
    assert_eq!(randolph_kappa(&[]), None);
}

#[test]
fn krippendorffs_alpha_takes_gaps() {
    const GAP: f64 = f64::NAN;
    let rows = [
        [2., GAP, 0., 3., 3., 3., GAP, GAP, GAP, 3., 3., 1.],
        [1., GAP, 0., 3., 3., 3., 0., GAP, 3., 3., 3., 1.],
        [2., 3., 0., 0., 1., 3., 0., 2., GAP, GAP, 3., 0.],
    ];
    let ratings: Vec<Vec<Option<f64>>> = rows
        .iter()
        .map(|row| row.iter().map(|value| (!value.is_nan()).then_some(*value)).collect())
        .collect();
    near(krippendorff_alpha(&ratings, Distance::Nominal).unwrap(), 0.5339805825242718);
    near(krippendorff_alpha(&ratings, Distance::Ordinal).unwrap(), 0.6757276368491322);
    near(krippendorff_alpha(&ratings, Distance::Interval).unwrap(), 0.6616541353383458);
}

#[test]
fn alpha_without_pairs_or_without_variation_is_undefined() {
    for ratings in [
        vec![],
        vec![vec![]],
        vec![vec![Some(1.0), Some(2.0)]],
        vec![vec![Some(1.0), None], vec![None, Some(2.0)]],
        vec![vec![Some(1.0)], vec![Some(1.0)]],
        vec![vec![Some(1.0)], vec![]],
        vec![vec![Some(f64::NAN)], vec![Some(1.0)]],
    ] {
        assert_eq!(krippendorff_alpha(&ratings, Distance::Interval), None, "{ratings:?}");
    }
}
