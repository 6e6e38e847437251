//! The step without rescoring: truncation rule by rule, and the draw that every sampler shares.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use situs_kernels::semantic::*;
use situs_kernels::{Level, NeighborTable, RowFault, Truncation};
use std::collections::BTreeMap;

fn plain(logits: &[f32], truncation: Truncation, draw: u64) -> StepRow<'_> {
    StepRow { logits: LogitRow::F32(logits), truncation, otherwise: Otherwise::Draw, rescore: None, draw }
}

/// How often each token is drawn, out of 1,000; every token kept here has a share of at least 0.03.
fn drawn(logits: &[f32], rule: Truncation) -> BTreeMap<u32, u32> {
    let mut counts = BTreeMap::new();
    let mut stepper = Stepper::new();
    for draw in 0..1_000 {
        let step = stepper.step(&plain(logits, rule, draw), None, false).unwrap();
        *counts.entry(step.token).or_default() += 1;
    }
    counts
}

fn tokens(logits: &[f32], rule: Truncation) -> Vec<u32> {
    drawn(logits, rule).into_keys().collect()
}

/// Probabilities 0.4, 0.3, 0.2, 0.1 of tokens 3, 1, 0, 2.
fn tenths() -> Vec<f32> {
    [0.2f32, 0.3, 0.1, 0.4].iter().map(|p| p.ln()).collect()
}

#[test]
fn top_k_breaks_ties_toward_the_lower_id() {
    let rule = Truncation { top_k: Some(2), ..Truncation::default() };
    assert_eq!(tokens(&[1.0, 1.0, 1.0, 0.0], rule), [0, 1]);
    assert_eq!(tokens(&[0.0, -0.0, 0.0], rule), [0, 1]);
}

#[test]
fn top_p_keeps_the_token_that_crosses() {
    let at = |top_p| tokens(&tenths(), Truncation { top_p, ..Truncation::default() });
    assert_eq!(at(0.35), [3]);
    assert_eq!(at(0.45), [1, 3]);
    assert_eq!(at(0.75), [0, 1, 3]);
    // Equal masses are exact: half of four equal tokens is two tokens, the second reaches it.
    assert_eq!(tokens(&[0.0; 4], Truncation { top_p: 0.5, ..Truncation::default() }), [0, 1]);
}

#[test]
fn top_p_counts_the_mass_within_top_k() {
    // Within the two best the first has 4/7 = 0.571: 0.5 keeps it alone, though it is 0.4 of the whole row.
    let rule = Truncation { top_k: Some(2), top_p: 0.5, ..Truncation::default() };
    assert_eq!(tokens(&tenths(), rule), [3]);
}

#[test]
fn min_p_is_relative_to_the_most_probable_token() {
    let at = |min_p| tokens(&tenths(), Truncation { min_p, ..Truncation::default() });
    assert_eq!(at(0.45), [0, 1, 3]);
    assert_eq!(at(0.7), [1, 3]);
    assert_eq!(at(1.0), [3]);
}

#[test]
fn temperature_comes_first() {
    // At temperature 2 the probabilities go as square roots, so the second token has 0.866 of the first.
    let rule = Truncation { temperature: 2.0, min_p: 0.8, ..Truncation::default() };
    assert_eq!(tokens(&tenths(), rule), [1, 3]);
    assert_eq!(tokens(&tenths(), Truncation { temperature: 0.0, ..Truncation::default() }), [3]);
}

#[test]
fn masked_tokens_are_never_drawn() {
    let rule = Truncation { top_k: Some(3), ..Truncation::default() };
    assert_eq!(tokens(&[f32::NEG_INFINITY, 1.0, f32::NEG_INFINITY, 2.0], rule), [1, 3]);
}

#[test]
fn draws_follow_the_probabilities() {
    let counts = drawn(&tenths(), Truncation::default());
    for (token, expected) in [(3, 0.4), (1, 0.3), (0, 0.2), (2, 0.1)] {
        let share = f64::from(counts[&token]) / 1_000.0;
        // Four standard errors of a share over 1,000 draws are at most 0.063.
        assert!((share - expected).abs() < 0.063, "token {token}: {share}");
    }
}

/// The inverse of the cumulative mass over a full sort, at the row's own bits.
fn by_full_sort(logits: &[f32], draw: u64) -> u32 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
    let scale = weight::Scale::new(1.0);
    let weights: Vec<u64> = order.iter().map(|i| weight::weight(logits[*i] - highest, scale)).collect();
    let total: u64 = weights.iter().sum();
    let target = ((u128::from(row_bits(draw)) * u128::from(total)) >> 64) as u64;
    let mut reached = 0;
    let place = weights.iter().position(|weight| {
        reached += weight;
        reached > target
    });
    order[place.unwrap()] as u32
}

#[test]
fn a_draw_from_a_whole_wide_row_is_that_of_a_full_sort() {
    // Nearly flat: most draws fall behind the 1,025 tokens that are looked at first.
    let logits: Vec<f32> =
        (0..30_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 20) as f32 / 4096.0).collect();
    let mut far = 0;
    for draw in 0..60 {
        let expected = by_full_sort(&logits, draw);
        for level in Level::available() {
            let row = plain(&logits, Truncation::default(), draw);
            let step = Stepper::with_level(level).step(&row, None, true).unwrap();
            assert_eq!(step.token, expected, "{draw} {level}");
            assert_eq!(step, Reference::default().step(&row, None, true).unwrap());
            far += u32::from(step.candidates.is_some());
        }
    }
    assert!(far > 0, "some draws took the whole row");
    // A top-p and a top-k far beyond what a rescored step may keep.
    for rule in [
        Truncation { top_p: 0.5, ..Truncation::default() },
        Truncation { top_k: Some(9_000), ..Truncation::default() },
        Truncation { min_p: 0.4, ..Truncation::default() },
    ] {
        let row = plain(&logits, rule, 3);
        let step = Stepper::new().step(&row, None, false).unwrap();
        assert!(step.candidates.unwrap() > 5_000, "{rule:?}: {step:?}");
        assert_eq!(step, Reference::default().step(&row, None, false).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_step_that_defers_to_the_draw_takes_the_token_of_the_plain_draw(
        logits in prop::collection::vec(-6f32..4.0, 2..200),
        top_k in prop::option::of(1usize..40),
        top_p in prop::sample::select(vec![0.3, 0.8, 0.99]),
        min_p in prop::sample::select(vec![0.0, 0.05]),
        temperature in prop::sample::select(vec![0.5, 1.0, 1.7]),
        draw: u64,
    ) {
        // No token is content, so every step defers.
        let table = NeighborTable::unused(vec![0; logits.len()], 2).unwrap();
        let truncation = Truncation { temperature, top_k, top_p, min_p };
        let rescore = Rescore {
            neighbors: 2,
            threshold: None,
            score: Score::Support,
            select: Select::Argmax,
            mass: Mass::Full,
        };
        let plain = plain(&logits, truncation, draw);
        let rescored = StepRow { rescore: Some(rescore), ..plain };
        let expected = Stepper::new().step(&plain, None, false).unwrap();
        let step = Stepper::new().step(&rescored, Some(&table), false).unwrap();
        prop_assert_eq!(step.outcome, Outcome::Deferred);
        prop_assert_eq!((step.token, step.candidates), (expected.token, expected.candidates));
    }
}

#[test]
fn rows_and_rules_without_a_meaning_are_refused() {
    let fault = |logits: &[f32], rule| {
        let row = plain(logits, rule, 0);
        let fast = Stepper::new().step(&row, None, false).unwrap_err();
        assert_eq!(Reference::default().step(&row, None, false).unwrap_err(), fast);
        fast
    };
    let rule = Truncation::default();
    assert_eq!(fault(&[0.0, f32::NAN], rule), StepFault::Row(RowFault::NotANumber { token: 1 }));
    assert_eq!(fault(&[f32::INFINITY], rule), StepFault::Row(RowFault::Infinite { token: 0 }));
    assert_eq!(fault(&[f32::NEG_INFINITY; 2], rule), StepFault::Row(RowFault::NoFinite { width: 2 }));
    assert_eq!(fault(&[], rule), StepFault::Row(RowFault::NoFinite { width: 0 }));
    for temperature in [-1.0, 1e-9, 1e9, f64::NAN] {
        match fault(&[0.0], Truncation { temperature, ..rule }) {
            StepFault::Refused(refused) => assert_eq!(refused.field, "temperature"),
            other => panic!("{other}"),
        }
    }
}
