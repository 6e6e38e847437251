//! Tests of differences and families of tests.

use crate::{near, within};
use situs_core::stats::{
    PowerPlan, benjamini_hochberg, benjamini_yekutieli, bonferroni, cochran_q, holm, mcnemar, mcnemar_exact,
    sample_size, sign_flip_test,
};

#[test]
fn mcnemar_agrees_with_statsmodels() {
    let test = mcnemar(4, 11);
    near(test.exact_p, 0.11846923828124999);
    near(test.mid_p, 0.07681274414062486);
    let (statistic, p) = test.chi2.unwrap();
    near(statistic, 3.2666666666666666);
    near(p, 0.07070114486598289);
    let (statistic, p) = test.chi2_corrected.unwrap();
    near(statistic, 2.4);
    near(p, 0.12133525035848208);
    assert_eq!(mcnemar(11, 4), test);
    assert_eq!(mcnemar_exact(6, 6), 1.0);
    assert_eq!(mcnemar_exact(0, 0), 1.0);
    // 2 x 0.5^10.
    near(mcnemar_exact(0, 10), 2.0 * 0.5_f64.powi(10));
    assert!(mcnemar(0, 0).chi2.is_none());
}

#[test]
fn adjusted_p_values_come_back_in_input_order() {
    let check = |adjusted: Option<Vec<f64>>, expected: [f64; 4]| {
        for (value, expected) in adjusted.unwrap().into_iter().zip(expected) {
            within(value, expected, 1e-12);
        }
    };
    let p = [0.01, 0.02, 0.03, 0.5];
    check(holm(&p), [0.04, 0.06, 0.06, 0.5]);
    check(benjamini_hochberg(&p), [0.04, 0.04, 0.04, 0.5]);
    check(benjamini_yekutieli(&p), [0.08333333333333331, 0.08333333333333331, 0.08333333333333331, 1.0]);
    check(bonferroni(&p), [0.04, 0.08, 0.12, 1.0]);
    let shuffled = [0.5, 0.03, 0.01, 0.02];
    check(holm(&shuffled), [0.5, 0.06, 0.04, 0.06]);
    check(benjamini_hochberg(&shuffled), [0.5, 0.04, 0.04, 0.04]);
    assert_eq!(holm(&[]), Some(vec![]));
    for adjust in [holm, benjamini_hochberg, benjamini_yekutieli, bonferroni] {
        assert_eq!(adjust(&[0.1, f64::NAN]), None);
        assert_eq!(adjust(&[1.5]), None);
    }
}

#[test]
fn a_sign_flip_test_counts_the_patterns_at_least_as_extreme() {
    // By hand: of 8 patterns of 1, 2, 3 only +++ and --- reach 6.
    near(sign_flip_test(&[1.0, 2.0, 3.0], 1).unwrap(), 0.25);
    // |1 + 2 - 3| = 0: every pattern is at least as extreme.
    near(sign_flip_test(&[1.0, 2.0, -3.0], 1).unwrap(), 1.0);
    near(sign_flip_test(&[0.1; 20], 1).unwrap(), 2.0 * 0.5_f64.powi(20));
    near(sign_flip_test(&[0.0; 5], 1).unwrap(), 1.0);
}

#[test]
fn random_sign_patterns_come_near_the_exact_share_and_repeat() {
    // 21 equal clusters, 15 of them positive: P(|X - 10.5| >= 4.5) for X ~ Binomial(21, 1/2) = 164,284 / 2^21.
    let sums: Vec<f64> = (0..21).map(|cluster| if cluster < 15 { 1.0 } else { -1.0 }).collect();
    let p = sign_flip_test(&sums, 3).unwrap();
    within(p, 164_284.0 / 2_097_152.0, 0.004);
    assert_eq!(sign_flip_test(&sums, 3), Some(p));
    assert_ne!(sign_flip_test(&sums, 4), Some(p));
    // The observed pattern counts, so p is never 0.
    assert!(sign_flip_test(&[1.0; 64], 3).unwrap() > 0.0);
}

#[test]
fn cochrans_q_of_two_conditions_is_mcnemars_chi_square() {
    let mut rows = vec![vec![true, true]; 5];
    rows.extend(vec![vec![true, false]; 4]);
    rows.extend(vec![vec![false, true]; 11]);
    let q = cochran_q(&rows).unwrap();
    near(q.q, 3.2666666666666666);
    near(q.p, 0.07070114486598289);
    assert_eq!(q.freedom, 1);
    assert!(cochran_q(&[vec![true, true]]).is_none());
    assert!(cochran_q(&[vec![true, true], vec![true]]).is_none());
}

#[test]
fn the_number_of_questions_follows_the_formula() {
    // (1.959964 + 0.841621)^2 x (1/9 + 1/6 + 1/6) / 0.03^2 = 3,875.99, by hand.
    let plan = PowerPlan {
        difference: 0.03,
        between_questions: 1.0 / 9.0,
        within_question: [1.0 / 6.0; 2],
        trials: [1, 1],
        alpha: 0.05,
        power: 0.8,
        design_effect: 1.0,
    };
    assert_eq!(sample_size(&plan), Some(3876));
    // Four times the precision, four times the questions; twice the design effect, twice as many.
    let finer = sample_size(&PowerPlan { difference: 0.015, ..plan }).unwrap();
    assert!(finer.abs_diff(4 * 3876) <= 2);
    let clustered = sample_size(&PowerPlan { design_effect: 2.0, ..plan }).unwrap();
    assert!(clustered.abs_diff(2 * 3876) <= 1);
    assert!(sample_size(&PowerPlan { trials: [10, 10], ..plan }).unwrap() < 1_300);
    for wrong in [
        PowerPlan { difference: 0.0, ..plan },
        PowerPlan { trials: [0, 1], ..plan },
        PowerPlan { power: 1.0, ..plan },
        PowerPlan { alpha: f64::NAN, ..plan },
        PowerPlan { between_questions: -1.0, ..plan },
    ] {
        assert_eq!(sample_size(&wrong), None);
    }
}
