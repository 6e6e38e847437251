//! A library that breaks the contract is told so, by name, and the program goes on.

use crate::workshop::{built, compiled, root};
use serde_json::{Value, json};
use situs_core::prelude::*;
use situs_core::registry::{Kind, Registry, Slot};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

fn rude(variant: u32) -> PathBuf {
    let flag = format!("-DRUDE={variant}");
    compiled(&root().join("tests/plugins/rude/rude.c"), &format!("rude{variant}"), &[&flag])
}

/// Why a library is refused; nothing of it may stay behind.
fn refused(registry: &mut Registry, library: &std::path::Path) -> String {
    let before = registry.components().count();
    let fault = registry.load(library, None).unwrap_err();
    assert_eq!(fault.cause, Cause::Config, "{fault}");
    assert_eq!((registry.components().count(), registry.libraries().len()), (before, 0));
    assert!(fault.what.contains(library.file_name().unwrap().to_str().unwrap()), "{fault}");
    fault.to_string()
}

#[test]
fn a_library_with_a_broken_table_is_refused_whole() {
    for (variant, words) in [
        (1, "version 2.0 of the boundary, this host has 1.0"),
        (2, "its table has 16 bytes, at least"),
        (3, "it gave no table"),
        (4, "component 0: its name is null"),
        (5, "list of components is null"),
        (6, "component 0: 'rude': the function `create` is null"),
        (7, "the function `call` is null"),
        (8, "the function `destroy` is null"),
        (9, "two components are called sampler 'rude': one from rude ("),
        (10, "its name is no UTF-8"),
        (11, "its name is longer than 128 bytes"),
        (12, "claims 4000000000 components, at most 1024"),
        (13, "component 0: it has 8 bytes"),
        (14, "distance of 12 bytes is impossible"),
        (15, "kind 9 is unknown"),
        (16, "its list of fields cannot be read"),
        (17, "needs the feature 'telepathy' of a newer host"),
        (18, "it has no components"),
        (20, "wants its fields checked, but lists none"),
        (21, "\"a name\" cannot be the name of a component"),
    ] {
        let text = refused(&mut Registry::default(), &rude(variant));
        assert!(text.contains(words), "{variant}: {text}");
    }
}

#[test]
fn what_is_no_library_or_no_plug_in_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libnothing.so");
    let text = Registry::default().load(&path, None).unwrap_err();
    assert_eq!(text.cause, Cause::Config);
    assert!(text.what.contains("libnothing.so"), "{text}");
    std::fs::write(&path, b"not a library").unwrap();
    assert!(refused(&mut Registry::default(), &path).contains("cannot be loaded"));
    let source = folder.path().join("plain.c");
    std::fs::write(&source, "int answer(void) { return 42; }\n").unwrap();
    let plain = compiled(&source, "plain", &[]);
    assert!(refused(&mut Registry::default(), &plain).contains("does not export situs_plugin_v1"));
}

#[test]
fn a_name_that_is_taken_is_refused_with_both_origins() {
    // This program has a sampler `toy` linked in.
    let mut registry = Registry::builtin().unwrap();
    let text = refused(&mut registry, &rude(19));
    assert!(
        text.contains("two components are called sampler 'toy': one from situs, one from rude ("),
        "{text}"
    );
    let mut registry = Registry::default();
    let library = rude(100);
    registry.load(&library, None).unwrap();
    let fault = registry.load(&library, None).unwrap_err();
    assert!(
        fault.what.contains("one from rude (") && fault.what.matches("librude100").count() >= 2,
        "{fault}"
    );
    assert_eq!((registry.components().count(), registry.libraries().len()), (6, 1));
}

#[test]
fn a_pin_holds_the_file_to_its_digest() {
    let library = rude(100);
    let sha256 = situs_core::digest::sha256_hex(&std::fs::read(&library).unwrap());
    assert_eq!(Registry::default().load(&library, Some(&sha256)).unwrap().sha256, sha256);
    let fault = Registry::default().load(&library, Some(&"0".repeat(64))).unwrap_err();
    assert!(fault.to_string().contains(&sha256), "{fault}");
}

fn build<S: Slot + ?Sized>(how: &str) -> Result<Box<S>, Fault> {
    let mut registry = Registry::default();
    registry.load(&rude(100), None).unwrap();
    let params = json!({"use": "rude", "rude": how});
    registry.build::<S>(params.as_object().unwrap(), &BuildContext::default()).map(|built| built.component)
}

/// The fault names component and library, and says what was wrong.
fn says<T: std::fmt::Debug>(outcome: Result<T, Fault>, kind: Kind, words: &str) {
    let fault = outcome.unwrap_err();
    assert_eq!(fault.cause, Cause::Internal, "{fault}");
    assert!(fault.what.starts_with(&format!("{kind} 'rude' of plug-in rude: ")), "{fault}");
    assert!(fault.what.contains(words), "expected {words:?} in: {fault}");
}

#[test]
fn a_component_that_cannot_be_made_says_why() {
    for (how, words) in [
        ("null-handle", "create gave a null handle"),
        ("create-status", "create ended with the unknown status 77"),
        ("create-list", "create gave [1] for parameters"),
        ("create-garbage", "the reply of create cannot be read"),
        ("fault-garbage", "the fault of create cannot be read"),
        ("fault-silent", "the fault of create cannot be read"),
    ] {
        says(build::<dyn Metric>(how).map(|_| ()), Kind::Metric, words);
    }
    says(build::<dyn Sampler>("describe").map(|_| ()), Kind::Sampler, "the reply of describe cannot be read");
    let fault = build::<dyn ModelBackend>("reads-answers").map(|_| ()).unwrap_err();
    assert_eq!(fault.cause, Cause::Unsupported, "{fault}");
    assert_eq!(build::<dyn ModelBackend>("").unwrap().card().parallel, 1, "it is not shared");
}

/// Replies that are malformed in themselves, and the words for each where JSON and one small tensor are allowed.
const MALFORMED: [(&str, &str); 16] = [
    ("status", "ended with the unknown status -5"),
    ("huge-bytes", "a reply of 4611686018427387904 bytes, at most"),
    ("null-bytes", "a reply of 5 bytes at a null pointer"),
    ("twice", "the bytes of a reply came twice"),
    ("huge-tensor", "is above the limit of"),
    ("overflow-tensor", "is above the limit of"),
    ("null-tensor", "a tensor at a null or misaligned pointer"),
    ("null-data", "its data are null or misaligned"),
    ("null-shape", "its shape is null or misaligned"),
    ("misaligned", "its data are null or misaligned"),
    ("dtype", "element type 9 is unknown"),
    ("ndim", "5 dimensions, at most 4"),
    ("no-tensor", "expected one tensor, 0 came"),
    ("many", "more than 1 tensors in a reply"),
    ("stray-child", "a child handle that nobody asked for"),
    ("missing", "it has no method"),
];

fn picked(how: &str, rows: usize) -> Result<Vec<Pick>, Fault> {
    let mut sampler = build::<dyn Sampler>(how)?;
    let values = [0.0; 8];
    let logits = Logits { rows: 2, vocabulary: 4, place: LogitsPlace::Host(&values) };
    let rows: Vec<Row<'_>> = (0..rows).map(|index| Row { index, step: 0, draw: 1, history: &[1] }).collect();
    let mut out = Vec::new();
    sampler.pick(&logits, &rows, &mut out).map(|()| out)
}

#[test]
fn a_sampler_that_gives_nonsense_is_stopped() {
    for (how, words) in MALFORMED {
        says(picked(how, 2), Kind::Sampler, words);
    }
    for (how, words) in [
        ("out-of-range", "pick gave token 4000000000, but the vocabulary has 4"),
        ("too-few", "pick gave 1 tokens for 2 rows"),
        ("too-many", "is above the limit of 8 bytes"),
        ("empty-tensor", "pick gave 0 tokens for 2 rows"),
        ("wrong-type", "pick gave f32 [2], expected u32 [rows]"),
        ("notes", "pick gave 6 notes for 2 rows"),
    ] {
        says(picked(how, 2), Kind::Sampler, words);
    }
    assert_eq!(picked("", 2).unwrap().len(), 2);
    let fault = picked("", 3).unwrap_err();
    assert_eq!(fault.what, "there are 2 rows of logits, none with index 2");
    let mut insatiable = build::<dyn Sampler>("insatiable").unwrap();
    let model = build::<dyn ModelBackend>("").unwrap();
    says(insatiable.prepare(&*model), Kind::Sampler, "prepare asks again for what it was given");
}

fn record(number: usize) -> Record {
    Record {
        arm: format!("w{number}"),
        question: question(),
        trial: 0,
        prompt: Prompt::default(),
        reply: None,
        fault: None,
        answer: Answer::answered("yes"),
    }
}

fn question() -> Question {
    Question {
        id: "q".to_owned(),
        volumes: Vec::new(),
        cases: vec!["c0".to_owned()],
        cluster: "c0".to_owned(),
        template: "T".to_owned(),
        cell: "c".to_owned(),
        bundle: "b".to_owned(),
        structures: Vec::new(),
        text: "Which?".to_owned(),
        options: Vec::new(),
        truth: "yes".to_owned(),
        chance: 0.5,
        facets: BTreeMap::new(),
        scene: None,
        evidence: Evidence::default(),
        private: Value::Null,
    }
}

#[test]
fn a_metric_that_gives_nonsense_is_stopped() {
    for (how, words) in [
        ("nan", "the reply of score cannot be read"),
        ("null-value", "the reply of score cannot be read"),
        ("overflow", "the reply of score cannot be read"),
        ("no-utf8", "the reply of score is no UTF-8"),
        ("missing", "it has no method score"),
        ("no-tensor", "the reply of score cannot be read"),
        ("empty-tensor", "more than 0 tensors in a reply"),
    ] {
        let metric = build::<dyn Metric>(how).unwrap();
        says(metric.score(&record(0), &Replies::default()), Kind::Metric, words);
    }
    let metric = build::<dyn Metric>("width").unwrap();
    metric.score(&record(0), &Replies::default()).unwrap();
    says(metric.score(&record(1), &Replies::default()), Kind::Metric, "1 statistics, 2 before");
    for (how, words) in MALFORMED.iter().filter(|(how, _)| *how != "missing") {
        says(build::<dyn Metric>(how).unwrap().finish(&[1.0, 2.0]), Kind::Metric, words);
    }
    // What it lacks has a default.
    let metric = build::<dyn Metric>("").unwrap();
    assert_eq!(metric.finish(&[1.0, 2.0]).unwrap(), 0.5);
    assert_eq!(metric.consult(&[record(0)], &Replies::default()).unwrap(), Vec::new());
}

#[test]
fn a_session_that_gives_nonsense_is_stopped() {
    let request = Request {
        id: "r".to_owned(),
        question: "q".to_owned(),
        prompt: Prompt::text("Which?"),
        options: Vec::new(),
        trial: 0,
        draw: 0,
        truth: None,
    };
    let media = crate::same::room();
    for (how, words) in MALFORMED.into_iter().filter(|(how, _)| !how.starts_with("huge-tensor")).chain([
        ("logits-rows", "logits gave f32 [2, 4], expected f32 [1, vocabulary]"),
        ("logits-flat", "logits gave f32 [4]"),
        ("logits-type", "logits gave u32 [1, 4]"),
        ("logits-none", "logits gave f32 [1, 0]"),
    ]) {
        let model = build::<dyn ModelBackend>(how).unwrap();
        let mut session = model.session().unwrap();
        let slot = session.admit(&request, &media).unwrap();
        let seen = session.logits(&[slot]).map(|logits| logits.vocabulary);
        says(seen, Kind::Model, words);
    }
    let model = build::<dyn ModelBackend>("push-flow").unwrap();
    let mut session = model.session().unwrap();
    let slot = session.admit(&request, &media).unwrap();
    says(session.push(slot, 1), Kind::Model, "push gave 2, expected 0 or 1");
    says(session.admit(&request, &media), Kind::Model, "admit gave slot 0, which is live already");
    assert!(session.push(9, 1).unwrap_err().what.contains("no sequence in slot 9"));
    session.cancel(slot);
    assert!(session.finish(slot).is_err(), "cancelled");
    says(
        build::<dyn ModelBackend>("no-child").unwrap().session().map(|_| ()),
        Kind::Model,
        "gave no child handle",
    );
    let fault = build::<dyn ModelBackend>("child-fault").unwrap().session().err().unwrap();
    assert_eq!(fault.what, "no session after all");
    let model = build::<dyn ModelBackend>("finish").unwrap();
    let mut session = model.session().unwrap();
    let slot = session.admit(&request, &media).unwrap();
    says(session.finish(slot), Kind::Model, "the reply of finish cannot be read");
}

#[test]
fn families_renderers_and_data_sets_that_give_nonsense_are_stopped() {
    let media = crate::same::room();
    for (how, words) in [
        ("insatiable", "asks twice for volume \"c0/ct\""),
        ("stranger", "asks for volume \"/etc/passwd\", which the case does not hold"),
        ("nothing", "asks to be lent nothing"),
        ("both", "must give one of `questions`, `needs` and `lend`"),
        ("no-utf8", "the reply of ask is no UTF-8"),
        ("missing", "it has no method ask"),
    ] {
        let family = build::<dyn QuestionFamily>(how).unwrap();
        says(crate::same::asked(&*family, &media, &Replies::default(), 0), Kind::Family, words);
    }
    let case = Case {
        name: "c0".to_owned(),
        cluster: "c0".to_owned(),
        modality: Modality::Ct,
        volumes: Vec::new(),
        structures: StructureSource::None,
        facts: BTreeMap::new(),
    };
    for (how, words) in [
        ("picture-number", "names picture \"#7\", but gave 0 tensors"),
        ("picture-shape", "of shape [3], expected [H, W, 3]"),
        ("many", "more than 4096 tensors"),
        ("huge-tensor", "is above the limit of"),
    ] {
        let renderer = build::<dyn PromptRenderer>(how).unwrap();
        says(renderer.render(&[&case], &question(), &media), Kind::Renderer, words);
    }
    let volume = |how: &str| build::<dyn Dataset>(how).unwrap().volume("x");
    says(volume("volume-shape"), Kind::Dataset, "volume gave f32 [3], expected f32 [z, y, x]");
    says(volume("volume-type"), Kind::Dataset, "volume gave u32 [3]");
    says(volume("overflow-tensor"), Kind::Dataset, "is above the limit of");
    says(volume(""), Kind::Dataset, "expected one tensor, 0 came");
    assert_eq!(volume("missing").unwrap_err().cause, Cause::Unsupported);
}

/// The toy of the library, panicking in one method.
fn panicking<S: Slot + ?Sized>(method: &str, more: Value) -> Result<Box<S>, Fault> {
    let mut registry = Registry::default();
    registry.load(&built("situs-toy", "tests/plugins/toy"), None).unwrap();
    let mut params = json!({"use": "toy", "panics": method});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    registry.build::<S>(params.as_object().unwrap(), &BuildContext::default()).map(|built| built.component)
}

/// The fault says that the library panicked, where, and with which words.
fn panicked<T>(outcome: Result<T, Fault>, method: &str) {
    let Err(fault) = outcome else { panic!("{method} did not panic") };
    assert_eq!(fault.cause, Cause::Internal);
    let words = format!("{method} panicked: as asked, in {method}");
    assert!(fault.what.contains("of plug-in situs-toy: ") && fault.what.contains(&words), "{fault}");
}

fn earlier<T>(outcome: Result<T, Fault>) {
    let fault = outcome.err().unwrap();
    assert!(fault.what.ends_with("it panicked earlier and is not called again"), "{fault}");
}

#[test]
fn a_panic_in_any_call_fails_the_call_alone() {
    let none = || json!({});
    panicked(panicking::<dyn Dataset>("create", none()), "create");
    panicked(panicking::<dyn Dataset>("describe", none()), "describe");
    let dataset = panicking::<dyn Dataset>("case", none()).unwrap();
    panicked(dataset.case(0), "case");
    assert!(dataset.volume("c0/ct").is_ok(), "a shared component goes on");
    panicked(panicking::<dyn Dataset>("volume", none()).unwrap().volume("c0/ct"), "volume");
    drop(panicking::<dyn Dataset>("destroy", none()).unwrap());
    let media = crate::same::room();
    let family = panicking::<dyn QuestionFamily>("ask", none()).unwrap();
    panicked(crate::same::asked(&*family, &media, &Replies::default(), 0), "ask");
    assert!(family.read(&question(), &Reply::text("yes")).is_ok());
    let family = panicking::<dyn QuestionFamily>("read", none()).unwrap();
    panicked(family.read(&question(), &Reply::text("yes")), "read");
    let renderer = panicking::<dyn PromptRenderer>("render", none()).unwrap();
    panicked(renderer.render(&[], &question(), &media), "render");
    let metric = panicking::<dyn Metric>("score", none()).unwrap();
    panicked(metric.score(&record(0), &Replies::default()), "score");
    panicked(panicking::<dyn Metric>("figure", none()).unwrap().finish(&[1.0]), "figure");
    panicked(
        panicking::<dyn Metric>("consult", none()).unwrap().consult(&[], &Replies::default()),
        "consult",
    );
    let nothing = Scored { records: Vec::new(), seed: 0, replicates: 100 };
    panicked(panicking::<dyn Metric>("summarise", none()).unwrap().summarise(&nothing), "summarise");
}

#[test]
fn a_sampler_or_session_that_panicked_is_not_called_again() {
    let model = panicking::<dyn ModelBackend>("", json!({"slots": 2})).unwrap();
    let mut sampler = panicking::<dyn Sampler>("pick", json!({})).unwrap();
    sampler.prepare(&*model).unwrap();
    let logits = Logits { rows: 1, vocabulary: 2, place: LogitsPlace::Host(&[0.0, 1.0]) };
    let rows = [Row { index: 0, step: 0, draw: 1, history: &[] }];
    panicked(sampler.pick(&logits, &rows, &mut Vec::new()), "pick");
    earlier(sampler.pick(&logits, &rows, &mut Vec::new()));
    earlier(sampler.prepare(&*model));
    let media = crate::same::room();
    let request = Request {
        id: "r".to_owned(),
        question: "q".to_owned(),
        prompt: Prompt::text("Which?"),
        options: Vec::new(),
        trial: 0,
        draw: 0,
        truth: None,
    };
    for method in ["admit", "logits", "push", "finish"] {
        let model = panicking::<dyn ModelBackend>(method, json!({"slots": 2})).unwrap();
        let mut session = model.session().unwrap();
        let admitted = session.admit(&request, &media);
        if method == "admit" {
            panicked(admitted, method);
        } else {
            let slot = admitted.unwrap();
            match method {
                "logits" => panicked(session.logits(&[slot]).map(|_| ()), method),
                "push" => panicked(session.push(slot, 0), method),
                _ => panicked(session.finish(slot), method),
            }
        }
        earlier(session.admit(&request, &media));
        assert!(model.session().is_ok(), "a new session may be opened");
    }
    let model = panicking::<dyn ModelBackend>("session", json!({"slots": 1})).unwrap();
    panicked(model.session().map(|_| ()), "session");
    assert!(model.vocabulary().is_ok(), "a shared model goes on");
}

#[test]
fn components_are_used_from_many_threads_at_once() {
    let mut registry = Registry::default();
    registry.load(&built("situs-toy", "tests/plugins/toy"), None).unwrap();
    let shared: Arc<dyn Metric> = Arc::from(panicking::<dyn Metric>("", json!({})).unwrap());
    let alone: Arc<dyn Metric> = Arc::from(build::<dyn Metric>("").unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    shared.score(&record(0), &Replies::default()).unwrap();
                    alone.score(&record(0), &Replies::default()).unwrap();
                }
            });
        }
    });
}
