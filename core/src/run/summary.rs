//! `summary.json`: what a run found, without times, byte-identical from run to run.

use crate::config::Control;
use crate::question::Reasons;
use crate::record::Summary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The whole summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Format: `situs-summary-1`.
    pub format: String,
    /// Suite or config name.
    pub suite: String,
    /// Data set name.
    pub dataset: String,
    /// Family name and version.
    pub family: String,
    /// Run seed.
    pub seed: u64,
    /// Profile of the metrics whose names carry none (`jury` beside `jury@upstream`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// From cases to questions.
    pub plan: PlanCounts,
    /// One per arm, in config order.
    pub arms: Vec<ArmSummary>,
    /// Paired differences between arms on the same questions.
    pub comparisons: Vec<Comparison>,
    /// Composite figures declared in the config, per arm.
    #[serde(default)]
    pub composites: Vec<CompositeFigure>,
    /// Every arm under a control beside its plain arm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<ControlFigure>,
    /// Per arm: questions that stand in the run for several patients in the same words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<RepeatedFigure>,
    /// Settings that decide a metric's number, for metrics that tell them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signatures: BTreeMap<String, String>,
}

/// An arm under a control beside its plain arm, on the questions that both answered. Right and wrong count as in the
/// column `above chance`: whatever is not the right answer is wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlFigure {
    /// The control.
    pub control: Control,
    /// The arm under it.
    pub arm: String,
    /// The plain arm.
    pub plain: String,
    /// Right answers under the control.
    pub accuracy: Summary,
    /// Right answers of the plain arm.
    pub accuracy_plain: Summary,
    /// The first minus the second.
    pub difference: Summary,
    /// The first over the second. Without pictures this is the prior reliance: the share of the score that needs none.
    pub kept: Summary,
    /// Questions answered alike, right or wrong.
    pub same_answers: Summary,
    /// Questions that the control could not be applied to, by reason.
    pub dropped: Reasons,
}

/// One arm's answers to questions in the same words about different patients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepeatedFigure {
    /// Arm.
    pub arm: String,
    /// Questions among them.
    pub questions: usize,
    /// Share of texts whose questions were all answered alike; `n` is the number of texts.
    pub same_answers: Summary,
    /// Share of texts whose truths are all alike: what a reader of pictures would come to.
    pub same_truths: Summary,
}

/// The funnel from cases to questions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanCounts {
    /// Cases of the data set.
    pub cases: usize,
    /// Cases that could be read.
    pub usable: usize,
    /// Cases with at least one question.
    pub asked: usize,
    /// Questions in the pool.
    pub pool: u64,
    /// Pool per modality.
    pub pool_by_modality: BTreeMap<String, u64>,
    /// Cases asked per modality, to print the pool per scan.
    pub asked_by_modality: BTreeMap<String, u64>,
    /// Questions selected.
    pub selected: u64,
    /// Questions dropped because they could not be drawn, by reason.
    pub dropped: Reasons,
    /// Why pairs and cells were left out of the pool, by reason.
    pub left_out: Reasons,
    /// Remarks of the readers: `code` to the number of cases.
    #[serde(default)]
    pub warnings: Reasons,
    /// Damaged cases: name and fault.
    pub damaged: BTreeMap<String, String>,
}

/// One table cell: never a number alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Records.
    pub n: usize,
    /// Clusters (patients, else volumes).
    pub clusters: usize,
    /// Records per answer state (`answered`, `unparsed`, ...; states with none are left out).
    pub states: BTreeMap<String, usize>,
    /// Records from which an answer was read, as a share of all that did not fail.
    pub parse_rate: Option<f64>,
    /// Mean chance level.
    pub chance: Option<f64>,
    /// Share of right answers (everything else that did not fail is wrong) minus the mean chance level.
    #[serde(default)]
    pub above_chance: Option<f64>,
    /// Figures by metric name.
    pub figures: BTreeMap<String, Summary>,
}

/// A composite figure of one arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompositeFigure {
    /// Name, as the config declares it.
    pub name: String,
    /// Arm.
    pub arm: String,
    /// The figure.
    pub figure: Summary,
}

/// What one facet changes, on questions that are alike in everything else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// Facet.
    pub facet: String,
    /// First level.
    pub a: String,
    /// Second level.
    pub b: String,
    /// Metric.
    pub metric: String,
    /// Mean of a - b over pairs.
    pub difference: f64,
    /// Clustered 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// Pairs: same case, same structures, all other facets alike.
    pub n: usize,
    /// Clusters among them.
    pub clusters: usize,
}

/// A marginal table over one facet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FacetTable {
    /// Facet.
    pub facet: String,
    /// Levels in order, each with its cell.
    pub rows: Vec<(String, Cell)>,
}

/// One arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmSummary {
    /// Name.
    pub name: String,
    /// Model.
    pub model: String,
    /// Sampler.
    pub sampler: String,
    /// What was changed in what the model was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
    /// Marks for the reader, e.g. `reads answers`.
    pub stamps: Vec<String>,
    /// Requests that were never made: the run was interrupted, and its figures are of a part.
    #[serde(default)]
    pub missing: u64,
    /// All records.
    pub overall: Cell,
    /// Named parts of the questions, as the config declares them (`mark-only`: what only sight can answer).
    pub slices: BTreeMap<String, Cell>,
    /// Marginal tables.
    pub facets: Vec<FacetTable>,
    /// Paired factor contrasts, for facets two of whose levels share pairs.
    #[serde(default)]
    pub contrasts: Vec<Contrast>,
}

/// A paired difference of two arms on the same questions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Metric.
    pub metric: String,
    /// First arm.
    pub a: String,
    /// Second arm.
    pub b: String,
    /// Mean of a - b.
    pub difference: f64,
    /// Clustered 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// Questions both answered.
    pub n: usize,
    /// Clusters among them.
    pub clusters: usize,
    /// Two-sided p of the sign-flip test by cluster, adjusted by Holm over all comparisons of the run.
    pub p_holm: Option<f64>,
}
