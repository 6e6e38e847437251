//! The `command` backend against small shell programs.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(unix)]

#[path = "support/still_media.rs"]
mod still_media;

use serde_json::{Value, json};
use situs_core::prelude::*;
use situs_plugins as _;
use std::path::PathBuf;
use still_media::{StillMedia, backend, backend_at, refused, request};
use tempfile::TempDir;

/// A folder with a program in it, `$1` being the folder.
struct Program {
    folder: TempDir,
}

impl Program {
    /// `body` runs once per request with `$id` and `$line` set.
    fn new(body: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "echo $$ >> \"$1/pids\"\nwhile read -r line; do\n\
             id=$(printf '%s' \"$line\" | sed 's/.*\"id\":\"\\([^\"]*\\)\".*/\\1/')\n{body}\ndone\n"
        );
        std::fs::write(folder.path().join("model.sh"), script).unwrap();
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn model(&self, more: Value) -> Box<dyn ModelBackend> {
        let mut params =
            json!({"use": "command", "program": "sh", "args": [self.file("model.sh"), self.folder.path()]});
        let (Value::Object(all), Value::Object(more)) = (&mut params, more) else { unreachable!() };
        all.extend(more);
        backend(params).unwrap()
    }

    /// Process ids of all workers started so far.
    fn pids(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.file("pids")).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

fn ask(model: &dyn ModelBackend, text: &str) -> Result<Reply, Fault> {
    model.reply(&request(Prompt::text(text), &[], 0), &Sampling::default(), &StillMedia::default())
}

#[test]
fn a_request_is_one_line_with_parts_in_order() {
    let program = Program::new(
        r#"printf '%s\n' "$line" > "$1/seen"
        echo '{"id": "'$id'", "text": "left", "reasoning": "hm", "finish": "length", "tokens": {"prompt": 5, "completion": 2}, "own": 1}'"#,
    );
    let mut media = StillMedia::default();
    let volume = VolumeRef {
        id: "v".to_owned(),
        source: VolumeSource::File { path: PathBuf::from("/data/volume.npy") },
    };
    let parts = vec![
        media.show("ab12", b"png"),
        Part::Volume { volume },
        Part::Text { text: "two\nlines \u{00E9}".to_owned() },
    ];
    let sampling = Sampling { temperature: Some(0.5), max_tokens: Some(64), ..Sampling::default() };
    let reply =
        program.model(json!({})).reply(&request(Prompt { parts }, &[], 255), &sampling, &media).unwrap();
    assert_eq!(reply.text, "left");
    assert_eq!(reply.reasoning.as_deref(), Some("hm"));
    assert_eq!(reply.finish, Finish::Length);
    assert_eq!(reply.tokens, Tokens { prompt: Some(5), completion: Some(2) });
    let seen: Value = serde_json::from_slice(&std::fs::read(program.file("seen")).unwrap()).unwrap();
    assert_eq!(
        seen,
        json!({
            "id": "request-1", "trial": 0, "draw": "00000000000000ff",
            "parts": [
                {"kind": "image", "path": "/media/ab12.png"},
                {"kind": "volume", "path": "/data/volume.npy"},
                {"kind": "text", "text": "two\nlines \u{00E9}"}
            ],
            "sampling": {"temperature": 0.5, "max_tokens": 64}
        })
    );
}

#[test]
fn paths_hold_in_the_folder_of_the_program_too() {
    // The program runs in the config's folder, the run folder is given relative to ours.
    let program = Program::new(
        r#"printf '%s\n' "$line" > "$1/seen"
        echo '{"id": "'$id'", "text": "ok"}'"#,
    );
    let cx = BuildContext { base: Some(program.folder.path().to_owned()), ..BuildContext::default() };
    let params = json!({"use": "command", "program": "/bin/sh", "args": ["model.sh", program.folder.path()]});
    let model = backend_at(params, &cx).unwrap();
    let mut media = StillMedia::default();
    media.folder = PathBuf::from("runs/one/media");
    let source = VolumeSource::File { path: PathBuf::from("data/scan.nii.gz") };
    let parts = vec![
        media.show("ab12", b"png"),
        Part::Volume { volume: VolumeRef { id: "scan".to_owned(), source } },
        Part::Volume {
            volume: VolumeRef {
                id: "cd34".to_owned(),
                source: VolumeSource::Dataset { key: "cd34".to_owned() },
            },
        },
    ];
    model.reply(&request(Prompt { parts }, &[], 0), &Sampling::default(), &media).unwrap();
    let seen: Value = serde_json::from_slice(&std::fs::read(program.file("seen")).unwrap()).unwrap();
    let here = std::env::current_dir().unwrap();
    for (part, path) in
        ["runs/one/media/ab12.png", "data/scan.nii.gz", "runs/one/media/cd34.png"].iter().enumerate()
    {
        assert_eq!(seen["parts"][part]["path"], here.join(path).to_str().unwrap());
    }
}

#[test]
fn a_worker_is_kept_and_there_are_never_more_than_allowed() {
    let program = Program::new(r#"echo '{"id": "'$id'", "text": "ok"}'"#);
    let model = program.model(json!({"workers": 2}));
    assert_eq!(model.card().parallel, 2);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| (0..10).for_each(|_| assert_eq!(ask(model.as_ref(), "q").unwrap().text, "ok")));
        }
    });
    assert!((1..=2).contains(&program.pids().len()), "{:?}", program.pids());
}

#[test]
fn errors_of_the_program_are_final_unless_it_says_otherwise() {
    let program = Program::new(
        r#"case "$line" in
        *busy*) echo '{"id": "'$id'", "error": "out of memory", "retry": true}';;
        *) echo '{"id": "'$id'", "error": "no such picture"}';; esac"#,
    );
    let model = program.model(json!({"name": "m3d"}));
    let fault = ask(model.as_ref(), "busy").unwrap_err();
    assert_eq!(
        (fault.cause, fault.what.as_str()),
        (Cause::Transient { retry_after_ms: None }, "m3d: out of memory")
    );
    let fault = ask(model.as_ref(), "other").unwrap_err();
    assert_eq!((fault.cause, fault.what.as_str()), (Cause::Rejected, "m3d: no such picture"));
    assert_eq!(program.pids().len(), 1, "an honest error costs no worker");
}

#[test]
fn rubbish_is_quoted_and_costs_the_worker() {
    let program = Program::new(
        r#"case "$line" in
        *chatter*) echo 'Loading checkpoint shards: 100%';;
        *long*) head -c 5000 /dev/zero | tr '\0' 'x'; echo;;
        *stranger*) echo '{"id": "another", "text": "ok"}';;
        *nothing*) echo '{"id": "'$id'"}';;
        *) echo '{"id": "'$id'", "text": "ok"}';; esac"#,
    );
    let model = program.model(json!({}));
    for (text, quoted) in [
        ("chatter", "Loading checkpoint shards: 100%"),
        ("stranger", "a reply to \"another\", not to \"request-1\""),
        ("nothing", "neither a text nor an error"),
        ("long", "xxx ..."),
    ] {
        let fault = ask(model.as_ref(), text).unwrap_err();
        assert_eq!(fault.cause, Cause::Rejected);
        assert!(fault.what.contains(quoted) && fault.what.len() < 1000, "{fault}");
        assert_eq!(ask(model.as_ref(), "plain").unwrap().text, "ok", "a new worker answers");
    }
    assert_eq!(program.pids().len(), 5);
}

#[test]
fn a_crash_tells_the_last_words_and_may_be_tried_again() {
    let program = Program::new(
        r#"case "$line" in
        *crash*) echo 'CUDA error: out of memory' >&2; exit 3;;
        *) echo '{"id": "'$id'", "text": "ok"}';; esac"#,
    );
    let model = program.model(json!({}));
    assert_eq!(ask(model.as_ref(), "q").unwrap().text, "ok");
    let fault = ask(model.as_ref(), "crash").unwrap_err();
    assert_eq!(fault.cause, Cause::Transient { retry_after_ms: None });
    assert!(fault.what.contains("CUDA error: out of memory"), "{fault}");
    assert_eq!(ask(model.as_ref(), "q").unwrap().text, "ok");
}

#[test]
fn a_program_that_hangs_is_ended_and_may_be_tried_again() {
    let program = Program::new(
        r#"case "$line" in
        *hang*) exec sleep 600;;
        *) echo '{"id": "'$id'", "text": "ok"}';; esac"#,
    );
    let model = program.model(json!({"timeout_s": 0.5}));
    let fault = ask(model.as_ref(), "hang").unwrap_err();
    assert_eq!(fault.cause, Cause::Transient { retry_after_ms: None });
    assert!(fault.what.contains("no reply within 0.5 s"), "{fault}");
    // A prompt larger than a pipe's buffer that nobody reads must not block for ever either.
    let deaf = Program::new("exec sleep 600");
    let large = "x".repeat(4 << 20);
    let model = deaf.model(json!({"timeout_s": 0.5}));
    assert_eq!(ask(model.as_ref(), &large).unwrap_err().cause, Cause::Transient { retry_after_ms: None });
}

#[cfg(target_os = "linux")]
#[test]
fn workers_end_with_the_backend() {
    let program = Program::new(r#"echo '{"id": "'$id'", "text": "ok"}'; exec 0</dev/zero; exec sleep 600"#);
    let model = program.model(json!({}));
    ask(model.as_ref(), "q").unwrap();
    let process = PathBuf::from(format!("/proc/{}", program.pids()[0]));
    assert!(process.exists());
    drop(model);
    assert!(!process.exists());
}

#[test]
fn an_edited_script_is_another_model() {
    let program = Program::new(r#"echo '{"id": "'$id'", "text": "a"}'"#);
    let before = program.model(json!({"timeout_s": 9.0})).card().digest.clone();
    assert_eq!(program.model(json!({})).card().digest, before);
    std::fs::write(program.file("model.sh"), "exit 1").unwrap();
    assert_ne!(program.model(json!({})).card().digest, before);
}

#[test]
fn parameters_that_cannot_work_are_named() {
    for (params, path) in [
        (json!({"use": "command"}), "program"),
        (json!({"use": "command", "program": "no-such-program-anywhere"}), "program"),
        (json!({"use": "command", "program": "./no-such-file"}), "program"),
        (json!({"use": "command", "program": "sh", "workers": 0}), "workers"),
        (json!({"use": "command", "program": "sh", "env": {"HF_TOKEN": "hf_x"}}), "env.HF_TOKEN"),
        (json!({"use": "command", "program": "sh", "pass_env": ["PATH", "NO_SUCH_KEY"]}), "pass_env[1]"),
        (json!({"use": "command", "program": "sh", "timeout_s": -1.0}), "timeout_s"),
        (json!({"use": "command", "program": "sh", "honours": ["temperature", "heat"]}), "honours[1]"),
    ] {
        let fault = refused(params);
        assert_eq!(
            (fault.cause, situs_core::fault::dotted(&fault.at).as_str()),
            (Cause::Config, path),
            "{fault}"
        );
    }
    // Words that merely begin like a secret, and names without values, are fine.
    backend(json!({
        "use": "command", "program": "sh", "env": {"TOKENIZERS_PARALLELISM": "false"}, "pass_env": ["PATH"]
    }))
    .unwrap();
    // Relative paths start at the config's folder.
    let program = Program::new("");
    let cx = BuildContext { base: Some(program.folder.path().to_owned()), ..BuildContext::default() };
    let model = backend_at(json!({"use": "command", "program": "./model.sh"}), &cx).unwrap();
    assert_eq!(model.card().name, "model");
    // It is no executable file: nobody answers.
    assert_eq!(ask(model.as_ref(), "q").unwrap_err().cause, Cause::Unreachable);
}

#[test]
fn a_bare_name_is_found_on_the_search_path_even_when_the_command_line_made_it_absolute() {
    let here = std::env::current_dir().unwrap();
    let model = backend(json!({"use": "command", "program": here.join("sh")})).unwrap();
    assert_eq!(model.card().name, "sh");
    let elsewhere = refused(json!({"use": "command", "program": "/no/such/folder/sh"}));
    assert_eq!(elsewhere.cause, Cause::Config, "{elsewhere}");
}
