//! `situs run CONFIG`: the whole way.

use super::Known;
use super::plan::{plan, stop_on_interrupt};
use super::progress::progress;
use super::run_folder::or_unwritable;
use crate::cli::{RunArgs, TableArgs};
use crate::exit::Failure;
use crate::{output, report};
use serde::Serialize;
use situs_core::run::{Exit, Outcome, RunSummary, run as run_engine, write_whole};
use std::path::Path;

pub(super) fn run(args: &RunArgs, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    let registry = known.registry(Some(args.plan.config()))?;
    let plan = plan(&args.plan, Some(args), &registry)?;
    stop_on_interrupt(&plan.options.stop)?;
    let progress = progress();
    let outcome = run_engine(&plan.config, &registry, &plan.options, progress.as_ref())
        .map_err(|error| or_unwritable(&plan.options.folder, error.into()))?;
    drop(progress);
    finish(&outcome, &args.tables, json)
}

/// What `situs run --json` and `situs score --json` print.
#[derive(Serialize)]
struct Printed<'a> {
    folder: &'a Path,
    asked: u64,
    retries: u64,
    failed: u64,
    missing: u64,
    exit: u8,
    summary: &'a RunSummary,
}

/// Writes the page and prints the tables.
///
/// # Errors
/// An unknown facet; a folder that cannot be written.
pub(super) fn finish(outcome: &Outcome, tables: &TableArgs, json: bool) -> Result<Exit, Failure> {
    let page = report::html(&outcome.summary, &outcome.samples)?;
    let path = outcome.folder.join("report.html");
    write_whole(&path, |out| out.write_all(page.as_bytes()))?;
    if json {
        output::print_json(&Printed {
            folder: &outcome.folder,
            asked: outcome.asked,
            retries: outcome.retries,
            failed: outcome.failed,
            missing: outcome.missing,
            exit: outcome.exit as u8,
            summary: &outcome.summary,
        })?;
    } else {
        output::print(&report::terminal(&outcome.summary, tables)?)?;
    }
    output::note(&format!("\nreport: {}", path.display()));
    if outcome.retries > 0 {
        output::note(&format!("{} requests were repeated after faults that passed", outcome.retries));
    }
    if outcome.failed > 0 {
        output::note(&format!(
            "situs: {} requests failed; the same command asks for them again",
            outcome.failed
        ));
    }
    if outcome.missing > 0 {
        output::note(&format!("{} requests were never made; the same command makes them", outcome.missing));
    }
    Ok(outcome.exit)
}
