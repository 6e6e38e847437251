//! What an arm's answers owe to its pictures: each control beside its plain arm, and questions that repeat.

use super::parts::Parts;
use super::score::ArmScores;
use super::summary::{ControlFigure, RepeatedFigure};
use crate::digest::Digest;
use crate::question::Question;
use crate::record::{AnswerState, Summary};
use crate::stats;
use std::collections::BTreeMap;

/// One arm's answers, as far as comparison needs them: by question id.
pub type Given = BTreeMap<String, Answered>;

/// A question as one arm answered it.
pub struct Answered {
    cluster: String,
    /// Share of trials that were right; none: no list of answers, so that right and wrong are no yes or no.
    right: Option<f64>,
    /// State and value of the first trial's answer.
    answer: u64,
    truth: u64,
    /// Text and options.
    wording: u64,
}

/// Reduces an arm's records; those that failed say nothing.
pub fn given(scores: &ArmScores) -> Given {
    let mut given = Given::new();
    let mut trials: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for record in scores.records.iter().filter(|record| record.answer.state != AnswerState::Failed) {
        let question = &record.question;
        let sum = trials.entry(&question.id).or_default();
        *sum = (sum.0 + f64::from(u8::from(record.is_right())), sum.1 + 1.0);
        given.entry(question.id.clone()).or_insert_with(|| Answered {
            cluster: question.cluster.clone(),
            right: None,
            answer: Digest::new("answer")
                .text(record.answer.state.word())
                .json(&record.answer.value)
                .number(),
            truth: Digest::new("truth").text(&question.truth).number(),
            wording: wording(question),
        });
    }
    for record in scores.records.iter().filter(|record| !record.question.options.is_empty()) {
        if let (Some(one), Some((right, of))) =
            (given.get_mut(&record.question.id), trials.get(record.question.id.as_str()))
        {
            one.right = Some(right / of);
        }
    }
    given
}

fn wording(question: &Question) -> u64 {
    Digest::new("wording").text(&question.text).json(&question.options).number()
}

/// Every arm under a control beside its plain arm, on the questions both answered. `arms` in the order of the run's.
pub fn controls(
    parts: &Parts,
    arms: &[Given],
    dropped: &[BTreeMap<String, u64>],
    replicates: usize,
    seed: u64,
) -> Vec<ControlFigure> {
    let mut figures = Vec::new();
    for (index, arm) in parts.arms.iter().enumerate() {
        let (Some(control), Some(plain)) = (arm.control, arm.plain) else { continue };
        let (Some(own), Some(theirs)) = (arms.get(index), arms.get(plain)) else { continue };
        let pairs: Vec<(&Answered, &Answered)> =
            own.iter().filter_map(|(id, one)| Some((one, theirs.get(id)?))).collect();
        figures.push(ControlFigure {
            control,
            arm: arm.name.clone(),
            plain: parts.arms[plain].name.clone(),
            accuracy: mean(&pairs, |one, _| one.right),
            accuracy_plain: mean(&pairs, |_, other| other.right),
            difference: mean(&pairs, |one, other| Some(one.right? - other.right?)),
            kept: ratio(&pairs, replicates, seed),
            same_answers: mean(&pairs, |one, other| Some(f64::from(u8::from(one.answer == other.answer)))),
            dropped: dropped.get(index).cloned().unwrap_or_default(),
        });
    }
    figures
}

fn mean(pairs: &[(&Answered, &Answered)], value: impl Fn(&Answered, &Answered) -> Option<f64>) -> Summary {
    let known: Vec<(f64, &str)> =
        pairs.iter().filter_map(|(one, other)| Some((value(one, other)?, other.cluster.as_str()))).collect();
    let (values, clusters): (Vec<f64>, Vec<&str>) = known.into_iter().unzip();
    stats::mean_estimate(&values, &clusters).map_or_else(Summary::nothing, Summary::from)
}

/// Right answers under the control over right answers without it, on the same questions.
fn ratio(pairs: &[(&Answered, &Answered)], replicates: usize, seed: u64) -> Summary {
    let mut sums: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut n = 0;
    for (one, other) in pairs {
        let (Some(own), Some(plain)) = (one.right, other.right) else { continue };
        let sum = sums.entry(&other.cluster).or_insert_with(|| vec![0.0; 2]);
        sum.iter_mut().zip([own, plain]).for_each(|(sum, value)| *sum += value);
        n += 1;
    }
    let rows: Vec<Vec<f64>> = sums.into_values().collect();
    let share = |sums: &[f64]| match sums {
        [own, plain] if *plain > 0.0 => Some(own / plain),
        _ => None,
    };
    match stats::bootstrap_clusters(&rows, &share, replicates, seed) {
        None => Summary::nothing(),
        Some(result) => Summary {
            value: Some(result.estimate),
            n,
            clusters: rows.len(),
            standard_error: result.se,
            interval: result.interval.map(|(low, high)| [low, high]),
            estimator: format!(
                "ratio of paired means, cluster bootstrap, percentile, {replicates} replicates"
            ),
            ..Summary::nothing()
        },
    }
}

/// Questions whose text and options stand in the run for several patients: how often an arm answers all of them alike,
/// and how often they are all alike in truth.
pub fn repeated(arm: &str, given: &Given) -> Option<RepeatedFigure> {
    let mut groups: BTreeMap<u64, Vec<&Answered>> = BTreeMap::new();
    for one in given.values() {
        groups.entry(one.wording).or_default().push(one);
    }
    groups.retain(|_, group| group.iter().any(|one| one.cluster != group[0].cluster));
    let all_alike = |value: fn(&Answered) -> u64| {
        let alike = groups.values().filter(|group| group.iter().all(|one| value(one) == value(group[0])));
        share_of(alike.count(), groups.len())
    };
    (!groups.is_empty()).then(|| RepeatedFigure {
        arm: arm.to_owned(),
        questions: groups.values().map(Vec::len).sum(),
        same_answers: all_alike(|one| one.answer),
        same_truths: all_alike(|one| one.truth),
    })
}

/// A share of groups that overlap in their patients: each is taken as one trial.
fn share_of(count: usize, groups: usize) -> Summary {
    let interval = stats::wilson(count as u64, groups as u64, stats::LEVEL);
    Summary {
        value: Some(count as f64 / groups as f64),
        n: groups,
        clusters: groups,
        interval: interval.map(|(low, high)| [low, high]),
        estimator: "share of repeated texts, Wilson".to_owned(),
        ..Summary::nothing()
    }
}
