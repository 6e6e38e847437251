//! Figures that the run's own report gives: what judges decided, and what only its config says how to compute.

use super::ours::Ours;
use crate::published::{Published, PublishedCell, TableMetric};
use situs_core::fault::Fault;
use situs_core::record::Summary;
use situs_core::run::{RunSummary, read_json};
use std::collections::BTreeMap;
use std::path::Path;

/// The figures of a run's report that a table asks for.
pub(super) struct Reported {
    /// Name of the run's metric by the name that cells use.
    names: BTreeMap<String, String>,
    /// `None` where the run was not scored, or where nothing is asked of its report.
    summary: Option<RunSummary>,
}

impl Reported {
    /// Reads the report, if the table needs it and the run has one.
    ///
    /// # Errors
    /// When it is damaged.
    pub(super) fn of(table: &Published, run: &Path) -> Result<Self, Fault> {
        let names: BTreeMap<String, String> = table
            .metrics
            .iter()
            .filter_map(|(name, metric)| match metric {
                TableMetric::Run(of_run) => Some((name.clone(), of_run.run.clone())),
                TableMetric::Built(_) => None,
            })
            .collect();
        let path = run.join("summary.json");
        let wanted = !names.is_empty() && path.exists();
        Ok(Self { names, summary: if wanted { Some(read_json(&path)?) } else { None } })
    }

    /// The figure of one arm; `None` where the run has no such metric, or it scored nothing.
    pub(super) fn ours(&self, cell: &PublishedCell, arm: &str) -> Option<Ours> {
        let name = self.names.get(&cell.metric)?;
        let arm = self.summary.as_ref()?.arms.iter().find(|one| one.name == arm)?;
        let Summary { value, n, clusters, interval, estimator, .. } = arm.overall.figures.get(name)?.clone();
        Some(Ours { value: value?, interval, n, fewest: n, clusters, estimator })
    }
}
