//! The `replay` backend: recorded replies by request, question or prompt.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/still_media.rs"]
mod still_media;

use serde_json::{Value, json};
use situs_core::prelude::*;
use situs_plugins as _;
use still_media::{StillMedia, backend, refused, request};
use tempfile::TempDir;

fn recorded(lines: &[Value]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(folder.path().join("journal.jsonl"), text).unwrap();
    folder
}

fn model(folder: &TempDir, more: Value) -> Box<dyn ModelBackend> {
    let mut params = json!({"use": "replay", "path": folder.path()});
    let (Value::Object(all), Value::Object(more)) = (&mut params, more) else { unreachable!() };
    all.extend(more);
    backend(params).unwrap()
}

fn ask(model: &dyn ModelBackend, trial: u32) -> Result<Reply, Fault> {
    let request = Request { trial, ..request(Prompt::text("q"), &[], 0) };
    model.reply(&request, &Sampling::default(), &StillMedia::default())
}

#[test]
fn a_file_of_questions_and_texts_is_enough() {
    let folder = recorded(&[
        json!({"question_id": "question-1", "text": "first"}),
        json!({"question_id": "question-1", "trial": 1, "text": "second", "reasoning": "r", "finish": "length"}),
    ]);
    let model = model(&folder, json!({}));
    assert_eq!(ask(model.as_ref(), 0).unwrap(), Reply::text("first"));
    let second = ask(model.as_ref(), 1).unwrap();
    assert_eq!(
        (second.text.as_str(), second.reasoning.as_deref(), second.finish),
        ("second", Some("r"), Finish::Length)
    );
    let missing = ask(model.as_ref(), 2).unwrap_err();
    assert_eq!(missing.cause, Cause::Rejected);
    for name in ["request-1", "question-1", "trial 2"] {
        assert!(missing.what.contains(name), "{missing}");
    }
}

#[test]
fn a_journal_is_read_as_it_is_written() {
    let line = |arm: &str, text: &str| {
        json!({
            "kind": "reply", "request": format!("of-{arm}"), "arm": arm, "question": "question-1", "trial": 0,
            "prompt": Prompt::text("q").digest(), "reply": Reply::text(text)
        })
    };
    let folder = recorded(&[
        json!({"kind": "prompt", "id": "p", "parts": [{"kind": "text", "text": "q"}]}),
        line("greedy", "left"),
        line("sampled", "right"),
        json!({"kind": "failed", "request": "x", "arm": "greedy", "question": "question-2", "trial": 0, "prompt": "p",
               "fault": {"cause": "rejected", "what": "no"}}),
    ]);
    // A killed run leaves a torn line at the end.
    let path = folder.path().join("journal.jsonl");
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{whole}{{\"kind\": \"reply\", \"requ")).unwrap();
    assert_eq!(ask(model(&folder, json!({"arm": "greedy"})).as_ref(), 0).unwrap().text, "left");
    assert_eq!(ask(model(&folder, json!({"arm": "sampled"})).as_ref(), 0).unwrap().text, "right");
}

#[test]
fn the_most_exact_name_counts() {
    let folder = recorded(&[
        json!({"prompt": Prompt::text("q").digest(), "text": "by prompt"}),
        json!({"request_id": "request-1", "text": "by request"}),
        json!({"question_id": "question-1", "text": "by question"}),
    ]);
    assert_eq!(ask(model(&folder, json!({})).as_ref(), 0).unwrap().text, "by request");
    let folder = recorded(&[json!({"prompt": Prompt::text("q").digest(), "text": "by prompt"})]);
    assert_eq!(ask(model(&folder, json!({})).as_ref(), 0).unwrap().text, "by prompt");
}

#[test]
fn other_content_is_another_model() {
    let digest = |text: &str| {
        let folder = recorded(&[json!({"question_id": "question-1", "text": text})]);
        model(&folder, json!({})).card().digest.clone()
    };
    assert_eq!(digest("a"), digest("a"));
    assert_ne!(digest("a"), digest("b"));
}

#[test]
fn damage_is_told_with_its_line() {
    let broken = |lines: &[Value], word: &str, place: &str| {
        let folder = recorded(lines);
        let fault = ask(model(&folder, json!({})).as_ref(), 0).unwrap_err();
        assert_eq!(fault.cause, Cause::Data);
        assert!(fault.what.contains(word) && fault.what.contains(place), "{fault}");
    };
    let good = json!({"question_id": "x", "text": "t"});
    broken(&[good.clone(), json!({"text": "whose?"})], "needs request_id", "journal.jsonl:2");
    broken(
        &[good.clone(), good.clone(), json!({"question_id": "x"})],
        "needs text or reply",
        "journal.jsonl:3",
    );
    broken(&[json!("just text")], "not a recorded reply", "journal.jsonl:1");
    assert_eq!(refused(json!({"use": "replay"})).cause, Cause::Config);
    let missing = refused(json!({"use": "replay", "path": "/no/such/file.jsonl"}));
    assert_eq!(missing.cause, Cause::Data);
}
