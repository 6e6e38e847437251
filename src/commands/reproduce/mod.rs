//! `situs reproduce SUITE RUN`: a run beside a published table, cell by cell.

mod arms;
mod ours;
mod reported;
mod table;
#[cfg(test)]
mod tests;
mod verdict;

use super::Known;
use crate::exit::Failure;
use crate::output;
use crate::published::{Published, TableMetric};
use arms::{compared_arms, named_by, stands_for};
use ours::ours;
use reported::Reported;
use serde::Serialize;
use situs_core::fault::Fault;
use situs_core::metric::Metric;
use situs_core::record::Record;
use situs_core::registry::{BuildContext, Registry};
use situs_core::run::Exit;
use std::collections::BTreeMap;
use std::path::Path;
use table::{Row, row, text};
use verdict::{Verdict, rule};

#[derive(Serialize)]
struct Printed<'a> {
    suite: &'a str,
    title: &'a str,
    source: &'a str,
    run: &'a Path,
    cells: &'a [Row<'a>],
    skipped: &'a [String],
    rule: String,
    notes: &'a [String],
}

pub(super) fn reproduce(
    suite: Option<&str>,
    run: &Path,
    arms: &[String],
    known: &Known<'_>,
    json: bool,
) -> Result<Exit, Failure> {
    let table = match suite {
        Some(suite) => Published::find(suite)?,
        None => Published::find(&named_by(run)?)?,
    };
    let registry = known.registry(None)?;
    let metrics = metrics(&table, &registry)?;
    let reported = Reported::of(&table, run)?;
    let (records, skipped) = compared_arms(&table, run, &registry, arms)?;
    let mut rows = Vec::new();
    for cell in &table.cells {
        let compared: Vec<(&String, &Vec<Record>)> =
            records.iter().filter(|(arm, _)| stands_for(cell, arm)).collect();
        if compared.is_empty() {
            rows.push(row(&table, cell, None, None));
        }
        for (arm, records) in compared {
            let found = match metrics.get(cell.metric.as_str()) {
                Some(metric) => ours(cell, metric.as_ref(), records)?,
                None => reported.ours(cell, arm),
            };
            rows.push(row(&table, cell, Some(arm), found));
        }
    }
    if json {
        output::print_json(&Printed {
            suite: &table.suite,
            title: &table.title,
            source: &table.source,
            run,
            cells: &rows,
            skipped: &skipped,
            rule: rule(),
            notes: &table.notes,
        })?;
    } else {
        output::print(&text(&table, &rows))?;
    }
    if !skipped.is_empty() {
        output::note(&format!(
            "not compared, because there is no vision-language model behind them: {} (--arm NAME compares one)",
            skipped.join(", ")
        ));
    }
    let differs = rows.iter().any(|row| row.verdict == Verdict::Differs);
    Ok(if differs { Exit::Differences } else { Exit::Done })
}

/// The metrics that are computed here; others stand in the run's report.
fn metrics(table: &Published, registry: &Registry) -> Result<BTreeMap<String, Box<dyn Metric>>, Fault> {
    let context = BuildContext::default();
    let built = |(name, metric): (&String, &TableMetric)| match metric {
        TableMetric::Built(params) => {
            Some(registry.build::<dyn Metric>(params, &context).map(|built| (name.clone(), built.component)))
        }
        TableMetric::Run(_) => None,
    };
    table.metrics.iter().filter_map(built).collect()
}
