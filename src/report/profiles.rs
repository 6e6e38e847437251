//! One measure under several rules, side by side: metrics called NAME@PROFILE beside NAME, which is of the run's own
//! profile.

use super::figures::{NONE, estimate};
use situs_core::run::{Cell, RunSummary};
use std::collections::BTreeSet;

/// Between a metric's name and the profile it is of.
const JOINT: char = '@';

/// Whether a figure belongs to the table of profiles alone.
pub(super) fn is_variant(metric: &str) -> bool {
    metric.contains(JOINT)
}

/// A table of measures under several rules.
pub(super) struct Profiles {
    /// Names of columns: part of the questions where it is not all of them, metric, arm, profiles.
    pub(super) header: Vec<String>,
    /// One row a metric and arm.
    pub(super) rows: Vec<Vec<String>>,
}

/// The table over all questions, or with `parts` over every named part of them as well; `None` where no metric has a
/// second profile. The run's own profile stands last.
pub(super) fn profiles(summary: &RunSummary, parts: bool) -> Option<Profiles> {
    let names: BTreeSet<&str> =
        summary.arms.iter().flat_map(|arm| arm.overall.figures.keys()).map(String::as_str).collect();
    let variants: Vec<(&str, &str)> = names.iter().filter_map(|name| name.split_once(JOINT)).collect();
    if variants.is_empty() {
        return None;
    }
    let metrics: BTreeSet<&str> = variants.iter().map(|(metric, _)| *metric).collect();
    let others: BTreeSet<&str> = variants.iter().map(|(_, profile)| *profile).collect();
    let own = summary.profile.as_deref().unwrap_or("as configured");
    let mut header = if parts { vec!["part".to_owned()] } else { Vec::new() };
    header.extend(["metric", "arm"].map(str::to_owned));
    header.extend(others.iter().map(|profile| (*profile).to_owned()));
    header.push(own.to_owned());
    let row = |part: &str, metric: &str, arm: &str, cell: &Cell| {
        let figure = |name: &str| cell.figures.get(name).map_or_else(|| NONE.to_owned(), estimate);
        let mut row = if parts { vec![part.to_owned()] } else { Vec::new() };
        row.extend([metric.to_owned(), arm.to_owned()]);
        row.extend(others.iter().map(|profile| figure(&format!("{metric}{JOINT}{profile}"))));
        row.push(figure(metric));
        row
    };
    let mut rows = Vec::new();
    for metric in metrics {
        for arm in &summary.arms {
            rows.push(row("all", metric, &arm.name, &arm.overall));
        }
        let of_parts = summary.arms.iter().filter(|_| parts);
        for (arm, name, cell) in
            of_parts.flat_map(|arm| arm.slices.iter().map(move |(name, cell)| (arm, name, cell)))
        {
            rows.push(row(name, metric, &arm.name, cell));
        }
    }
    Some(Profiles { header, rows })
}
