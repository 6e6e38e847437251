//! `situs reproduce SUITE RUN`: a run beside a published table, cell by cell.

use super::Known;
use super::run_folder::in_run;
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
use situs_core::run::{ArmManifest, Exit, Manifest, load_records, read_json};
use situs_core::stats;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// Questions (on either side of a difference) below which nothing is said of a cell.
const FEWEST_QUESTIONS: usize = 30;
/// Patients below which nothing is said of a cell: an error by cluster needs clusters.
const FEWEST_CLUSTERS: usize = 10;
/// Origin of the components that come with this program.
const BUILT_IN: &str = "situs-plugins";
/// Backends of this program that are no model of vision and language. Their figures bound a table; they reproduce none.
const BASELINES: [&str; 6] = ["median", "oracle", "pixel-reader", "prior", "random", "textbook"];

/// How ours stands to the published figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// The 95 % interval of ours minus published holds zero.
    Agrees,
    /// It does not.
    Differs,
    /// Too few questions or patients here for either word, or answers so much alike that no interval can be given.
    #[serde(rename = "too few")]
    TooFew,
    /// Nothing to compare: no such records here.
    #[serde(rename = "not run")]
    NotRun,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::TooFew => "too few",
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
    difference: Option<[f64; 2]>,
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
    skipped: &'a [String],
    rule: String,
    notes: &'a [String],
}

/// What the verdicts mean.
fn rule() -> String {
    format!(
        "agrees: the 95 % interval of the difference holds 0 (our interval, widened by the published figure's own \
         binomial error where its n is printed; otherwise the published figure counts as exact). too few: fewer than \
         {FEWEST_QUESTIONS} questions or {FEWEST_CLUSTERS} patients here, or no interval; no agreement."
    )
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
    let (records, skipped) = compared_arms(&table, run, &registry, arms)?;
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

/// The published table that a run's config names.
fn named_by(run: &Path) -> Result<String, Failure> {
    let path = run.join("manifest.json");
    if !path.exists() {
        return Err(Fault::data(format!("{} holds no run: manifest.json is missing", run.display())).into());
    }
    let manifest: Manifest = read_json(&path)?;
    let named = manifest.run.published.ok_or_else(|| {
        Fault::config("the run's config names no published table (run.published)")
            .help("name one: situs reproduce SUITE RUN")
    })?;
    Ok(named)
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

/// Records by arm.
type ByArm = BTreeMap<String, Vec<Record>>;

/// Records of the arms to compare, and the names of those left out for having no model behind them.
fn compared_arms(
    table: &Published,
    run: &Path,
    registry: &Registry,
    wanted: &[String],
) -> Result<(ByArm, Vec<String>), Failure> {
    let path = run.join("manifest.json");
    let manifest: Option<Manifest> = path.exists().then(|| read_json(&path)).transpose()?;
    if let Some(manifest) = &manifest
        && manifest.family.name != table.family
    {
        return Err(Fault::config(format!(
            "{} asks questions of family '{}', the published table '{}' is of '{}'",
            run.display(),
            manifest.family.name,
            table.suite,
            table.family
        ))
        .help("compare a run with a table of its own family")
        .into());
    }
    if manifest.as_ref().is_some_and(|manifest| manifest.run.mirrored) {
        return Err(Fault::config(format!("{} shows mirrored patients", run.display()))
            .help("published figures are of patients as they are; compare a run without run.mirrored")
            .into());
    }
    let records = load_records(run, registry).map_err(|error| in_run(run, error.into()))?;
    let mut records = by_arm(records, wanted)?;
    let mut skipped: Vec<String> = Vec::new();
    if wanted.is_empty() {
        let arms = manifest.iter().flat_map(|manifest| &manifest.arms);
        let apart = |arm: &&ArmManifest| is_baseline(arm) || arm.control.is_some();
        skipped.extend(arms.filter(apart).map(|arm| arm.name.clone()));
        records.retain(|name, _| !skipped.contains(name));
    }
    Ok((records, skipped))
}

/// Whether an arm's answers say nothing of a model: it is told the truth, or there is no model.
fn is_baseline(arm: &ArmManifest) -> bool {
    let ours = arm.model.origin == BUILT_IN;
    arm.card.reads_answers || (ours && BASELINES.contains(&arm.model.name.as_str()))
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
    /// Questions on the side that has fewer, where the figure is a difference.
    fewest: usize,
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
        // The mean lies in its own interval, also where none or all are 1.
        let held = (interval.0.min(estimate.mean), interval.1.max(estimate.mean));
        binary.then_some((held, "mean, pooled Beta(1,1)"))
    };
    let (interval, estimator) =
        clustered.or_else(pooled).map_or((None, "mean"), |(found, name)| (Some(found), name));
    Some(Ours {
        value: estimate.mean,
        interval: interval
            .map(|(low, high)| if binary { [low.max(0.0), high.min(1.0)] } else { [low, high] }),
        n: estimate.n,
        fewest: estimate.n,
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
    // No fit, for instance with one patient: the difference is known, its error is not.
    let fit = stats::clustered_regression(&values, &rows, &clusters);
    let mean = |of: &[(f64, &str)]| of.iter().map(|(value, _)| value).sum::<f64>() / of.len() as f64;
    Some(Ours {
        value: mean(taken) - mean(baseline),
        // As for a mean: no variation is no knowledge.
        interval: fit
            .and_then(|fit| fit.interval(1))
            .filter(|(low, high)| high > low)
            .map(|(low, high)| [low, high]),
        n: taken.len() + baseline.len(),
        fewest: taken.len().min(baseline.len()),
        clusters: clusters.iter().collect::<BTreeSet<_>>().len(),
        estimator: "difference of means, cluster-robust t",
    })
}

/// The interval of ours minus published, on the scale of ours. The errors of the two are independent, so each end is
/// as far out as both intervals together reach there (Zou and Donner 2008); the published one is Wilson's where the
/// count is printed and the figure is a share.
fn from_published(ours: &Ours, cell: &PublishedCell, scale: f64) -> Option<[f64; 2]> {
    let [low, high] = ours.interval?;
    let published = cell.value / scale;
    let share = cell.baseline.is_none() && (0.0..=1.0).contains(&published);
    let (below, above) = cell
        .n
        .filter(|_| share)
        .and_then(|n| stats::wilson((published * n as f64).round() as u64, n, stats::LEVEL))
        .unwrap_or((published, published));
    let reach = |ours: f64, theirs: f64| ours.max(0.0).hypot(theirs.max(0.0));
    let difference = ours.value - published;
    Some([
        difference - reach(ours.value - low, above - published),
        difference + reach(high - ours.value, published - below),
    ])
}

fn row<'a>(
    table: &'a Published,
    cell: &'a PublishedCell,
    arm: Option<&'a str>,
    ours: Option<Ours>,
) -> Row<'a> {
    let scaled = |ends: [f64; 2]| ends.map(|end| end * table.scale);
    let difference = ours.as_ref().and_then(|ours| from_published(ours, cell, table.scale));
    let verdict = match (&ours, difference) {
        (None, _) => Verdict::NotRun,
        (Some(ours), _) if ours.fewest < FEWEST_QUESTIONS || ours.clusters < FEWEST_CLUSTERS => {
            Verdict::TooFew
        }
        (_, None) => Verdict::TooFew,
        (_, Some([low, high])) if (low..=high).contains(&0.0) => Verdict::Agrees,
        (_, Some(_)) => Verdict::Differs,
    };
    Row {
        cell: &cell.id,
        system: cell.system.as_deref().unwrap_or(&table.system),
        arm,
        published: cell.value,
        published_n: cell.n,
        ours: ours.as_ref().map(|ours| ours.value * table.scale),
        interval: ours.as_ref().and_then(|ours| ours.interval).map(scaled),
        difference: difference.map(scaled),
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
            Some(Ours {
                value: 0.6,
                interval: Some(interval),
                n: 900,
                fewest: 900,
                clusters: 30,
                estimator: "mean",
            })
        };
        assert_eq!(
            row(&table, cell, None, of([0.50, 0.70])).verdict,
            Verdict::Agrees,
            "66.5 of 100 within 50..70"
        );
        assert_eq!(row(&table, cell, None, of([0.55, 0.65])).verdict, Verdict::Differs);
    }

    #[test]
    fn few_questions_or_patients_are_neither_agreement_nor_difference() {
        let table = Published::find("mis-ground").unwrap();
        let cell = &table.cells[1];
        let of = |fewest, clusters, interval| {
            let ours = Ours { value: 0.2, interval, n: 900, fewest, clusters, estimator: "mean" };
            row(&table, cell, None, Some(ours)).verdict
        };
        let narrow = Some([0.19, 0.21]);
        assert_eq!(of(30, 10, narrow), Verdict::Differs);
        assert_eq!(of(29, 10, narrow), Verdict::TooFew);
        assert_eq!(of(30, 9, narrow), Verdict::TooFew);
        assert_eq!(of(30, 9, Some([0.0, 1.0])), Verdict::TooFew);
        assert_eq!(of(900, 30, None), Verdict::TooFew);
    }

    #[test]
    fn the_published_figure_has_an_error_of_its_own_where_its_count_is_printed() {
        let table = Published::find("mis-ground").unwrap();
        let ours = Ours {
            value: 0.6,
            interval: Some([0.55, 0.65]),
            n: 900,
            fewest: 900,
            clusters: 30,
            estimator: "mean",
        };
        let with = |value: f64, n| {
            let cell = PublishedCell { value, n, baseline: None, ..table.cells[1].clone() };
            from_published(&ours, &cell, 100.0).unwrap()
        };
        let close = |a: [f64; 2], b: [f64; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close(with(66.5, None), [-0.115, -0.015]), "{:?}", with(66.5, None));
        // Wilson's interval of 50 of 100 is [0.4038, 0.5962] (statsmodels, proportion_confint): 0.0962 to either side,
        // with our 0.05 by Pythagoras 0.1084.
        assert!(close(with(50.0, Some(100)), [-0.0084, 0.2084]), "{:?}", with(50.0, Some(100)));
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
        let one_patient = difference(&[(1.0, "a")], &[(0.0, "a"), (1.0, "a")]).unwrap();
        assert_eq!((one_patient.value, one_patient.interval, one_patient.clusters), (0.5, None, 1));
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
