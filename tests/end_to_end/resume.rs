//! Killed, interrupted, doubled and changed runs.

use crate::program::{
    LIMIT, ask, differing, exits, finals, journal, json, of_kind, refused, reply, run, start, wait_until,
};
use crate::stub_server::{Act, StubServer};
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Few connections, so that a run is long enough to be cut in the middle.
const SLOWLY: [&str; 2] = ["--max-connections", "2"];

fn slow_server() -> StubServer {
    StubServer::chat(|seen| Act::Slow(Duration::from_millis(8), Box::new(reply(seen))))
}

fn posts(server: &StubServer) -> usize {
    server.seen().iter().filter(|seen| seen.method == "POST").count()
}

#[test]
fn a_run_killed_at_any_moment_resumes_to_the_same_files() {
    let server = slow_server();
    let undisturbed = tempfile::tempdir().unwrap();
    exits(ask(undisturbed.path(), &server.base_url(), &SLOWLY), 0);
    let expected = finals(undisturbed.path());
    // Before the first request, and after so many; twice in one folder at the end.
    for moments in [&[0][..], &[1], &[9], &[25], &[LIMIT - 1], &[5, 12]] {
        let folder = tempfile::tempdir().unwrap();
        for after in moments {
            let before = posts(&server);
            let mut child = start(ask(folder.path(), &server.base_url(), &SLOWLY));
            wait_until("the moment to kill", || match after {
                0 => folder.path().join("manifest.json").exists(),
                after => posts(&server) >= before + after,
            });
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let kept = of_kind(&journal(folder.path()), "reply");
        assert!(kept < LIMIT, "killed after {moments:?} requests, {kept} were kept");
        let before = posts(&server);
        let printed = json(ask(folder.path(), &server.base_url(), &SLOWLY), 0);
        assert_eq!(posts(&server) - before, LIMIT - kept, "what was answered is not asked again");
        assert_eq!(printed["asked"], LIMIT - kept);
        assert_eq!(
            differing(&finals(folder.path()), &expected),
            Vec::<PathBuf>::new(),
            "killed after {moments:?}"
        );
    }
}

#[test]
fn an_interrupted_run_says_how_to_go_on_and_goes_on() {
    let server = slow_server();
    let (undisturbed, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    exits(ask(undisturbed.path(), &server.base_url(), &SLOWLY), 0);
    let before = posts(&server);
    let mut command = ask(folder.path(), &server.base_url(), &SLOWLY);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    wait_until("ten requests", || posts(&server) >= before + 10);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    refused(&output, 130, &["requests in flight finish", "the same command again resumes"]);
    let kept = of_kind(&journal(folder.path()), "reply");
    assert_eq!(kept, posts(&server) - before, "requests in flight were finished and kept");
    let printed = json(ask(folder.path(), &server.base_url(), &SLOWLY), 0);
    assert_eq!(printed["asked"], LIMIT - kept);
    assert_eq!(differing(&finals(folder.path()), &finals(undisturbed.path())), Vec::<PathBuf>::new());
}

#[test]
fn a_folder_in_use_is_refused_and_the_first_run_is_not_disturbed() {
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    let server = StubServer::chat(move |seen| {
        while !gate.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(2));
        }
        reply(seen)
    });
    let folder = tempfile::tempdir().unwrap();
    let mut first = start(ask(folder.path(), &server.base_url(), &[]));
    wait_until("the first request", || posts(&server) >= 1);
    let output = ask(folder.path(), &server.base_url(), &[]).output().unwrap();
    refused(&output, 2, &["another run is using", folder.path().to_str().unwrap(), "--output"]);
    open.store(true, Ordering::SeqCst);
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!(of_kind(&journal(folder.path()), "reply"), LIMIT);
}

#[test]
fn another_config_in_the_same_folder_is_refused_naming_the_difference() {
    let folder = tempfile::tempdir().unwrap();
    exits(run(folder.path(), &[]), 0);
    let before = finals(folder.path());
    for (more, difference) in [
        (&["--set", "run.trials=2"][..], "run.trials was 1, is 2"),
        (&["--seed", "1"], "data was"),
        (&["--set", "family.most_marks=4"], "family.params.most_marks was 6, is 4"),
        (&["--model", "oracle"], "arms[0].model was"),
        (&["--temperature", "0.7"], "temperature was 0.5, is 0.7"),
        (&["--set", "run.mirrored=true"], "run.mirrored was false, is true"),
        (&["--control", "mirror"], "arms was"),
    ] {
        refused(
            &run(folder.path(), more).output().unwrap(),
            2,
            &["holds another run", difference, "--output"],
        );
        assert_eq!(differing(&finals(folder.path()), &before), Vec::<PathBuf>::new());
    }
    // Patience and tables are free to change.
    let printed = json(run(folder.path(), &["--set", "run.retries=7", "--set", "run.facets=[\"plane\"]"]), 0);
    assert_eq!(printed["asked"], 0);
}

#[test]
fn a_limit_may_grow_and_asks_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(json(run(folder.path(), &["--limit", "12"]), 0)["asked"], 12);
    let printed = json(run(folder.path(), &[]), 0);
    assert_eq!(
        (&printed["asked"], &printed["summary"]["plan"]["selected"]),
        (&json!(LIMIT - 12), &json!(LIMIT))
    );
    let at_once = tempfile::tempdir().unwrap();
    exits(run(at_once.path(), &[]), 0);
    assert_eq!(differing(&finals(folder.path()), &finals(at_once.path())), Vec::<PathBuf>::new());
}
