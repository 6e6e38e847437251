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
