//! Both sides of the boundary in one process, without a library file: what an interpreter that checks every pointer
//! (Miri) can run. Each kind is built directly and through the C table, and both have to do the same.

use super::super::guest::{Table, open};
use super::library::{host_table, rows_of};
use crate::model_backend::EmbeddingSource;
use crate::prelude::*;
use crate::registry::{Params, Registry, Slot};
use crate::run::{MediaStore, RunMedia};
use crate::volume::{VolumeStore, catalogue_entry};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

#[path = "../../../../tests/plugins/toy/src/components.rs"]
mod toy;

static TABLE: Table = Table::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

/// The component as it is, and behind the boundary.
fn both<S: Slot + ?Sized>(params: Value) -> [Box<S>; 2] {
    // SAFETY: the table of this host lives as long as the process, and so does what `open` gives for it.
    let rows = unsafe { rows_of(open(&TABLE, host_table()), PathBuf::from("in process"), String::new()) };
    let mut across = Registry::default();
    across.add_all(rows.unwrap().1).unwrap();
    let params: Params = params.as_object().unwrap().clone();
    let cx = BuildContext { seed: 7, ..BuildContext::default() };
    [Registry::builtin().unwrap(), across]
        .map(|registry| registry.build::<S>(&params, &cx).unwrap().component)
}

fn toy<S: Slot + ?Sized>() -> [Box<S>; 2] {
    both(json!({"use": "toy"}))
}

/// Cases, volumes and pictures of the data set.
struct Room {
    dataset: Arc<dyn Dataset>,
    media: RunMedia,
    _folder: tempfile::TempDir,
}

fn room() -> Room {
    let [dataset, _] = toy::<dyn Dataset>();
    let (dataset, folder) = (Arc::<dyn Dataset>::from(dataset), tempfile::tempdir().unwrap());
    let media = RunMedia::new(
        VolumeStore::new(Arc::clone(&dataset), 1 << 20, false),
        MediaStore::new(folder.path().join("media")),
    );
    Room { dataset, media, _folder: folder }
}

fn asked(family: &dyn QuestionFamily, room: &Room, replies: &Replies) -> Asked {
    let case = room.dataset.case(1).unwrap();
    let entry = catalogue_entry(&case, &room.media.volumes).unwrap();
    let catalogue = Catalogue { digest: String::new(), cases: vec![entry.clone()] };
    let asked = family.ask(&AskContext {
        card: room.dataset.card(),
        case: &case,
        entry: &entry,
        catalogue: &catalogue,
        seed: 3,
        replies,
        media: &room.media,
    });
    asked.unwrap()
}

fn questions(room: &Room) -> Vec<Question> {
    let [family, _] = both::<dyn QuestionFamily>(json!({"use": "toy", "questions": 2}));
    match asked(&*family, room, &Replies::default()) {
        Asked::Questions { questions, .. } => questions,
        Asked::Needs(needs) => panic!("{needs:?}"),
    }
}

#[test]
fn a_data_set_gives_the_same_cases_and_voxels() {
    let [a, b] = both::<dyn Dataset>(json!({"use": "toy", "damaged": true}));
    assert_eq!((a.card(), a.len()), (b.card(), b.len()));
    assert_eq!(a.case(2), b.case(2));
    for key in ["c0/ct", "c0/labels", "c1/ct"] {
        assert_eq!(a.volume(key), b.volume(key), "{key}");
    }
}

#[test]
fn a_family_asks_consults_and_reads_alike() {
    let [a, b] = both::<dyn QuestionFamily>(json!({"use": "toy", "questions": 2, "writer": true}));
    let (room, mut replies) = (room(), Replies::default());
    assert_eq!(a.version(), b.version());
    let questions = loop {
        let (from_a, from_b) = (asked(&*a, &room, &replies), asked(&*b, &room, &replies));
        assert_eq!(from_a, from_b);
        match from_a {
            Asked::Needs(needs) => {
                needs.into_iter().for_each(|need| replies.insert(need.key, Reply::text("?")))
            }
            Asked::Questions { questions, .. } => break questions,
        }
    };
    let reply = Reply::text("yes");
    assert_eq!(a.read(&questions[1], &reply), b.read(&questions[1], &reply));
}

#[test]
fn a_renderer_draws_alike() {
    let [a, b] = both::<dyn PromptRenderer>(json!({"use": "toy", "volume": true}));
    let room = room();
    let case = room.dataset.case(1).unwrap();
    for question in questions(&room) {
        let drawn = a.render(&[&case], &question, &room.media);
        assert_eq!(drawn, b.render(&[&case], &question, &room.media));
        assert!(drawn.is_ok());
    }
}

fn request(room: &Room) -> Request {
    let picture = Picture { width: 2, height: 1, rgb: vec![1, 2, 3, 4, 5, 6] };
    let image = room.media.put_picture(&picture).unwrap();
    let parts = vec![Part::Image { image }, Part::Text { text: "Which?".to_owned() }];
    Request {
        id: "r".to_owned(),
        question: "q".to_owned(),
        prompt: Prompt { parts },
        options: vec!["yes".to_owned(), "no".to_owned()],
        trial: 1,
        draw: u64::MAX - 1,
        truth: None,
    }
}

#[test]
fn a_model_answers_and_decodes_alike() {
    let room = room();
    let request = request(&room);
    let [a, b] = both::<dyn ModelBackend>(json!({"use": "toy", "slots": 2, "pictures": "pixels"}));
    assert_eq!(a.card(), b.card());
    let sampling = Sampling::default();
    assert_eq!(a.reply(&request, &sampling, &room.media), b.reply(&request, &sampling, &room.media));
    let rows = [&a, &b].map(|model| match model.embeddings().unwrap().unwrap() {
        EmbeddingSource::Rows { reader, .. } => {
            let mut rows = Vec::new();
            reader.read(1, 3, &mut rows).unwrap();
            rows
        }
        EmbeddingSource::File { .. } => panic!("a file"),
    });
    assert_eq!(rows[0], rows[1]);
    let (mut one, mut other) = (a.session().unwrap(), b.session().unwrap());
    let live = [0, 1].map(|_| one.admit(&request, &room.media).unwrap());
    assert_eq!(live, [0, 1].map(|_| other.admit(&request, &room.media).unwrap()));
    for token in [0, 4] {
        let (x, y) = (one.logits(&live).unwrap(), other.logits(&live).unwrap());
        let (mut left, mut right) = (Vec::new(), Vec::new());
        assert_eq!(x.on_host(&mut left).unwrap().values(), y.on_host(&mut right).unwrap().values());
        assert_eq!(one.push(live[0], token), other.push(live[0], token));
    }
    assert_eq!(one.finish(live[0]), other.finish(live[0]));
    // The other sequence is dropped with its session.
    other.cancel(live[1]);
}

#[test]
fn a_sampler_prepares_and_picks_alike() {
    let [mut a, mut b] = both::<dyn Sampler>(json!({"use": "toy", "one_of": 2}));
    for (sampler, model) in [&mut a, &mut b].into_iter().zip(toy::<dyn ModelBackend>()) {
        sampler.prepare(&*model).unwrap();
    }
    assert_eq!(a.digest(), b.digest());
    let values: Vec<f32> = (0..12).map(|index| (index * 7 % 11) as f32).collect();
    let logits = Logits { rows: 2, vocabulary: 6, place: LogitsPlace::Host(&values) };
    let history = [3, 1];
    for draw in 0..4 {
        let rows = [
            Row { index: 1, step: 0, draw, history: &[] },
            Row { index: 0, step: 2, draw: draw + 1, history: &history },
        ];
        let (mut x, mut y) = (Vec::new(), Vec::new());
        a.pick(&logits, &rows, &mut x).unwrap();
        b.pick(&logits, &rows, &mut y).unwrap();
        assert_eq!(x, y);
    }
}

#[test]
fn a_metric_scores_and_figures_alike_and_its_panic_is_a_fault() {
    let room = room();
    let records: Vec<Record> = questions(&room)
        .into_iter()
        .map(|question| Record {
            arm: "main".to_owned(),
            answer: Answer::answered(question.truth.clone()),
            question,
            trial: 0,
            prompt: Prompt::text("Which?"),
            reply: None,
            fault: None,
        })
        .collect();
    let [a, b] = toy::<dyn Metric>();
    for record in &records {
        assert_eq!(a.score(record, &Replies::default()), b.score(record, &Replies::default()));
    }
    assert_eq!(a.finish(&[1.0, 2.0, 3.0]), b.finish(&[1.0, 2.0, 3.0]));
    assert_eq!(a.finish(&[1.0]).unwrap_err().what, b.finish(&[1.0]).unwrap_err().what);
    let [_, panics] = both::<dyn Metric>(json!({"use": "toy", "panics": "score"}));
    let fault = panics.score(&records[0], &Replies::default()).unwrap_err();
    assert!(fault.what.contains("panicked"), "{fault}");
}
