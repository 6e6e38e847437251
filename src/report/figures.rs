//! How numbers are written, in the terminal and on the page alike.

use super::profiles::is_variant;
use situs_core::record::Summary;
use situs_core::run::{ArmSummary, Cell, RunSummary};
use std::collections::BTreeMap;

/// Placeholder where there is no number.
pub(super) const NONE: &str = "-";

/// Three decimals; beyond 100, one.
pub(crate) fn number(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.1}") } else { format!("{value:.3}") }
}

/// Three decimals, or a dash.
pub(crate) fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), number)
}

/// `0.665 [0.601, 0.723]`.
pub(crate) fn estimate(summary: &Summary) -> String {
    match (summary.value, summary.interval) {
        (Some(value), Some(interval)) => format!("{} {}", number(value), range(interval)),
        (value, _) => maybe(value),
    }
}

/// `[0.601, 0.723]`.
pub(super) fn range([low, high]: [f64; 2]) -> String {
    format!("[{}, {}]", number(low), number(high))
}

/// A count with thousands separated: `28,446`.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Names of all figures in these cells, in order; those of further profiles have a table of their own.
pub(super) fn figure_names<'a>(cells: impl Iterator<Item = &'a Cell>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = cells.flat_map(|cell| cell.figures.keys()).collect();
    names.into_iter().filter(|name| !is_variant(name)).cloned().collect()
}

/// `failed` of a cell's states.
pub(super) fn failed(cell: &Cell) -> usize {
    cell.states.get("failed").copied().unwrap_or(0)
}

/// Reasons that are printed; the rest are counted together, and `plan.json` has all.
const MOST_REASONS: usize = 6;

/// Damaged cases that are printed; `plan.json` has all.
const MOST_DAMAGED: usize = 10;

/// `a 12, b 3`, most frequent first.
pub(super) fn tally(counts: &BTreeMap<String, u64>) -> String {
    let mut rows: Vec<(&String, u64)> = counts.iter().map(|(name, count)| (name, *count)).collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let others = rows.split_off(rows.len().min(MOST_REASONS));
    let mut parts: Vec<String> =
        rows.iter().map(|(name, count)| format!("{name} {}", thousands(*count))).collect();
    if !others.is_empty() {
        let count = others.iter().map(|(_, count)| count).sum();
        parts.push(format!("{} other reasons {}", others.len(), thousands(count)));
    }
    parts.join("; ")
}

/// Composite figures, one row each: name, arm, figure with interval, n, clusters.
pub(super) fn composites(summary: &RunSummary) -> Vec<Vec<String>> {
    let rows = summary.composites.iter().map(|composite| {
        let own = &composite.figure;
        let count = |count: usize| if own.value.is_some() { count.to_string() } else { "-".to_owned() };
        vec![composite.name.clone(), composite.arm.clone(), estimate(own), count(own.n), count(own.clusters)]
    });
    rows.collect()
}

/// Columns of [`composites`].
pub(super) const COMPOSITE_COLUMNS: [&str; 5] = ["composite", "arm", "value", "n", "clusters"];

/// What made the figures and intervals: each distinct estimator once.
pub(super) fn estimators(summary: &RunSummary) -> String {
    let cells = summary.arms.iter().flat_map(|arm| std::iter::once(&arm.overall).chain(arm.slices.values()));
    let names: std::collections::BTreeSet<&str> = cells
        .flat_map(|cell| cell.figures.values())
        .chain(summary.composites.iter().map(|composite| &composite.figure))
        .map(|figure| figure.estimator.as_str())
        .collect();
    names.into_iter().collect::<Vec<_>>().join("; ")
}

/// The settings that decide each metric's number, digests cut short.
pub(super) fn signatures(summary: &RunSummary) -> Vec<(String, String)> {
    let of = |(metric, signature): (&String, &String)| (metric.clone(), with_short_digests(signature));
    summary.signatures.iter().map(of).collect()
}

/// Long hexadecimal digests cut to eight digits; the manifest holds them whole.
pub(super) fn with_short_digests(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let mut run = 0;
    for letter in text.chars() {
        run = if letter.is_ascii_hexdigit() { run + 1 } else { 0 };
        short.push(letter);
        if run > LONG_DIGEST {
            short.pop();
        } else if run == LONG_DIGEST {
            short.truncate(short.len() - (LONG_DIGEST - 8));
        }
    }
    short
}

/// Digits from which a run of hexadecimal digits is taken for a digest.
const LONG_DIGEST: usize = 32;

/// The funnel from cases to questions as labelled lines; the pool per scan stands beside the published one.
pub(super) fn funnel(
    summary: &RunSummary,
    published_pool: &BTreeMap<String, u64>,
) -> Vec<(&'static str, String)> {
    let plan = &summary.plan;
    let mut lines = vec![
        ("cases", format!("{}, {} usable, {} with questions", plan.cases, plan.usable, plan.asked)),
        ("questions", format!("{} asked of a pool of {}", thousands(plan.selected), thousands(plan.pool))),
    ];
    let pool = pool_per_scan(summary, published_pool);
    if !pool.is_empty() {
        lines.push(("pool per scan", pool));
    }
    if !plan.left_out.is_empty() {
        lines.push(("left out", tally(&plan.left_out)));
    }
    if !plan.dropped.is_empty() {
        lines.push(("not drawable", tally(&plan.dropped)));
    }
    if !plan.warnings.is_empty() {
        lines.push(("warnings", tally(&plan.warnings)));
    }
    for (case, fault) in plan.damaged.iter().take(MOST_DAMAGED) {
        lines.push(("damaged", format!("{case}: {fault}")));
    }
    if let Some(more) = plan.damaged.len().checked_sub(MOST_DAMAGED + 1) {
        lines.push(("damaged", format!("{} more; plan.json names all", more + 1)));
    }
    lines
}

fn pool_per_scan(summary: &RunSummary, published: &BTreeMap<String, u64>) -> String {
    let plan = &summary.plan;
    let mut parts = Vec::new();
    for (modality, pool) in &plan.pool_by_modality {
        let word = modality.to_uppercase();
        let scans = plan.asked_by_modality.get(modality).copied().unwrap_or(0);
        if scans == 0 {
            continue;
        }
        let mean = (*pool as f64 / scans as f64).round() as u64;
        let beside = published.get(&word).map_or_else(String::new, |n| format!(", paper {}", thousands(*n)));
        parts.push(format!("{word} {} ({scans} scans{beside})", thousands(mean)));
    }
    for (word, count) in published {
        if !plan.pool_by_modality.keys().any(|modality| modality.to_uppercase() == *word) {
            parts.push(format!("{word} none here (paper {})", thousands(*count)));
        }
    }
    parts.join("; ")
}

/// Named parts of the questions, as the config declares them; those without questions are left out.
pub(super) fn slice_names(arms: &[ArmSummary]) -> Vec<String> {
    let asked = arms.iter().flat_map(|arm| arm.slices.iter().filter(|(_, cell)| cell.n > 0));
    let names: std::collections::BTreeSet<&String> = asked.map(|(name, _)| name).collect();
    names.into_iter().cloned().collect()
}

/// Each arm that has the slice, with its cell.
pub(super) fn slice_cells<'a>(
    arms: &'a [ArmSummary],
    slice: &'a str,
) -> impl Iterator<Item = (&'a ArmSummary, &'a Cell)> {
    arms.iter().filter_map(move |arm| Some((arm, arm.slices.get(slice)?)))
}

/// Heading of a slice's table.
pub(super) fn slice_title(slice: &str) -> String {
    format!("Part of the questions: {}", slice.replace('_', "-"))
}

/// All facets of the run, in the order of the first arm that has them.
pub(super) fn facet_names(arms: &[ArmSummary]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for table in arms.iter().flat_map(|arm| &arm.facets) {
        if !names.contains(&table.facet) {
            names.push(table.facet.clone());
        }
    }
    names
}

/// Rows of a marginal table: level, arm, cell; levels together, so that arms can be compared.
pub(super) fn facet_rows<'a>(arms: &'a [ArmSummary], facet: &str) -> Vec<(String, &'a str, &'a Cell)> {
    let tables: Vec<(&str, &situs_core::run::FacetTable)> = arms
        .iter()
        .filter_map(|arm| Some((arm.name.as_str(), arm.facets.iter().find(|table| table.facet == facet)?)))
        .collect();
    let mut levels: Vec<&String> = Vec::new();
    for (level, _) in tables.iter().flat_map(|(_, table)| &table.rows) {
        if !levels.contains(&level) {
            levels.push(level);
        }
    }
    let mut rows = Vec::new();
    for level in levels {
        for (arm, table) in &tables {
            if let Some((_, cell)) = table.rows.iter().find(|(name, _)| name == level) {
                rows.push((level.clone(), *arm, cell));
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators_and_figures_three_decimals() {
        for (count, text) in
            [(0, "0"), (683, "683"), (2757, "2,757"), (33864, "33,864"), (1_000_000, "1,000,000")]
        {
            assert_eq!(thousands(count), text);
        }
        assert_eq!(number(0.66549), "0.665");
        assert_eq!(number(123.456), "123.5");
        assert_eq!(range([0.0, 1.0]), "[0.000, 1.000]");
    }

    #[test]
    fn digests_are_cut_and_words_are_left_alone() {
        let digest = "bf05b541a9f712f38403aa48aac19b8252e4a37a14c6e86f54a64ce83c68c660";
        assert_eq!(
            with_short_digests(&format!("mis-ground 1+{digest}/classes")),
            "mis-ground 1+bf05b541/classes"
        );
        assert_eq!(with_short_digests("added facade deadbeef"), "added facade deadbeef");
    }
}
