//! The report as one HTML page: no network, no script library, pictures by relative link.

use super::{compared, controls, figures, gallery, profiles};
use crate::published;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};
use serde::Serialize;
use situs_core::fault::Fault;
use situs_core::record::{AnswerState, Record};
use situs_core::run::{Cell, RunSummary};
use std::collections::BTreeSet;

const PAGE: &str = include_str!("page.html");

/// Width of the bar's axis in SVG units.
const AXIS: f64 = 100.0;

/// The page. Pictures of the samples are linked as `media/<digest>.png`, so it belongs into the run folder.
///
/// # Errors
/// Only when the page's own template is broken.
pub(crate) fn html(summary: &RunSummary, samples: &[Record]) -> Result<String, Fault> {
    let broken =
        |error: minijinja::Error| Fault::internal(format!("the report page cannot be made: {error:#}"));
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment
        .set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(broken)?);
    environment.add_template("page.html", PAGE).map_err(broken)?;
    let page = environment.get_template("page.html").map_err(broken)?;
    let (profile_columns, profiles) =
        profiles::profiles(summary, true).map(|table| (table.header, table.rows)).unwrap_or_default();
    let content = Page {
        summary,
        profile_columns,
        profiles,
        funnel: figures::funnel(summary, &published::pool_per_scan(&summary.family)),
        tables: tables(summary),
        facets: facets(summary),
        composite_columns: figures::COMPOSITE_COLUMNS,
        composites: figures::composites(summary),
        comparison_columns: compared::COLUMNS,
        comparisons: summary.comparisons.iter().map(compared::row).collect(),
        control_columns: controls::COLUMNS,
        controls: controls::rows(summary),
        control_note: controls::NOTE,
        controls_left_out: controls::left_out(summary),
        repeated_columns: controls::REPEATED_COLUMNS,
        repeated: controls::repeated(summary),
        contrast_columns: compared::CONTRAST_COLUMNS,
        contrasts: compared::contrasts(summary),
        family: figures::with_short_digests(&summary.family),
        estimators: figures::estimators(summary),
        signatures: figures::signatures(summary),
        cards: gallery::cards(samples),
        arms: summary.arms.iter().map(|arm| arm.name.as_str()).collect(),
        templates: samples.iter().map(|record| record.question.template.as_str()).collect(),
        states: AnswerState::ALL.map(AnswerState::word),
        version: env!("CARGO_PKG_VERSION"),
    };
    page.render(Serde(&content)).map_err(broken)
}

/// What the page's template reads.
#[derive(Serialize)]
struct Page<'a> {
    summary: &'a RunSummary,
    funnel: Vec<(&'static str, String)>,
    tables: Vec<Shown>,
    facets: Vec<Shown>,
    profile_columns: Vec<String>,
    profiles: Vec<Vec<String>>,
    composite_columns: [&'static str; 5],
    composites: Vec<Vec<String>>,
    comparison_columns: [&'static str; 6],
    comparisons: Vec<Vec<String>>,
    control_columns: [&'static str; 9],
    controls: Vec<Vec<String>>,
    control_note: &'static str,
    controls_left_out: Vec<String>,
    repeated_columns: [&'static str; 5],
    repeated: Vec<Vec<String>>,
    contrast_columns: [&'static str; 6],
    contrasts: Vec<Vec<String>>,
    family: String,
    estimators: String,
    signatures: Vec<(String, String)>,
    cards: Vec<gallery::Card<'a>>,
    arms: Vec<&'a str>,
    templates: BTreeSet<&'a str>,
    states: [&'static str; 6],
    version: &'static str,
}

#[derive(Serialize)]
struct Shown {
    title: String,
    labels: Vec<String>,
    figures: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    labels: Vec<String>,
    stamps: Vec<String>,
    n: String,
    figures: Vec<Estimate>,
    above_chance: String,
    parsed: String,
    chance: String,
    clusters: usize,
    failed: usize,
}

#[derive(Serialize)]
struct Estimate {
    text: String,
    bar: Option<Bar>,
}

/// A bar on an axis from 0 to 1.
#[derive(Serialize)]
struct Bar {
    low: f64,
    width: f64,
    middle: f64,
    chance: Option<f64>,
}

fn tables(summary: &RunSummary) -> Vec<Shown> {
    let label = ["arm".to_owned()];
    let all: Vec<_> =
        summary.arms.iter().map(|arm| (vec![arm.name.clone()], arm.stamps.clone(), &arm.overall)).collect();
    let mut tables = vec![shown("All questions".to_owned(), &label, &all)];
    for slice in figures::slice_names(&summary.arms) {
        let rows: Vec<_> = figures::slice_cells(&summary.arms, &slice)
            .map(|(arm, cell)| (vec![arm.name.clone()], arm.stamps.clone(), cell))
            .collect();
        tables.push(shown(figures::slice_title(&slice), &label, &rows));
    }
    tables
}

fn facets(summary: &RunSummary) -> Vec<Shown> {
    figures::facet_names(&summary.arms)
        .into_iter()
        .map(|facet| {
            let rows: Vec<_> = figures::facet_rows(&summary.arms, &facet)
                .into_iter()
                .map(|(level, arm, cell)| (vec![level, arm.to_owned()], Vec::new(), cell))
                .collect();
            shown(facet.clone(), &[facet, "arm".to_owned()], &rows)
        })
        .collect()
}

fn shown(title: String, labels: &[String], rows: &[(Vec<String>, Vec<String>, &Cell)]) -> Shown {
    let names = figures::figure_names(rows.iter().map(|(.., cell)| *cell));
    let rows = rows
        .iter()
        .map(|(labels, stamps, cell)| Row {
            labels: labels.clone(),
            stamps: stamps.clone(),
            n: figures::thousands(cell.n as u64),
            figures: names.iter().map(|name| figure(cell, name)).collect(),
            above_chance: cell.above_chance.map_or_else(String::new, |value| format!("{value:+.3}")),
            parsed: figures::maybe(cell.parse_rate),
            chance: figures::maybe(cell.chance),
            clusters: cell.clusters,
            failed: figures::failed(cell),
        })
        .collect();
    Shown { title, labels: labels.to_vec(), figures: names, rows }
}

fn figure(cell: &Cell, name: &str) -> Estimate {
    let Some(summary) = cell.figures.get(name) else {
        return Estimate { text: figures::NONE.to_owned(), bar: None };
    };
    let on_axis = |value: f64| (0.0..=1.0).contains(&value);
    let bar = match (summary.value, summary.interval) {
        (Some(value), interval) if on_axis(value) => {
            let [low, high] = interval.unwrap_or([value, value]).map(|end| end.clamp(0.0, 1.0));
            // Chance belongs to being right or wrong; other figures have no chance level.
            let chance = name.contains("accuracy").then_some(cell.chance).flatten();
            Some(Bar {
                low: tenth(low * AXIS),
                width: tenth((high - low) * AXIS),
                middle: tenth(value * AXIS),
                chance: chance.filter(|chance| on_axis(*chance)).map(|chance| tenth(chance * AXIS)),
            })
        }
        _ => None,
    };
    Estimate { text: figures::estimate(summary), bar }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
#[path = "html_tests.rs"]
pub(in crate::report) mod tests;
