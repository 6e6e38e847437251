//! CT-SpatialVQA from reports to a jury's verdict, on our own fixtures.

use crate::program::{exits, finals, journal, json, of_kind, refused, situs, start, text, wait_until};
use crate::stub_server::{Act, Seen, StubServer};
use serde_json::{Value, json};
use situs_plugins::families::ct_spatialvqa::isolation::leaked;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const CONFIG: &str = "examples/ct-spatialvqa.toml";
/// Pairs of the fixture.
const PAIRS: usize = 84;
/// Pairs and judges of [`judged`].
const ASKED: usize = 40;
const JUDGES: [&str; 3] = ["gemini", "gpt", "qwen"];

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ct-spatialvqa")
}

/// `situs run` of the example into a folder; few bootstrap replicates.
fn example(folder: &Path, more: &[&str]) -> Command {
    let mut command =
        situs(&["run", CONFIG, "--set", "run.bootstrap=200", "--set", "run.backoff_ms=1", "--output"]);
    command.arg(folder).args(more);
    command
}

/// The example with its model and its judges behind a server: the arm `main` alone is interesting.
fn judged(folder: &Path, server: &StubServer) -> Command {
    let mut command =
        example(folder, &["--limit", &ASKED.to_string(), "--model", "openai", "--model-name", "vlm"]);
    command.args(["--base-url", &server.base_url(), "--max-connections", "2"]);
    command.args(["--set", "renderer.frames=2"]);
    for judge in JUDGES {
        for field in [
            "use=openai".to_owned(),
            format!("name={judge}"),
            format!("base_url={}", server.base_url()),
            "max_connections=2".to_owned(),
        ] {
            command.args(["--set", &format!("models.{judge}.{field}")]);
        }
    }
    command
}

/// Answers of a made-up model, and verdicts of judges that call every answer correct but those about the spleen.
fn script(seen: &Seen) -> Act {
    let prompt = seen.chat_text();
    if !prompt.contains("Candidate answer:") {
        return Act::chat("On the left side, I think.");
    }
    Act::chat(&verdicts(&prompt).to_string())
}

fn verdicts(prompt: &str) -> Value {
    let items = prompt.lines().filter_map(|line| {
        let (number, question) = line.split_once(". Question: ")?;
        Some(json!({"index": number.trim().parse::<u64>().ok()?, "is_correct": !question.contains("spleen")}))
    });
    items.collect()
}

fn arm<'a>(printed: &'a Value, name: &str) -> &'a Value {
    let arms = printed["summary"]["arms"].as_array().unwrap();
    arms.iter().find(|arm| arm["name"] == name).unwrap()
}

fn figure(cell: &Value, name: &str) -> f64 {
    cell["figures"][name]["value"].as_f64().unwrap_or_else(|| panic!("{name} in {cell}"))
}

#[test]
fn the_example_runs_without_files_or_servers_and_prints_three_profiles() {
    let folder = tempfile::tempdir().unwrap();
    let output = example(folder.path(), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    let lines: Vec<String> =
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(lines.contains(&"Profiles side by side".to_owned()), "{table}");
    assert!(lines.contains(&"metric arm paper upstream corrected".to_owned()), "{table}");
    assert!(lines.iter().any(|line| line.starts_with("jury oracle 1.000")), "{table}");
    assert!(table.contains("Part of the questions: Adjacency & Containment"), "{table}");

    let printed = json(example(folder.path(), &[]), 0);
    assert_eq!((&printed["asked"], &printed["summary"]["plan"]["selected"]), (&json!(0), &json!(PAIRS)));
    let oracle = &arm(&printed, "oracle")["overall"];
    for perfect in ["jury", "jury@upstream", "jury@paper", "exact_match", "token_f1", "rouge_l"] {
        assert_eq!(figure(oracle, perfect), 1.0, "{perfect}");
    }
    assert!((figure(oracle, "bleu") - 100.0).abs() < 1e-9);
    let blind = &arm(&printed, "most frequent")["overall"];
    assert!((0.0..0.7).contains(&figure(blind, "jury")), "a blind answer is rarely right");
    // 14 cases of 12 patients, one scan reconstructed twice.
    assert_eq!(blind["clusters"], 12);
    assert!(blind["figures"]["jury"]["estimator"].as_str().unwrap().starts_with("cluster bootstrap"));
    let parts = &arm(&printed, "oracle")["slices"];
    assert_eq!(parts["without repeated reconstructions"]["n"], PAIRS - 6);
    assert_eq!(parts.as_object().unwrap().len(), 7);

    let lengths = json(situs(&["lengths", folder.path().to_str().unwrap()]), 0);
    let of = |texts: &str| {
        let all = lengths["lengths"].as_array().unwrap();
        all.iter().find(|one| one["texts"] == texts).unwrap().clone()
    };
    assert_eq!(of("questions")["n"], PAIRS);
    assert_eq!(of("answers of oracle")["mean"], of("right answers")["mean"]);
    let mean = |name: &str| figure(oracle, name);
    assert_eq!(mean("words"), mean("words_of_reference"));

    let compared = json(situs(&["reproduce", "ct-spatialvqa", folder.path().to_str().unwrap()]), 0);
    let cells = compared["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 64);
    assert!(cells.iter().all(|cell| cell["verdict"] == "not run"), "none of the paper's models was run");
}

#[test]
fn an_arm_with_a_models_name_is_compared_with_that_models_cells() {
    let folder = tempfile::tempdir().unwrap();
    exits(example(folder.path(), &["--set", "arm[0].name=M3D"]), 0);
    let compared =
        json(situs(&["reproduce", "ct-spatialvqa", folder.path().to_str().unwrap(), "--arm", "M3D"]), 6);
    let cells = compared["cells"].as_array().unwrap();
    let cell = |id: &str| cells.iter().find(|cell| cell["cell"] == id).unwrap();
    assert_eq!((&cell("jury-m3d")["published"], &cell("jury-m3d")["n"]), (&json!(30.57), &json!(PAIRS)));
    assert!(cell("jury-m3d")["interval"].is_array() && cell("jury-m3d")["ours"].is_number());
    assert_eq!(cell("meteor-m3d")["verdict"], "not run", "no WordNet, no METEOR");
    assert_eq!(cell("jury-radfm")["verdict"], "not run");
}

#[test]
fn a_judge_run_killed_half_way_resumes_without_asking_twice() {
    let slow = || StubServer::chat(|seen| Act::Slow(Duration::from_millis(6), Box::new(script(seen))));
    let (calm, calm_server) = (tempfile::tempdir().unwrap(), slow());
    exits(judged(calm.path(), &calm_server), 0);
    let posts = |server: &StubServer| -> Vec<Seen> {
        server.seen().into_iter().filter(|seen| seen.method == "POST").collect()
    };
    let is_judging = |seen: &Seen| seen.mentions("Candidate answer:");
    let all = posts(&calm_server);
    let judging = all.iter().filter(|seen| is_judging(seen)).count();
    assert!(judging >= 3 * ASKED / 5, "{judging} requests to judges");

    let (folder, server) = (tempfile::tempdir().unwrap(), slow());
    let mut child = start(judged(folder.path(), &server));
    wait_until("half of the verdicts", || {
        posts(&server).iter().filter(|seen| is_judging(seen)).count() >= judging / 2
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let (kept, before) = (of_kind(&journal(folder.path()), "reply"), posts(&server).len());
    exits(judged(folder.path(), &server), 0);
    // All arms' answers and all verdicts that reached the journal are not asked for again.
    assert_eq!(posts(&server).len() - before, of_kind(&journal(folder.path()), "reply") - kept);
    let in_flight = posts(&server).iter().filter(|seen| is_judging(seen)).count() - judging;
    assert!(in_flight <= 2 * JUDGES.len(), "{in_flight} verdicts were under way when the run was killed");
    assert_eq!(finals(folder.path()), finals(calm.path()));

    // Read again without any server: verdicts come from the journal.
    let address = server.base_url();
    drop(server);
    let scored = json(situs(&["score", folder.path().to_str().unwrap()]), 0);
    assert!(figure(&arm(&scored, "main")["overall"], "jury") > 0.5, "{address}");
    assert_eq!(finals(folder.path()), finals(calm.path()));
}

#[test]
fn a_short_list_shifts_the_votes_of_the_row_join_and_of_no_other() {
    // One judge leaves the last item of each batch out: from the first one on its rows are another item's.
    let server = StubServer::chat(|seen| {
        let prompt = seen.chat_text();
        let mut verdicts =
            if prompt.contains("Candidate answer:") { verdicts(&prompt) } else { return script(seen) };
        if seen.json()["model"] == "gemini" && seen.nth == 0 && prompt.contains("5. Question:") {
            verdicts.as_array_mut().unwrap().truncate(4);
        }
        Act::chat(&verdicts.to_string())
    });
    let folder = tempfile::tempdir().unwrap();
    let printed = json(judged(folder.path(), &server), 0);
    let overall = &arm(&printed, "main")["overall"];
    let n = |name: &str| overall["figures"][name]["n"].as_u64().unwrap() as usize;
    assert_eq!(n("jury"), ASKED, "joined by item, asked again, nobody is lost");
    assert!(n("jury@upstream") < ASKED, "rows beyond the shortest list are left out");
    // The judges agree on everything, so joined by item the jury says what each of them says.
    assert_eq!(figure(overall, "jury"), figure(overall, "judge_gpt"));
}

#[test]
fn the_report_reaches_no_prompt() {
    let folder = tempfile::tempdir().unwrap();
    exits(example(folder.path(), &[]), 0);
    let reports = std::fs::read_to_string(fixture().join("validation_reports.csv")).unwrap();
    let questions = std::fs::read_to_string(folder.path().join("questions.jsonl")).unwrap();
    let asked: BTreeMap<String, Value> = questions
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|question| (question["id"].as_str().unwrap().to_owned(), question))
        .collect();
    assert!(
        asked.values().all(|question| question["private"]["context"].is_string()),
        "reviewers see the report"
    );
    let lines = journal(folder.path());
    let prompts: BTreeMap<&str, String> = lines
        .iter()
        .filter(|line| line["kind"] == "prompt")
        .map(|line| {
            let texts = line["parts"].as_array().unwrap().iter().filter_map(|part| part["text"].as_str());
            (line["id"].as_str().unwrap(), texts.collect::<Vec<_>>().join("\n"))
        })
        .collect();
    let mut checked = 0;
    for line in lines.iter().filter(|line| line["kind"] == "reply") {
        // Judges are shown answers, which come from reports; they see no report either.
        let Some(question) = asked.get(line["question"].as_str().unwrap()) else { continue };
        let prompt = &prompts[line["prompt"].as_str().unwrap()];
        let report = question["private"]["context"].as_str().unwrap();
        assert_eq!(leaked(prompt, question["text"].as_str().unwrap(), report), None, "{prompt}");
        assert_eq!(leaked(prompt, question["text"].as_str().unwrap(), &reports), None, "{prompt}");
        checked += 1;
    }
    assert_eq!(checked, 4 * PAIRS);
}

#[test]
fn missing_scans_and_tables_that_contradict_themselves_are_named() {
    let run = |data: &Path, folder: &Path| {
        let data = data.to_str().unwrap().to_owned();
        example(folder, &["--data", &data]).output().unwrap()
    };
    let copied = || {
        let data = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(fixture()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), data.path().join(entry.file_name())).unwrap();
        }
        data
    };
    let (data, folder) = (copied(), tempfile::tempdir().unwrap());
    // The fixture holds no scans: with --data they are looked for.
    refused(
        &run(data.path(), folder.path()),
        4,
        &["none of 14 cases", "no scan valid_1_a_1.nii.gz", "valid_fixed/valid_1"],
    );
    let name = "spatial_qa_filtered_full_with_categories.json";
    let whole = std::fs::read_to_string(data.path().join(name)).unwrap();
    for (from, to, messages) in [
        ("valid_2_a_1.nii.gz", "valid_1_a_1.nii.gz", &["valid_1_a_1.nii.gz stands twice", name][..]),
        ("valid_2_a_1.nii.gz", "patient-2", &["\"patient-2\" is no case of CT-RATE"]),
        (
            "Adjacency & Containment",
            "Neighbourhood",
            &["unknown category \"Neighbourhood\"", "Adjacency & Containment"],
        ),
        ("\"answer\": \"", "\"answer\": \"\", \"was\": \"", &["the answer is empty", "::0"]),
    ] {
        std::fs::write(data.path().join(name), whole.replace(from, to)).unwrap();
        refused(&run(data.path(), folder.path()), 4, messages);
    }
}

#[test]
fn empty_predictions_are_counted_and_wrong_where_they_are_not_skipped() {
    let server = StubServer::chat(|seen| {
        let silent = !seen.mentions("Candidate answer:") && seen.chat_text().contains("kidney");
        if silent { Act::chat("") } else { script(seen) }
    });
    let folder = tempfile::tempdir().unwrap();
    let printed = json(judged(folder.path(), &server), 0);
    let overall = &arm(&printed, "main text-only")["overall"];
    let silent = overall["states"]["unparsed"].as_u64().unwrap() as usize;
    assert!(silent > 1, "{overall}");
    let n = |name: &str| overall["figures"][name]["n"].as_u64().unwrap() as usize;
    assert_eq!((n("jury"), n("bleu"), n("rouge_l")), (ASKED, ASKED, ASKED), "a fixed denominator");
    assert_eq!((n("bleu@upstream"), n("rouge_l@upstream")), (ASKED - silent, ASKED - silent));
    assert!(figure(overall, "rouge_l") < figure(overall, "rouge_l@upstream"), "silence is not free");
}

#[test]
fn questions_are_written_validated_labelled_asked_and_reviewed() {
    let server = StubServer::chat(|seen| {
        let prompt = seen.chat_text();
        let list = |count: usize, one: &dyn Fn(usize) -> Value| {
            Value::from((1..=count).map(one).collect::<Vec<_>>())
        };
        let pairs = prompt.lines().filter(|line| line.contains(". Question: ")).count();
        let model = seen.json()["model"].as_str().unwrap().to_owned();
        Act::chat(&match model.as_str() {
            "writer" => {
                list(7, &|at| json!({"question": format!("Where is organ {at}?"), "answer": "In the trunk."}))
                    .to_string()
            }
            "validator" => list(pairs, &|at| {
                json!({
                    "index": at, "is_spatial": true, "is_relevant": true, "is_supported": at != 1,
                    "is_free_of_inference": true, "is_unambiguous": true, "is_concise": true,
                })
            })
            .to_string(),
            "labeller" => r#"[{"category": "Adjacency & Containment"}]"#.to_owned(),
            _ => "In the trunk.".to_owned(),
        })
    });
    let folder = tempfile::tempdir().unwrap();
    let role = |name: &str| {
        format!(
            "[models.{name}]\nuse = \"openai\"\nname = \"{name}\"\nbase_url = \"{}\"\n",
            server.base_url()
        )
    };
    let config = format!(
        "[dataset]\nuse = \"ct-rate\"\npath = \"{}\"\nphantoms = true\n[family]\nuse = \"report-qa\"\n\
         [renderer]\nuse = \"text\"\n[model]\nuse = \"oracle\"\n{}{}{}[metrics.exact_match]\nuse = \"exact-match\"\n",
        fixture().display(),
        role("writer"),
        role("validator"),
        role("labeller")
    );
    let path = folder.path().join("write.toml");
    std::fs::write(&path, config).unwrap();
    let run = folder.path().join("run");
    let command = || situs(&["run", path.to_str().unwrap(), "--output", run.to_str().unwrap()]);
    let printed = json(command(), 0);
    let plan = &printed["summary"]["plan"];
    // 14 reports of 7 pairs; batches of 5 and 2 lose their first pair each.
    assert_eq!((&plan["pool"], &plan["left_out"]["validator: not supported"]), (&json!(70), &json!(28)));
    let posts = server.count();
    exits(command(), 0);
    assert_eq!(server.count(), posts, "a finished run asks nothing");

    let sheet = folder.path().join("ann.csv");
    let exported =
        json(situs(&["review", "export", run.to_str().unwrap(), "--out", sheet.to_str().unwrap()]), 0);
    assert_eq!((&exported["questions"], &exported["cases"]), (&json!(10), &json!(2)), "12 % by whole cases");
    assert_eq!(exported["criteria"].as_array().unwrap().len(), 4);
    let blank = std::fs::read_to_string(&sheet).unwrap();
    assert!(blank.contains("Findings: "), "reviewers read the report");
    let answered = |no: usize| {
        let mut rows = 0;
        let mark = |line: &str| match line.strip_suffix(",,,,,") {
            Some(rest) => {
                rows += 1;
                format!("{rest},{},yes,yes,yes,", if rows <= no { "no" } else { "yes" })
            }
            None => line.to_owned(),
        };
        blank.lines().map(mark).collect::<Vec<_>>().join("\n")
    };
    let other = folder.path().join("ben.csv");
    std::fs::write(&sheet, answered(0)).unwrap();
    std::fs::write(&other, answered(1)).unwrap();
    let arguments =
        ["review", "import", run.to_str().unwrap(), sheet.to_str().unwrap(), other.to_str().unwrap()];
    let review = json(situs(&arguments), 0);
    let figure = |name: &str| {
        review["figures"].as_array().unwrap().iter().find(|one| one["criterion"] == name).unwrap().clone()
    };
    // Ben says no to one of ten: 9.5 of 10, and nine of ten pairs of votes agree.
    assert_eq!(figure("accepted")["mean"]["value"], 0.95);
    assert_eq!(figure("textual_support")["agreement"]["raw"], 0.9);
    assert_eq!((&review["kept"], &review["dropped"], &review["unseen"]), (&json!(9), &json!(1), &json!(60)));
    std::fs::write(&other, answered(1).replace(",no,", ",perhaps,")).unwrap();
    refused(&situs(&arguments).output().unwrap(), 4, &["ben.csv", "textual_support", "\"perhaps\""]);
}
