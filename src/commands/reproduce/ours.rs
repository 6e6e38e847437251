//! Our figure for a published cell.

use crate::published::{Filter, PublishedCell};
use situs_core::fault::Fault;
use situs_core::metric::Metric;
use situs_core::record::{AnswerState, Record};
use situs_core::reply::Replies;
use situs_core::stats;
use std::collections::{BTreeMap, BTreeSet};

/// Our figure for a cell.
pub(super) struct Ours {
    pub(super) value: f64,
    pub(super) interval: Option<[f64; 2]>,
    pub(super) n: usize,
    /// Questions on the side that has fewer, where the figure is a difference.
    pub(super) fewest: usize,
    pub(super) clusters: usize,
    pub(super) estimator: String,
}

/// Values of the questions that a filter takes, trials averaged, each with its cluster.
fn values<'a>(
    filter: &Filter,
    metric: &dyn Metric,
    records: &'a [Record],
) -> Result<Vec<(f64, &'a str)>, Fault> {
    let mut questions: BTreeMap<&str, (f64, usize, &str)> = BTreeMap::new();
    let taken = records
        .iter()
        .filter(|record| record.answer.state != AnswerState::Failed && filter.takes(&record.question));
    for record in taken {
        if let Some(score) = metric.score(record, &Replies::default())? {
            let question =
                questions.entry(&record.question.id).or_insert((0.0, 0, record.question.cluster.as_str()));
            question.0 += score.value;
            question.1 += 1;
        }
    }
    Ok(questions.into_values().map(|(sum, trials, cluster)| (sum / trials as f64, cluster)).collect())
}

pub(super) fn ours(
    cell: &PublishedCell,
    metric: &dyn Metric,
    records: &[Record],
) -> Result<Option<Ours>, Fault> {
    let taken = values(&cell.filter, metric, records)?;
    match &cell.baseline {
        None => Ok(mean(&taken)),
        Some(baseline) => Ok(difference(&taken, &values(baseline, metric, records)?)),
    }
}

pub(super) fn mean(taken: &[(f64, &str)]) -> Option<Ours> {
    let values: Vec<f64> = taken.iter().map(|(value, _)| *value).collect();
    let clusters: Vec<&str> = taken.iter().map(|(_, cluster)| *cluster).collect();
    let estimate = stats::clustered_mean(&values, &clusters)?;
    let binary = values.iter().all(|value| *value == 0.0 || *value == 1.0);
    let successes = values.iter().filter(|value| **value == 1.0).count() as u64;
    // A clustered error of zero says that nothing varied, not that nothing is uncertain.
    let clustered = estimate
        .interval_t
        .filter(|(low, high)| high > low)
        .map(|interval| (interval, "mean, cluster-robust t"));
    let pooled = || {
        let interval = stats::pooled_beta(successes, values.len() as u64, 1.0, 1.0, stats::LEVEL)?;
        // The mean lies in its own interval, also where none or all are 1.
        let held = (interval.0.min(estimate.mean), interval.1.max(estimate.mean));
        binary.then_some((held, "mean, pooled Beta(1,1)"))
    };
    let (interval, estimator) =
        clustered.or_else(pooled).map_or((None, "mean"), |(found, name)| (Some(found), name));
    Some(Ours {
        value: estimate.mean,
        interval: interval
            .map(|(low, high)| if binary { [low.max(0.0), high.min(1.0)] } else { [low, high] }),
        n: estimate.n,
        fewest: estimate.n,
        clusters: estimate.clusters,
        estimator: estimator.to_owned(),
    })
}

/// The difference of two means over questions of the same patients: a regression on which of the two a question
/// belongs to, with errors by cluster, so that what patients have in common is not counted as noise.
pub(super) fn difference(taken: &[(f64, &str)], baseline: &[(f64, &str)]) -> Option<Ours> {
    if taken.is_empty() || baseline.is_empty() {
        return None;
    }
    let both = || taken.iter().map(|value| (value, 1.0)).chain(baseline.iter().map(|value| (value, 0.0)));
    let values: Vec<f64> = both().map(|((value, _), _)| *value).collect();
    let rows: Vec<Vec<f64>> = both().map(|(_, belongs)| vec![1.0, belongs]).collect();
    let clusters: Vec<&str> = both().map(|((_, cluster), _)| *cluster).collect();
    // No fit, for instance with one patient: the difference is known, its error is not.
    let fit = stats::clustered_regression(&values, &rows, &clusters);
    let mean = |of: &[(f64, &str)]| of.iter().map(|(value, _)| value).sum::<f64>() / of.len() as f64;
    Some(Ours {
        value: mean(taken) - mean(baseline),
        // As for a mean: no variation is no knowledge.
        interval: fit
            .and_then(|fit| fit.interval(1))
            .filter(|(low, high)| high > low)
            .map(|(low, high)| [low, high]),
        n: taken.len() + baseline.len(),
        fewest: taken.len().min(baseline.len()),
        clusters: clusters.iter().collect::<BTreeSet<_>>().len(),
        estimator: "difference of means, cluster-robust t".to_owned(),
    })
}
