//! The command as scripts see it: stdout, stderr and exit codes.

#![allow(clippy::unwrap_used)]

#[path = "support/nifti_file.rs"]
mod nifti_file;

use nifti_file::nifti;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

fn situs(arguments: &[&str]) -> Output {
    situs_in(Path::new("."), arguments)
}

fn situs_in(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_situs"))
        .current_dir(folder)
        .args(arguments)
        .env_remove("SITUS_LOG")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json_of(arguments: &[&str]) -> Value {
    let output = situs(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Message on stderr, nothing on stdout, that exit code.
#[track_caller]
fn refused(output: &Output, code: i32, message: &str) {
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(output.stdout.is_empty(), "stdout: {}", text(&output.stdout));
    assert!(errors.contains(message), "{message:?} in {errors}");
}

/// LPS storage: the stored axes grow toward the patient's left, posterior and superior sides; 2 x 2 x 3 mm.
const LPS: [[f32; 4]; 3] = [[-2.0, 0.0, 0.0, 10.0], [0.0, -2.0, 0.0, 20.0], [0.0, 0.0, 3.0, -30.0]];

#[test]
fn list_names_every_component_with_its_fields() {
    let listed = json_of(&["list", "--json"]);
    let greedy = listed.as_array().unwrap().iter().find(|one| one["name"] == "greedy").unwrap();
    assert_eq!(greedy["kind"], "sampler");
    assert_eq!(greedy["origin"], "situs-plugins");
    assert!(!greedy["summary"].as_str().unwrap().is_empty());
    let fields = greedy["fields"].as_array().unwrap();
    assert!(fields.iter().any(|field| field["name"] == "max_tokens" && field["type"] == "u32"));
}

#[test]
fn list_takes_a_kind_in_singular_or_plural() {
    let samplers = json_of(&["list", "sampler", "--json"]);
    assert_eq!(samplers, json_of(&["ls", "samplers", "--json"]));
    assert!(samplers.as_array().unwrap().iter().all(|one| one["kind"] == "sampler"));
}

#[test]
fn describe_gives_type_default_and_meaning_of_every_field() {
    let greedy = json_of(&["describe", "sampler", "greedy", "--json"]);
    let field = &greedy["fields"][0];
    assert_eq!(field["name"], "max_tokens");
    assert_eq!(field["default"], json!(1024));
    assert!(field["doc"].as_str().unwrap().ends_with('.'));
    let plain = text(&situs(&["describe", "sampler", "greedy"]).stdout);
    assert!(plain.contains("max_tokens") && plain.contains("1024"), "{plain}");
}

#[test]
fn unknown_names_are_answered_with_the_nearest_one() {
    refused(&situs(&["describe", "sampler", "greddy"]), 2, "did you mean 'greedy'?");
    refused(&situs(&["describe", "samplr", "greedy"]), 2, "did you mean 'sampler'?");
    refused(&situs(&["list", "modell"]), 2, "did you mean 'model'?");
    refused(&situs(&["reproduce", "mis-grund", "nowhere"]), 2, "did you mean 'mis-ground'?");
}

#[test]
fn unknown_flags_and_commands_are_usage_errors() {
    refused(&situs(&["list", "--jsn"]), 2, "--json");
    refused(&situs(&["rum"]), 2, "run");
}

#[test]
fn a_flag_may_be_written_with_underscores() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "run",
        "none.toml",
        "--max_tokens",
        "5",
        "--model_name",
        "m",
        "--base_url",
        "u",
        "--max_connections",
        "2",
    ];
    // The flags are understood: what is missing is the config.
    refused(&situs_in(folder.path(), &arguments), 2, "none.toml");
}

#[test]
fn volume_describes_a_file_in_ras_millimetres() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("v.nii");
    let voxels: Vec<u8> = (0..24).collect();
    std::fs::write(&file, nifti([2, 3, 4], LPS, &voxels)).unwrap();
    let report = json_of(&["volume", file.to_str().unwrap(), "--json"]);
    assert_eq!(report["shape"], json!([2, 3, 4]));
    assert_eq!(report["axis_codes"], "LPS");
    assert_eq!(report["spacing_mm"], json!([2.0, 2.0, 3.0]));
    assert_eq!(report["datatype"], "uint8");
    assert_eq!(report["affine"][0], json!([-2.0, 0.0, 0.0, 10.0]));
    assert_eq!((&report["min"], &report["max"], &report["sum"]), (&json!(0.0), &json!(23.0), &json!(276.0)));
    // Flipping x (2 voxels of 2 mm) and y (3 voxels) moves the origin to 10 - 2 and 20 - 4.
    assert_eq!(report["canonical"]["affine"][0], json!([2.0, 0.0, 0.0, 8.0]));
    assert_eq!(report["canonical"]["affine"][1], json!([0.0, 2.0, 0.0, 16.0]));
    let plain = text(&situs(&["volume", file.to_str().unwrap()]).stdout);
    assert!(plain.contains("2 x 3 x 4 (uint8)") && plain.contains("LPS"), "{plain}");
}

#[test]
fn a_damaged_volume_is_exit_4_with_nothing_on_stdout() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("v.nii");
    let whole = nifti([2, 3, 4], LPS, &[0; 24]);
    for (content, why) in [(&whole[..360], "cut"), (&whole[..100], "no header"), (&b""[..], "empty")] {
        std::fs::write(&file, content).unwrap();
        let output = situs(&["volume", file.to_str().unwrap(), "--json"]);
        refused(&output, 4, "v.nii");
        assert!(text(&output.stderr).starts_with("situs: "), "{why}");
    }
    refused(&situs(&["volume", "no-such-file.nii"]), 4, "no-such-file.nii");
}

#[test]
fn structures_measures_a_label_map_with_names() {
    let folder = tempfile::tempdir().unwrap();
    let (file, names) = (folder.path().join("l.nii"), folder.path().join("names.json"));
    // Label 7 fills the two voxels i = 0, 1 at (j, k) = (1, 2): stored index 2 * (1 + 3 * 2) = 14.
    let mut voxels = vec![0; 24];
    voxels[14] = 7;
    voxels[15] = 7;
    std::fs::write(&file, nifti([2, 3, 4], LPS, &voxels)).unwrap();
    std::fs::write(&names, r#"{"7": "spleen"}"#).unwrap();
    let report =
        json_of(&["structures", file.to_str().unwrap(), "--names", names.to_str().unwrap(), "--json"]);
    let spleen = &report["structures"][0];
    assert_eq!(
        (&spleen["name"], &spleen["label"], &spleen["voxels"]),
        (&json!("spleen"), &json!(7), &json!(2))
    );
    assert_eq!(spleen["volume_ml"], json!(0.024), "two voxels of 12 mm3");
    // x: 10 - 2 * 0.5; y: 20 - 2 * 1; z: -30 + 3 * 2.
    assert_eq!(spleen["centroid_ras_mm"], json!([9.0, 18.0, -24.0]));
    assert_eq!(spleen["bbox_min"], json!([0, 1, 2]));
    assert_eq!(spleen["bbox_max"], json!([1, 1, 2]));
    assert_eq!(spleen["touches_border"], json!(true));
    assert_eq!(report["overlaps"], json!([]));
}

#[test]
fn structures_measures_a_folder_of_masks_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mask = |filled: &[usize]| {
        let mut voxels = vec![0; 24];
        filled.iter().for_each(|index| voxels[*index] = 1);
        nifti([2, 3, 4], LPS, &voxels)
    };
    std::fs::write(folder.path().join("b.nii"), mask(&[14])).unwrap();
    std::fs::write(folder.path().join("a.nii"), mask(&[14, 15])).unwrap();
    std::fs::write(folder.path().join("empty.nii"), mask(&[])).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not a mask").unwrap();
    let report = json_of(&["structures", folder.path().to_str().unwrap(), "--json"]);
    let names: Vec<&str> =
        report["structures"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "empty"]);
    assert_eq!(report["structures"][0]["label"], Value::Null);
    assert_eq!(report["structures"][2]["voxels"], 0);
    assert_eq!(report["structures"][2]["centroid_ras_mm"], Value::Null);
    assert_eq!(report["overlaps"], json!([{"a": "a", "b": "b", "voxels": 1}]));
}

#[test]
fn structures_refuses_bad_input_with_exit_4() {
    let folder = tempfile::tempdir().unwrap();
    refused(&situs(&["structures", folder.path().to_str().unwrap(), "--json"]), 4, "no masks");
    let file = folder.path().join("l.nii");
    std::fs::write(&file, nifti([2, 3, 4], LPS, &[1; 24])).unwrap();
    let names = folder.path().join("names.json");
    std::fs::write(&names, "{\"1\": ").unwrap();
    let arguments = ["structures", file.to_str().unwrap(), "--names", names.to_str().unwrap()];
    refused(&situs(&arguments), 4, "names.json");
}

#[test]
fn a_wrong_config_names_file_line_and_field_and_shows_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[dataset]\nuse = \"phantom\"\n\n[family]\nuse = \"mis-ground\"\n\n[renderer]\nuse = \"slices\"\n\n\
                  [model]\nuse = \"oracle\"\n\n[sampler]\nuse = \"greedy\"\nmax_token = 5\n";
    std::fs::write(folder.path().join("run.toml"), config).unwrap();
    let output = situs_in(folder.path(), &["run", "run.toml"]);
    refused(&output, 2, "run.toml:15: ");
    let errors = text(&output.stderr);
    assert!(errors.contains("15 | max_token = 5\n     | ^^^^^^^^^"), "{errors}");
    assert!(!folder.path().join("runs").exists(), "nothing was started");
}

#[test]
fn a_flag_that_would_change_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[dataset]\nuse = \"phantom\"\n[family]\nuse = \"mis-ground\"\n[renderer]\nuse = \"slices\"\n\
                  [[arm]]\nname = \"a\"\nmodel = { use = \"oracle\" }\n";
    std::fs::write(folder.path().join("run.toml"), config).unwrap();
    refused(
        &situs_in(folder.path(), &["run", "run.toml", "--model", "random"]),
        2,
        "--model changes nothing",
    );
    refused(
        &situs_in(folder.path(), &["run", "run.toml", "--control", "miror"]),
        2,
        "did you mean 'mirror'?",
    );
    refused(&situs_in(folder.path(), &["run", "run.toml", "--limit", "0"]), 2, "--limit");
}

#[test]
fn a_folder_without_a_run_is_missing_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    refused(&situs(&["score", path]), 4, "manifest.json");
    refused(&situs(&["reproduce", "mis-ground", path]), 4, "manifest.json");
}

#[test]
fn doctor_says_what_is_here() {
    let found = json_of(&["doctor", "--json"]);
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    assert!(found["cores"].as_u64().unwrap() >= 1);
    assert!(found["components"]["sampler"].as_array().unwrap().contains(&json!("greedy")));
}

/// A config that the smallest phantom answers at once.
const SMALL: &str = "[dataset]\nuse = \"phantom\"\ncases = 1\nshape = [96, 74, 208]\n[family]\nuse = \"mis-ground\"\n\
                     dims = [\"2d\"]\n[renderer]\nuse = \"slices\"\n[model]\nuse = \"random\"\n[run]\nquestions = 4\n";

#[test]
fn a_run_whose_progress_nobody_reads_is_a_run_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run.toml"), SMALL).unwrap();
    let run = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_situs"));
        command.current_dir(folder.path()).args(arguments).env("SITUS_LOG", "trace");
        command.stderr(writer).output().unwrap()
    };
    let output = run(&["run", "run.toml"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("4 asked of a pool"), "{}", text(&output.stdout));
    assert_eq!(run(&["describe", "sampler", "greddy"]).status.code(), Some(2));
}

#[test]
fn progress_off_a_terminal_is_a_few_lines() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run.toml"), SMALL).unwrap();
    let output = situs_in(folder.path(), &["run", "run.toml"]);
    let lines = text(&output.stderr);
    for stage in ["measure: ", "ask: ", "score: "] {
        let count = lines.lines().filter(|line| line.starts_with(stage)).count();
        // `ask` names two stages, the family's and the model's; a slow one has up to five lines.
        assert!((1..=10).contains(&count), "{stage}{count} in\n{lines}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_a_mistake_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run.toml"), SMALL).unwrap();
    std::fs::write(folder.path().join("occupied"), "a file").unwrap();
    for command in ["run", "build"] {
        let output = situs_in(folder.path(), &[command, "run.toml", "--output", "occupied/below"]);
        refused(&output, 2, "cannot write into occupied/below");
    }
    assert_eq!(situs_in(folder.path(), &["run", "run.toml", "--output", "done"]).status.code(), Some(0));
    // Something in the way of the lock stands for a folder of somebody else; tests may run as root.
    std::fs::remove_file(folder.path().join("done/.lock")).unwrap();
    std::fs::create_dir(folder.path().join("done/.lock")).unwrap();
    for arguments in [&["score", "done"][..], &["reproduce", "mis-ground", "done"]] {
        let output = situs_in(folder.path(), arguments);
        refused(&output, 2, "cannot write into done");
        assert!(text(&output.stderr).contains("help: make the run folder writable"));
    }
}

#[test]
fn a_run_cannot_be_named_out_of_the_runs_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run.toml"), format!("{SMALL}name = \"../../elsewhere\"\n")).unwrap();
    let output = situs_in(folder.path(), &["run", "run.toml"]);
    refused(&output, 2, "cannot be the name of a run folder");
    assert!(text(&output.stderr).contains("run.toml:14: run.name"), "{}", text(&output.stderr));
}

#[test]
fn a_missing_config_is_a_mistake_on_the_command_line() {
    for arguments in [&["run", "no.toml"][..], &["build", "no.toml"], &["doctor", "no.toml"]] {
        refused(&situs(arguments), 2, "no.toml");
    }
}

#[test]
fn descriptions_wrap_off_a_terminal() {
    for arguments in [&["describe", "family", "mis-ground"][..], &["list"]] {
        let plain = text(&situs(arguments).stdout);
        let widest = plain.lines().skip(2).map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 100, "{widest} columns in\n{plain}");
    }
}

#[test]
fn baselines_reproduce_nothing_and_few_questions_say_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run.toml"), SMALL).unwrap();
    // The published questions name the display convention, not the edges of the picture.
    let convention = "family.view_statements=convention";
    let run = ["run", "run.toml", "--output", "done", "--set", convention];
    assert!(situs_in(folder.path(), &run).status.success());
    let verdicts = |arguments: &[&str]| {
        let output = situs_in(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        let cells = printed["cells"].as_array().unwrap().iter();
        let verdicts: Vec<Value> =
            cells.filter(|cell| cell["cell"] == "overall").map(|cell| cell["verdict"].clone()).collect();
        (verdicts, printed["skipped"].clone())
    };
    let all = ["reproduce", "mis-ground", "done", "--json"];
    assert_eq!(verdicts(&all), (vec![json!("not run")], json!(["main"])));
    let named = ["reproduce", "mis-ground", "done", "--arm", "main", "--json"];
    assert_eq!(verdicts(&named), (vec![json!("too few")], json!([])));

    let table = "suite = \"x\"\nfamily = \"another\"\ntitle = \"t\"\nsource = \"s\"\nsystem = \"y\"\ncell = []\n[metrics]\n";
    std::fs::write(folder.path().join("table.toml"), table).unwrap();
    refused(&situs_in(folder.path(), &["reproduce", "table.toml", "done"]), 2, "family 'mis-ground'");
}
