//! The `[run]` table: how many questions, which tables, how stubborn.

use super::Control;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

crate::component_table! {
    /// How a run selects, repeats, retries and reports.
    #[allow(missing_docs)]
    pub struct RunTable {
        /// Name of the suite; default: the file's stem.
        pub name: Option<String> = None,
        /// Published table that `situs reproduce` compares with by default.
        pub published: Option<String> = None,
        /// Seed of every draw.
        pub seed: u64 = 0,
        /// Questions to select from the pool, balanced over cells; none: the whole pool.
        pub questions: Option<u64> = None,
        /// Questions to select per level of `quota_facet`; levels not named keep their whole pool.
        pub quota: BTreeMap<String, u64> = BTreeMap::new(),
        /// Facet whose levels `quota` names.
        pub quota_facet: String = "modality".to_owned(),
        /// Replies per question.
        pub trials: u32 = 1,
        /// Show every volume mirrored left to right, with the names' sides swapped: a reader of priors fails.
        pub mirrored: bool = false,
        /// Controls under which every plain arm is asked once more, as an arm of its own: no-image, blank,
        /// wrong-patient, mirror, shuffled-slices, shuffled-options.
        pub controls: Vec<Control> = Vec::new(),
        /// Facets with a table of their own in summary and report; empty: every facet with two to 24 levels.
        pub facets: Vec<String> = Vec::new(),
        /// Named parts of the questions with a figure of their own.
        pub slices: BTreeMap<String, Slice> = BTreeMap::new(),
        /// What the report calls the profile of metrics whose names carry none: `jury` beside `jury@upstream`.
        pub profile: Option<String> = None,
        /// Failed questions that are still a success.
        pub max_failures: u64 = 0,
        /// Tries per request after the first, for faults that may pass.
        pub retries: u32 = 5,
        /// First pause before a retry in milliseconds; doubled each time, at most one minute.
        pub backoff_ms: u64 = 500,
        /// Most requests at once per server; none: what the backend says.
        pub max_connections: Option<usize> = None,
        /// Memory for volumes, in MB.
        pub cache_mb: u64 = 2048,
        /// Bootstrap replicates for figures that are no means.
        pub bootstrap: u32 = 10_000,
        /// Intervals of means: "robust" (by clustered errors) or "bootstrap" (clusters drawn anew, percentiles).
        pub intervals: Intervals = Intervals::Robust,
    }
}

impl RunTable {
    /// Refuses values that no run can have.
    ///
    /// # Errors
    /// A config fault with the field.
    pub fn check(&self) -> Result<(), Fault> {
        if self.trials == 0 {
            return Err(Fault::config("must be at least 1, found 0").at("trials"));
        }
        if self.questions == Some(0) {
            return Err(Fault::config("must be at least 1, found 0").at("questions"));
        }
        if let Some(twice) =
            self.controls.iter().enumerate().find(|(at, one)| self.controls[..*at].contains(one))
        {
            return Err(Fault::config(format!("'{}' is named twice", twice.1)).at(twice.0).at("controls"));
        }
        if self.max_connections == Some(0) {
            return Err(Fault::config("must be at least 1, found 0").at("max_connections"));
        }
        if self.cache_mb == 0 {
            return Err(Fault::config("must be at least 1, found 0").at("cache_mb"));
        }
        if self.bootstrap < 100 {
            return Err(
                Fault::config(format!("must be at least 100, found {}", self.bootstrap)).at("bootstrap")
            );
        }
        Ok(())
    }
}

/// How intervals of means are made; figures that are no means are bootstrapped either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intervals {
    /// Student's t on errors by cluster.
    Robust,
    /// Percentiles over clusters drawn with replacement.
    Bootstrap,
}

/// A part of the questions: those whose facets have one of the listed levels, for every facet listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slice {
    /// Allowed levels by facet.
    pub facets: BTreeMap<String, Vec<String>>,
}

impl Slice {
    /// Whether a question's facets fall into this part.
    pub fn holds(&self, facets: &BTreeMap<String, String>) -> bool {
        self.facets
            .iter()
            .all(|(facet, levels)| facets.get(facet).is_some_and(|level| levels.contains(level)))
    }
}

/// What a composite does when one of its parts has no figure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingCells {
    /// The composite has none either.
    #[default]
    Void,
    /// The mean is taken over the others.
    Skip,
    /// It counts as zero.
    Zero,
}

/// One part of a composite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompositePart {
    /// Questions.
    #[serde(default)]
    pub filter: Slice,
    /// Metric, by its name in the config; `above_chance` needs none: right answers above chance, as in every table.
    pub metric: String,
    /// Weight; default 1.
    #[serde(default = "one")]
    pub weight: f64,
}

fn one() -> f64 {
    1.0
}

/// A figure composed of others: the weighted mean of named cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composite {
    /// Name in tables.
    pub name: String,
    /// Parts.
    pub parts: Vec<CompositePart>,
    /// What to do when a part has no figure.
    #[serde(default)]
    pub missing: MissingCells,
}
