//! What the README tells people to type is what is checked and works.

#![allow(clippy::unwrap_used)]

#[path = "support/nifti_file.rs"]
mod nifti_file;
#[path = "../plugins/tests/support/stub_server.rs"]
mod stub_server;

use libdeflater::{CompressionLvl, Compressor};
use nifti_file::{nifti, nifti_i16};
use serde_json::json;
use situs_core::dataset::Dataset;
use situs_core::registry::{BuildContext, Built, Registry};
use situs_plugins as _;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use stub_server::{Act, StubServer};

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Lines of all fenced blocks of one language.
fn fenced(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut lines = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match (inside, line) {
            (false, line) => inside = line == fence,
            (true, "```") => inside = false,
            (true, line) => lines.push(line.to_owned()),
        }
    }
    lines
}

#[test]
fn every_command_of_the_readme_is_run_by_the_checks_or_understood_by_the_program() {
    let checks = read(".ci/run");
    let commands = fenced(&read("README.md"), "sh");
    assert!(commands.len() > 5);
    for command in commands {
        match command.strip_prefix("situs ") {
            Some(rest) => understood(rest),
            // The program is installed where a person wants it; the checks leave the machine alone.
            None if command == "cargo install --path ." => {}
            None => {
                assert!(checks.lines().any(|line| line.starts_with(&command)), "not in .ci/run: {command}")
            }
        }
    }
}

/// The subcommand exists and its help names every flag.
fn understood(rest: &str) {
    // These have subcommands of their own.
    let depth = if rest.starts_with("neighbors ") || rest.starts_with("review ") { 2 } else { 1 };
    let subcommand: Vec<&str> = rest.split_whitespace().take(depth).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_situs"));
    let output = command.args(&subcommand).arg("--help").output().unwrap();
    assert!(output.status.success(), "situs {subcommand:?}");
    let help = String::from_utf8(output.stdout).unwrap();
    for flag in rest.split_whitespace().filter(|word| word.starts_with("--")) {
        assert!(help.contains(flag), "situs {subcommand:?} has no {flag}");
    }
    for config in rest.split_whitespace().filter(|word| word.ends_with(".toml")) {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(config).exists(), "{config}");
    }
}

#[test]
fn the_component_of_the_readme_is_the_one_that_is_compiled() {
    let example = read("examples/first_component.rs");
    for line in fenced(&read("README.md"), "rust") {
        assert!(example.contains(&line), "{line}");
    }
}

#[test]
fn the_readme_lists_every_exit_code() {
    let readme = read("README.md");
    for code in [0, 1, 2, 3, 4, 5, 6, 130] {
        assert!(readme.contains(&format!("\n| {code} | ")), "{code}");
    }
}

/// Where the README's server listens.
const SERVER: &str = "http://127.0.0.1:8000/v1";

/// The smallest phantom as files: `DIR` in TotalSegmentator's layout, and `ct.nii.gz`, `labels.nii.gz`, `names.json`.
fn write_data(folder: &Path) {
    let params = json!({"use": "phantom", "cases": 1, "shape": SMALLEST});
    let registry = Registry::builtin().unwrap();
    let phantom: Built<dyn Dataset> =
        registry.build(params.as_object().unwrap(), &BuildContext::default()).unwrap();
    let read = |what: &str| phantom.component.volume(&format!("phantom-0000/{what}")).unwrap();
    let (image, labels) = (read("ct"), read("labels"));
    let shape = image.grid.shape.map(|length| length as u16);
    let affine = image.grid.affine.0;
    let rows = [0, 1, 2].map(|row| affine[row].map(|entry| entry as f32));
    let grey: Vec<i16> = image.voxels.iter().map(|value| *value as i16).collect();
    let marked: Vec<u8> = labels.voxels.iter().map(|value| *value as u8).collect();
    let case = folder.join("DIR/s0001");
    std::fs::create_dir_all(&case).unwrap();
    for (name, file) in
        [("ct.nii.gz", nifti_i16(shape, rows, &grey)), ("labels.nii.gz", nifti(shape, rows, &marked))]
    {
        let file = gzip(&file);
        std::fs::write(case.join(name), &file).unwrap();
        std::fs::write(folder.join(name), &file).unwrap();
    }
    let names: BTreeMap<String, String> =
        labels.names.iter().map(|(label, name)| (label.to_string(), name.clone())).collect();
    std::fs::write(folder.join("names.json"), serde_json::to_vec(&names).unwrap()).unwrap();
}

/// Few voxels that keep a phantom's small organs, with the least number of slices that the family takes.
const SMALLEST: [usize; 3] = [96, 74, 208];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::fastest());
    let mut packed = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor.gzip_compress(bytes, &mut packed).unwrap();
    packed.truncate(length);
    packed
}

/// A checkpoint of random weights with the outputs that transformers recorded for it.
const CHECKPOINT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tests/fixtures/qwen3_vl");

/// A command of the README as it is tried: a server of our own, few questions, and small patients where the phantom
/// stands in. Runs that would share a folder get one each, as the README's reader would have to choose.
fn tried(command: &str, server: &StubServer, folder: &Path, number: usize) -> Vec<String> {
    // Single quotes keep words together and are taken off, as a shell does.
    let mut words: Vec<String> = Vec::new();
    for (number, part) in command.split('\'').enumerate() {
        if number % 2 == 1 {
            words.push(part.to_owned());
        } else {
            let real =
                |word: &str| word.replace(SERVER, &server.base_url()).replace("CHECKPOINT", CHECKPOINT);
            words.extend(part.split_whitespace().map(real));
        }
    }
    if words[0] != "run" {
        return words;
    }
    let stem = Path::new(&words[1]).file_stem().unwrap().to_str().unwrap().to_owned();
    match words.iter().position(|word| word == "--limit") {
        Some(at) => words[at + 1] = "6".to_owned(),
        None => words.extend(["--limit".to_owned(), "6".to_owned()]),
    }
    let mut add = |more: &[String]| words.extend_from_slice(more);
    // The patients of CT-SpatialVQA's example are small already.
    if !command.contains("--data") && stem != "ct-spatialvqa" {
        let sets = ["dataset.cases=1".to_owned(), format!("dataset.shape={SMALLEST:?}")];
        sets.iter().for_each(|set| add(&["--set".to_owned(), set.clone()]));
    }
    if command.contains("--model candle") {
        // The checkpoint is tiny: room for one picture, and no sense in long replies.
        add(&["--set", "family.dims=2d", "--set", "sampler.max_tokens=4"].map(str::to_owned));
    }
    if !command.contains("--output") && folder.join("runs").join(stem).exists() {
        add(&["--output".to_owned(), format!("runs/{number}")]);
    }
    words
}

/// Two pairs of texts.
const PAIRS: &str = r#"{"id": "1", "prediction": "left of the heart", "reference": "to the left of the heart"}
{"id": "2", "prediction": "none", "reference": "above the liver"}
"#;

/// Copies a folder of the project, without folders in it, to the same place below another one.
fn copy_folder(name: &str, to: &Path) {
    std::fs::create_dir_all(to.join(name)).unwrap();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(name).join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// Finding something is what an audit is for.
fn may_find_differences(command: &str) -> bool {
    command.starts_with("audit ")
}

#[test]
fn every_situs_command_of_the_readme_works() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_data(folder);
    std::fs::create_dir(folder.join("examples")).unwrap();
    for name in ["quickstart", "mis-ground", "picture", "small-model", "ct-spatialvqa", "spatialmed"] {
        let name = format!("examples/{name}.toml");
        std::fs::write(folder.join(&name), read(&name)).unwrap();
    }
    copy_folder("examples/ct-spatialvqa", folder);
    std::fs::write(folder.join("pairs.jsonl"), PAIRS).unwrap();
    let server = StubServer::chat(|_| Act::chat("<answer>true</answer>"));
    let readme = read("README.md");
    assert!(readme.contains(SERVER));
    let mut commands: Vec<String> = fenced(&readme, "sh");
    commands.push("situs run examples/picture.toml".to_owned());
    for (number, command) in commands.iter().enumerate() {
        let ours = command.strip_prefix("situs ").or_else(|| command.strip_prefix("cargo run --release -- "));
        let Some(command) = ours else { continue };
        if !cfg!(feature = "native") && (command.contains("CHECKPOINT") || command.contains("candle")) {
            continue;
        }
        if command.starts_with("sample ") || command.starts_with("neighbors ") {
            // These want a checkpoint, a table or recorded logits; tests/neighbors.rs and tests/sample.rs make and run them.
            understood(command);
            continue;
        }
        let words = tried(command, &server, folder, number);
        let output =
            Command::new(env!("CARGO_BIN_EXE_situs")).current_dir(folder).args(&words).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let found = may_find_differences(command) && output.status.code() == Some(6);
        assert!(output.status.success() || found, "situs {}: {}\n{errors}", words.join(" "), output.status);
        assert!(!output.stdout.is_empty(), "situs {}", words.join(" "));
    }
    assert!(server.count() >= 6, "the server was asked");
    assert!(folder.join("runs/quickstart/report.html").exists());
    assert!(std::fs::read_dir(folder.join("runs/picture/media")).unwrap().count() > 0);
}
