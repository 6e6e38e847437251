//! What a component from a library file costs beside the same component linked in. The library is built by the bench, in
//! release mode and a folder of its own.

#![allow(missing_docs)]

#[path = "../tests/plugins/toy/src/components.rs"]
mod components;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use situs_core::fault::file_fault;
use situs_core::prelude::*;
use situs_core::registry::{Registry, Slot};
use situs_core::run::{MediaStore, RunMedia};
use situs_core::volume::{VolumeStore, catalogue_entry};
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tokens of a large vocabulary (Qwen2).
const VOCABULARY: usize = 151_936;
/// Questions of one `ask`.
const QUESTIONS: usize = 100;

/// Builds the library and loads it.
fn loaded() -> Result<Registry, Fault> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("target/boundary");
    // The versions that this program has.
    let lock = root.join("tests/plugins/toy/Cargo.lock");
    std::fs::copy(root.join("Cargo.lock"), &lock).map_err(|error| file_fault("write", &lock, &error))?;
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--offline", "--manifest-path"])
        .arg(root.join("tests/plugins/toy/Cargo.toml"))
        .env("CARGO_TARGET_DIR", &target)
        .status()
        .map_err(|error| file_fault("build", &target, &error))?;
    if !status.success() {
        return Err(Fault::unsupported("the library of tests/plugins/toy cannot be built"));
    }
    let name = format!("{}situs_toy{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let mut registry = Registry::default();
    registry.load(&target.join("release").join(name), None)?;
    Ok(registry)
}

fn build<S: Slot + ?Sized>(registry: &Registry, mut params: Value) -> Result<Box<S>, Fault> {
    params["use"] = json!("toy");
    let params = params.as_object().cloned().unwrap_or_default();
    registry.build::<S>(&params, &BuildContext::default()).map(|built| built.component)
}

/// Median extra time of the second of two calls that take turns.
fn added(rounds: u64, mut plain: impl FnMut(), mut across: impl FnMut()) -> Duration {
    let mut extra: Vec<i128> = (0..rounds.max(1))
        .map(|_| {
            let start = Instant::now();
            plain();
            let between = Instant::now();
            across();
            let end = Instant::now();
            (end - between).as_nanos() as i128 - (between - start).as_nanos() as i128
        })
        .collect();
    extra.sort_unstable();
    let median = u64::try_from(extra[extra.len() / 2].max(0)).unwrap_or(u64::MAX);
    Duration::from_nanos(median.saturating_mul(rounds))
}

fn samplers(criterion: &mut Criterion, sides: &[(&str, &Registry)]) -> Result<(), Fault> {
    let mut group = criterion.benchmark_group("boundary");
    let values: Vec<f32> = (0..VOCABULARY as u64).map(|at| Draw::new(1).of(at).unit() as f32).collect();
    let history: Vec<u32> = (0..512).collect();
    let row = Row { index: 0, step: 512, draw: 1, history: &history };
    let mut both = Vec::new();
    for (side, registry) in sides {
        let mut sampler = build::<dyn Sampler>(registry, json!({"one_of": 0, "blind": true}))?;
        let nothing = Logits { rows: 0, vocabulary: 6, place: LogitsPlace::Host(&[]) };
        let mut out = Vec::new();
        group.bench_function(format!("empty_call/{side}"), |bencher| {
            bencher.iter(|| sampler.pick(black_box(&nothing), &[], &mut out).is_ok());
        });
        both.push(sampler);
    }
    let logits = Logits { rows: 1, vocabulary: VOCABULARY, place: LogitsPlace::Host(&values) };
    let [linked, loaded] = &mut both[..] else { return Ok(()) };
    let one = |sampler: &mut Box<dyn Sampler>| {
        let mut out = Vec::with_capacity(1);
        let picked = sampler.pick(black_box(&logits), &[row], &mut out);
        black_box((picked.is_ok(), out));
    };
    group.bench_function("pick_151936/linked", |bencher| bencher.iter(|| one(linked)));
    group.bench_function("pick_151936/added", |bencher| {
        bencher.iter_custom(|rounds| added(rounds, || one(linked), || one(loaded)));
    });
    group.finish();
    Ok(())
}

fn questions(criterion: &mut Criterion, sides: &[(&str, &Registry)]) -> Result<(), Fault> {
    let mut group = criterion.benchmark_group("boundary");
    let folder = std::env::temp_dir().join("situs-boundary");
    for (side, registry) in sides {
        let dataset: Arc<dyn Dataset> = Arc::from(build::<dyn Dataset>(registry, json!({}))?);
        let volumes = VolumeStore::new(Arc::clone(&dataset), 1 << 30, false);
        let room = RunMedia::new(volumes, MediaStore::new(folder.clone()));
        let case = dataset.case(0)?;
        let entry = catalogue_entry(&case, &room.volumes)?;
        let catalogue = Catalogue { digest: "d".to_owned(), cases: vec![entry.clone()] };
        let family = build::<dyn QuestionFamily>(registry, json!({"questions": QUESTIONS}))?;
        let replies = Replies::default();
        let cx = AskContext {
            card: dataset.card(),
            case: &case,
            entry: &entry,
            catalogue: &catalogue,
            seed: 1,
            replies: &replies,
            media: &room,
        };
        group.bench_function(format!("ask_100/{side}"), |bencher| {
            bencher.iter(|| family.ask(black_box(&cx)).is_ok())
        });
        let Asked::Questions { mut questions, .. } = family.ask(&cx)? else { return Ok(()) };
        let Some(mut question) = questions.pop() else { return Ok(()) };
        question.id = "q".to_owned();
        let reply = Reply::text("yes");
        group.bench_function(format!("read/{side}"), |bencher| {
            bencher.iter(|| family.read(black_box(&question), &reply).is_ok());
        });
        let metric = build::<dyn Metric>(registry, json!({}))?;
        let record = Record {
            arm: "main".to_owned(),
            answer: family.read(&question, &reply)?,
            prompt: Prompt::default(),
            question,
            trial: 0,
            reply: Some(reply),
            fault: None,
        };
        group.bench_function(format!("score/{side}"), |bencher| {
            bencher.iter(|| metric.score(black_box(&record), &replies).is_ok());
        });
        group.bench_function(format!("finish/{side}"), |bencher| {
            bencher.iter(|| metric.finish(black_box(&[1.0, 2.0, 3.0])).is_ok());
        });
        let model = build::<dyn ModelBackend>(registry, json!({"slots": 1, "pictures": "none"}))?;
        let mut session = model.session()?;
        let request = Request {
            id: "r".to_owned(),
            question: "q".to_owned(),
            prompt: Prompt::text("Which?"),
            options: Vec::new(),
            trial: 0,
            draw: 0,
            truth: None,
        };
        let slot = session.admit(&request, &room)?;
        group.bench_function(format!("logits_of_6/{side}"), |bencher| {
            bencher.iter(|| session.logits(black_box(&[slot])).is_ok());
        });
    }
    group.finish();
    Ok(())
}

fn boundary(criterion: &mut Criterion) {
    let tried = Registry::builtin().and_then(|linked| {
        let loaded = loaded()?;
        let sides = [("linked", &linked), ("loaded", &loaded)];
        samplers(criterion, &sides)?;
        questions(criterion, &sides)
    });
    if let Err(fault) = tried {
        println!("skipped: {fault}");
    }
}

criterion_group!(benches, boundary);
criterion_main!(benches);
