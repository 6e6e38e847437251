//! A finished run again: replayed, scored anew, compared with the published table.

use crate::program::{LIMIT, ask, differing, exits, finals, journal, json, of_kind, reply, run, situs, text};
use crate::stub_server::StubServer;
use serde_json::{Value, json};
use std::path::PathBuf;

#[test]
fn a_replayed_journal_gives_the_same_scores_without_a_server() {
    let server = StubServer::chat(reply);
    let (first, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let asked = json(ask(first.path(), &server.base_url(), &[]), 0);
    let requests = server.count();
    let path = format!("model.path={}", first.path().to_str().unwrap());
    let replayed = json(run(again.path(), &["--model", "replay", "--set", &path]), 0);
    assert_eq!(server.count(), requests, "nobody was asked");
    let cell = |printed: &Value| printed["summary"]["arms"][0]["overall"].clone();
    assert_eq!(cell(&asked), cell(&replayed));
    assert_eq!(finals(first.path())[0], finals(again.path())[0], "the same questions");
    // More than was recorded: what is missing fails, one by one, and is named.
    let more = run(again.path(), &["--model", "replay", "--set", &path, "--limit", "44"]).output().unwrap();
    assert_eq!(more.status.code(), Some(3));
    assert_eq!(of_kind(&journal(again.path()), "failed"), 4);
    assert!(text(&more.stderr).contains("4 requests failed"), "{}", text(&more.stderr));
}

#[test]
fn scoring_again_writes_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    exits(run(folder.path(), &[]), 0);
    let before = finals(folder.path());
    let page = std::fs::read(folder.path().join("report.html")).unwrap();
    for name in ["scores.parquet", "summary.json", "report.html"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    let printed = json(situs(&["score", folder.path().to_str().unwrap()]), 0);
    assert_eq!(printed["summary"]["arms"][0]["overall"]["n"], LIMIT);
    assert_eq!(differing(&finals(folder.path()), &before), Vec::<PathBuf>::new());
    assert!(std::fs::read(folder.path().join("report.html")).unwrap() == page);
}

#[test]
fn a_run_is_compared_with_the_published_table_cell_by_cell() {
    let folder = tempfile::tempdir().unwrap();
    exits(run(folder.path(), &["--model", "oracle"]), 0);
    let path = folder.path().to_str().unwrap();
    // An oracle stands in for a model when it is named; so few questions of so few patients decide nothing.
    let printed = json(situs(&["reproduce", "mis-ground", path, "--arm", "main"]), 0);
    assert_eq!(printed["suite"], "mis-ground");
    let cells = printed["cells"].as_array().unwrap();
    for cell in cells {
        assert!(
            cell["cell"].is_string() && cell["published"].is_number() && cell["source"].is_string(),
            "{cell}"
        );
        let ran = cell["n"].as_u64().unwrap() > 0;
        assert_eq!(cell["ours"].is_number(), ran, "{cell}");
        match cell["verdict"].as_str().unwrap() {
            "not run" => assert!(cell["interval"].is_null(), "{cell}"),
            "too few" => assert!(ran, "{cell}"),
            other => panic!("{other}"),
        }
    }
    let of = |id: &str| cells.iter().find(|cell| cell["cell"] == id).unwrap();
    let overall = of("overall");
    let questions = std::fs::read_to_string(folder.path().join("questions.jsonl")).unwrap();
    let published = questions.lines().filter(|line| line.contains(r#""ablation":"none""#)).count();
    assert!(published > LIMIT / 2, "{published}");
    assert_eq!((&overall["ours"], &overall["n"]), (&json!(100.0), &json!(published)));
    assert_eq!((&overall["verdict"], &overall["published"]), (&json!("too few"), &json!(66.5)));
    assert!(cells.iter().any(|cell| cell["verdict"] == "not run"), "stacks were not asked");
}
