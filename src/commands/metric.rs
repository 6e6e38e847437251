//! `situs metric NAME`: any metric on pairs of texts from a file.

use super::Known;
use crate::cli::MetricArgs;
use crate::exit::Failure;
use crate::output;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use situs_core::config::Overrides;
use situs_core::fault::{Fault, file_fault};
use situs_core::metric::Metric;
use situs_core::prompt::Prompt;
use situs_core::question::{Evidence, Question};
use situs_core::record::{Answer, AnswerState, Record, Score, Scored, ScoredRecord};
use situs_core::registry::{BuildContext, Kind};
use situs_core::reply::{Replies, Reply};
use situs_core::run::Exit;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

/// Longest line, in bytes.
const MAX_LINE_BYTES: u64 = 16 << 20;
/// Most pairs of one file.
const MAX_PAIRS: usize = 1 << 20;
/// Most bytes of all texts together.
const MAX_TEXT_BYTES: usize = 2 << 30;
/// Replicates for metrics that make their own intervals; none are printed here.
const REPLICATES: u32 = 100;

/// One line of the file; other fields are ignored.
#[derive(Deserialize)]
struct Pair {
    /// Null where the model gave none; the field itself has to be there.
    #[serde(deserialize_with = "Option::deserialize")]
    prediction: Option<String>,
    reference: String,
}

/// What is printed.
#[derive(Serialize)]
struct Report<'a> {
    metric: &'a str,
    signature: String,
    /// Pairs that were scored.
    n: usize,
    /// Pairs that were not.
    skipped: usize,
    corpus: Option<f64>,
    pairs: Vec<Scoring>,
}

#[derive(Serialize)]
struct Scoring {
    index: usize,
    value: Option<f64>,
    /// `scored`, `skipped` (the metric leaves the pair out) or `missing` (there is no prediction).
    state: &'static str,
}

pub(super) fn metric(args: &MetricArgs, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    let registry = known.registry(None)?;
    let mut settings = args.set.clone();
    if let Some(folder) = &args.wordnet {
        let folder = folder.to_str().ok_or_else(|| Fault::config("--wordnet: the path is no valid text"))?;
        settings.push(format!("wordnet={folder}"));
    }
    let params = Overrides::component(Kind::Metric, &args.name, &settings, &registry)?;
    let built = registry.build::<dyn Metric>(&params, &BuildContext::default())?;
    let metric = built.component.as_ref();
    let records = read(&args.pairs).map_err(Failure::Input)?;
    let signature = metric.signature().unwrap_or_else(|| {
        let parameters = built.resolved.iter().filter(|(name, _)| *name != "use");
        parameters.map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join("|")
    });
    let (scores, corpus) = score(metric, &args.name, &records)?;
    let pairs: Vec<Scoring> = records
        .iter()
        .zip(&scores)
        .enumerate()
        .map(|(index, (record, score))| Scoring {
            index,
            value: *score,
            state: match (score, record.answer.state) {
                (Some(_), _) => "scored",
                (None, AnswerState::Failed) => "missing",
                (None, _) => "skipped",
            },
        })
        .collect();
    let n = pairs.iter().filter(|pair| pair.value.is_some()).count();
    let report = Report { metric: &args.name, signature, n, skipped: pairs.len() - n, corpus, pairs };
    if json {
        output::print_json(&report)?;
    } else {
        output::print(&text(&report))?;
    }
    Ok(Exit::Done)
}

fn text(report: &Report<'_>) -> String {
    let corpus = report.corpus.map_or_else(|| "-".to_owned(), |value| format!("{value:.6}"));
    format!(
        "{}      {corpus}\nn          {}\nskipped    {}\nsignature  {}",
        report.metric, report.n, report.skipped, report.signature
    )
}

/// Values by pair, and the figure over all of them.
fn score(
    metric: &dyn Metric,
    name: &str,
    records: &[Record],
) -> Result<(Vec<Option<f64>>, Option<f64>), Fault> {
    let replies = Replies::default();
    if !metric.consult(records, &replies)?.is_empty() {
        return Err(Fault::unsupported(format!("metric '{name}' asks models")).help(
            "write it into a config, with a table [models.<role>] for each of them, and use `situs run`",
        ));
    }
    let scores: Vec<Option<Score>> = records
        .par_iter()
        .map(|record| match record.answer.state {
            AnswerState::Failed => Ok(None),
            _ => metric.score(record, &replies),
        })
        .collect::<Result<_, Fault>>()?;
    let mut values: Vec<Option<f64>> = scores.iter().map(|score| Some(score.as_ref()?.value)).collect();
    let scored = Scored {
        records: records
            .iter()
            .zip(&scores)
            .filter(|(record, _)| record.answer.state != AnswerState::Failed)
            .map(|(record, score)| ScoredRecord { record, score: score.clone() })
            .collect(),
        seed: 0,
        replicates: REPLICATES,
    };
    let figure = match metric.summarise(&scored)? {
        Some(own) => {
            let there = records
                .iter()
                .zip(&mut values)
                .filter(|(record, _)| record.answer.state != AnswerState::Failed);
            for ((_, value), from_corpus) in there.zip(own.values.into_iter().flatten()) {
                *value = value.or(from_corpus);
            }
            own.value
        }
        None => summed(&scores).map(|sums| metric.finish(&sums)).transpose()?,
    };
    if let Some(index) = values.iter().position(|value| value.is_some_and(|value| !value.is_finite())) {
        return Err(Fault::internal(format!("metric '{name}' gave no finite number for pair {index}")));
    }
    Ok((values, figure))
}

/// Statistics of all scores together, in the order of the pairs.
fn summed(scores: &[Option<Score>]) -> Option<Vec<f64>> {
    scores.iter().flatten().fold(None, |sums, score| {
        let mut sums = sums.unwrap_or_else(|| vec![0.0; score.stats.len()]);
        sums.iter_mut().zip(&score.stats).for_each(|(sum, stat)| *sum += stat);
        Some(sums)
    })
}

/// Reads the pairs as records of a run without a model.
fn read(path: &Path) -> Result<Vec<Record>, Fault> {
    let file = File::open(path).map_err(|error| file_fault("open", path, &error))?;
    let mut reader = BufReader::new(file);
    let (mut records, mut line, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    for number in 1_u64.. {
        line.clear();
        let length = reader
            .by_ref()
            .take(MAX_LINE_BYTES + 1)
            .read_until(b'\n', &mut line)
            .map_err(|error| file_fault("read", path, &error))?;
        if length == 0 {
            break;
        }
        let refused = |what: String| Fault::data(what).within(format!("{}:{number}", path.display()));
        if length as u64 > MAX_LINE_BYTES {
            return Err(refused(format!("a line has at most {MAX_LINE_BYTES} bytes")));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let pair: Pair = serde_json::from_slice(&line).map_err(|error| {
            refused(format!("no pair: {error}"))
                .help(r#"a line is {"prediction": "...", "reference": "..."}"#)
        })?;
        bytes = bytes.saturating_add(length);
        if records.len() == MAX_PAIRS || bytes > MAX_TEXT_BYTES {
            return Err(refused(format!("a file has at most {MAX_PAIRS} pairs and {MAX_TEXT_BYTES} bytes")));
        }
        records.push(record(records.len(), pair));
    }
    if records.is_empty() {
        return Err(Fault::data(format!("{} holds no pairs", path.display())));
    }
    Ok(records)
}

/// A pair as a record: a question of its own case whose right answer is the reference.
fn record(index: usize, pair: Pair) -> Record {
    let id = format!("pair-{index:07}");
    let answer = match &pair.prediction {
        Some(prediction) => Answer::answered(prediction),
        None => Answer::without_value(AnswerState::Failed),
    };
    Record {
        arm: "pairs".to_owned(),
        question: Question {
            id: id.clone(),
            volumes: Vec::new(),
            cases: vec![id.clone()],
            cluster: id,
            template: "pair".to_owned(),
            cell: "pair".to_owned(),
            bundle: String::new(),
            structures: Vec::new(),
            text: String::new(),
            options: Vec::new(),
            truth: pair.reference,
            chance: 0.0,
            facets: BTreeMap::new(),
            scene: None,
            evidence: Evidence::default(),
            private: serde_json::Value::Null,
        },
        trial: 0,
        prompt: Prompt::default(),
        reply: pair.prediction.map(Reply::text),
        fault: None,
        answer,
    }
}
