//! Samplers, through the registry and the public trait.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use situs_core::prelude::{Logits, LogitsPlace, Pick, Row, Sampler, Sampling};
use situs_core::registry::{BuildContext, Registry};
use situs_plugins as _;

fn sampler(params: serde_json::Value) -> Box<dyn Sampler> {
    let params = params.as_object().unwrap().clone();
    Registry::builtin().unwrap().build::<dyn Sampler>(&params, &BuildContext::default()).unwrap().component
}

fn refused(params: serde_json::Value) -> String {
    let params = params.as_object().unwrap().clone();
    let registry = Registry::builtin().unwrap();
    match registry.build::<dyn Sampler>(&params, &BuildContext::default()) {
        Ok(_) => panic!("{params:?} was accepted"),
        Err(fault) => fault.to_string(),
    }
}

fn row(index: usize, draw: u64) -> Row<'static> {
    Row { index, step: 0, draw, history: &[] }
}

fn pick(sampler: &mut dyn Sampler, logits: &[f32], width: usize, rows: &[Row<'_>]) -> Vec<u32> {
    let logits = Logits { rows: logits.len() / width, vocabulary: width, place: LogitsPlace::Host(logits) };
    let mut out: Vec<Pick> = Vec::new();
    sampler.pick(&logits, rows, &mut out).unwrap();
    out.into_iter().map(|pick| pick.token).collect()
}

/// The rules written down plainly, in f64: a full sort, then one filter after the other. Gives the token at each of three
/// close places of the draw, and how far the filters are from deciding otherwise.
fn reference(logits: &[f32], t: f64, k: Option<usize>, p: f64, m: f64, unit: f64) -> ([u32; 3], f64) {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut all: Vec<(usize, f64)> = logits
        .iter()
        .enumerate()
        .filter(|(_, logit)| logit.is_finite())
        .map(|(id, &logit)| (id, ((f64::from(logit) - f64::from(highest)) / t).exp()))
        .collect();
    all.sort_by(|a, b| logits[b.0].partial_cmp(&logits[a.0]).unwrap().then(a.0.cmp(&b.0)));
    all.truncate(k.unwrap_or(usize::MAX));
    let total: f64 = all.iter().map(|c| c.1).sum();
    let mut kept = Vec::new();
    let mut mass = 0.0;
    let mut margin = f64::INFINITY;
    for candidate in all {
        if p < 1.0 {
            margin = margin.min((mass / total - p).abs());
            if mass >= p * total {
                break;
            }
        }
        mass += candidate.1;
        kept.push(candidate);
    }
    kept.retain(|c| c.1 >= m);
    let mass: f64 = kept.iter().map(|c| c.1).sum();
    // Weights have 24 significant bits and a last digit of 2^-40.
    let at = |unit: f64| {
        let mut reached = 0.0;
        let found = kept.iter().find(|candidate| {
            reached += candidate.1;
            reached > unit * mass
        });
        found.or(kept.last()).unwrap().0 as u32
    };
    ([at(unit - 1e-5), at(unit), at(unit + 1e-5)], margin)
}

proptest! {
    #[test]
    fn categorical_equals_the_plain_reference(
        // Multiples of 1/4 make ties common and keep sums away from the last bit's doubt.
        quarters in prop::collection::vec(-40i32..40, 1..600),
        k in prop::option::of(1u32..50),
        p in prop::sample::select(vec![0.05, 0.3, 0.8, 0.95, 1.0]),
        m in prop::sample::select(vec![0.0, 0.05, 0.5, 1.0]),
        t in prop::sample::select(vec![0.25, 0.5, 1.0, 3.0]),
        draw: u64,
    ) {
        let logits: Vec<f32> = quarters.iter().map(|q| *q as f32 / 4.0).collect();
        let mut categorical = sampler(serde_json::json!(
            {"use": "categorical", "temperature": t, "top_k": k, "top_p": p, "min_p": m}));
        let token = pick(categorical.as_mut(), &logits, logits.len(), &[row(0, draw)])[0];
        let unit = situs_kernels::semantic::row_bits(draw) as f64 / 2f64.powi(64);
        let (expected, margin) = reference(&logits, t, k.map(|k| k as usize), p, m, unit);
        prop_assume!(margin > 1e-6);
        prop_assert!(expected.contains(&token), "{token} is not in {expected:?}");
    }

    #[test]
    fn a_batch_is_a_loop(values in prop::collection::vec(-5f32..5.0, 24), draws in prop::array::uniform4(any::<u64>())) {
        let spec = serde_json::json!({"use": "categorical", "temperature": 0.7, "top_k": 4});
        // Rows in another order than the logits, and one of them twice.
        let rows = [row(2, draws[0]), row(0, draws[1]), row(3, draws[2]), row(2, draws[3])];
        let batch = pick(sampler(spec.clone()).as_mut(), &values, 6, &rows);
        let mut one = sampler(spec);
        let looped: Vec<u32> =
            rows.iter().map(|r| pick(one.as_mut(), &values, 6, std::slice::from_ref(r))[0]).collect();
        prop_assert_eq!(batch, looped);
    }

    #[test]
    fn temperature_zero_is_greedy(values in prop::collection::vec(-9i8..9, 1..50), draw: u64) {
        let logits: Vec<f32> = values.iter().map(|v| f32::from(*v)).collect();
        let zero = pick(sampler(serde_json::json!({"use": "categorical", "temperature": 0.0})).as_mut(),
            &logits, logits.len(), &[row(0, draw)]);
        let greedy = pick(sampler(serde_json::json!({"use": "greedy"})).as_mut(), &logits, logits.len(), &[row(0, draw)]);
        prop_assert_eq!(zero, greedy);
    }
}

#[test]
fn draws_follow_the_distribution() {
    // Probabilities 0.5, 0.3, 0.15, 0.05; top-p 0.9 leaves the first three: 0.526, 0.316, 0.158.
    let logits: Vec<f32> = [0.15f32, 0.5, 0.05, 0.3].iter().map(|p| p.ln()).collect();
    let mut categorical = sampler(serde_json::json!({"use": "categorical", "top_p": 0.9}));
    let n = 20_000u64;
    let mut counts = [0u32; 4];
    for i in 0..n {
        let draw = situs_core::digest::Draw::new(3).of(i).bits();
        counts[pick(categorical.as_mut(), &logits, 4, &[row(0, draw)])[0] as usize] += 1;
    }
    for (token, expected) in [(1, 0.5 / 0.95), (3, 0.3 / 0.95), (0, 0.15 / 0.95), (2, 0.0)] {
        let share = f64::from(counts[token]) / n as f64;
        // Four standard errors of a share over 20,000 draws are at most 0.0142.
        assert!((share - expected).abs() < 0.0142, "token {token}: {share} instead of {expected}");
    }
}

#[test]
fn a_broken_row_is_an_error_with_its_place() {
    for spec in [serde_json::json!({"use": "greedy"}), serde_json::json!({"use": "categorical"})] {
        for (values, word) in [
            ([0.0, f32::NAN], "NaN"),
            ([f32::NEG_INFINITY, f32::NEG_INFINITY], "none of the 2 logits is finite"),
        ] {
            let logits = Logits { rows: 1, vocabulary: 2, place: LogitsPlace::Host(&values) };
            let fault = sampler(spec.clone()).pick(&logits, &[row(0, 0)], &mut Vec::new()).unwrap_err();
            assert!(fault.to_string().starts_with("row 0, step 0: "), "{fault}");
            assert!(fault.to_string().contains(word), "{fault}");
            assert_eq!(fault.cause, situs_core::fault::Cause::Data);
        }
    }
    let logits = Logits { rows: 2, vocabulary: 2, place: LogitsPlace::Host(&[0.0; 3]) };
    let fault =
        sampler(serde_json::json!({"use": "greedy"})).pick(&logits, &[], &mut Vec::new()).unwrap_err();
    assert_eq!(fault.to_string(), "3 logits are not 2 rows of 2");
    let logits = Logits { rows: 1, vocabulary: 2, place: LogitsPlace::Host(&[0.0; 2]) };
    let rows = [row(1, 0)];
    let fault =
        sampler(serde_json::json!({"use": "greedy"})).pick(&logits, &rows, &mut Vec::new()).unwrap_err();
    assert_eq!(fault.to_string(), "there are 1 rows of logits, none with index 1");
}

#[test]
fn servers_are_sent_what_the_rule_says_and_no_more() {
    let remote = |params| serde_json::to_value(sampler(params).remote().unwrap()).unwrap();
    assert_eq!(
        remote(serde_json::json!({"use": "greedy", "max_tokens": 7})),
        serde_json::json!({"temperature": 0.0, "max_tokens": 7})
    );
    assert_eq!(
        remote(serde_json::json!({"use": "categorical", "temperature": 0.5, "top_k": 20, "top_p": 0.8})),
        serde_json::json!({"temperature": 0.5, "top_k": 20, "top_p": 0.8, "max_tokens": 1024})
    );
    assert_eq!(
        sampler(serde_json::json!({"use": "server-default", "max_tokens": 9})).remote().unwrap(),
        Sampling { max_tokens: Some(9), ..Sampling::default() }
    );
}

#[test]
fn parameters_outside_their_range_are_refused_by_name() {
    let cases = [
        (
            serde_json::json!({"use": "categorical", "top_p": 0.0}),
            "top_p: sampler 'categorical': must be above 0",
        ),
        (serde_json::json!({"use": "categorical", "temperature": -0.1}), "temperature: "),
        (serde_json::json!({"use": "categorical", "top_k": 0}), "top_k: "),
        (serde_json::json!({"use": "greedy", "max_tokens": 0}), "max_tokens: "),
    ];
    for (params, start) in cases {
        let text = refused(params);
        assert!(text.starts_with(start), "{text}");
    }
}
