//! Metrics: from a record to a score, and from scores to a figure.

use crate::build_context::BuildContext;
use crate::fault::Fault;
use crate::record::{Record, Score, Scored, Summary};
use crate::reply::{Consultation, Replies};

/// A figure of merit.
pub trait Metric: Send + Sync {
    /// Judge requests for a batch of records; empty when nothing (more) is needed. At most 8 rounds.
    ///
    /// # Errors
    /// When the metric itself is broken.
    fn consult(&self, _batch: &[Record], _replies: &Replies) -> Result<Vec<Consultation>, Fault> {
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
        match sums {
            [total, count, ..] => Ok(total / count),
            _ => Err(Fault::internal(format!("expected at least two sums, found {}", sums.len()))),
        }
    }

    /// A summary of its own; `None`: the engine takes clustered errors for means and bootstraps the rest.
    ///
    /// # Errors
    /// When the metric itself is broken.
    fn summarise(&self, _scored: &Scored<'_>) -> Result<Option<Summary>, Fault> {
        Ok(None)
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
