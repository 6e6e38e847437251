//! A disk that is full: a process that may not write files above a size.

use crate::program::{LIMIT, differing, exits, finals, journal, json, of_kind, run, situs, small, text};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The command in a shell that limits files to so many KiB. The signal is ignored, so that a write fails as on a disk
/// without room.
fn limited(command: &Command, kib: usize) -> Output {
    let mut shell = Command::new("sh");
    // POSIX counts in blocks of 512 bytes.
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kib * 2);
    shell.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
    shell.current_dir(command.get_current_dir().unwrap()).output().unwrap()
}

/// Last part of the path that stderr names after "cannot write" and the like.
fn named_file(errors: &str) -> String {
    let line =
        errors.lines().find(|line| line.starts_with("situs: cannot")).unwrap_or_else(|| panic!("{errors}"));
    let path = line.split(": ").nth(1).unwrap().rsplit(' ').next().unwrap();
    Path::new(path).file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_full_disk_names_the_file_keeps_the_journal_whole_and_the_next_run_finishes() {
    let undisturbed = tempfile::tempdir().unwrap();
    exits(run(undisturbed.path(), &[]), 0);
    let expected = finals(undisturbed.path());
    let mut hit = BTreeSet::new();
    for planned in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        if planned {
            let mut build = situs(&["build"]);
            build.args(small(folder.path())).args(["--limit", &LIMIT.to_string()]);
            exits(build, 0);
            std::fs::remove_dir_all(folder.path().join("media")).unwrap();
        }
        let mut answered = 0;
        for kib in [2, 8, 12, 24, 48, 96, 160] {
            let output = limited(&run(folder.path(), &[]), kib);
            let errors = text(&output.stderr);
            if output.status.code() == Some(0) {
                answered = LIMIT;
                continue;
            }
            assert_eq!(output.status.code(), Some(1), "{kib} KiB: {errors}");
            assert!(
                errors.contains("help: ") && errors.contains("room"),
                "what to do, at {kib} KiB: {errors}"
            );
            let file = named_file(&errors);
            hit.insert(if file.ends_with(".png") { "a picture".to_owned() } else { file });
            if folder.path().join("journal.jsonl").exists() {
                let bytes = std::fs::read(folder.path().join("journal.jsonl")).unwrap();
                assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "no torn line is left at {kib} KiB");
                let kept = of_kind(&journal(folder.path()), "reply");
                assert!(kept >= answered, "nothing that was kept is lost");
                answered = kept;
            }
            let parts: Vec<_> = unfinished(folder.path());
            assert!(parts.is_empty(), "{parts:?} only take the room that is missing");
        }
        let printed = json(run(folder.path(), &[]), 0);
        assert_eq!(printed["asked"], LIMIT - answered);
        assert_eq!(differing(&finals(folder.path()), &expected), Vec::<PathBuf>::new());
    }
    for file in ["manifest.json", "questions.jsonl", "a picture", "journal.jsonl"] {
        assert!(hit.contains(file), "{file} was never in the way: {hit:?}");
    }
}

/// Passing files that were left in a run folder.
fn unfinished(folder: &Path) -> Vec<PathBuf> {
    [folder.to_owned(), folder.join("media")]
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "part"))
        .collect()
}
