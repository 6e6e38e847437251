//! What the README tells people to type is what is checked.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

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
    let subcommand = rest.split_whitespace().next().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_situs")).args([subcommand, "--help"]).output().unwrap();
    assert!(output.status.success(), "situs {subcommand}");
    let help = String::from_utf8(output.stdout).unwrap();
    for flag in rest.split_whitespace().filter(|word| word.starts_with("--")) {
        assert!(help.contains(flag), "situs {subcommand} has no {flag}");
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
