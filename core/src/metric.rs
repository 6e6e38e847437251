//! Metrics: from a record to a score, and from scores to a figure.

use crate::build_context::BuildContext;
use crate::fault::Fault;
use crate::record::{Record, Score, Scored, Summary};
use crate::reply::{Consultation, Replies};
use std::cell::Cell;

thread_local! {
    /// The metric whose default body of `consult` or `summarise` ran last, by address.
    static DEFAULT: Cell<usize> = const { Cell::new(0) };
}

/// Calls a metric and tells whether its own default body answered: across a plug-in boundary the host then asks no more,
/// and need not send all records for every cell of every table.
pub(crate) fn left_to_default<T>(metric: &dyn Metric, call: impl FnOnce() -> T) -> (T, bool) {
    DEFAULT.set(0);
    let given = call();
    (given, DEFAULT.replace(0) == address(metric))
}

fn address<M: Metric + ?Sized>(metric: &M) -> usize {
    std::ptr::from_ref(metric).cast::<()>().addr()
}

/// A figure of merit.
pub trait Metric: Send + Sync {
    /// The settings that decide the number, in one line, e.g. `tok:13a|smooth:exp`: they stand beside it in manifest and
    /// summary. `None`: the parameters in the manifest say it all.
    fn signature(&self) -> Option<String> {
        None
    }

    /// A pool of consultations that several metrics share: what one of them was answered is not asked again for
    /// another. Within a pool, equal keys with equal prompts mean the same request. `None`: the metric's own.
    fn pool(&self) -> Option<&str> {
        None
    }

    /// Judge requests for a batch of records; empty when nothing (more) is needed. At most 8 rounds.
    ///
    /// # Errors
    /// When the metric itself is broken.
    fn consult(&self, _batch: &[Record], _replies: &Replies) -> Result<Vec<Consultation>, Fault> {
        DEFAULT.set(address(self));
        Ok(Vec::new())
    }

    /// The record's score; `None` when the metric does not apply to it. Records in state `Failed` never get here.
    ///
    /// # Errors
    /// When the metric itself is broken.
    fn score(&self, record: &Record, replies: &Replies) -> Result<Option<Score>, Fault>;

    /// The figure from summed statistics.
    ///
    /// # Errors
    /// When the sums have another width.
    fn finish(&self, sums: &[f64]) -> Result<f64, Fault> {
        mean(sums)
    }

    /// A summary of its own; `None`: the engine takes clustered errors for means and bootstraps the rest.
    ///
    /// # Errors
    /// When the metric itself is broken.
    fn summarise(&self, _scored: &Scored<'_>) -> Result<Option<Summary>, Fault> {
        DEFAULT.set(address(self));
        Ok(None)
    }
}

/// The first sum over the second one: what most figures are.
///
/// # Errors
/// When there are fewer than two sums.
pub(crate) fn mean(sums: &[f64]) -> Result<f64, Fault> {
    match sums {
        [total, count, ..] => Ok(total / count),
        _ => Err(Fault::internal(format!("expected at least two sums, found {}", sums.len()))),
    }
}

/// Parameters of a metric.
#[typetag::serde(tag = "use")]
pub trait MetricSpec: Send + Sync + std::fmt::Debug {
    /// Builds the metric.
    ///
    /// # Errors
    /// Config faults name the parameter in `Fault::at`.
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Metric>, Fault>;
}
