//! Runs whose answers are graded by judges: half-way killed, half broken, replayed without a server.

use crate::program::{
    LIMIT, differing, exits, finals, journal, json, of_kind, refused, run, situs, small, start, wait_until,
};
use crate::stub_server::{Act, Seen, StubServer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Judges, and requests of a run without trouble: batches of five.
const JUDGES: [&str; 3] = ["ada", "ben", "cem"];
const BATCHES: usize = LIMIT / 5;

/// The small run with the offline model `random`, graded by three judges on a server.
fn graded(folder: &Path, base_url: &str, more: &[&str]) -> Command {
    let mut flags: Vec<String> = vec!["--model".into(), "random".into()];
    let mut set = |text: String| flags.extend(["--set".to_owned(), text]);
    for judge in JUDGES {
        set(format!("models.{judge}.use=openai"));
        set(format!("models.{judge}.base_url={base_url}"));
        set(format!("models.{judge}.name={judge}"));
        set(format!("models.{judge}.max_connections=1"));
    }
    for (metric, fields) in [
        ("jury", vec![r#"roles=["ada", "ben", "cem"]"#]),
        ("judge", vec!["role=ada"]),
        ("agreement", vec![r#"roles=["ada", "ben", "cem"]"#]),
    ] {
        set(format!("metrics.{metric}.use={metric}"));
        fields.iter().for_each(|field| set(format!("metrics.{metric}.{field}")));
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    run(folder, &flags)
}

/// Verdicts on a prompt's items: each answer's own text decides, and the judge's name.
fn verdicts(seen: &Seen) -> Vec<Value> {
    let (text, judge) = (seen.chat_text(), seen.json()["model"].to_string());
    let items = text.lines().filter_map(|line| line.trim().strip_prefix("Candidate answer: "));
    items
        .zip(1..)
        .map(|(answer, index): (&str, usize)| {
            let lenient = judge.contains("cem") && answer.len() % 2 == 0;
            json!({"index": index, "is_correct": lenient || answer.len() % 3 == 0})
        })
        .collect()
}

fn grades(seen: &Seen) -> Act {
    Act::chat(&Value::from(verdicts(seen)).to_string())
}

fn posts(server: &StubServer) -> usize {
    server.seen().iter().filter(|seen| seen.method == "POST").count()
}

fn figure<'a>(printed: &'a Value, metric: &str) -> &'a Value {
    &printed["summary"]["arms"][0]["overall"]["figures"][metric]
}

#[test]
fn three_metrics_ask_each_judge_once() {
    let server = StubServer::chat(grades);
    let folder = tempfile::tempdir().unwrap();
    let printed = json(graded(folder.path(), &server.base_url(), &[]), 0);
    assert_eq!(posts(&server), 3 * BATCHES, "judge, jury and agreement share what was asked");
    assert_eq!(
        (&figure(&printed, "jury")["n"], &figure(&printed, "judge")["n"]),
        (&json!(LIMIT), &json!(LIMIT))
    );
    let alpha = figure(&printed, "agreement");
    assert!(alpha["value"].as_f64().unwrap() < 1.0, "{alpha}");
    assert!(alpha["estimator"].as_str().unwrap().contains("bootstrap"), "{alpha}");

    let manifest: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("manifest.json")).unwrap()).unwrap();
    for told in [&manifest, &printed["summary"]] {
        let signature = told["signatures"]["jury"].as_str().unwrap();
        assert!(signature.contains("null:against") && signature.contains("prompt:sha256:"), "{signature}");
    }
    let kept: Vec<Value> = journal(folder.path());
    let raw = kept.iter().filter(|line| line["arm"] == "role:ben").map(|line| &line["reply"]["text"]);
    assert_eq!(raw.filter(|text| text.as_str().unwrap().contains("is_correct")).count(), BATCHES);
}

#[test]
fn a_run_killed_while_judges_are_asked_asks_nobody_twice() {
    let server = StubServer::chat(|seen| Act::Slow(Duration::from_millis(15), Box::new(grades(seen))));
    let undisturbed = tempfile::tempdir().unwrap();
    exits(graded(undisturbed.path(), &server.base_url(), &[]), 0);
    for after in [1, 7, 16] {
        let folder = tempfile::tempdir().unwrap();
        let before = posts(&server);
        let mut child = start(graded(folder.path(), &server.base_url(), &[]));
        wait_until("the moment to kill", || posts(&server) >= before + after);
        child.kill().unwrap();
        child.wait().unwrap();
        let lines = journal(folder.path());
        let of_judges =
            |line: &&Value| line["kind"] == "reply" && line["arm"].as_str().unwrap().starts_with("role:");
        let kept = lines.iter().filter(of_judges).count();
        assert!(kept < 3 * BATCHES, "killed too late");
        let before = posts(&server);
        exits(graded(folder.path(), &server.base_url(), &[]), 0);
        assert_eq!(
            posts(&server) - before,
            3 * BATCHES - kept,
            "killed after {after}: nothing is asked twice"
        );
        assert_eq!(differing(&finals(folder.path()), &finals(undisturbed.path())), Vec::<PathBuf>::new());
    }
}

#[test]
fn judges_that_fail_half_the_time_change_no_verdict() {
    let calm_server = StubServer::chat(grades);
    let calm = tempfile::tempdir().unwrap();
    exits(graded(calm.path(), &calm_server.base_url(), &[]), 0);
    // A broken connection, prose, a list that is short, shuffled, or numbered from zero, each on first sight.
    let server = StubServer::chat(|seen| {
        let mut verdicts = verdicts(seen);
        if seen.nth > 0 {
            return grades(seen);
        }
        match seen.body.iter().map(|byte| u32::from(*byte)).sum::<u32>() % 6 {
            0 => Act::status(500, "restarting"),
            1 => Act::chat("These answers are all interesting."),
            2 => {
                verdicts.pop();
                Act::chat(&format!("```json\n{}\n```", Value::from(verdicts)))
            }
            3 => {
                verdicts.reverse();
                Act::chat(&Value::from(verdicts).to_string())
            }
            4 => {
                for verdict in &mut verdicts {
                    verdict["index"] = json!(verdict["index"].as_u64().unwrap() - 1);
                }
                Act::chat(&Value::from(verdicts).to_string())
            }
            _ => grades(seen),
        }
    });
    let troubled = tempfile::tempdir().unwrap();
    exits(graded(troubled.path(), &server.base_url(), &[]), 0);
    assert!(posts(&server) > 3 * BATCHES);
    assert_eq!(differing(&finals(troubled.path()), &finals(calm.path())), Vec::<PathBuf>::new());
}

#[test]
fn a_judge_that_never_says_anything_is_counted_never_guessed() {
    let server =
        StubServer::chat(
            |seen| {
                if seen.json()["model"] == "cem" { Act::chat("No comment.") } else { grades(seen) }
            },
        );
    let folder = tempfile::tempdir().unwrap();
    let more = [
        "--set",
        "metrics.silence.use=agreement",
        "--set",
        "metrics.silence.statistic=coverage",
        "--set",
        r#"metrics.silence.roles=["ada", "ben", "cem"]"#,
    ];
    let printed = json(graded(folder.path(), &server.base_url(), &more), 0);
    let coverage = figure(&printed, "silence")["value"].as_f64().unwrap();
    assert!((coverage - 2.0 / 3.0).abs() < 1e-9, "{coverage}");
    assert_eq!(figure(&printed, "jury")["n"], LIMIT, "by the null policy `against`");
}

#[test]
fn a_graded_run_is_scored_again_and_replayed_without_a_server() {
    let server = StubServer::chat(grades);
    let (first, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let asked = json(graded(first.path(), &server.base_url(), &[]), 0);
    let before = finals(first.path());
    let requests = server.count();
    drop(server);
    exits(situs(&["score", first.path().to_str().unwrap()]), 0);
    assert_eq!(differing(&finals(first.path()), &before), Vec::<PathBuf>::new(), "scored again");
    assert_eq!(of_kind(&journal(first.path()), "failed"), 0);

    let mut flags: Vec<String> = Vec::new();
    for judge in JUDGES {
        for field in ["use=replay".to_owned(), format!("path={}", first.path().display())] {
            flags.extend(["--set".to_owned(), format!("models.{judge}.{field}")]);
        }
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let replayed = json(graded(again.path(), "http://127.0.0.1:1/v1", &flags), 0);
    let figures = |printed: &Value| -> BTreeMap<String, Value> {
        ["jury", "judge", "agreement"].map(|name| (name.to_owned(), figure(printed, name).clone())).into()
    };
    assert_eq!(figures(&asked), figures(&replayed));
    assert!(requests >= 3 * BATCHES);
}

#[test]
fn a_prompt_of_ones_own_lies_beside_the_config_and_its_digest_in_the_manifest() {
    let server = StubServer::chat(grades);
    let (home, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let prompt = "{% for item in items %}\nCandidate answer: {{ item.prediction | quoted }}{% endfor %}";
    std::fs::write(home.path().join("own.jinja"), prompt).unwrap();
    let config = format!(
        "{}\n[metrics.judge]\nrole = \"ada\"\nasking = {{ prompt = \"own.jinja\" }}\n\n\
         [models.ada]\nuse = \"openai\"\nname = \"ada\"\nbase_url = \"{}\"\n",
        include_str!("../../examples/mis-ground.toml"),
        server.base_url()
    );
    let path = home.path().join("own.toml");
    std::fs::write(&path, config).unwrap();
    let mut flags = small(folder.path());
    flags[0] = path.to_str().unwrap().to_owned();
    let mut command = situs(&["run"]);
    command.args(flags).args(["--limit", &LIMIT.to_string()]);
    let printed = json(command, 0);
    let asked = server.seen().into_iter().find(|seen| seen.method == "POST").unwrap().chat_text();
    assert!(asked.trim_start().starts_with("Candidate answer: "), "{asked}");
    let digest = situs_core::digest::sha256_hex(prompt.as_bytes());
    assert!(printed["summary"]["signatures"]["judge"].as_str().unwrap().ends_with(&digest));
    // From another folder the prompt is still found.
    let before = finals(folder.path());
    exits(situs(&["score", folder.path().to_str().unwrap()]), 0);
    assert_eq!(differing(&finals(folder.path()), &before), Vec::<PathBuf>::new());
}

#[test]
fn a_judge_that_is_not_there_ends_the_run_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let output = graded(folder.path(), "http://127.0.0.1:9/v1", &[]).output().unwrap();
    refused(&output, 5, &["role '", "127.0.0.1:9"]);
    assert_eq!(of_kind(&journal(folder.path()), "reply"), LIMIT, "the answers are kept");
}

#[test]
fn a_judge_without_a_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let flags =
        ["--model", "random", "--set", "metrics.judge.use=judge", "--set", "metrics.judge.role=nobody"];
    let output = run(folder.path(), &flags).output().unwrap();
    refused(&output, 2, &["no model is bound to the role 'nobody'", "[models.nobody]"]);
}
