//! Text metrics on 9,077 pairs, on one core: at least 20 times as fast as sacreBLEU, rouge-score and NLTK, which
//! `peers_text.py` times on the same pairs. And 10,000 resamplings of their patients for a figure that is no mean: less
//! than 1 s.

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use situs_core::prelude::*;
use situs_core::registry::Registry;
use situs_core::stats::bootstrap_clusters;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

// Built-in components register themselves; this links them in.
use situs_plugins as _;

// The allocator of the `situs` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Pairs, patients and replicates of CT-SpatialVQA.
const PAIRS: usize = 9_077;
const PATIENTS: usize = 1_300;
const REPLICATES: usize = 10_000;

const WORDS: [&str; 40] = [
    "the",
    "the",
    "the",
    "in",
    "of",
    "is",
    "and",
    "at",
    "left",
    "right",
    "both",
    "lungs",
    "lung",
    "lower",
    "upper",
    "lobe",
    "lobes",
    "nodule",
    "nodules",
    "located",
    "extending",
    "superiorly",
    "inferiorly",
    "adjacent",
    "to",
    "pleura",
    "mediastinum",
    "hilum",
    "hilar",
    "lymph",
    "nodes",
    "measuring",
    "mm",
    "5",
    "12",
    "calcified",
    "thickening",
    "vertebral",
    "bodies",
    "region",
];

/// Texts of about eight words for references and eight to thirty for predictions, which share some of them.
fn pair(index: usize) -> (String, String) {
    let draw = Draw::new(11).of(index);
    let words = |draw: &Draw, count: usize| -> Vec<&str> {
        (0..count).filter_map(|at| WORDS.get(draw.of(at).below(WORDS.len())).copied()).collect()
    };
    let reference = words(&draw.of("reference"), 4 + draw.of("length").below(9));
    let mut prediction = words(&draw.of("prediction"), 4 + draw.of("more").below(23));
    if draw.of("near").coin() {
        prediction.extend(&reference);
    }
    let sentence = |words: Vec<&str>| {
        let mut text = words.join(" ");
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        text + "."
    };
    (sentence(prediction), sentence(reference))
}

fn record(index: usize) -> Record {
    let (prediction, reference) = pair(index);
    Record {
        arm: "main".to_owned(),
        question: Question {
            id: format!("{index:05}"),
            volumes: Vec::new(),
            cases: vec![format!("{}", index % PATIENTS)],
            cluster: format!("{}", index % PATIENTS),
            template: "bench".to_owned(),
            cell: "bench".to_owned(),
            bundle: String::new(),
            structures: Vec::new(),
            text: "Where?".to_owned(),
            options: Vec::new(),
            truth: reference,
            chance: 0.0,
            facets: BTreeMap::new(),
            scene: None,
            evidence: Evidence::default(),
            private: serde_json::Value::Null,
        },
        trial: 0,
        prompt: Prompt::default(),
        reply: None,
        fault: None,
        answer: Answer::answered(prediction),
    }
}

fn wordnet() -> Option<PathBuf> {
    let folder = std::env::var_os("SITUS_WORDNET").map_or_else(|| "/usr/share/wordnet".into(), PathBuf::from);
    folder.join("data.noun").is_file().then_some(folder)
}

fn scores(metric: &dyn Metric, records: &[Record]) -> Result<Vec<Option<Score>>, Fault> {
    let replies = Replies::default();
    records.iter().map(|record| metric.score(record, &replies)).collect()
}

fn save(folder: &Path, records: &[Record]) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(folder.join("pairs.jsonl"))?);
    for record in records {
        let line = json!({"prediction": record.answer.value, "reference": record.question.truth});
        writeln!(file, "{line}")?;
    }
    file.flush()
}

fn bench(criterion: &mut Criterion) -> Result<(), Fault> {
    let registry = Registry::builtin()?;
    let records: Vec<Record> = (0..PAIRS).map(record).collect();
    if let Some(folder) = std::env::var_os("SITUS_BENCH_INPUTS")
        && let Err(error) = save(Path::new(&folder), &records)
    {
        println!("skipped: pairs for peers are not saved: {error}");
    }
    let mut group = criterion.benchmark_group("text_metrics");
    group.sample_size(10).measurement_time(Duration::from_secs(4));
    let mut list = vec![
        ("bleu", json!({"use": "bleu"})),
        ("rouge-l, stemmer", json!({"use": "rouge-l"})),
        ("rouge-l", json!({"use": "rouge-l", "stemmer": false})),
        ("token-f1", json!({"use": "token-f1"})),
    ];
    match wordnet() {
        Some(folder) => {
            list.push(("meteor", json!({"use": "meteor", "wordnet": folder})));
            list.push(("meteor, nltk tokens", json!({"use": "meteor", "wordnet": folder, "tokens": "nltk"})));
        }
        None => println!("skipped: no WordNet in SITUS_WORDNET or /usr/share/wordnet, so no METEOR"),
    }
    for (name, params) in list {
        let params = params.as_object().cloned().unwrap_or_default();
        let metric = registry.build::<dyn Metric>(&params, &BuildContext::default())?.component;
        group.bench_function(name, |bencher| {
            bencher.iter(|| scores(metric.as_ref(), black_box(&records)).is_ok());
        });
        if name == "bleu" {
            let mut of_bleu: Vec<Vec<f64>> = vec![Vec::new(); PATIENTS];
            for (record, score) in records.iter().zip(scores(metric.as_ref(), &records)?) {
                let (Ok(patient), Some(score)) = (record.question.cluster.parse::<usize>(), score) else {
                    continue;
                };
                let Some(sums) = of_bleu.get_mut(patient) else { continue };
                sums.resize(score.stats.len(), 0.0);
                sums.iter_mut().zip(&score.stats).for_each(|(sum, stat)| *sum += stat);
            }
            let finish = |sums: &[f64]| metric.finish(sums).ok();
            group.bench_function("bootstrap by patient, BLEU", |bencher| {
                bencher.iter(|| bootstrap_clusters(black_box(&of_bleu), &finish, REPLICATES, 7));
            });
        }
    }
    group.finish();
    Ok(())
}

fn text_metrics(criterion: &mut Criterion) {
    if let Err(fault) = bench(criterion) {
        println!("skipped: {fault}");
    }
}

criterion_group!(benches, text_metrics);
criterion_main!(benches);
