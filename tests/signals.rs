//! Signals: the first one stops a run so that it resumes, the second one ends it at once.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

#[path = "../plugins/tests/support/stub_server.rs"]
mod stub_server;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use stub_server::{Act, StubServer};

const CONFIG: &str = "[dataset]\nuse = \"phantom\"\ncases = 1\nshape = [96, 74, 208]\n[family]\nuse = \"mis-ground\"\n\
                      dims = [\"2d\"]\n[renderer]\nuse = \"slices\"\n[model]\nuse = \"openai\"\nname = \"stub-model\"\n\
                      [run]\nquestions = 40\n";

/// A run against a server, with at least one request on its way.
fn running(folder: &Path, server: &StubServer) -> Child {
    std::fs::write(folder.join("run.toml"), CONFIG).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_situs"))
        .current_dir(folder)
        .args(["run", "run.toml", "--output", "run", "--base-url", &server.base_url()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while server.count() == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn one_signal_lets_requests_in_flight_finish() {
    for signal in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let server = StubServer::chat(|_| {
            Act::Slow(Duration::from_millis(400), Box::new(Act::chat("<answer>true</answer>")))
        });
        let mut child = running(folder.path(), &server);
        send(signal, &child);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
        let journal = std::fs::read_to_string(folder.path().join("run/journal.jsonl")).unwrap();
        assert!(journal.contains("<answer>true</answer>"), "{signal}: {journal}");
        assert!(server.count() < 40);
    }
}

#[test]
fn the_second_signal_does_not_wait() {
    for signal in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let server = StubServer::chat(|_| Act::Slow(Duration::from_secs(300), Box::new(Act::Drop)));
        let mut child = running(folder.path(), &server);
        while child.try_wait().unwrap().is_none() {
            let _ =
                Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status();
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
    }
}

/// A checkpoint whose table takes a few seconds in twenty parts.
fn checkpoint(folder: &Path) {
    let (rows, width) = (20_000usize, 32usize);
    let numbers =
        (0..rows * width).map(|at| (at as u32).wrapping_mul(2_654_435_761) as f32 / 2f32.powi(31) - 1.0);
    let data: Vec<u8> = numbers.flat_map(f32::to_le_bytes).collect();
    let header = serde_json::json!({
        "embed_tokens.weight": { "dtype": "F32", "shape": [rows, width], "data_offsets": [0, data.len()] },
    });
    let header = header.to_string();
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
    std::fs::write(folder.join("model.safetensors"), file).unwrap();
    let vocab: serde_json::Map<String, serde_json::Value> =
        (0..rows).map(|id| (format!("t{id}"), serde_json::json!(id))).collect();
    let tokenizer = serde_json::json!({ "model": { "vocab": vocab } });
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
}

fn build_table(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_situs"));
    command
        .current_dir(folder)
        .args(["neighbors", "build", "--model", ".", "--k", "8", "--out", "T.safetensors"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

#[test]
fn a_table_that_is_interrupted_is_put_aside_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    checkpoint(folder);
    let child = build_table(folder).spawn().unwrap();
    while !folder.join("T.safetensors.part").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    send("-INT", &child);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("finished and put aside") && told.contains("interrupted"), "{told}");
    let mut left: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["T.safetensors.part", "model.safetensors", "tokenizer.json"]);

    let output = build_table(folder).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("going on where"), "{told}");
    assert!(folder.join("T.safetensors").exists() && !folder.join("T.safetensors.part").exists());
}
