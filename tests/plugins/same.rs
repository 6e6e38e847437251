//! Every kind, once compiled into this program and once from a library built elsewhere: no caller can tell.

use crate::workshop::built;
use serde_json::{Value, json};
use situs_core::config::{Overrides, RunConfig};
use situs_core::model_backend::{DeviceLogits, EmbeddingSource};
use situs_core::prelude::*;
use situs_core::registry::{Kind, Params, Registry, Slot};
use situs_core::run::{self, MediaStore, RunMedia, RunOptions, Silent};
use situs_core::volume::VolumeStore;
use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The components that are compiled into this program.
fn linked() -> Registry {
    Registry::builtin().unwrap()
}

/// The same components, from the library.
fn loaded() -> Registry {
    let mut registry = Registry::default();
    registry.load(&built("situs-toy", "tests/plugins/toy"), None).unwrap();
    registry
}

fn table(value: Value) -> Params {
    value.as_object().unwrap().clone()
}

fn build<S: Slot + ?Sized>(registry: &Registry, params: Value) -> Result<Box<S>, Fault> {
    let cx = BuildContext { base: Some(PathBuf::from("/nowhere")), seed: 1 << 60, workers: 2 };
    registry.build::<S>(&table(params), &cx).map(|built| built.component)
}

/// Builds from both and hands both to a test.
fn both<S: Slot + ?Sized>(params: Value) -> [Box<S>; 2] {
    [linked(), loaded()].map(|registry| build::<S>(&registry, params.clone()).unwrap())
}

/// Volumes of a data set, and a folder of pictures that all tests share: equal names are equal files.
fn room_of(dataset: Box<dyn Dataset>, mirrored: bool) -> RunMedia {
    RunMedia::new(
        VolumeStore::new(Arc::<dyn Dataset>::from(dataset), 1 << 30, mirrored),
        MediaStore::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("toy-media")),
    )
}

/// Volumes and pictures of the data set `toy`.
pub(crate) fn room() -> RunMedia {
    room_of(build(&linked(), json!({"use": "toy"})).unwrap(), false)
}

#[test]
fn a_library_lists_its_components_as_built_in_ones_are_listed() {
    let (linked, loaded) = (linked(), loaded());
    let info = &loaded.libraries()[0];
    assert_eq!((info.name.as_str(), info.version.as_str()), ("situs-toy", "0.3.0"));
    assert_eq!(loaded.components().count(), 6);
    for kind in Kind::ALL {
        let (a, b) = (linked.find(kind, "toy").unwrap(), loaded.find(kind, "toy").unwrap());
        assert_eq!((a.summary().trim(), a.fields()), (b.summary(), b.fields()));
        assert_eq!((b.origin(), b.sha256()), ("situs-toy", Some(info.sha256.as_str())));
    }
}

#[test]
fn defaults_and_refusals_are_the_same() {
    let (linked, loaded) = (linked(), loaded());
    let cx = BuildContext::default();
    let of = |registry: &Registry, params: Value| {
        registry.build::<dyn Dataset>(&table(params), &cx).map(|built| built.resolved)
    };
    for params in [
        json!({"use": "toy", "cases": 2}),
        json!({"use": "toy"}),
        json!({"use": "toy", "cases": 0}),
        json!({"use": "toy", "casse": 1}),
        json!({"use": "toy", "cases": "many"}),
        json!({"use": "toi"}),
        json!({}),
    ] {
        let (a, b) = (of(&linked, params.clone()), of(&loaded, params.clone()));
        match (a, b) {
            // The other registry knows fewer names to list.
            (Err(a), Err(b)) => assert_eq!((a.cause, a.what, a.at), (b.cause, b.what, b.at), "{params}"),
            (a, b) => assert_eq!(a, b, "{params}"),
        }
    }
}

#[test]
fn data_sets_give_the_same_cases_and_voxels() {
    let [a, b] = both::<dyn Dataset>(json!({"use": "toy", "damaged": true}));
    assert_eq!((a.card(), a.len(), a.is_empty()), (b.card(), b.len(), b.is_empty()));
    for index in 0..a.len() {
        let case = a.case(index).unwrap();
        assert_eq!(case, b.case(index).unwrap());
        for what in ["ct", "labels"] {
            let key = format!("{}/{what}", case.name);
            assert_eq!(a.volume(&key), b.volume(&key), "{key}");
        }
    }
}

pub(crate) fn asked(
    family: &dyn QuestionFamily,
    room: &RunMedia,
    replies: &Replies,
    case: usize,
) -> Result<Asked, Fault> {
    let dataset = build::<dyn Dataset>(&linked(), json!({"use": "toy"})).unwrap();
    let case = dataset.case(case).unwrap();
    let entry = situs_core::volume::catalogue_entry(&case, &room.volumes)?;
    let catalogue = Catalogue { digest: "d".to_owned(), cases: vec![entry.clone()] };
    family.ask(&AskContext {
        card: dataset.card(),
        case: &case,
        entry: &entry,
        catalogue: &catalogue,
        seed: u64::MAX,
        replies,
        media: room,
    })
}

fn questions(family: &dyn QuestionFamily) -> Vec<Question> {
    match asked(family, &room(), &Replies::default(), 1).unwrap() {
        Asked::Questions { questions, .. } => questions,
        Asked::Needs(needs) => panic!("{needs:?}"),
    }
}

#[test]
fn families_ask_read_and_consult_alike() {
    let [a, b] = both::<dyn QuestionFamily>(json!({"use": "toy", "writer": true}));
    assert_eq!(a.version(), b.version());
    let room = room();
    let mut replies = Replies::default();
    for round in 0..3 {
        let (from_a, from_b) =
            (asked(&*a, &room, &replies, 1).unwrap(), asked(&*b, &room, &replies, 1).unwrap());
        assert_eq!(from_a, from_b, "round {round}");
        match from_a {
            Asked::Needs(needs) => {
                assert!(round < 2);
                needs.into_iter().for_each(|need| replies.insert(need.key, Reply::text("Where is it?")));
            }
            Asked::Questions { questions, left_out } => {
                assert_eq!((round, questions.len(), left_out["too small"]), (2, 6, 2));
                for text in ["yes", " no ", "well"] {
                    let reply = Reply::text(text);
                    assert_eq!(a.read(&questions[0], &reply), b.read(&questions[0], &reply));
                }
            }
        }
    }
}

#[test]
fn a_damaged_volume_is_the_same_fault_to_both() {
    let damaged = room_of(build(&linked(), json!({"use": "toy", "damaged": true})).unwrap(), false);
    let [a, b] = both::<dyn PromptRenderer>(json!({"use": "toy"}));
    let case = build::<dyn Dataset>(&linked(), json!({"use": "toy"})).unwrap().case(1).unwrap();
    let question = &questions(&*both::<dyn QuestionFamily>(json!({"use": "toy"}))[0])[0];
    let faults = [a, b].map(|renderer| renderer.render(&[&case], question, &damaged).unwrap_err());
    assert_eq!(faults[0], faults[1]);
    assert_eq!((faults[0].cause, faults[0].help.as_deref()), (Cause::Data, Some("copy it again")));
}

#[test]
fn renderers_draw_the_same_prompts() {
    let dataset = build::<dyn Dataset>(&linked(), json!({"use": "toy"})).unwrap();
    let (first, second) = (dataset.case(0).unwrap(), dataset.case(2).unwrap());
    let room = room();
    for volume in [false, true] {
        let [a, b] = both::<dyn PromptRenderer>(json!({"use": "toy", "volume": volume, "refuse": 4}));
        for question in questions(&*both::<dyn QuestionFamily>(json!({"use": "toy"}))[0]) {
            let cases = [&first, &second];
            let (a, b) = (a.render(&cases, &question, &room), b.render(&cases, &question, &room));
            assert_eq!(a, b, "{}", question.text);
            assert_eq!(a.is_err(), question.text.contains("number 4 "));
        }
    }
}

#[test]
fn a_renderer_sees_the_voxels_that_are_there_now() {
    // The same names, other voxels: what a library remembers of the first room must not be drawn in the second.
    let [a, b] = both::<dyn PromptRenderer>(json!({"use": "toy"}));
    let dataset = build::<dyn Dataset>(&linked(), json!({"use": "toy"})).unwrap();
    let case = dataset.case(0).unwrap();
    let question = &questions(&*both::<dyn QuestionFamily>(json!({"use": "toy"}))[0])[0];
    let mirrored = room_of(dataset, true);
    let plain = room();
    for room in [&plain, &mirrored, &plain, &plain, &mirrored] {
        assert_eq!(a.render(&[&case], question, room), b.render(&[&case], question, room));
    }
    let (one, other) = (b.render(&[&case], question, &plain), b.render(&[&case], question, &mirrored));
    assert_ne!(one.unwrap(), other.unwrap());
}

fn request(room: &RunMedia) -> Request {
    let picture = Picture { width: 2, height: 1, rgb: vec![1, 2, 3, 4, 5, 6] };
    let first = room.put_picture(&picture).unwrap();
    let other = room.put_picture(&Picture { width: 1, height: 2, ..picture }).unwrap();
    let volume = room.put_volume([1, 1, 2], &[0.5, 1.5]).unwrap();
    let image = |image: &ImageRef| Part::Image { image: image.clone() };
    let text = Part::Text { text: "Which?".to_owned() };
    let parts = vec![image(&other), image(&first), image(&other), text, Part::Volume { volume }];
    Request {
        id: "r".to_owned(),
        question: "q".to_owned(),
        prompt: Prompt { parts },
        options: vec!["yes".to_owned(), "no".to_owned()],
        trial: 1,
        draw: u64::MAX - 1,
        truth: Some("secret".to_owned()),
    }
}

#[test]
fn models_answer_alike_with_any_form_of_pictures() {
    let room = room();
    let request = request(&room);
    let sampling = Sampling { seed: Some(u64::MAX), temperature: Some(0.1), ..Sampling::default() };
    for pictures in ["png", "pixels"] {
        let [a, b] = both::<dyn ModelBackend>(json!({"use": "toy", "pictures": pictures}));
        assert_eq!(a.card(), b.card());
        // The linked one would be told the answer only if it asked for it.
        let untold = Request { truth: None, ..request.clone() };
        assert_eq!(a.reply(&untold, &sampling, &room), b.reply(&request, &sampling, &room));
        let (x, y) = (a.vocabulary().unwrap().unwrap(), b.vocabulary().unwrap().unwrap());
        assert_eq!((x.texts, x.content), (y.texts, y.content));
        let rows = [&a, &b].map(|model| match model.embeddings().unwrap().unwrap() {
            EmbeddingSource::Rows { reader, sha256 } => {
                let mut rows = Vec::new();
                reader.read(1, 3, &mut rows).unwrap();
                (reader.rows(), reader.width(), sha256, rows)
            }
            EmbeddingSource::File { .. } => panic!("a file"),
        });
        assert_eq!(rows[0], rows[1]);
        assert_eq!(a.session().err().unwrap().cause, b.session().err().unwrap().cause);
    }
}

#[test]
fn sessions_decode_alike_whatever_the_slots() {
    let room = room();
    let request = Request { truth: None, ..request(&room) };
    let [a, b] = both::<dyn ModelBackend>(json!({"use": "toy", "slots": 3}));
    let (mut a, mut b) = (a.session().unwrap(), b.session().unwrap());
    let mut live = Vec::new();
    for text in ["one", "two", "three"] {
        let mut own = request.clone();
        own.prompt.parts.push(Part::Text { text: text.to_owned() });
        let slot = a.admit(&own, &room).unwrap();
        assert_eq!(slot, b.admit(&own, &room).unwrap());
        live.push(slot);
    }
    for step in 0..3 {
        let (x, y) = (a.logits(&live).unwrap(), b.logits(&live).unwrap());
        assert_eq!((x.rows, x.vocabulary), (y.rows, y.vocabulary));
        let (mut left, mut right) = (Vec::new(), Vec::new());
        assert_eq!(x.on_host(&mut left).unwrap().values(), y.on_host(&mut right).unwrap().values());
        for slot in &live {
            assert_eq!(a.push(*slot, step % 2), b.push(*slot, step % 2));
        }
        if step == 1 {
            let cancelled = live.remove(1);
            a.cancel(cancelled);
            b.cancel(cancelled);
        }
    }
    for slot in live {
        assert_eq!(a.push(slot, 4).unwrap(), Flow::Stop);
        assert_eq!(b.push(slot, 4).unwrap(), Flow::Stop);
        assert_eq!(a.finish(slot), b.finish(slot));
    }
}

struct Copied(Vec<f32>);

impl DeviceLogits for Copied {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn copy_to(&self, out: &mut Vec<f32>) -> Result<(), Fault> {
        out.extend_from_slice(&self.0);
        Ok(())
    }
}

#[test]
fn samplers_pick_the_same_tokens_from_host_and_device() {
    let model = build::<dyn ModelBackend>(&linked(), json!({"use": "toy", "slots": 2})).unwrap();
    let foreign = build::<dyn ModelBackend>(&loaded(), json!({"use": "toy", "slots": 2})).unwrap();
    for blind in [true, false] {
        let [mut a, mut b] = both::<dyn Sampler>(json!({"use": "toy", "one_of": 2, "blind": blind}));
        assert_eq!((a.remote(), a.max_tokens()), (b.remote(), b.max_tokens()));
        a.prepare(&*model).unwrap();
        // A sampler of a library with a model of a library.
        b.prepare(&*foreign).unwrap();
        assert_eq!(a.digest(), b.digest());
        let values: Vec<f32> = (0..18).map(|index| (index * 7 % 11) as f32).collect();
        let history = [3, 1, 4];
        for draws in 0..8u64 {
            let row = |index, step, history| Row { index, step, draw: draws * (step as u64 + 1), history };
            let rows = [row(2, 0, &history[..0]), row(0, 2, &history[..2]), row(2, 1, &history[..])];
            let device = Copied(values.clone());
            for place in [LogitsPlace::Host(&values), LogitsPlace::Device(&device)] {
                let logits = Logits { rows: 3, vocabulary: 6, place };
                for rows in [&rows[..], &rows[1..2], &[]] {
                    let (mut x, mut y) = (Vec::new(), Vec::new());
                    a.pick(&logits, rows, &mut x).unwrap();
                    b.pick(&logits, rows, &mut y).unwrap();
                    assert_eq!(x, y);
                }
            }
        }
    }
}

fn records() -> Vec<Record> {
    let [family, _] = both::<dyn QuestionFamily>(json!({"use": "toy"}));
    let questions = questions(&*family).into_iter().enumerate();
    questions
        .map(|(number, mut question)| {
            question.id = format!("q{number}");
            let reply = Reply::text(if number % 2 == 0 { "yes" } else { "no" });
            Record {
                arm: "main".to_owned(),
                answer: family.read(&question, &reply).unwrap(),
                question,
                trial: 0,
                prompt: Prompt::text("Which?"),
                reply: Some(reply),
                fault: None,
            }
        })
        .collect()
}

#[test]
fn metrics_score_alike() {
    let records = records();
    for own in [false, true] {
        let [a, b] = both::<dyn Metric>(json!({"use": "toy", "judge": true, "own": own}));
        let mut replies = Replies::default();
        let needs = a.consult(&records, &replies).unwrap();
        assert_eq!(needs.len(), records.len());
        assert_eq!(needs, b.consult(&records, &replies).unwrap());
        let verdicts = needs.into_iter().enumerate();
        verdicts.for_each(|(number, need)| replies.insert(need.key, Reply::text("fair".repeat(number))));
        assert_eq!(b.consult(&records, &replies).unwrap(), Vec::new());
        let scores: Vec<Option<Score>> =
            records.iter().map(|record| a.score(record, &replies).unwrap()).collect();
        for (record, score) in records.iter().zip(&scores) {
            assert_eq!(*score, b.score(record, &replies).unwrap());
        }
        for sums in [&[1.0 / 3.0, 7.0, 2.5][..], &[0.0, 0.0, 0.0], &[1.0]] {
            let bits = |metric: &dyn Metric| metric.finish(sums).map(f64::to_bits);
            assert_eq!(bits(&*a), bits(&*b), "{sums:?}");
        }
        let scored = Scored {
            records: records
                .iter()
                .zip(&scores)
                .map(|(record, score)| situs_core::record::ScoredRecord { record, score: score.clone() })
                .collect(),
            seed: 5,
            replicates: 100,
        };
        for _ in 0..2 {
            assert_eq!(a.summarise(&scored).unwrap(), b.summarise(&scored).unwrap());
        }
    }
}

/// A run with writer, judge, two samplers on one model that decodes step by step, and one that gives whole answers.
const CONFIG: &str = r#"
[dataset]
use = "toy"
[family]
use = "toy"
writer = true
[renderer]
use = "toy"
refuse = 5
[model]
use = "toy"
slots = 3
[[arm]]
name = "slips"
sampler = { use = "toy", one_of = 2 }
[[arm]]
name = "steady"
sampler = { use = "toy", one_of = 0, blind = true }
[[arm]]
name = "whole"
sampler = { use = "toy" }
model = { use = "toy" }
[models.writer]
use = "toy"
[models.judge]
use = "toy"
pictures = "none"
[metrics.toy]
judge = true
[metrics.own]
use = "toy"
own = true
[run]
trials = 2
bootstrap = 200
"#;

fn run_with(registry: &Registry, folder: &Path) -> Value {
    let config =
        RunConfig::parse("toy.toml", CONFIG.to_owned(), None, &Overrides::default(), registry).unwrap();
    let options = RunOptions { folder: folder.to_owned(), limit: None, stop: Arc::default() };
    let outcome = run::run(&config, registry, &options, &Silent).unwrap();
    assert_eq!((outcome.failed, outcome.missing), (0, 0));
    let mut texts: Vec<Value> = run::load_records(folder, registry)
        .unwrap()
        .into_iter()
        .map(|record| {
            json!([
                record.arm,
                record.question.text,
                record.trial,
                record.prompt,
                record.reply,
                record.answer
            ])
        })
        .collect();
    texts.sort_by_key(Value::to_string);
    let arms: Vec<Value> =
        outcome.summary.arms.iter().map(|arm| serde_json::to_value(&arm.overall.figures).unwrap()).collect();
    json!({"records": texts.len(), "dropped": outcome.summary.plan.dropped, "first": texts[0], "all": texts, "arms": arms})
}

#[test]
fn a_whole_run_comes_out_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let linked = run_with(&linked(), &folder.path().join("linked"));
    let loaded = run_with(&loaded(), &folder.path().join("loaded"));
    // Draws come from question ids, which name the library: what depends on none must agree.
    assert_eq!(linked["records"], loaded["records"]);
    assert_eq!(linked["records"].as_u64(), Some(3 * 5 * 3 * 2), "cases, questions, arms, trials");
    assert_eq!(linked["dropped"], loaded["dropped"]);
    let manifest = std::fs::read_to_string(folder.path().join("loaded/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let sha256 = loaded_sha256();
    for place in ["/dataset", "/family", "/arms/0/model", "/arms/0/sampler", "/metrics/toy", "/roles/judge"] {
        let found = manifest.pointer(place).unwrap();
        assert_eq!((&found["origin"], &found["sha256"]), (&json!("situs-toy"), &json!(sha256)), "{place}");
    }
}

fn loaded_sha256() -> String {
    loaded().libraries()[0].sha256.clone()
}
