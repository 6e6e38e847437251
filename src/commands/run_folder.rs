//! Where a run lies, and whether it can lie there.

use crate::exit::Failure;
use situs_core::config::{ConfigError, Overrides, RunConfig};
use situs_core::fault::{Cause, Fault};
use situs_core::registry::Registry;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

/// Reads a config; one that cannot be opened is a mistake on the command line, not damaged data.
///
/// # Errors
/// As [`RunConfig::load`], with the cause `Config`.
pub(super) fn load_config(
    path: &Path,
    overrides: &Overrides,
    registry: &Registry,
) -> Result<RunConfig, ConfigError> {
    RunConfig::load(path, overrides, registry).map_err(as_config)
}

/// Loads the libraries that a config names.
///
/// # Errors
/// As [`RunConfig::load_plugins`], with the cause `Config`.
pub(super) fn load_plugins(path: &Path, registry: &mut Registry) -> Result<(), ConfigError> {
    RunConfig::load_plugins(path, registry).map_err(as_config)
}

fn as_config(mut error: ConfigError) -> ConfigError {
    if error.fault.cause == Cause::Data {
        error.fault.cause = Cause::Config;
    }
    error
}

/// The default folder of a run of that name: `runs/` and the name as a plain file name.
///
/// # Errors
/// A name that would lead elsewhere.
pub(super) fn default_folder(name: &str) -> Result<PathBuf, Fault> {
    let leads_elsewhere = name.contains(['/', '\\']) || name.chars().all(|letter| letter == '.');
    if leads_elsewhere {
        return Err(Fault::config(format!("{name:?} cannot be the name of a run folder"))
            .at("name")
            .at("run")
            .help("use letters, digits, dots, _ and - alone, or choose the folder with --output"));
    }
    let plain = |letter: char| if letter.is_alphanumeric() || "._-".contains(letter) { letter } else { '-' };
    Ok(Path::new("runs").join(name.chars().map(plain).collect::<String>()))
}

/// Says so when a job failed because nothing can be written into its run folder.
pub(super) fn or_unwritable(folder: &Path, failure: Failure) -> Failure {
    if !matches!(&failure, Failure::Fault(fault) if fault.cause == Cause::Data) {
        return failure;
    }
    match writable(folder) {
        Err(error) => Fault::config(format!("cannot write into {}: {error}", folder.display()))
            .help("make the run folder writable, or take another one or a copy")
            .into(),
        Ok(()) => failure,
    }
}

/// [`or_unwritable`] for a job that reads a run: where there is none, nothing is made.
pub(super) fn in_run(folder: &Path, failure: Failure) -> Failure {
    if folder.join("manifest.json").exists() { or_unwritable(folder, failure) } else { failure }
}

/// Tries what every job does first: take the lock and write a file beside it.
fn writable(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(".lock"))?;
    let probe = folder.join(format!(".probe.{}", std::process::id()));
    OpenOptions::new().create_new(true).write(true).open(&probe)?;
    std::fs::remove_file(&probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_folder_never_leaves_runs() {
        assert_eq!(default_folder("mis-ground").unwrap(), Path::new("runs/mis-ground"));
        assert_eq!(default_folder("my run: 2").unwrap(), Path::new("runs/my-run--2"));
        for name in ["../elsewhere", "a/b", "a\\b", "..", ".", ""] {
            assert_eq!(default_folder(name).unwrap_err().cause, Cause::Config, "{name:?}");
        }
    }
}
