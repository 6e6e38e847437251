//! An author's way: an empty folder, a crate, a library, a table.

use crate::workshop::{build, root, workshop};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn run(program: &str, words: &[&str], folder: &Path) -> Output {
    Command::new(program)
        .args(words)
        .current_dir(folder)
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a new crate shares with the other ones of these tests: versions, and a folder of what is compiled already.
fn share(krate: &Path) {
    std::fs::copy(root().join("Cargo.lock"), krate.join("Cargo.lock")).unwrap();
    std::fs::create_dir_all(workshop()).unwrap();
    std::os::unix::fs::symlink(workshop(), krate.join("target")).unwrap();
}

/// Lines of the fenced blocks in one language of the README's part about plug-ins.
fn readme(language: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split("\n## ").find(|part| part.starts_with("Write your own benchmark")).unwrap();
    let fence = format!("```{language}\n");
    let blocks = section.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn the_commands_of_the_readme_lead_from_an_empty_folder_to_a_scored_table() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let commands = readme("bash");
    assert!(commands.len() >= 4, "{commands:?}");
    for command in &commands {
        let mut words: Vec<&str> = command.split_whitespace().collect();
        let program = match words.remove(0) {
            "situs" => env!("CARGO_BIN_EXE_situs"),
            "cargo" => env!("CARGO"),
            other => panic!("{other} of the README"),
        };
        match words[0] {
            "build" => words.push("--offline"),
            "run" => words.extend(["--set", "dataset.cases=2", "--set", "dataset.shape=[96, 74, 208]"]),
            _ => {}
        }
        let output = run(program, &words, folder);
        assert!(output.status.success(), "{command}\n{}{}", text(&output.stdout), text(&output.stderr));
        if words[..2] == ["plugin", "new"] {
            share(&folder.join(words[2]));
        }
    }
    let summary = std::fs::read_to_string(folder.join("runs/sides/summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let accuracy =
        |arm: usize| summary["arms"][arm]["overall"]["figures"]["accuracy"]["value"].as_f64().unwrap();
    assert_eq!(accuracy(0), 1.0, "the answer sheet");
    assert!(accuracy(1) < 1.0, "guessing");
}

#[test]
fn the_code_of_the_readme_is_what_a_new_crate_holds() {
    let template = std::fs::read_to_string(root().join("src/commands/plugin/templates/family.rs")).unwrap();
    let template = template.replace("{{name}}", "sides").replace("{{Type}}", "Sides");
    let lines = readme("rust,ignore");
    assert!(lines.len() > 5);
    for line in lines.iter().filter(|line| line.trim() != "// ...") {
        assert!(template.contains(line.trim()), "{line}");
    }
}

#[test]
fn a_new_crate_of_every_kind_builds_passes_its_check_and_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let situs = env!("CARGO_BIN_EXE_situs");
    for kind in ["dataset", "renderer", "model", "sampler", "metric"] {
        let name = format!("my-{kind}");
        let output = run(situs, &["plugin", "new", &name, "--kind", kind], folder);
        assert!(output.status.success(), "{}", text(&output.stderr));
        share(&folder.join(&name));
        build(&folder.join(&name));
        let library = format!("{name}/target/debug/libmy_{kind}.so");
        assert!(text(&output.stdout).contains(&library), "{}", text(&output.stdout));
        let output = run(situs, &["plugin", "check", &library, "--json"], folder);
        assert!(output.status.success(), "{kind}: {}{}", text(&output.stdout), text(&output.stderr));
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        let kept =
            printed["verdicts"].as_array().unwrap().iter().filter(|one| one["outcome"] == "kept").count();
        assert!(kept >= 6, "{kind}: {}", text(&output.stdout));
        let config = folder.join(&name).join(format!("{name}.toml"));
        if config.exists() {
            let config = config.to_str().unwrap();
            let output = run(
                situs,
                &[
                    "run",
                    config,
                    "--limit",
                    "10",
                    "--set",
                    "dataset.cases=1",
                    "--set",
                    "dataset.shape=[96, 74, 208]",
                ],
                folder,
            );
            assert!(output.status.success(), "{kind}: {}", text(&output.stderr));
        }
    }
}

#[test]
fn what_cannot_be_a_plug_in_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let situs = env!("CARGO_BIN_EXE_situs");
    for (words, said) in [
        (vec!["Big", "--kind", "family"], "cannot be the name of a plug-in"),
        (vec!["../up", "--kind", "family"], "cannot be the name of a plug-in"),
        (vec!["std", "--kind", "family"], "cannot be the name of a plug-in"),
        (vec!["mine", "--kind", "familly"], "did you mean 'family'?"),
        (vec!["mine", "--kind", "metric", "--core", "nowhere"], "--core nowhere holds no crate"),
    ] {
        let output = run(situs, &[&["plugin", "new"], &words[..]].concat(), folder.path());
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    let output = run(situs, &["plugin", "new", "mine", "--kind", "metric"], folder.path());
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("mine is there already"));
}
