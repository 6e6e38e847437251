//! The program as a person starts it, on a run of about a second.

use crate::stub_server::{Act, Seen};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// Questions of [`run`].
pub const LIMIT: usize = 40;

/// One small phantom, single slices, a part of the grid.
const SMALL: [&str; 9] = [
    "dataset.cases=1",
    "dataset.shape=[94, 73, 125]",
    "family.slice_filter=false",
    "family.dims=[\"2d\"]",
    "family.visual=[\"mask\", \"none\"]",
    // Letters need room; without them every question can be drawn on a small picture.
    "family.identities=[\"colour\"]",
    "family.ablations=[\"none\"]",
    "family.orientations=[\"standard_radiological\"]",
    "family.long_side=128",
];

/// The program, in the project's root, deaf to what the tester's environment says of servers.
pub fn situs(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_situs"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).stdin(Stdio::null());
    for name in ["SITUS_LOG", "OPENAI_API_KEY", "OPENAI_BASE_URL", "ALL_PROXY", "HTTP_PROXY", "http_proxy"] {
        command.env_remove(name);
    }
    command
}

/// Flags of the small run: the MIS-Ground example on one small phantom, [`LIMIT`] questions, no pauses.
pub fn small(folder: &Path) -> Vec<String> {
    let mut flags: Vec<String> = ["examples/mis-ground.toml", "--output", folder.to_str().unwrap()]
        .into_iter()
        .map(str::to_owned)
        .collect();
    for value in SMALL.into_iter().chain(["run.backoff_ms=1", "run.retries=2"]) {
        flags.extend(["--set".to_owned(), value.to_owned()]);
    }
    flags
}

/// `situs run` of the small run, with further flags; [`LIMIT`] questions unless they say otherwise.
pub fn run(folder: &Path, more: &[&str]) -> Command {
    let mut command = situs(&["run"]);
    command.args(small(folder)).args(more);
    if !more.contains(&"--limit") {
        command.args(["--limit", &LIMIT.to_string()]);
    }
    command
}

/// [`run`] against a server.
pub fn ask(folder: &Path, base_url: &str, more: &[&str]) -> Command {
    let mut command = run(folder, more);
    command.args(["--model", "openai", "--base-url", base_url]);
    command
}

/// Starts a command whose output nobody reads.
pub fn start(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs to the end and checks the exit code; gives stderr.
#[track_caller]
pub fn exits(mut command: Command, code: i32) -> String {
    let output = command.output().unwrap();
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    errors
}

/// Message on stderr, nothing on stdout, that exit code.
#[track_caller]
pub fn refused(output: &Output, code: i32, messages: &[&str]) {
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(output.stdout.is_empty(), "stdout: {}", text(&output.stdout));
    for message in messages {
        assert!(errors.contains(message), "{message:?} in {errors}");
    }
}

/// Runs to the end with `--json`.
#[track_caller]
pub fn json(mut command: Command, code: i32) -> Value {
    let output = command.arg("--json").output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The files that must be the same however a run went.
#[track_caller]
pub fn finals(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    ["questions.jsonl", "scores.parquet", "summary.json"]
        .map(|name| (PathBuf::from(name), std::fs::read(folder.join(name)).unwrap()))
        .into()
}

/// Names of final files that differ.
pub fn differing(a: &[(PathBuf, Vec<u8>)], b: &[(PathBuf, Vec<u8>)]) -> Vec<PathBuf> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).filter(|(a, b)| a != b).map(|(a, _)| a.0.clone()).collect()
}

/// Whole lines of a journal; a torn last one is left out.
pub fn journal(folder: &Path) -> Vec<Value> {
    let bytes = std::fs::read(folder.join("journal.jsonl")).unwrap_or_default();
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    text(&bytes[..whole]).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Lines of one kind.
pub fn of_kind(lines: &[Value], kind: &str) -> usize {
    lines.iter().filter(|line| line["kind"] == kind).count()
}

/// A reply in the wanted form, right or wrong: a function of the prompt's text alone.
pub fn reply(seen: &Seen) -> Act {
    let text = seen.chat_text();
    let options: Vec<&str> =
        text.rsplit_once("exactly one of: ").unwrap().1.trim_end_matches('.').split(", ").collect();
    let option = options[text.len() % options.len()];
    Act::chat(&format!("I look at the picture.\n<answer>{option}</answer>"))
}

/// Waits until something holds; gives up after a minute.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..30_000 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    panic!("still waiting: {what}");
}
