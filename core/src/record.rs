//! Answers, records and scores: what a run leaves behind for each question.

use crate::fault::Fault;
use crate::prompt::Prompt;
use crate::question::Question;
use crate::reply::Reply;
use serde::{Deserialize, Serialize};

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerState {
    /// An answer was read.
    Answered,
    /// The model said that it cannot tell.
    Abstained,
    /// No answer could be read from the reply.
    Unparsed,
    /// The model or a filter declined.
    Refused,
    /// The token limit was reached before the answer.
    Truncated,
    /// No reply after all retries: infrastructure. Never scored as wrong, never dropped silently.
    Failed,
}

impl AnswerState {
    /// All six.
    pub const ALL: [AnswerState; 6] =
        [Self::Answered, Self::Abstained, Self::Unparsed, Self::Refused, Self::Truncated, Self::Failed];

    /// Lower-case word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Abstained => "abstained",
            Self::Unparsed => "unparsed",
            Self::Refused => "refused",
            Self::Truncated => "truncated",
            Self::Failed => "failed",
        }
    }
}

/// An answer read from a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What became of the question.
    pub state: AnswerState,
    /// The value: one of the question's options where the reply named one, else the words it used.
    pub value: Option<String>,
    /// Names of the reading rules that fired, e.g. `wrong_register`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

impl Answer {
    /// An answer with a value.
    pub fn answered(value: impl Into<String>) -> Self {
        Self { state: AnswerState::Answered, value: Some(value.into()), flags: Vec::new() }
    }

    /// No value.
    pub fn without_value(state: AnswerState) -> Self {
        Self { state, value: None, flags: Vec::new() }
    }

    /// Adds the name of a reading rule that fired.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }
}

/// One question asked of one arm in one trial, and what came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Name of the arm.
    pub arm: String,
    /// The question.
    pub question: Question,
    /// 0 for the first trial.
    pub trial: u32,
    /// What was sent.
    pub prompt: Prompt,
    /// What came back.
    pub reply: Option<Reply>,
    /// Why nothing came back.
    pub fault: Option<Fault>,
    /// The answer read from the reply.
    pub answer: Answer,
}

impl Record {
    /// Whether the answer is the right one.
    pub fn is_right(&self) -> bool {
        self.answer.state == AnswerState::Answered
            && self.answer.value.as_deref() == Some(self.question.truth.as_str())
    }
}

/// A metric's verdict on one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The record's own value.
    pub value: f64,
    /// Additive statistics: summed over records, they give the figure through `Metric::finish`.
    pub stats: Vec<f64>,
}

impl Score {
    /// A value of which the figure is the mean.
    pub fn mean(value: f64) -> Self {
        Self { value, stats: vec![value, 1.0] }
    }
}

/// A record with its score.
#[derive(Debug, Clone)]
pub struct ScoredRecord<'a> {
    /// The record.
    pub record: &'a Record,
    /// Its score; `None` when the metric does not apply.
    pub score: Option<Score>,
}

/// All records of one arm and one table cell, for metrics that summarise by themselves.
#[derive(Debug, Clone)]
pub struct Scored<'a> {
    /// Records with scores, ordered by question id and trial.
    pub records: Vec<ScoredRecord<'a>>,
    /// Seed for resampling.
    pub seed: u64,
    /// Bootstrap replicates.
    pub replicates: u32,
}

/// One figure with its uncertainty. Never a number alone: estimator, n, clusters and interval stand beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The figure; `None` when nothing was scored.
    pub value: Option<f64>,
    /// Records scored.
    pub n: usize,
    /// Clusters among them.
    pub clusters: usize,
    /// Standard error by cluster, `None` below two clusters.
    pub standard_error: Option<f64>,
    /// 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// What made figure and interval, e.g. `mean, cluster-robust t`.
    pub estimator: String,
    /// Further intervals by name, e.g. `pooled Beta(1,1)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<(String, [f64; 2])>,
    /// Values per record where a value depends on the whole corpus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Option<f64>>>,
}

impl Summary {
    /// Nothing was scored.
    pub fn nothing() -> Self {
        Self {
            value: None,
            n: 0,
            clusters: 0,
            standard_error: None,
            interval: None,
            estimator: "mean".to_owned(),
            others: Vec::new(),
            values: None,
        }
    }
}

impl From<crate::stats::MeanEstimate> for Summary {
    fn from(estimate: crate::stats::MeanEstimate) -> Self {
        let ends = |(low, high)| [low, high];
        Self {
            value: Some(estimate.mean),
            n: estimate.n,
            clusters: estimate.clusters,
            standard_error: estimate.se,
            interval: estimate.interval.map(ends),
            estimator: estimate.estimator,
            others: estimate
                .pooled
                .map(|pooled| ("pooled Beta(1,1)".to_owned(), ends(pooled)))
                .into_iter()
                .collect(),
            values: None,
        }
    }
}
