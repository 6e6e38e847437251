//! One file per subcommand.

mod audit;
mod build;
mod describe;
mod doctor;
mod lengths;
mod list;
mod metric;
#[cfg(feature = "native")]
mod model;
mod neighbors;
mod plan;
mod plugin;
mod progress;
mod reproduce;
mod review;
mod run;
mod run_folder;
mod sample;
mod score;
mod structures;
mod volume;

use crate::cli::{Cli, Command};
use crate::exit::Failure;
use run_folder::load_plugins;
use situs_core::fault::Fault;
use situs_core::registry::{Kind, Registry, suggest};
use situs_core::run::Exit;
use std::path::{Path, PathBuf};

/// Runs the subcommand.
///
/// # Errors
/// Whatever stopped it, with the exit code that fits.
pub(crate) fn dispatch(arguments: Cli) -> Result<Exit, Failure> {
    let json = arguments.json;
    let known = Known { plugins: &arguments.plugins };
    match arguments.command {
        Command::Run(args) => run::run(&args, &known, json),
        Command::Build(args) => build::build(&args, &known, json),
        Command::Audit(args) => audit::audit(&args, &known, json),
        Command::Score(args) => score::score(&args, &known, json),
        Command::List { kind } => list::list(kind.as_deref(), &known, json),
        Command::Describe { kind, name } => describe::describe(&kind, &name, &known, json),
        Command::Doctor(args) => doctor::doctor(&args, &known, json),
        Command::Volume { file } => volume::volume(&file, json),
        Command::Structures { path, names } => structures::structures(&path, names.as_deref(), json),
        Command::Metric(args) => metric::metric(&args, &known, json),
        Command::Sample(args) => sample::sample(&args, &known, json),
        Command::Neighbors { action } => neighbors::neighbors(action, json),
        Command::Lengths { run } => lengths::lengths(&run, &known, json),
        Command::Review { action } => review::review(&action, &known, json),
        Command::Reproduce { first, second, arm } => {
            let (suite, run) = match second {
                Some(run) => (Some(first), run),
                None => (None, first.into()),
            };
            reproduce::reproduce(suite.as_deref(), &run, &arm, &known, json)
        }
        #[cfg(feature = "native")]
        Command::Model { action } => model::model(action, json),
        Command::Plugin { action } => plugin::plugin(action, &known, json),
    }
}

/// What this invocation knows: built-in components and those of `--plugin`.
struct Known<'a> {
    plugins: &'a [PathBuf],
}

impl Known<'_> {
    /// All components, those of the libraries that a config names included.
    ///
    /// # Errors
    /// A library that cannot be loaded; for one of the config, with its line.
    fn registry(&self, config: Option<&Path>) -> Result<Registry, Failure> {
        let mut registry = Registry::builtin()?;
        for library in self.plugins {
            registry.load(library, None).map_err(|fault| fault.within("--plugin"))?;
        }
        if let Some(config) = config {
            load_plugins(config, &mut registry)?;
        }
        Ok(registry)
    }
}

/// The kind of that name; plurals work too.
fn kind_named(word: &str) -> Result<Kind, Fault> {
    let plain = word.to_lowercase();
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == plain || plural(*kind) == plain);
    found.ok_or_else(|| unknown("kind", word, &Kind::ALL.map(Kind::name)))
}

fn plural(kind: Kind) -> String {
    match kind {
        Kind::Family => "families".to_owned(),
        other => format!("{other}s"),
    }
}

/// `unknown WHAT 'word'`, with the nearest known word and all of them.
fn unknown(what: &str, word: &str, known: &[&str]) -> Fault {
    let hint = suggest(word, known).map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
    Fault::config(format!("unknown {what} '{word}'")).help(format!("{hint}known: {}", known.join(", ")))
}
