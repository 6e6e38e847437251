//! `situs score RUN`: replies read again, scores and report written anew.

use super::Known;
use super::progress::progress;
use super::run::finish;
use super::run_folder::{in_run, load_config};
use crate::cli::ScoreArgs;
use crate::exit::Failure;
use situs_core::config::Overrides;
use situs_core::run::{Exit, score as score_engine};

pub(super) fn score(args: &ScoreArgs, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    let registry = known.registry(args.config.as_deref())?;
    let config = match &args.config {
        Some(path) => Some(load_config(path, &Overrides::default(), &registry)?),
        None => None,
    };
    let progress = progress();
    let outcome = score_engine(&args.run, &registry, config.as_ref(), progress.as_ref())
        .map_err(|error| in_run(&args.run, error.into()))?;
    drop(progress);
    finish(&outcome, &args.tables, json)
}
