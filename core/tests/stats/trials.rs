//! Repeated trials (scorio), and the probability that one condition is better.

use crate::{near, near_pair, within};
use situs_core::stats::{avg_at_n, bayes_at_n, probability_better};

const RIGHT_WRONG: [f64; 2] = [0.0, 1.0];

#[test]
fn three_trials_of_three_questions() {
    let outcomes = [vec![1, 0, 1], vec![0, 0, 1], vec![1, 1, 1]];
    let bayes = bayes_at_n(&outcomes, &RIGHT_WRONG, None).unwrap();
    near(bayes.mean, 0.6);
    near(bayes.sigma, 0.10886621079036346);
    near_pair(Some(bayes.interval), (0.3866261477175418, 0.8133738522824582));
    near(avg_at_n(&outcomes, &RIGHT_WRONG).unwrap().mean, 0.6666666666666666);
}

#[test]
fn graded_outcomes_with_and_without_earlier_ones() {
    let outcomes = [vec![0, 1, 2, 2, 1], vec![1, 1, 0, 2, 2]];
    let weights = [0.0, 0.5, 1.0];
    let plain = bayes_at_n(&outcomes, &weights, None).unwrap();
    near(plain.mean, 0.5625);
    within(plain.sigma, 0.0919975, 5e-8);
    let earlier = [vec![0, 2], vec![1, 2]];
    let informed = bayes_at_n(&outcomes, &weights, Some(&earlier)).unwrap();
    near(informed.mean, 0.575);
    within(informed.sigma, 0.0842750, 5e-8);
    let average = avg_at_n(&outcomes, &weights).unwrap();
    near(average.mean, 0.6);
    within(average.sigma, 0.147196, 5e-7);
    within(average.interval.0, 0.3115, 5e-5);
    within(average.interval.1, 0.8885, 5e-5);
}

#[test]
fn five_trials_of_two_questions() {
    let outcomes = [vec![0, 1, 1, 0, 1], vec![1, 1, 0, 1, 1]];
    let bayes = bayes_at_n(&outcomes, &RIGHT_WRONG, None).unwrap();
    within(bayes.mean, 0.642857, 5e-7);
    within(bayes.sigma, 0.118451, 5e-7);
    within(bayes.interval.0, 0.410698, 5e-7);
    within(bayes.interval.1, 0.875017, 5e-7);
    let average = avg_at_n(&outcomes, &RIGHT_WRONG).unwrap();
    near(average.mean, 0.7);
    within(average.sigma, 0.165831, 5e-7);
}

#[test]
fn one_trial_pulls_every_score_to_the_middle() {
    // mean = (score + 1) / 3 and sigma = sqrt(1/18) / sqrt(M), whatever the data.
    let outcomes: Vec<Vec<usize>> = (0..40).map(|question| vec![usize::from(question < 17)]).collect();
    let bayes = bayes_at_n(&outcomes, &RIGHT_WRONG, None).unwrap();
    near(bayes.mean, 0.475);
    near(bayes.sigma, (1.0_f64 / 18.0 / 40.0).sqrt());
}

#[test]
fn the_unit_of_the_weights_does_not_matter() {
    let outcomes = [vec![0, 1, 1], vec![1, 1, 0]];
    let small = bayes_at_n(&outcomes, &RIGHT_WRONG, None).unwrap();
    let large = bayes_at_n(&outcomes, &[5e9, 7e9], None).unwrap();
    within((large.mean - 5e9) / 2e9, small.mean, 1e-9);
    within(large.sigma / 2e9, small.sigma, 1e-9);
}

#[test]
fn outcomes_that_make_no_table_give_nothing() {
    assert!(bayes_at_n(&[], &RIGHT_WRONG, None).is_none());
    assert!(bayes_at_n(&[vec![]], &RIGHT_WRONG, None).is_none());
    assert!(bayes_at_n(&[vec![1], vec![1, 0]], &RIGHT_WRONG, None).is_none());
    assert!(bayes_at_n(&[vec![2]], &RIGHT_WRONG, None).is_none());
    assert!(bayes_at_n(&[vec![0]], &[], None).is_none());
    assert!(bayes_at_n(&[vec![0]], &[0.0, f64::NAN], None).is_none());
    assert!(bayes_at_n(&[vec![0]], &RIGHT_WRONG, Some(&[])).is_none());
    assert!(avg_at_n(&[vec![7]], &RIGHT_WRONG).is_none());
    let constant = bayes_at_n(&[vec![0]], &[0.3, 0.3], None).unwrap();
    assert_eq!((constant.mean, constant.sigma), (0.3, 0.0));
}

#[test]
fn the_better_condition_is_the_one_with_more_right_alone() {
    near(probability_better(5, 5), 0.5);
    // Beta(2, 1): P(theta > 1/2) = 1 - 1/4.
    near(probability_better(1, 0), 0.75);
    near(probability_better(3, 9) + probability_better(9, 3), 1.0);
}
