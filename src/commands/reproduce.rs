//! `situs reproduce SUITE RUN`: a run beside a published table, cell by cell.

use super::unknown;
use crate::exit::Failure;
use crate::output;
use crate::published::{Filter, Published, PublishedCell};
use serde::Serialize;
use situs_core::fault::Fault;
use situs_core::metric::Metric;
use situs_core::record::{AnswerState, Record};
use situs_core::registry::{BuildContext, Registry};
use situs_core::reply::Replies;
use situs_core::run::{Exit, load_records};
use situs_core::stats;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// How ours stands to the published figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// The published figure lies inside our 95 % interval.
    Agrees,
    /// It lies outside.
    Differs,
    /// Nothing to compare: no such records here, or no interval can be given.
    #[serde(rename = "not run")]
    NotRun,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::NotRun => "not run",
        }
    }
}

/// One row: a published cell and one arm of ours.
#[derive(Serialize)]
struct Row<'a> {
    cell: &'a str,
    system: &'a str,
    arm: Option<&'a str>,
    published: f64,
    published_n: Option<u64>,
    ours: Option<f64>,
    interval: Option<[f64; 2]>,
    n: usize,
    clusters: usize,
    estimator: Option<&'static str>,
    verdict: Verdict,
    metric: &'a str,
    filter: &'a Filter,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<&'a Filter>,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct Printed<'a> {
    suite: &'a str,
    title: &'a str,
    source: &'a str,
    run: &'a Path,
    cells: &'a [Row<'a>],
    notes: &'a [String],
}

pub(super) fn reproduce(suite: &str, run: &Path, arms: &[String], json: bool) -> Result<Exit, Failure> {
    let table = Published::find(suite)?;
    let registry = Registry::builtin()?;
    let metrics = metrics(&table, &registry)?;
    let records = by_arm(load_records(run, &registry)?, arms)?;
    let mut rows = Vec::new();
    for cell in &table.cells {
        let metric = metrics
            .get(cell.metric.as_str())
            .ok_or_else(|| Fault::internal(format!("cell '{}' lost its metric", cell.id)))?;
        let compared: Vec<(&String, &Vec<Record>)> =
            records.iter().filter(|(arm, _)| stands_for(cell, arm)).collect();
        if compared.is_empty() {
            rows.push(row(&table, cell, None, None));
        }
        for (arm, records) in compared {
            rows.push(row(&table, cell, Some(arm), ours(cell, metric.as_ref(), records)?));
        }
    }
    if json {
        output::print_json(&Printed {
            suite: &table.suite,
            title: &table.title,
            source: &table.source,
            run,
            cells: &rows,
            notes: &table.notes,
        })?;
    } else {
        output::print(&text(&table, &rows))?;
    }
    let differs = rows.iter().any(|row| row.verdict == Verdict::Differs);
    Ok(if differs { Exit::Differences } else { Exit::Done })
}

/// Cells of the table's own system are compared with every arm; a cell of another system only with an arm that bears
/// its name, because a figure of another model is not one to reproduce.
fn stands_for(cell: &PublishedCell, arm: &str) -> bool {
    cell.system.as_deref().is_none_or(|system| system.eq_ignore_ascii_case(arm))
}

fn metrics(table: &Published, registry: &Registry) -> Result<BTreeMap<String, Box<dyn Metric>>, Fault> {
    let context = BuildContext::default();
    table
        .metrics
        .iter()
        .map(|(name, params)| Ok((name.clone(), registry.build::<dyn Metric>(params, &context)?.component)))
        .collect()
}

fn by_arm(records: Vec<Record>, wanted: &[String]) -> Result<BTreeMap<String, Vec<Record>>, Fault> {
    let mut arms: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for record in records {
        arms.entry(record.arm.clone()).or_default().push(record);
    }
    let known: Vec<&str> = arms.keys().map(String::as_str).collect();
    if let Some(missing) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(unknown("arm", missing, &known));
    }
    if !wanted.is_empty() {
        arms.retain(|name, _| wanted.contains(name));
    }
    Ok(arms)
}

/// Our figure for a cell.
struct Ours {
    value: f64,
    interval: Option<[f64; 2]>,
    n: usize,
    clusters: usize,
    estimator: &'static str,
}

/// Values of the questions that a filter takes, trials averaged, each with its cluster.
fn values<'a>(
    filter: &Filter,
    metric: &dyn Metric,
    records: &'a [Record],
) -> Result<Vec<(f64, &'a str)>, Fault> {
    let mut questions: BTreeMap<&str, (f64, usize, &str)> = BTreeMap::new();
    let taken = records
        .iter()
        .filter(|record| record.answer.state != AnswerState::Failed && filter.takes(&record.question));
    for record in taken {
        if let Some(score) = metric.score(record, &Replies::default())? {
            let question =
                questions.entry(&record.question.id).or_insert((0.0, 0, record.question.cluster.as_str()));
            question.0 += score.value;
            question.1 += 1;
        }
    }
    Ok(questions.into_values().map(|(sum, trials, cluster)| (sum / trials as f64, cluster)).collect())
}

fn ours(cell: &PublishedCell, metric: &dyn Metric, records: &[Record]) -> Result<Option<Ours>, Fault> {
    let taken = values(&cell.filter, metric, records)?;
    match &cell.baseline {
        None => Ok(mean(&taken)),
        Some(baseline) => Ok(difference(&taken, &values(baseline, metric, records)?)),
    }
}

fn mean(taken: &[(f64, &str)]) -> Option<Ours> {
    let values: Vec<f64> = taken.iter().map(|(value, _)| *value).collect();
    let clusters: Vec<&str> = taken.iter().map(|(_, cluster)| *cluster).collect();
    let estimate = stats::clustered_mean(&values, &clusters)?;
    let binary = values.iter().all(|value| *value == 0.0 || *value == 1.0);
    let successes = values.iter().filter(|value| **value == 1.0).count() as u64;
    // A clustered error of zero says that nothing varied, not that nothing is uncertain.
    let clustered = estimate
        .interval_t
        .filter(|(low, high)| high > low)
        .map(|interval| (interval, "mean, cluster-robust t"));
    let pooled = || {
        let interval = stats::pooled_beta(successes, values.len() as u64, 1.0, 1.0, stats::LEVEL)?;
        binary.then_some((interval, "mean, pooled Beta(1,1)"))
    };
    let (interval, estimator) =
        clustered.or_else(pooled).map_or((None, "mean"), |(found, name)| (Some(found), name));
    Some(Ours {
        value: estimate.mean,
        interval: interval
            .map(|(low, high)| if binary { [low.max(0.0), high.min(1.0)] } else { [low, high] }),
        n: estimate.n,
        clusters: estimate.clusters,
        estimator,
    })
}

/// The difference of two means over questions of the same patients: a regression on which of the two a question
/// belongs to, with errors by cluster, so that what patients have in common is not counted as noise.
fn difference(taken: &[(f64, &str)], baseline: &[(f64, &str)]) -> Option<Ours> {
    if taken.is_empty() || baseline.is_empty() {
        return None;
    }
    let both = || taken.iter().map(|value| (value, 1.0)).chain(baseline.iter().map(|value| (value, 0.0)));
    let values: Vec<f64> = both().map(|((value, _), _)| *value).collect();
    let rows: Vec<Vec<f64>> = both().map(|(_, belongs)| vec![1.0, belongs]).collect();
    let clusters: Vec<&str> = both().map(|((_, cluster), _)| *cluster).collect();
    let fit = stats::clustered_regression(&values, &rows, &clusters)?;
    Some(Ours {
        value: *fit.coefficients.get(1)?,
        // As for a mean: no variation is no knowledge.
        interval: fit.interval(1).filter(|(low, high)| high > low).map(|(low, high)| [low, high]),
        n: taken.len() + baseline.len(),
        clusters: fit.clusters,
        estimator: "difference of means, cluster-robust t",
    })
}

fn row<'a>(
    table: &'a Published,
    cell: &'a PublishedCell,
    arm: Option<&'a str>,
    ours: Option<Ours>,
) -> Row<'a> {
    let interval = ours.as_ref().and_then(|ours| ours.interval).map(|ends| ends.map(|end| end * table.scale));
    let verdict = match interval {
        Some([low, high]) if (low..=high).contains(&cell.value) => Verdict::Agrees,
        Some(_) => Verdict::Differs,
        None => Verdict::NotRun,
    };
    Row {
        cell: &cell.id,
        system: cell.system.as_deref().unwrap_or(&table.system),
        arm,
        published: cell.value,
        published_n: cell.n,
        ours: ours.as_ref().map(|ours| ours.value * table.scale),
        interval,
        n: ours.as_ref().map_or(0, |ours| ours.n),
        clusters: ours.as_ref().map_or(0, |ours| ours.clusters),
        estimator: ours.as_ref().map(|ours| ours.estimator),
        verdict,
        metric: &cell.metric,
        filter: &cell.filter,
        baseline: cell.baseline.as_ref(),
        source: &cell.source,
        note: cell.note.as_deref(),
    }
}

fn text(table: &Published, rows: &[Row<'_>]) -> String {
    let mut text = format!(
        "{}\n{}; figures of {} unless a cell names another system\n\n",
        table.title, table.source, table.system
    );
    let two = |value: f64| format!("{value:.2}");
    let lines = rows
        .iter()
        .map(|row| {
            vec![
                row.cell.to_owned(),
                row.arm.unwrap_or("-").to_owned(),
                two(row.published),
                row.ours.map_or_else(|| "-".to_owned(), two),
                row.interval.map_or_else(|| "-".to_owned(), |[low, high]| format!("[{low:.2}, {high:.2}]")),
                row.n.to_string(),
                row.verdict.word().to_owned(),
            ]
        })
        .collect();
    let header = ["cell", "arm", "published", "ours", "95 %", "n", "verdict"];
    text.push_str(&output::table(&header, lines, &[2, 3, 5]));
    text.push('\n');
    let mut noted = std::collections::BTreeSet::new();
    for row in rows {
        if let Some(note) = row.note.filter(|_| noted.insert(row.cell)) {
            let _ = write!(text, "\n{}: {note}", row.cell);
        }
    }
    for note in &table.notes {
        let _ = write!(text, "\nnote: {note}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTERS: [&str; 4] = ["a", "a", "b", "b"];

    fn with_clusters(values: [f64; 4]) -> Vec<(f64, &'static str)> {
        values.into_iter().zip(CLUSTERS).collect()
    }

    #[test]
    fn nothing_run_is_never_agreement() {
        let table = Published::find("mis-ground").unwrap();
        let row = row(&table, &table.cells[0], Some("main"), None);
        assert_eq!(row.verdict, Verdict::NotRun);
        assert!(mean(&[]).is_none());
        assert!(difference(&with_clusters([1.0; 4]), &[]).is_none());
    }

    #[test]
    fn a_published_value_inside_our_interval_agrees_and_outside_differs() {
        let table = Published::find("mis-ground").unwrap();
        let cell = &table.cells[1];
        let of = |interval| {
            Some(Ours { value: 0.6, interval: Some(interval), n: 9, clusters: 3, estimator: "mean" })
        };
        assert_eq!(
            row(&table, cell, None, of([0.60, 0.70])).verdict,
            Verdict::Agrees,
            "66.5 of 100 within 60..70"
        );
        assert_eq!(row(&table, cell, None, of([0.50, 0.60])).verdict, Verdict::Differs);
    }

    #[test]
    fn all_right_still_has_an_interval_of_some_width() {
        let all_right = mean(&with_clusters([1.0; 4])).unwrap();
        let [low, high] = all_right.interval.unwrap();
        // Beta(5, 1): the lower 2.5 % point is 0.025^(1/5).
        assert!((low - 0.025f64.powf(0.2)).abs() < 1e-9 && high > 0.99, "{low} {high}");
    }

    #[test]
    fn a_difference_is_that_of_the_means() {
        let found =
            difference(&with_clusters([1.0, 1.0, 1.0, 0.0]), &with_clusters([0.0, 1.0, 0.0, 0.0])).unwrap();
        assert!((found.value - 0.5).abs() < 1e-12);
        assert_eq!((found.n, found.clusters), (8, 2));
    }

    #[test]
    fn figures_of_another_system_are_left_alone() {
        let table = Published::find("mis-ground").unwrap();
        let cell = |id: &str| table.cells.iter().find(|cell| cell.id == id).unwrap();
        assert!(stands_for(cell("overall"), "main"));
        assert!(!stands_for(cell("overall-m3d"), "main"));
        assert!(stands_for(cell("overall-m3d"), "m3d"));
    }
}
