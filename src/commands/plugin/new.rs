//! `situs plugin new NAME --kind KIND`: a crate that builds, passes its check and can be run.

use super::super::kind_named;
use crate::exit::Failure;
use crate::output;
use situs_core::fault::{Fault, file_fault};
use situs_core::registry::Kind;
use situs_core::run::Exit;
use std::path::{Path, PathBuf};

/// Longest name of a crate.
const MAX_NAME: usize = 64;

fn source(kind: Kind) -> &'static str {
    match kind {
        Kind::Dataset => include_str!("templates/dataset.rs"),
        Kind::Family => include_str!("templates/family.rs"),
        Kind::Renderer => include_str!("templates/renderer.rs"),
        Kind::Model => include_str!("templates/model.rs"),
        Kind::Sampler => include_str!("templates/sampler.rs"),
        Kind::Metric => include_str!("templates/metric.rs"),
    }
}

pub(super) fn new(name: &str, kind: &str, core: Option<&Path>) -> Result<Exit, Failure> {
    let kind = kind_named(kind)?;
    check_name(name)?;
    let core = core_dependency(core)?;
    let folder = Path::new(name);
    if folder.exists() {
        return Err(Fault::config(format!("{name} is there already")).help("choose another name").into());
    }
    let filled = |text: &str| text.replace("{{name}}", name).replace("{{Type}}", &type_name(name));
    let manifest = filled(include_str!("templates/Cargo.toml.txt")).replace("{{core}}", &core);
    let config = config(kind, name);
    write(&folder.join("Cargo.toml"), &manifest)?;
    write(&folder.join("src/lib.rs"), &filled(source(kind)))?;
    write(&folder.join(".gitignore"), "/target\n/runs\n")?;
    let config =
        config.map(|text| write(&folder.join(format!("{name}.toml")), &filled(&text))).transpose()?;
    let library = library(name);
    let mut steps = vec![
        format!("cargo build --manifest-path {name}/Cargo.toml"),
        format!("situs plugin check {name}/{library}"),
    ];
    steps.extend(config.map(|()| format!("situs run {name}/{name}.toml")));
    output::print(&format!(
        "{name}/src/lib.rs holds a {kind} that works. Next:\n\n    {}",
        steps.join("\n    ")
    ))?;
    Ok(Exit::Done)
}

/// # Errors
/// A name that cargo or a config would not take.
fn check_name(name: &str) -> Result<(), Fault> {
    let begins = name.chars().next().is_some_and(|letter| letter.is_ascii_lowercase());
    let plain = name
        .chars()
        .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter));
    if begins && plain && name.len() <= MAX_NAME && !["core", "std", "test", "situs", "serde"].contains(&name)
    {
        return Ok(());
    }
    Err(Fault::config(format!("{name:?} cannot be the name of a plug-in"))
        .help("lower-case letters, digits, - and _, beginning with a letter"))
}

/// How the crate depends on situs-core: the folder named, else the one that this program was built from where it is still
/// there, else the published version.
fn core_dependency(core: Option<&Path>) -> Result<String, Fault> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("core");
    let folder = match core {
        Some(folder) => Some(folder.to_owned()),
        None => Some(built_from).filter(|folder| folder.join("Cargo.toml").is_file()),
    };
    let Some(folder) = folder else {
        return Ok(format!("version = {:?}", env!("CARGO_PKG_VERSION")));
    };
    let whole = std::fs::canonicalize(&folder).ok().filter(|folder| folder.join("Cargo.toml").is_file());
    let whole: Option<PathBuf> = whole;
    let text = whole.as_ref().and_then(|folder| folder.to_str()).ok_or_else(|| {
        Fault::config(format!("--core {} holds no crate", folder.display()))
            .help("name the folder of situs-core")
    })?;
    // A literal string of TOML takes everything but its own quote.
    if text.contains('\'') {
        Err(Fault::config(format!("--core {text}: a quote in the path")))
    } else {
        Ok(format!("path = '{text}'"))
    }
}

fn type_name(name: &str) -> String {
    let words = name.split(['-', '_']).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_uppercase() + rest
        })
        .collect()
}

/// The library that a debug build makes, within the crate's folder.
fn library(name: &str) -> String {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    format!("target/debug/{DLL_PREFIX}{}{DLL_SUFFIX}", name.replace('-', "_"))
}

/// A config that runs it; a sampler wants a model that decodes step by step, which the reader has to name.
fn config(kind: Kind, name: &str) -> Option<String> {
    let of = |own: Kind, usual: &str| if kind == own { name.to_owned() } else { usual.to_owned() };
    if matches!(kind, Kind::Sampler | Kind::Dataset) {
        return None;
    }
    let extra = match kind {
        Kind::Metric => "\n[metrics.{{name}}]\n",
        Kind::Family => {
            "\n# The answer sheet must score 1, guessing the chance level; a model belongs between them.\n[[arm]]\nname = \"oracle\"\nmodel = { use = \"oracle\" }\n\n[[arm]]\nname = \"random\"\n"
        }
        _ => "",
    };
    Some(
        include_str!("templates/config.toml.txt")
            .replace("{{library}}", &library(name))
            .replace("{{dataset}}", "phantom")
            .replace("{{family}}", &of(Kind::Family, "mis-ground"))
            .replace("{{renderer}}", &of(Kind::Renderer, "slices"))
            .replace("{{model}}", &of(Kind::Model, "random"))
            .replace("{{extra}}", extra),
    )
}

fn write(path: &Path, text: &str) -> Result<(), Fault> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| file_fault("make", folder, &error))?;
    std::fs::write(path, text).map_err(|error| file_fault("write", path, &error))
}
