//! Rows of the comparison, and how they are printed.

use super::ours::Ours;
use super::verdict::{Verdict, from_published, rule, verdict};
use crate::output;
use crate::published::{Filter, Published, PublishedCell};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// One row: a published cell and one arm of ours.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    cell: &'a str,
    system: &'a str,
    arm: Option<&'a str>,
    published: f64,
    published_n: Option<u64>,
    ours: Option<f64>,
    interval: Option<[f64; 2]>,
    difference: Option<[f64; 2]>,
    n: usize,
    clusters: usize,
    estimator: Option<String>,
    pub(super) verdict: Verdict,
    metric: &'a str,
    filter: &'a Filter,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<&'a Filter>,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

pub(super) fn row<'a>(
    table: &'a Published,
    cell: &'a PublishedCell,
    arm: Option<&'a str>,
    ours: Option<Ours>,
) -> Row<'a> {
    let scale = table.scale_of(cell);
    let scaled = |ends: [f64; 2]| ends.map(|end| end * scale);
    let difference = ours.as_ref().and_then(|ours| from_published(ours, cell, scale));
    Row {
        cell: &cell.id,
        system: cell.system.as_deref().unwrap_or(&table.system),
        arm,
        published: cell.value,
        published_n: cell.n,
        ours: ours.as_ref().map(|ours| ours.value * scale),
        interval: ours.as_ref().and_then(|ours| ours.interval).map(scaled),
        difference: difference.map(scaled),
        n: ours.as_ref().map_or(0, |ours| ours.n),
        clusters: ours.as_ref().map_or(0, |ours| ours.clusters),
        estimator: ours.as_ref().map(|ours| ours.estimator.clone()),
        verdict: verdict(ours.as_ref(), difference),
        metric: &cell.metric,
        filter: &cell.filter,
        baseline: cell.baseline.as_ref(),
        source: &cell.source,
        note: cell.note.as_deref(),
    }
}

pub(super) fn text(table: &Published, rows: &[Row<'_>]) -> String {
    let whose = if table.cells.iter().all(|cell| cell.system.is_some()) {
        "each cell is of the system that it names".to_owned()
    } else {
        format!("figures of {} unless a cell names another system", table.system)
    };
    let mut text = format!("{}\n{}; {whose}\n\n", table.title, table.source);
    let digits = |value: f64| if value.abs() < 1.0 { format!("{value:.3}") } else { format!("{value:.2}") };
    let lines = rows
        .iter()
        .map(|row| {
            vec![
                row.cell.to_owned(),
                row.arm.unwrap_or("-").to_owned(),
                digits(row.published),
                row.ours.map_or_else(|| "-".to_owned(), digits),
                row.interval.map_or_else(
                    || "-".to_owned(),
                    |[low, high]| format!("[{}, {}]", digits(low), digits(high)),
                ),
                row.n.to_string(),
                row.verdict.word().to_owned(),
            ]
        })
        .collect();
    let header = ["cell", "arm", "published", "ours", "95 %", "n", "verdict"];
    text.push_str(&output::table(&header, lines, &[2, 3, 5]));
    text.push('\n');
    let mut noted = BTreeSet::new();
    for row in rows {
        if let Some(note) = row.note.filter(|_| noted.insert(row.cell)) {
            let _ = write!(text, "\n{}: {note}", row.cell);
        }
    }
    let _ = write!(text, "\n{}", rule());
    for note in &table.notes {
        let _ = write!(text, "\nnote: {note}");
    }
    text
}
