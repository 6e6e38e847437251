//! What is asked of a step, and what can be wrong with it.

use crate::simd::MAX_NEIGHBORS;
use crate::{NeighborTable, Refused, RowFault, Truncation};
use std::fmt;

/// Most candidates of a row that is rescored. Rules that leave more are refused, by top-k before the step and by mass at
/// it; a plain draw has no such limit.
pub const MAX_CANDIDATES: usize = 1024;
/// Lowest temperature; below, f32 has no room for the scale.
pub const MIN_TEMPERATURE: f64 = 1e-6;
/// Highest temperature.
pub const MAX_TEMPERATURE: f64 = 1e6;
/// Most neighbors of a candidate that are weighed.
pub const MOST_KEPT_NEIGHBORS: usize = MAX_NEIGHBORS;
/// Most rows of one batch.
pub const MAX_ROWS: usize = 512;

/// How candidates are scored. `p` is the probability of the candidate, `mass` that of its neighborhood: the sum over
/// its neighbors, itself included, of `max(0, cosine) * p(neighbor)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Score {
    /// `mass`.
    Support,
    /// `ln p - alpha * (mass - p)`.
    Crowding {
        /// Weight of the neighbors' mass.
        alpha: f64,
    },
}

/// How a candidate is chosen by score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Select {
    /// The highest score; ties to the higher logit, then to the lower id.
    Argmax,
    /// A draw in proportion to the score to the power of `1 / tau`: the softmax of its logarithm. A score that is a
    /// logarithm is taken as it is.
    Proportional {
        /// Divides the logarithms; 1 draws in proportion to the score.
        tau: f64,
    },
    /// A draw from the softmax of the score itself.
    Softmax {
        /// Divides the scores.
        tau: f64,
    },
}

/// Over which tokens probabilities are normalised, and which neighbors count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mass {
    /// The whole vocabulary.
    Full,
    /// The candidates alone.
    Renormalised,
}

/// The default rule over the candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// The most probable token.
    Greedy,
    /// A draw from the truncated softmax.
    Draw,
}

/// Rescoring of the candidates by their neighbors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rescore {
    /// Neighbors of a candidate that are weighed, the candidate itself included.
    pub neighbors: usize,
    /// Only the leading neighbors with at least this cosine are.
    pub threshold: Option<f32>,
    /// The score.
    pub score: Score,
    /// The choice.
    pub select: Select,
    /// The probabilities.
    pub mass: Mass,
}

impl Rescore {
    /// Checks the ranges, and the table's width when there is one.
    ///
    /// # Errors
    /// The first parameter outside its range.
    pub fn check(&self) -> Result<(), Refused> {
        let refuse = |field, reason| Err(Refused { field, reason });
        if !(1..=MAX_NEIGHBORS).contains(&self.neighbors) {
            return refuse("neighbors", format!("must be 1 to {MAX_NEIGHBORS}, found {}", self.neighbors));
        }
        if let Some(threshold) = self.threshold.filter(|value| !(-1.0..=1.0).contains(value)) {
            return refuse("threshold", format!("must be a cosine from -1 to 1, found {threshold}"));
        }
        if let Select::Proportional { tau } | Select::Softmax { tau } = self.select
            && !(MIN_TEMPERATURE..=MAX_TEMPERATURE).contains(&tau)
        {
            return refuse("tau", format!("must be {MIN_TEMPERATURE} to {MAX_TEMPERATURE}, found {tau}"));
        }
        if let Score::Crowding { alpha } = self.score
            && !(0.0..=MAX_TEMPERATURE).contains(&alpha)
        {
            return refuse("alpha", format!("must be 0 to {MAX_TEMPERATURE}, found {alpha}"));
        }
        Ok(())
    }
}

/// Checks the truncation of a plain step: the ranges of [`Truncation::check`], and a temperature of 0 or one that f32
/// has room for.
///
/// # Errors
/// The first parameter outside its range.
pub fn check_plain(rule: &Truncation) -> Result<(), Refused> {
    rule.check()?;
    if rule.temperature != 0.0 && !(MIN_TEMPERATURE..=MAX_TEMPERATURE).contains(&rule.temperature) {
        let found = rule.temperature;
        let reason = format!("must be 0, or {MIN_TEMPERATURE} to {MAX_TEMPERATURE}; found {found}");
        return Err(Refused { field: "temperature", reason });
    }
    Ok(())
}

/// Checks the truncation of a step that is rescored: as [`check_plain`], without temperature 0, and at most
/// [`MAX_CANDIDATES`].
///
/// # Errors
/// The first parameter outside its range.
pub fn check_truncation(rule: &Truncation) -> Result<(), Refused> {
    rule.check()?;
    if !(MIN_TEMPERATURE..=MAX_TEMPERATURE).contains(&rule.temperature) {
        let reason =
            format!("must be {MIN_TEMPERATURE} to {MAX_TEMPERATURE} here, found {}", rule.temperature);
        return Err(Refused { field: "temperature", reason });
    }
    match rule.top_k {
        Some(k) if k > MAX_CANDIDATES => {
            let reason =
                format!("must be at most {MAX_CANDIDATES}, the most candidates of a step; found {k}");
            Err(Refused { field: "top_k", reason })
        }
        _ => Ok(()),
    }
}

/// Why a row got no token.
#[derive(Debug, Clone, PartialEq)]
pub enum StepFault {
    /// The logits cannot be used.
    Row(RowFault),
    /// A parameter is outside its range.
    Refused(Refused),
    /// More than [`MAX_CANDIDATES`] tokens remain after truncation.
    Candidates {
        /// The limit.
        limit: usize,
    },
    /// The table describes another vocabulary.
    Vocabulary {
        /// Rows of the table.
        table: usize,
        /// Width of the row of logits.
        logits: usize,
    },
    /// The rule asks for more neighbors than the table stores.
    Neighbors {
        /// Neighbors asked for.
        asked: usize,
        /// Neighbors stored.
        stored: usize,
    },
    /// A candidate's row of the table is missing, or names a token outside the vocabulary.
    Table {
        /// The candidate.
        token: u32,
    },
    /// Rescoring was asked for without a table.
    NoTable,
    /// More than [`MAX_ROWS`] rows at once.
    Batch {
        /// Rows given.
        rows: usize,
    },
}

impl From<RowFault> for StepFault {
    fn from(fault: RowFault) -> Self {
        Self::Row(fault)
    }
}

impl From<Refused> for StepFault {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl fmt::Display for StepFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(fault) => fault.fmt(f),
            Self::Refused(refused) => write!(f, "{}: {}", refused.field, refused.reason),
            Self::Candidates { limit } => {
                write!(f, "more than {limit} tokens remain after truncation; set top_k to at most {limit}")
            }
            Self::Vocabulary { table, logits } => {
                write!(f, "the neighbor table has {table} rows, the logits have {logits}")
            }
            Self::Neighbors { asked, stored } => {
                write!(f, "{asked} neighbors are asked for, the table stores {stored}")
            }
            Self::Table { token } => write!(f, "the neighbor table is damaged at token {token}"),
            Self::NoTable => f.write_str("rescoring needs a neighbor table"),
            Self::Batch { rows } => write!(f, "{rows} rows at once, at most {MAX_ROWS} are taken"),
        }
    }
}

impl std::error::Error for StepFault {}

/// Whether a table serves a rule and a row.
///
/// # Errors
/// Another vocabulary, or fewer neighbors than asked for.
pub(crate) fn fits(table: &NeighborTable, rescore: &Rescore, width: usize) -> Result<(), StepFault> {
    if table.rows != width {
        return Err(StepFault::Vocabulary { table: table.rows, logits: width });
    }
    if table.k < rescore.neighbors {
        return Err(StepFault::Neighbors { asked: rescore.neighbors, stored: table.k });
    }
    Ok(())
}
