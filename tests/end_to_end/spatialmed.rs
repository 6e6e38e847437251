//! The example of SpatialMed through the program: bounds, composites, sheets, the published table.

use crate::program::{json, situs};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

fn example(folder: &Path, more: &[&str]) -> Command {
    let mut command = situs(&["run", "examples/spatialmed.toml", "--output", folder.to_str().unwrap()]);
    command.args(["--set", "renderer.long_side=64", "--set", "renderer.slices=1"]);
    command.args(more);
    command
}

const SMALL: [&str; 6] =
    ["--set", "dataset.shape=[94, 73, 125]", "--set", "dataset.cases=6", "--set", "family.fewest_voxels=8"];

fn arm<'a>(printed: &'a Value, name: &str) -> &'a Value {
    let arms = printed["summary"]["arms"].as_array().unwrap();
    arms.iter().find(|arm| arm["name"] == name).unwrap()
}

#[test]
fn the_example_is_bounded_reviewed_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let printed = json(example(folder.path(), &SMALL), 0);
    assert_eq!((&printed["failed"], &printed["missing"]), (&json!(0), &json!(0)));
    let oracle = &arm(&printed, "oracle")["overall"]["figures"];
    for metric in ["mcq", "mra_vsi10", "mra_linear", "average"] {
        assert_eq!(oracle[metric]["value"], 1.0, "{metric}: {oracle}");
    }
    assert_eq!(oracle["no_commitment"]["value"], 0.0);
    let random = &arm(&printed, "random")["overall"]["figures"];
    let [low, high] = [0, 1].map(|end| random["mcq"]["interval"][end].as_f64().unwrap());
    let chance = arm(&printed, "random")["slices"]["choice"]["chance"].as_f64().unwrap();
    assert!((low..=high).contains(&chance), "{random} {chance}");
    assert_eq!(random["mra_vsi10"]["value"], 0.0);
    // Three policies for a model that has no number to give.
    let average = |policy: &str| random[policy]["value"].as_f64();
    assert!((average("average").unwrap() * 6.0 - average("average_skip").unwrap() * 5.0).abs() < 1e-9);
    assert_eq!(average("average_void"), None);

    let run = folder.path().to_str().unwrap();
    let sheet = json(situs(&["review", "export", run, "--share", "0.1"]), 0);
    assert_eq!(sheet["criteria"].as_array().unwrap().len(), 3);
    let failures = json(situs(&["review", "export", run, "--failures", "4", "--arm", "random"]), 0);
    assert_eq!(failures["questions"], 8 * 4, "{failures}");
    let path = folder.path().join("failures.csv");
    let filled: String = std::fs::read_to_string(&path)
        .unwrap()
        .lines()
        .map(|line| {
            line.strip_suffix(",,,,,,").map_or(line.to_owned(), |row| format!("{row},no,no,yes,no,no,"))
                + "\n"
        })
        .collect();
    let reader = folder.path().join("reader.csv");
    std::fs::write(&reader, filled).unwrap();
    json(situs(&["review", "import", run, reader.to_str().unwrap()]), 0);
    assert!(folder.path().join("failures.json").exists());

    let table = json(situs(&["reproduce", "spatialmed", run]), 0);
    let cells = table["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 101);
    assert!(cells.iter().all(|cell| cell["verdict"] == "not run"), "no model was asked");
}

#[test]
fn on_one_real_ct_two_patients_are_not_compared() {
    let root = std::env::var_os("SITUS_TEST_DATA").map_or_else(
        || Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")).to_owned(),
        std::path::PathBuf::from,
    );
    let data = root.join("ts-ct-3mm");
    if !data.is_dir() {
        println!("skipped: {} is not there", data.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let printed = json(example(folder.path(), &["--data", data.to_str().unwrap()]), 0);
    assert_eq!(arm(&printed, "oracle")["overall"]["figures"]["mcq"]["value"], 1.0);
    assert_eq!(arm(&printed, "oracle")["overall"]["figures"]["mra_vsi10"]["value"], 1.0);
    assert_eq!(printed["summary"]["plan"]["left_out"]["2 item: cross: not run: one case"], 5);
}
