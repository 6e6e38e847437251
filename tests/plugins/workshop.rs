//! Builds libraries the way an author does: another `cargo`, another folder, debug mode.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The folder where all of them are built, so that what they share is compiled once.
pub(crate) fn workshop() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    folder.join(toolchain().map_or_else(|| "plugins".to_owned(), |name| format!("plugins-{name}")))
}

/// A toolchain that builds the libraries in place of the tests' own, if one is named: with a nightly, structs get another
/// layout, and nothing may depend on theirs.
fn toolchain() -> Option<String> {
    std::env::var("SITUS_PLUGIN_TOOLCHAIN").ok()
}

/// The command that builds libraries.
pub(crate) fn cargo() -> Command {
    let Some(toolchain) = toolchain() else { return Command::new(env!("CARGO")) };
    let mut command = Command::new("cargo");
    command.arg(format!("+{toolchain}"));
    // What runs this test says which toolchain it is of.
    ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS"].iter().for_each(|name| {
        command.env_remove(name);
    });
    let layout = if toolchain.starts_with("nightly") { "-Zrandomize-layout" } else { "" };
    command.env("RUSTFLAGS", format!("{layout} -Copt-level=2"));
    command
}

/// The root of this project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Copies a crate out of this project and builds it there, once in this process.
pub(crate) fn built(name: &str, place: &str) -> PathBuf {
    static DONE: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    done.entry(name.to_owned()).or_insert_with(|| copy_and_build(name, place)).clone()
}

fn copy_and_build(name: &str, place: &str) -> PathBuf {
    let (from, to) = (root().join(place), workshop().join("src").join(name));
    for file in files_of(&from) {
        let text = std::fs::read_to_string(from.join(&file)).unwrap();
        let core = format!("\"{}\"", root().join("core").display());
        write(&to.join(&file), &text.replace("\"../../../core\"", &core).replace("\"../../core\"", &core));
    }
    build(&to);
    library(name)
}

/// Copies a crate into a folder where its `target` is the workshop, as its config expects it; gives that config.
pub(crate) fn build_in_place(folder: &Path, place: &str, name: &str) -> PathBuf {
    built(name, place);
    std::fs::create_dir_all(folder).unwrap();
    std::os::unix::fs::symlink(workshop(), folder.join("target")).unwrap();
    let config = format!("{name}.toml");
    std::fs::copy(root().join(place).join(&config), folder.join(&config)).unwrap();
    folder.join(config)
}

/// Builds a crate with the versions of this project's lock file and without the network.
pub(crate) fn build(folder: &Path) {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    if !folder.join("Cargo.lock").exists() {
        write(&folder.join("Cargo.lock"), &lock);
    }
    let output = cargo()
        .args(["build", "--offline"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", workshop())
        // Line tables of a hundred crates would be most of the time.
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The file that a library of that name becomes in debug mode.
pub(crate) fn library(name: &str) -> PathBuf {
    let name = name.replace('-', "_");
    workshop().join("debug").join(format!(
        "{}{name}{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    ))
}

/// Compiles one file of C into a library, once in this process.
pub(crate) fn compiled(source: &Path, name: &str, flags: &[&str]) -> PathBuf {
    static DONE: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    done.entry(name.to_owned()).or_insert_with(|| compile(source, name, flags)).clone()
}

fn compile(source: &Path, name: &str, flags: &[&str]) -> PathBuf {
    let folder = workshop().join("c");
    std::fs::create_dir_all(&folder).unwrap();
    let library = folder.join(format!("lib{name}{}", std::env::consts::DLL_SUFFIX));
    // Written aside and renamed: a library that another test has loaded must not change under it.
    let passing = folder.join(format!("{name}-{}", std::process::id()));
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-std=c99", "-I"])
        .arg(root().join("core/include"))
        .args(flags.iter().filter(|flag| !flag.starts_with("-l")))
        .arg("-o")
        .args([&passing, &source.to_owned()])
        // Libraries stand after what needs them.
        .args(flags.iter().filter(|flag| flag.starts_with("-l")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::rename(&passing, &library).unwrap();
    library
}

/// Files of a crate, without what it was built into.
pub(crate) fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = PathBuf::from(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true if name == Path::new("target") => {}
            true => files.extend(files_of(&entry.path()).into_iter().map(|file| name.join(file))),
            false if name == Path::new("Cargo.lock") => {}
            false => files.push(name),
        }
    }
    files
}

/// Writes a file unless it is there already: what did not change is not compiled again.
pub(crate) fn write(path: &Path, text: &str) {
    if std::fs::read_to_string(path).is_ok_and(|present| present == text) {
        return;
    }
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
