//! Agreement of raters (scikit-learn, statsmodels, krippendorff).

use crate::near;
use situs_core::stats::{
    Distance, Weights, bootstrap_clusters, cohen_kappa, cohen_of_table, fleiss_kappa, fleiss_of_sums,
    krippendorff_alpha, krippendorff_of_coincidences, randolph_kappa,
};

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

/// Adds what each item gives.
fn summed<const N: usize>(items: impl Iterator<Item = [f64; N]>) -> [f64; N] {
    items.fold([0.0; N], |sums, item| std::array::from_fn(|at| sums[at] + item[at]))
}

#[test]
fn sums_over_items_give_the_same_figures() {
    let table =
        summed(FIRST.iter().zip(&SECOND).map(|(a, b)| {
            std::array::from_fn::<f64, 16, _>(|at| f64::from(u8::from(at as u32 == a * 4 + b)))
        }));
    near(cohen_of_table(&table).unwrap(), 0.625);

    let counts = |item: usize| {
        let mut counts = [0.0; 4];
        [FIRST, SECOND, THIRD].iter().for_each(|rater| counts[rater[item] as usize] += 1.0);
        counts
    };
    let sums = summed((0..12).map(|item| {
        let counts = counts(item);
        let pairs: f64 = counts.iter().map(|count| count * (count - 1.0)).sum();
        [1.0, pairs / 6.0, counts[0], counts[1], counts[2], counts[3]]
    }));
    near(fleiss_of_sums(&sums).unwrap(), 0.5135135135135135);

    let coincidences = summed((0..12).map(|item| {
        let counts = counts(item);
        std::array::from_fn::<f64, 16, _>(|at| {
            let (a, b) = (at / 4, at % 4);
            counts[a] * (counts[b] - f64::from(u8::from(a == b))) / 2.0
        })
    }));
    let rows: Vec<Vec<Option<f64>>> = [FIRST, SECOND, THIRD]
        .iter()
        .map(|row| row.iter().map(|value| Some(f64::from(*value))).collect())
        .collect();
    near(
        krippendorff_of_coincidences(&coincidences).unwrap(),
        krippendorff_alpha(&rows, Distance::Nominal).unwrap(),
    );
}

#[test]
fn sums_without_a_figure_give_none() {
    for table in [&[][..], &[1.0, 2.0], &[0.0; 4], &[3.0, 0.0, 0.0, 0.0]] {
        assert_eq!(cohen_of_table(table), None, "{table:?}");
        assert_eq!(krippendorff_of_coincidences(table), None, "{table:?}");
    }
    for sums in [&[][..], &[1.0], &[0.0, 0.0, 0.0, 0.0], &[2.0, 2.0, 6.0, 0.0]] {
        assert_eq!(fleiss_of_sums(sums), None, "{sums:?}");
    }
}

#[test]
fn agreement_has_an_interval_by_cluster() {
    // Two raters on forty patients of two items each; they differ on every fifth patient.
    let rows: Vec<Vec<f64>> = (0..40)
        .map(|patient| match (patient % 5, patient % 2) {
            (0, _) => vec![0.0, 1.0, 1.0, 0.0],
            (_, 0) => vec![2.0, 0.0, 0.0, 0.0],
            _ => vec![0.0, 0.0, 0.0, 2.0],
        })
        .collect();
    let result = bootstrap_clusters(&rows, &|sums| cohen_of_table(sums), 2000, 3).unwrap();
    near(result.estimate, 0.6);
    let (low, high) = result.interval.unwrap();
    assert!(low > 0.25 && low < 0.6 && high > 0.6 && high < 0.9, "{low} to {high}");
}
