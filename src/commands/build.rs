//! `situs build CONFIG`: questions and pictures, no model.

use super::Known;
use super::plan::{plan, stop_on_interrupt};
use super::progress::progress;
use super::run_folder::or_unwritable;
use crate::cli::BuildArgs;
use crate::exit::Failure;
use crate::output;
use crate::report::thousands;
use serde::Serialize;
use situs_core::run::{Exit, PlanCounts, build as build_engine};
use std::path::Path;

#[derive(Serialize)]
struct Printed<'a> {
    folder: &'a Path,
    questions_sha256: &'a str,
    plan: &'a PlanCounts,
}

pub(super) fn build(args: &BuildArgs, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    let registry = known.registry(Some(args.plan.config()))?;
    let plan = plan(&args.plan, None, &registry)?;
    stop_on_interrupt(&plan.options.stop)?;
    let progress = progress();
    let built = build_engine(&plan.config, &registry, &plan.options, progress.as_ref())
        .map_err(|error| or_unwritable(&plan.options.folder, error.into()))?;
    drop(progress);
    let folder = &plan.options.folder;
    if json {
        output::print_json(&Printed {
            folder,
            questions_sha256: &built.questions_sha256,
            plan: &built.counts,
        })?;
    } else {
        output::print(&format!(
            "{} questions of a pool of {}, from {} cases, in {}",
            thousands(built.counts.selected),
            thousands(built.counts.pool),
            built.counts.asked,
            folder.join("questions.jsonl").display()
        ))?;
    }
    Ok(Exit::Done)
}
