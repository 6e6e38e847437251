//! The semantic step: against the published rule in plain f64, against its reference bit for bit, and by hand.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use situs_kernels::semantic::*;
use situs_kernels::{Level, NeighborTable, RowFault, Truncation};

const FIRST: Rescore = Rescore {
    neighbors: 2,
    threshold: None,
    score: Score::Support,
    select: Select::Argmax,
    mass: Mass::Full,
};

const DRAW: Select = Select::Proportional { tau: 1.0 };

fn truncation(top_k: usize) -> Truncation {
    Truncation { top_k: Some(top_k), ..Truncation::default() }
}

fn row(logits: &[f32], truncation: Truncation, rescore: Rescore) -> StepRow<'_> {
    let otherwise = if rescore.select == Select::Argmax { Otherwise::Greedy } else { Otherwise::Draw };
    StepRow { logits: LogitRow::F32(logits), truncation, otherwise, rescore: Some(rescore), draw: 7 }
}

fn logs(probabilities: &[f32]) -> Vec<f32> {
    probabilities.iter().map(|p| p.ln()).collect()
}

/// A table in which each token lists itself, then the pairs given for it.
fn table(rows: usize, k: usize, near: &[(u32, u32, f32)], control: &[u32]) -> NeighborTable {
    let content = (0..rows as u32).map(|token| u8::from(!control.contains(&token))).collect();
    let mut table = NeighborTable::unused(content, k).unwrap();
    let mut lists: Vec<Vec<(u32, f32)>> = vec![Vec::new(); rows];
    for (from, to, cosine) in near {
        lists[*from as usize].push((*to, *cosine));
    }
    for (token, list) in lists.iter_mut().enumerate() {
        if control.contains(&(token as u32)) {
            continue;
        }
        list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        list.insert(0, (token as u32, 1.0));
        for (slot, (id, cosine)) in list.iter().take(k).enumerate() {
            table.ids[token * k + slot] = *id;
            table.similarities[token * k + slot] = *cosine;
        }
    }
    table.check().unwrap();
    table
}

/// Every token with up to `k - 1` others at cosines from -0.25 to 0.95; every `control`-th token is not content.
fn random_table(rows: usize, k: usize, control: usize, seed: u64) -> NeighborTable {
    let mut state = seed | 1;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % below
    };
    let is_control = |token: usize| control > 0 && token % control == control - 1;
    let mut near = Vec::new();
    for token in (0..rows).filter(|token| !is_control(*token)) {
        let mut others = std::collections::BTreeSet::from([token]);
        for _ in 1..k {
            let other = next(rows);
            if !is_control(other) && others.insert(other) {
                near.push((token as u32, other as u32, next(1201) as f32 / 1000.0 - 0.25));
            }
        }
    }
    let control: Vec<u32> = (0..rows).filter(|token| is_control(*token)).map(|token| token as u32).collect();
    table(rows, k, &near, &control)
}

#[test]
fn a_symmetric_antonym_pair_keeps_its_order() {
    // left 0.5, right 0.3, each 0.8 near the other: 0.5 + 0.24 = 0.74 against 0.3 + 0.4 = 0.70.
    let table = table(3, 2, &[(0, 1, 0.8), (1, 0, 0.8)], &[]);
    let logits = logs(&[0.5, 0.3, 0.2]);
    let step = Stepper::new().step(&row(&logits, truncation(2), FIRST), Some(&table), true).unwrap();
    assert_eq!((step.token, step.default_token, step.outcome), (0, 0, Outcome::Fired));
    assert!((step.token_score.unwrap() - 0.74).abs() < 1e-6);
}

#[test]
fn a_morphology_family_outvotes_a_lucky_token() {
    // 0.40 alone against superior 0.25 with its forms 0.15 and 0.20 at 0.9: 0.25 + 0.9 * 0.35 = 0.565. The forms are no
    // candidates and count all the same.
    let family = [(1, 2, 0.9), (1, 3, 0.9), (2, 1, 0.9), (2, 3, 0.9), (3, 1, 0.9), (3, 2, 0.9)];
    let table = table(4, 3, &family, &[]);
    let logits = logs(&[0.40, 0.25, 0.15, 0.20]);
    let rule = Rescore { neighbors: 3, ..FIRST };
    let step = Stepper::new().step(&row(&logits, truncation(2), rule), Some(&table), true).unwrap();
    assert_eq!((step.token, step.default_token, step.candidates), (1, 0, Some(2)));
    assert!((step.token_score.unwrap() - 0.565).abs() < 1e-6);
    assert!((step.default_score.unwrap() - 0.40).abs() < 1e-6);
    // Counted over the candidates alone: 0.25 / 0.65 with no support, against 0.40 / 0.65.
    let rule = Rescore { mass: Mass::Renormalised, ..rule };
    let step = Stepper::new().step(&row(&logits, truncation(2), rule), Some(&table), true).unwrap();
    assert_eq!(step.token, 0);
    assert!((step.token_score.unwrap() - 0.40 / 0.65).abs() < 1e-6);
}

#[test]
fn a_control_token_among_the_candidates_defers() {
    let table = table(3, 2, &[(0, 2, 0.9), (2, 0, 0.9)], &[1]);
    let logits = logs(&[0.2, 0.3, 0.5]);
    let mut stepper = Stepper::new();
    let near = stepper.step(&row(&logits, truncation(2), FIRST), Some(&table), true).unwrap();
    let expected = Step {
        token: 2,
        default_token: 2,
        outcome: Outcome::Deferred,
        default_score: None,
        token_score: None,
        candidates: Some(2),
    };
    assert_eq!(near, expected);
    let alone = stepper.step(&row(&logits, truncation(1), FIRST), Some(&table), true).unwrap();
    assert_eq!(alone.outcome, Outcome::Fired, "a control token beyond the candidates is no reason");
}

#[test]
fn a_step_that_defers_draws_where_the_rule_draws() {
    let table = table(2, 1, &[], &[1]);
    let logits = logs(&[0.5, 0.5]);
    let rule = Rescore { neighbors: 1, select: DRAW, ..FIRST };
    let mut tokens = [0; 2];
    for draw in 0..200 {
        let row = StepRow { draw, ..row(&logits, truncation(2), rule) };
        let step = Stepper::new().step(&row, Some(&table), false).unwrap();
        assert_eq!(step.outcome, Outcome::Deferred);
        tokens[step.token as usize] += 1;
    }
    assert!(tokens.iter().all(|count| *count > 60), "{tokens:?}");
}

#[test]
fn negative_cosines_count_nothing_and_a_threshold_keeps_a_prefix() {
    let table = table(4, 4, &[(0, 1, 0.6), (0, 2, 0.3), (0, 3, -0.9)], &[]);
    let logits = logs(&[0.4, 0.3, 0.2, 0.1]);
    let score = |neighbors, threshold| {
        let rule = Rescore { neighbors, threshold, ..FIRST };
        let step = Stepper::new().step(&row(&logits, truncation(1), rule), Some(&table), true).unwrap();
        step.token_score.unwrap()
    };
    for (neighbors, threshold, expected) in [
        (4, None, 0.4 + 0.6 * 0.3 + 0.3 * 0.2),
        (2, None, 0.4 + 0.6 * 0.3),
        (1, None, 0.4),
        (4, Some(0.5), 0.4 + 0.6 * 0.3),
        (4, Some(0.6), 0.4 + 0.6 * 0.3),
        (4, Some(0.7), 0.4),
    ] {
        let found = score(neighbors, threshold);
        assert!((found - expected).abs() < 1e-6, "{neighbors} {threshold:?}: {found}, not {expected}");
    }
}

#[test]
fn equal_scores_go_to_the_higher_probability_then_to_the_lower_id() {
    // Twins at cosine 1: both masses are the sum of both.
    let twins = table(3, 2, &[(0, 2, 1.0), (2, 0, 1.0)], &[]);
    let pick = |logits: &[f32]| {
        Stepper::new().step(&row(logits, truncation(3), FIRST), Some(&twins), false).unwrap().token
    };
    assert_eq!(pick(&logs(&[0.3, 0.2, 0.5])), 2);
    assert_eq!(pick(&logs(&[0.4, 0.2, 0.4])), 0);
}

#[test]
fn crowding_is_the_contrary() {
    // 0.40 alone: ln 0.40. 0.45 with 0.15 at 1.0 beside it: ln 0.45 - alpha * 0.15.
    let table = table(3, 2, &[(0, 2, 1.0), (2, 0, 1.0)], &[]);
    let logits = logs(&[0.45, 0.40, 0.15]);
    let with = |alpha| {
        let rule = Rescore { score: Score::Crowding { alpha }, ..FIRST };
        Stepper::new().step(&row(&logits, truncation(2), rule), Some(&table), true).unwrap()
    };
    let step = with(1.0);
    assert_eq!((step.token, step.default_token), (1, 0));
    assert!((step.token_score.unwrap() - 0.40f64.ln()).abs() < 1e-6);
    assert!((step.default_score.unwrap() - (0.45f64.ln() - 0.15)).abs() < 1e-6);
    assert_eq!(with(0.5).token, 0, "0.075 is less than ln 0.45 - ln 0.40 = 0.118");
}

#[test]
fn draws_follow_the_scores() {
    // Masses 0.5 + 0.5 * 0.2 = 0.6, 0.3, 0.2 + 0.5 * 0.5 = 0.45: shares 0.444, 0.222, 0.333. Under a softmax with
    // tau 0.25: e^2.4, e^1.2, e^1.8 = 11.023, 3.320, 6.050 of 20.393.
    let table = table(3, 2, &[(0, 2, 0.5), (2, 0, 0.5)], &[]);
    let logits = logs(&[0.5, 0.3, 0.2]);
    let n = 20_000u64;
    for (select, expected) in [
        (DRAW, [0.6 / 1.35, 0.3 / 1.35, 0.45 / 1.35]),
        // Squared: 0.36, 0.09, 0.2025 of 0.6525.
        (Select::Proportional { tau: 0.5 }, [0.36 / 0.6525, 0.09 / 0.6525, 0.2025 / 0.6525]),
        (Select::Softmax { tau: 0.25 }, [11.023 / 20.393, 3.320 / 20.393, 6.050 / 20.393]),
    ] {
        let mut counts = [0u32; 3];
        let mut stepper = Stepper::new();
        for draw in 0..n {
            let row = StepRow { draw, ..row(&logits, truncation(3), Rescore { select, ..FIRST }) };
            counts[stepper.step(&row, Some(&table), false).unwrap().token as usize] += 1;
        }
        for (count, expected) in counts.iter().zip(expected) {
            let share = f64::from(*count) / n as f64;
            // Four standard errors of a share over 20,000 draws are at most 0.0142.
            assert!((share - expected).abs() < 0.0142, "{select:?}: {share}, not {expected}");
        }
    }
}

/// What the paper's rule gives in plain f64.
struct Published {
    candidates: Vec<usize>,
    scores: Vec<f64>,
    /// How far the truncation is from deciding otherwise.
    margin: f64,
}

fn published(logits: &[f32], rule: &Truncation, rescore: &Rescore, table: &NeighborTable) -> Published {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let e: Vec<f64> =
        logits.iter().map(|x| ((f64::from(*x) - f64::from(highest)) / rule.temperature).exp()).collect();
    let z: f64 = e.iter().sum();
    let mut order: Vec<usize> = (0..logits.len()).filter(|i| logits[*i] > f32::NEG_INFINITY).collect();
    order.sort_by(|a, b| logits[*b].partial_cmp(&logits[*a]).unwrap().then(a.cmp(b)));
    order.truncate(rule.top_k.unwrap_or(usize::MAX));
    let mut margin = f64::INFINITY;
    let within: f64 = if rule.top_k.is_some() { order.iter().map(|i| e[*i]).sum() } else { z };
    let mut mass = 0.0;
    let mut candidates = Vec::new();
    for i in order {
        candidates.push(i);
        mass += e[i];
        if rule.top_p < 1.0 {
            margin = margin.min((mass / within - rule.top_p).abs());
            if mass >= rule.top_p * within {
                break;
            }
        }
    }
    candidates.retain(|i| {
        if rule.min_p > 0.0 {
            margin = margin.min((e[*i] / rule.min_p - 1.0).abs());
        }
        e[*i] >= rule.min_p
    });
    let inside: f64 = candidates.iter().map(|i| e[*i]).sum();
    let p = |i: usize| match rescore.mass {
        Mass::Full => e[i] / z,
        Mass::Renormalised if candidates.contains(&i) => e[i] / inside,
        Mass::Renormalised => 0.0,
    };
    let score = |c: &usize| {
        let mut mass = 0.0;
        for slot in 0..rescore.neighbors {
            let cosine = table.similarities[c * table.k + slot];
            if rescore.threshold.is_some_and(|least| cosine < least) {
                break;
            }
            mass += f64::from(cosine).max(0.0) * p(table.ids[c * table.k + slot] as usize);
        }
        match rescore.score {
            Score::Support => mass,
            Score::Crowding { alpha } => {
                let log = (f64::from(logits[*c]) - f64::from(highest)) / rule.temperature;
                let normaliser = if rescore.mass == Mass::Full { z } else { inside };
                log - normaliser.ln() - alpha * (mass - p(*c))
            }
        }
    };
    let scores = candidates.iter().map(score).collect();
    Published { candidates, scores, margin }
}

/// Random logits of several characters: smooth, heavy ties, masked tokens, tiny and huge ranges.
fn any_logits(widths: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f32>> {
    let values = prop_oneof![(-12f32..6.0).boxed(), (-6i8..6).prop_map(|x| f32::from(x) / 2.0).boxed()];
    let kind = prop::sample::select(vec![1.0f32, 1.0, 1e-3, 30.0, 1e30]);
    (prop::collection::vec((values, 0u8..40), widths), kind, any::<bool>()).prop_map(
        |(values, factor, masks)| {
            let masked = |mask: u8| masks && mask < 8;
            let logit =
                |(value, mask): &(f32, u8)| if masked(*mask) { f32::NEG_INFINITY } else { value * factor };
            let mut logits: Vec<f32> = values.iter().map(logit).collect();
            logits[0] = factor;
            logits
        },
    )
}

fn any_rule() -> impl Strategy<Value = (Truncation, Rescore)> {
    let truncation = (
        prop::sample::select(vec![0.3, 0.5, 1.0, 1.7]),
        prop::option::of(1usize..40),
        prop::sample::select(vec![0.2, 0.8, 0.95, 1.0]),
        prop::sample::select(vec![0.0, 0.02, 0.3]),
    )
        .prop_map(|(temperature, top_k, top_p, min_p)| Truncation { temperature, top_k, top_p, min_p });
    let select = vec![
        Select::Argmax,
        DRAW,
        Select::Proportional { tau: 0.5 },
        Select::Proportional { tau: 3.0 },
        Select::Softmax { tau: 0.05 },
        Select::Softmax { tau: 1.0 },
    ];
    let rescore = (
        1usize..=6,
        prop::sample::select(vec![None, Some(0.0), Some(0.4)]),
        prop::sample::select(vec![Score::Support, Score::Support, Score::Crowding { alpha: 1.0 }]),
        prop::sample::select(select),
        prop::sample::select(vec![Mass::Full, Mass::Renormalised]),
    )
        .prop_map(|(neighbors, threshold, score, select, mass)| Rescore {
            neighbors,
            threshold,
            score,
            select,
            mass,
        });
    (truncation, rescore)
}

/// Whether a draw from these odds may fall on a place, give or take float noise.
fn may_fall(odds: &[f64], place: usize, draw: u64) -> bool {
    let total: f64 = odds.iter().sum();
    let before = odds[..place].iter().sum::<f64>() / total;
    let after = before + odds[place] / total;
    let at = row_bits(draw) as f64 / 2f64.powi(64);
    before - 1e-3 <= at && at <= after + 1e-3
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn tokens_and_scores_are_those_of_the_published_rule(
        logits in any_logits(2..300),
        (truncation, rescore) in any_rule(),
        seed: u64,
        draw: u64,
    ) {
        let table = random_table(logits.len(), 6, 0, seed);
        let expected = published(&logits, &truncation, &rescore, &table);
        let row = StepRow { draw, ..row(&logits, truncation, rescore) };
        let step = Stepper::new().step(&row, Some(&table), true).unwrap();
        prop_assume!(expected.margin > 1e-5);
        prop_assert_eq!(step.candidates, Some(expected.candidates.len()));
        prop_assert_eq!(step.outcome, Outcome::Fired);
        let place = expected.candidates.iter().position(|c| *c == step.token as usize).unwrap();
        let score = expected.scores[place];
        let found = step.token_score.unwrap();
        // Weights have a last digit of 2^-40 and 24 significant bits.
        let slack = 1e-11 + 2e-5 * score.abs();
        prop_assert!((found - score).abs() <= slack, "{} instead of {}", found, score);
        let best = expected.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let odds = |score: &f64| match (rescore.select, rescore.score) {
            (Select::Softmax { tau }, _) | (Select::Proportional { tau }, Score::Crowding { .. }) => {
                ((score - best) / tau).exp()
            }
            (Select::Proportional { tau }, Score::Support) => (score / best).powf(1.0 / tau),
            _ => *score,
        };
        match rescore.select {
            Select::Argmax => prop_assert!(score >= best - slack, "{} is not the best, {}", score, best),
            _ => {
                let odds: Vec<f64> = expected.scores.iter().map(odds).collect();
                prop_assert!(may_fall(&odds, place, draw), "{} of {:?}", place, odds);
            }
        }
    }

    #[test]
    fn every_level_gives_the_bits_of_the_reference(
        logits in any_logits(1..1500),
        (truncation, rescore) in any_rule(),
        seeds: (u64, u64),
        control in prop::sample::select(vec![0usize, 0, 7, 50]),
        form in 0u8..3,
        report: bool,
    ) {
        let table = random_table(logits.len(), 6, control, seeds.0);
        let bits: Vec<u16> = logits.iter().map(|value| (value.to_bits() >> 16) as u16).collect();
        let half: Vec<u16> =
            bits.iter().map(|bits| if bits & 0x7c00 == 0x7c00 { 0xfc00 } else { *bits }).collect();
        let form = match form {
            0 => LogitRow::F32(&logits),
            1 => LogitRow::Bf16(&bits),
            _ => LogitRow::F16(&half),
        };
        let row = StepRow { logits: form, draw: seeds.1, ..row(&[], truncation, rescore) };
        let expected = Reference::default().step(&row, Some(&table), report);
        for level in Level::available() {
            let step = Stepper::with_level(level).step(&row, Some(&table), report);
            prop_assert_eq!(&step, &expected, "{}", level);
        }
    }

    #[test]
    fn a_batch_is_a_loop_in_any_order(
        values in prop::collection::vec(-5f32..5.0, 64 * 20),
        draws in prop::collection::vec(any::<u64>(), 20),
        (truncation, rescore) in any_rule(),
        seed: u64,
    ) {
        let table = random_table(64, 6, 9, seed);
        let rows: Vec<StepRow<'_>> = values
            .chunks(64)
            .zip(&draws)
            .enumerate()
            // Rows of one batch need not share a rule: some are plain, some narrower, some draw.
            .map(|(index, (logits, draw))| {
                let rule = StepRow { draw: *draw, ..row(logits, truncation, rescore) };
                match index % 4 {
                    0 => StepRow { rescore: None, ..rule },
                    1 => StepRow { truncation: Truncation { temperature: 0.9, top_k: Some(3), ..truncation }, ..rule },
                    2 => StepRow { rescore: Some(Rescore { neighbors: 2, select: DRAW, ..rescore }), ..rule },
                    _ => rule,
                }
            })
            .collect();
        let batch = Stepper::new().run(&rows, Some(&table), true).unwrap();
        let mut one = Stepper::new();
        let looped: Vec<Step> = rows.iter().map(|row| one.step(row, Some(&table), true).unwrap()).collect();
        prop_assert_eq!(&batch, &looped);
        let reversed: Vec<StepRow<'_>> = rows.iter().rev().copied().collect();
        let mut back = Stepper::new().run(&reversed, Some(&table), true).unwrap();
        back.reverse();
        prop_assert_eq!(&batch, &back);
        let tokens = |steps: &[Step]| steps.iter().map(|step| step.token).collect::<Vec<_>>();
        let bare = Stepper::new().run(&rows, Some(&table), false).unwrap();
        prop_assert_eq!(tokens(&bare), tokens(&batch), "asking for scores changes no token");
    }
}

#[test]
fn every_number_of_neighbors_gives_the_bits_of_the_reference() {
    // Around one and two vectors of sixteen and of eight, and the most there may be.
    let width = 300;
    let logits: Vec<f32> = (0..width).map(|i| ((i * 37 % 101) as f32) / 12.0).collect();
    for k in [16, 17, 32, 33, 64] {
        let table = random_table(width, k, 0, k as u64);
        for neighbors in [k - 1, k] {
            for mass in [Mass::Full, Mass::Renormalised] {
                let rule = Rescore { neighbors, mass, select: DRAW, ..FIRST };
                let row = row(&logits, truncation(40), rule);
                let expected = Reference::default().step(&row, Some(&table), true).unwrap();
                let scores = published(&logits, &row.truncation, &rule, &table);
                let place = scores.candidates.iter().position(|c| *c == expected.token as usize).unwrap();
                let error = (expected.token_score.unwrap() - scores.scores[place]).abs();
                assert!(error <= 1e-11 + 2e-5 * scores.scores[place], "{neighbors} of {k}: {error}");
                for level in Level::available() {
                    let step = Stepper::with_level(level).step(&row, Some(&table), true).unwrap();
                    assert_eq!(step, expected, "{neighbors} of {k}, {level}");
                }
            }
        }
    }
}

#[test]
fn the_largest_batch_is_a_loop_whatever_the_number_of_threads() {
    let width = 700;
    let table = random_table(width, 8, 31, 5);
    let logits: Vec<Vec<f32>> = (0..7usize)
        .map(|seed| (0..width).map(|i| ((i * (seed + 3) * 7919) % 1009) as f32 / 90.0).collect())
        .collect();
    let rows: Vec<StepRow<'_>> = (0..MAX_ROWS)
        .map(|index| {
            let select = [Select::Argmax, DRAW, Select::Softmax { tau: 0.1 }][index % 3];
            let rule = Rescore { neighbors: 1 + index % 8, select, ..FIRST };
            let whole = row(&logits[index % 7], truncation(1 + index % 20), rule);
            let plain = index % 5 == 0;
            StepRow { draw: index as u64, rescore: whole.rescore.filter(|_| !plain), ..whole }
        })
        .collect();
    let mut one = Stepper::new();
    let looped: Vec<Step> = rows.iter().map(|row| one.step(row, Some(&table), true).unwrap()).collect();
    for outcome in [Outcome::Plain, Outcome::Deferred, Outcome::Fired] {
        assert!(looped.iter().any(|step| step.outcome == outcome), "{outcome:?}");
    }
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let steps = pool.install(|| Stepper::new().run(&rows, Some(&table), true)).unwrap();
        assert_eq!(steps, looped, "{threads} threads");
    }
}

#[test]
fn large_rows_with_heavy_ties_are_exact_on_every_level() {
    let width = 151_936;
    let table = random_table(width, 8, 0, 3);
    let hash = |i: usize| (i as u32).wrapping_mul(2_654_435_761) >> 7;
    let rows: Vec<(&str, Vec<f32>)> = vec![
        ("all equal", vec![1.5; width]),
        ("two values", (0..width).map(|i| if hash(i) % 3 == 0 { 2.0 } else { 1.0 }).collect()),
        ("eight values", (0..width).map(|i| (hash(i) % 8) as f32).collect()),
        ("rising", (0..width).map(|i| i as f32 / 1000.0).collect()),
        ("falling", (0..width).map(|i| -(i as f32) / 1000.0).collect()),
        ("noise", (0..width).map(|i| (hash(i) % 65_536) as f32 / 8192.0).collect()),
        ("one", (0..width).map(|i| if i == 99_999 { 0.0 } else { f32::NEG_INFINITY }).collect()),
        ("huge", (0..width).map(|i| (hash(i) as f32 - 1e7) * 1e31).collect()),
    ];
    for (name, logits) in &rows {
        let bits: Vec<u16> = logits.iter().map(|value| (value.to_bits() >> 16) as u16).collect();
        // The same bits read as binary16, infinities and NaN apart.
        let half: Vec<u16> =
            bits.iter().map(|bits| if bits & 0x7c00 == 0x7c00 { bits & 0x83ff } else { *bits }).collect();
        for form in [LogitRow::F32(logits), LogitRow::Bf16(&bits), LogitRow::F16(&half)] {
            for top_k in [1, 50, 1024] {
                let rule = Rescore { neighbors: 8, select: DRAW, ..FIRST };
                let row = StepRow { logits: form, ..row(&[], truncation(top_k), rule) };
                let expected = Reference::default().step(&row, Some(&table), true).unwrap();
                for level in Level::available() {
                    let step = Stepper::with_level(level).step(&row, Some(&table), true).unwrap();
                    assert_eq!(step, expected, "{name}, top-k {top_k}, {level}");
                }
            }
        }
    }
}

#[test]
fn rows_and_tables_that_cannot_be_used_have_named_faults() {
    let sound = table(4, 2, &[(0, 1, 0.5)], &[]);
    let logits = logs(&[0.4, 0.3, 0.2, 0.1]);
    let fault = |logits: &[f32], truncation, rescore, table: Option<&NeighborTable>| {
        let row = row(logits, truncation, rescore);
        let fast = Stepper::new().step(&row, table, true).unwrap_err();
        assert_eq!(Reference::default().step(&row, table, true).unwrap_err(), fast);
        fast
    };
    let three = truncation(3);
    let with = |index: usize, value| {
        let mut logits = logits.clone();
        logits[index] = value;
        logits
    };
    let nan = fault(&with(2, f32::NAN), three, FIRST, Some(&sound));
    assert_eq!(nan, StepFault::Row(RowFault::NotANumber { token: 2 }));
    let infinite = fault(&with(1, f32::INFINITY), three, FIRST, Some(&sound));
    assert_eq!(infinite, StepFault::Row(RowFault::Infinite { token: 1 }));
    let masked = fault(&[f32::NEG_INFINITY; 4], three, FIRST, Some(&sound));
    assert_eq!(masked, StepFault::Row(RowFault::NoFinite { width: 4 }));
    assert_eq!(fault(&logits, three, FIRST, None), StepFault::NoTable);
    let narrow = fault(&logits[..3], three, FIRST, Some(&sound));
    assert_eq!(narrow, StepFault::Vocabulary { table: 4, logits: 3 });
    let wide = fault(&logits, three, Rescore { neighbors: 3, ..FIRST }, Some(&sound));
    assert_eq!(wide, StepFault::Neighbors { asked: 3, stored: 2 });
    let mut damaged = sound.clone();
    damaged.ids[1] = 4;
    assert_eq!(fault(&logits, three, FIRST, Some(&damaged)), StepFault::Table { token: 0 });
    let unused = NeighborTable::unused(vec![1; 2000], 2).unwrap();
    let all = Truncation { top_p: 0.9, ..Truncation::default() };
    assert_eq!(fault(&[0.0; 2000], all, FIRST, Some(&unused)), StepFault::Candidates { limit: 1024 });
    let batch = vec![row(&logits, three, FIRST); MAX_ROWS + 1];
    let many = Stepper::new().run(&batch, Some(&sound), false);
    assert_eq!(many, Err((MAX_ROWS, StepFault::Batch { rows: 513 })));
    let mut rows = vec![row(&logits, three, FIRST); 20];
    let broken = with(0, f32::NAN);
    rows[11].logits = LogitRow::F32(&broken);
    assert_eq!(Stepper::new().run(&rows, Some(&sound), false).unwrap_err().0, 11);
}

#[test]
fn parameters_outside_their_range_are_named() {
    let sound = table(2, 2, &[], &[]);
    let plain = truncation(2);
    let cases = [
        (Truncation { temperature: 0.0, ..plain }, FIRST, "temperature"),
        (Truncation { temperature: 1e-9, ..plain }, FIRST, "temperature"),
        (Truncation { top_k: Some(1025), ..plain }, FIRST, "top_k"),
        (Truncation { top_p: 0.0, ..plain }, FIRST, "top_p"),
        (plain, Rescore { neighbors: 0, ..FIRST }, "neighbors"),
        (plain, Rescore { neighbors: 65, ..FIRST }, "neighbors"),
        (plain, Rescore { threshold: Some(1.5), ..FIRST }, "threshold"),
        (plain, Rescore { threshold: Some(f32::NAN), ..FIRST }, "threshold"),
        (plain, Rescore { select: Select::Softmax { tau: 0.0 }, ..FIRST }, "tau"),
        (plain, Rescore { select: Select::Proportional { tau: f64::NAN }, ..FIRST }, "tau"),
        (plain, Rescore { score: Score::Crowding { alpha: f64::NAN }, ..FIRST }, "alpha"),
    ];
    for (truncation, rescore, field) in cases {
        match Stepper::new().step(&row(&[0.0, 1.0], truncation, rescore), Some(&sound), false) {
            Err(StepFault::Refused(refused)) => assert_eq!(refused.field, field),
            other => panic!("{field}: {other:?}"),
        }
    }
}
