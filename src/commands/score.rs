//! `situs score RUN`: replies read again, scores and report written anew.

use super::progress::progress;
use super::run::finish;
use crate::cli::ScoreArgs;
use crate::exit::Failure;
use situs_core::config::{Overrides, RunConfig};
use situs_core::registry::Registry;
use situs_core::run::{Exit, score as score_engine};

pub(super) fn score(args: &ScoreArgs, json: bool) -> Result<Exit, Failure> {
    let registry = Registry::builtin()?;
    let config = match &args.config {
        Some(path) => Some(RunConfig::load(path, &Overrides::default(), &registry)?),
        None => None,
    };
    let progress = progress();
    let outcome = score_engine(&args.run, &registry, config.as_ref(), progress.as_ref())?;
    drop(progress);
    finish(&outcome, &args.tables, json)
}
