//! Runs against an OpenAI-compatible server: found, broken, overloaded, locked, absent.

use crate::program::{
    LIMIT, ask, differing, exits, finals, journal, json, of_kind, refused, reply, situs, text, wait_until,
};
use crate::stub_server::{Act, Seen, StubServer};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

fn posts(server: &StubServer) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.method == "POST").collect()
}

#[test]
fn the_only_served_model_is_found_asked_and_scored() {
    let server = StubServer::chat(reply);
    let folder = tempfile::tempdir().unwrap();
    let printed = json(ask(folder.path(), &server.base_url(), &[]), 0);
    let arm = &printed["summary"]["arms"][0];
    assert_eq!(arm["model"], "stub-model");
    assert_eq!((&arm["overall"]["n"], &arm["overall"]["parse_rate"]), (&json!(LIMIT), &json!(1.0)));
    let accuracy = arm["overall"]["figures"]["accuracy"]["value"].as_f64().unwrap();
    assert!((0.1..0.9).contains(&accuracy), "some answers are right and some wrong: {accuracy}");
    assert_eq!(
        (&printed["asked"], &printed["failed"], &printed["exit"]),
        (&json!(LIMIT), &json!(0), &json!(0))
    );

    let first = &server.seen()[0];
    assert_eq!((first.method.as_str(), first.path.as_str()), ("GET", "/v1/models"));
    let asked = posts(&server);
    assert_eq!(asked.len(), LIMIT);
    for seen in &asked {
        let body = seen.json();
        assert_eq!(seen.path, "/v1/chat/completions");
        assert_eq!(body["model"], "stub-model");
        assert_eq!(
            (&body["temperature"], &body["top_k"], &body["top_p"], &body["max_tokens"]),
            (&json!(0.5), &json!(20), &json!(0.8), &json!(8912))
        );
        let url = body["messages"][0]["content"][0]["image_url"]["url"].as_str().unwrap();
        assert!(url.starts_with("data:image/png;base64,iVBORw0KGgo"), "the picture comes first");
    }

    let again = ask(folder.path(), &server.base_url(), &[]).output().unwrap();
    assert_eq!(again.status.code(), Some(0));
    let table = text(&again.stdout);
    assert!(table.contains("accuracy") && table.contains(&format!(" {LIMIT} ")), "{table}");
    assert_eq!(posts(&server).len(), LIMIT, "a finished run asks nothing");
}

#[test]
fn a_prompt_that_always_fails_costs_itself_and_is_all_the_next_run_asks_for() {
    let mended = Arc::new(AtomicBool::new(false));
    let doomed: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
    let (is_mended, first) = (Arc::clone(&mended), Arc::clone(&doomed));
    let server = StubServer::chat(move |seen| {
        let mut doomed = first.lock().unwrap();
        let fails = *doomed.get_or_insert_with(|| seen.body.clone()) == seen.body;
        if fails && !is_mended.load(Ordering::SeqCst) {
            Act::status(500, "out of order")
        } else {
            reply(seen)
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let printed = json(ask(folder.path(), &server.base_url(), &[]), 3);
    assert_eq!((&printed["asked"], &printed["failed"]), (&json!(LIMIT - 1), &json!(1)));
    let overall = &printed["summary"]["arms"][0]["overall"];
    assert_eq!(overall["states"]["failed"], 1);
    assert_eq!(overall["figures"]["accuracy"]["n"], LIMIT - 1, "a failure is no wrong answer");
    let lines = journal(folder.path());
    assert_eq!((of_kind(&lines, "reply"), of_kind(&lines, "failed")), (LIMIT - 1, 1));
    let fault = &lines.iter().find(|line| line["kind"] == "failed").unwrap()["fault"];
    assert!(fault["what"].as_str().unwrap().contains("status 500: out of order"), "{fault}");

    mended.store(true, Ordering::SeqCst);
    let before = posts(&server).len();
    assert_eq!(before, LIMIT - 1 + 3, "one try and two more for the broken prompt");
    let printed = json(ask(folder.path(), &server.base_url(), &[]), 0);
    assert_eq!((&printed["asked"], &printed["failed"]), (&json!(1), &json!(0)));
    let asked = posts(&server);
    assert_eq!(asked.len(), before + 1);
    assert_eq!(Some(&asked[before].body), doomed.lock().unwrap().as_ref());

    let calm = tempfile::tempdir().unwrap();
    exits(ask(calm.path(), &server.base_url(), &[]), 0);
    assert_eq!(differing(&finals(folder.path()), &finals(calm.path())), Vec::<std::path::PathBuf>::new());
}

#[test]
fn faults_that_pass_leave_a_count_and_nothing_else() {
    let server =
        StubServer::chat(|seen| match (seen.nth, seen.body.iter().map(|b| u32::from(*b)).sum::<u32>() % 4) {
            (0, 0) => Act::status(500, "restarting"),
            (0, 1) => Act::status(429, "slow down").with_header("Retry-After", "0.05"),
            (0, 2) => Act::Drop,
            _ => reply(seen),
        });
    let (troubled, calm) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let printed = json(ask(troubled.path(), &server.base_url(), &[]), 0);
    assert!(printed["retries"].as_u64().unwrap() >= 10, "{}", printed["retries"]);
    assert_eq!((&printed["asked"], &printed["failed"]), (&json!(LIMIT), &json!(0)));
    // Every body has been seen now, so nothing fails any more.
    let printed = json(ask(calm.path(), &server.base_url(), &[]), 0);
    assert_eq!(printed["retries"], 0);
    assert_eq!(differing(&finals(troubled.path()), &finals(calm.path())), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_server_that_went_away_ends_the_run_and_loses_nothing() {
    let server = StubServer::chat(reply);
    let (base_url, folder) = (server.base_url(), tempfile::tempdir().unwrap());
    exits(ask(folder.path(), &base_url, &["--model-name", "stub-model", "--limit", "10"]), 0);
    let journal_before = std::fs::read(folder.path().join("journal.jsonl")).unwrap();
    drop(server);
    let address = base_url.trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    wait_until("the port to close", || TcpStream::connect(&address).is_err());

    for more in [&["--limit", "20"][..], &["--model-name", "stub-model", "--limit", "20"]] {
        let output = ask(folder.path(), &base_url, more).output().unwrap();
        refused(&output, 5, &[&address, "is the server running"]);
        assert!(std::fs::read(folder.path().join("journal.jsonl")).unwrap() == journal_before);
    }
    let printed = json(situs(&["score", folder.path().to_str().unwrap()]), 3);
    assert_eq!(printed["summary"]["arms"][0]["overall"]["n"], 10, "what was answered is still scored");
    assert_eq!(printed["missing"], 10);
}

#[test]
fn several_served_models_are_named_and_one_has_to_be_chosen() {
    let server = StubServer::start(|seen| {
        if seen.path.ends_with("/models") { Act::models(&["small-vlm", "large-vlm"]) } else { reply(seen) }
    });
    let folder = tempfile::tempdir().unwrap();
    let output = ask(folder.path(), &server.base_url(), &[]).output().unwrap();
    refused(&output, 2, &["small-vlm", "large-vlm", "--model-name"]);
    assert!(posts(&server).is_empty());
    let printed =
        json(ask(folder.path(), &server.base_url(), &["--model-name", "large-vlm", "--limit", "4"]), 0);
    assert_eq!(printed["summary"]["arms"][0]["model"], "large-vlm");
    assert!(posts(&server).iter().all(|seen| seen.json()["model"] == "large-vlm"));
}

#[test]
fn a_server_that_does_not_let_us_in_is_exit_5() {
    let folder = tempfile::tempdir().unwrap();
    let closed = StubServer::start(|_| Act::status(401, "bad key"));
    let output = ask(folder.path(), &closed.base_url(), &[]).output().unwrap();
    refused(&output, 5, &["unauthorised", "bad key", "check the API key"]);
    let half_open = StubServer::chat(|_| Act::status(401, "bad key"));
    let output = ask(folder.path(), &half_open.base_url(), &[]).output().unwrap();
    refused(&output, 5, &["unauthorised", "bad key", "check the API key"]);
    assert_eq!(of_kind(&journal(folder.path()), "reply"), 0);
    let kept: Vec<Value> = journal(folder.path());
    assert_eq!(of_kind(&kept, "failed"), 0, "no question is blamed for a locked door");
}
