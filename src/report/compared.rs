//! Paired comparisons in words.

use super::figures::{NONE, maybe, number, range};
use super::profiles::is_variant;
use situs_core::run::{Comparison, RunSummary};

/// Columns of the comparison table.
pub(super) const COLUMNS: [&str; 6] = ["metric", "arms", "difference [95 %]", "n", "clusters", "p (Holm)"];

/// Comparisons beyond which a terminal shows the leading metric alone.
const MANY: usize = 12;

/// The comparisons that a terminal shows: all of them, or where there are many those of the first metric between arms
/// that do not read the answers.
pub(super) fn told(summary: &RunSummary, all: bool) -> Vec<&Comparison> {
    let leading =
        summary.comparisons.iter().find(|one| !is_variant(&one.metric)).map(|first| first.metric.as_str());
    let honest = |name: &str| summary.arms.iter().any(|arm| arm.name == name && arm.stamps.is_empty());
    summary
        .comparisons
        .iter()
        .filter(|one| {
            let few = summary.comparisons.len() <= MANY;
            let leads = Some(one.metric.as_str()) == leading && honest(&one.a) && honest(&one.b);
            all || !is_variant(&one.metric) && (few || leads)
        })
        .collect()
}

/// One row of the comparison table.
pub(super) fn row(comparison: &Comparison) -> Vec<String> {
    vec![
        comparison.metric.clone(),
        format!("{} - {}", comparison.a, comparison.b),
        comparison_text(comparison.difference, comparison.interval),
        comparison.n.to_string(),
        comparison.clusters.to_string(),
        comparison.p_holm.map_or_else(|| NONE.to_owned(), |p| maybe(Some(p))),
    ]
}

/// Columns of the table of contrasts.
pub(super) const CONTRAST_COLUMNS: [&str; 6] =
    ["arm", "metric", "levels", "difference [95 %]", "pairs", "clusters"];

/// Paired factor contrasts, one row each.
pub(super) fn contrasts(summary: &RunSummary) -> Vec<Vec<String>> {
    let of_arms =
        summary.arms.iter().flat_map(|arm| arm.contrasts.iter().map(move |contrast| (arm, contrast)));
    of_arms
        .map(|(arm, contrast)| {
            vec![
                arm.name.clone(),
                contrast.metric.clone(),
                format!("{}: {} - {}", contrast.facet, contrast.a, contrast.b),
                comparison_text(contrast.difference, contrast.interval),
                contrast.n.to_string(),
                contrast.clusters.to_string(),
            ]
        })
        .collect()
}

/// `+0.131 [0.090, 0.171]`.
pub(super) fn comparison_text(difference: f64, interval: Option<[f64; 2]>) -> String {
    let sign = if difference > 0.0 { "+" } else { "" };
    let beside = interval.map_or_else(String::new, |interval| format!(" {}", range(interval)));
    format!("{sign}{}{beside}", number(difference))
}
