//! `situs review export|import RUN`: questions on a sheet for people, and their verdicts back.
//!
//! Which criteria a sheet has depends on the question family; a family without criteria of its own names them on the
//! command line. The sheet's header carries the criteria, so that a sheet says by itself how it is to be read.

mod criteria;
mod failures;
mod figures;
mod sample;
mod sheet;

use super::Known;
use super::run_folder::{in_run, or_unwritable};
use crate::cli::{ReviewAction, ReviewExportArgs, ReviewImportArgs};
use crate::exit::Failure;
use crate::output;
use criteria::Criterion;
use failures::Wanted;
use figures::Review;
use serde::Serialize;
use situs_core::digest::sha256_hex;
use situs_core::fault::{Fault, file_fault};
use situs_core::question::Question;
use situs_core::run::{Exit, Manifest, QuestionReader, load_records, read_json, write_json, write_whole};
use std::path::Path;

/// Verdicts of people on the questions of a run, in its folder.
const REVIEW_FILE: &str = "review.json";
/// Kinds of error of the answers of a run, in its folder.
const FAILURES_FILE: &str = "failures.json";
/// Largest sheet that is read, in bytes.
const MAX_SHEET_BYTES: u64 = 256 << 20;

pub(super) fn review(action: &ReviewAction, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    match action {
        ReviewAction::Export(args) => export(args, known, json),
        ReviewAction::Import(args) => import(args, json),
    }
}

/// What `situs review export --json` prints.
#[derive(Serialize)]
struct Exported<'a> {
    sheet: &'a Path,
    questions: usize,
    cases: usize,
    of_questions: usize,
    of_cases: usize,
    seed: u64,
    criteria: Vec<String>,
}

fn export(args: &ReviewExportArgs, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    let (manifest, questions) = questions_of(&args.run)?;
    let seed = args.seed.unwrap_or(manifest.run.seed);
    let all = (questions.len(), sample::cases(&questions));
    let (criteria, drawn, name) = match args.failures {
        None => {
            let criteria = criteria::chosen(&args.criteria, &manifest.family.name)?;
            (criteria, sample::by_case(questions, args.share, seed)?, "review.csv")
        }
        Some(per_level) => {
            let wanted = Wanted { per_level, by: &args.by, arm: args.arm.as_deref(), seed };
            let records = load_records(&args.run, &known.registry(None)?)
                .map_err(|error| in_run(&args.run, error.into()))?;
            (criteria::of_failures(&args.criteria)?, failures::drawn(records, &wanted)?, "failures.csv")
        }
    };
    let path = args.out.clone().unwrap_or_else(|| args.run.join(name));
    if path.exists() && !args.force {
        return Err(Fault::config(format!("{} exists already, perhaps with verdicts in it", path.display()))
            .help("choose another file with --out, or overwrite it with --force")
            .into());
    }
    let bytes = sheet::write(&drawn, &criteria)?;
    write_whole(&path, |out| out.write_all(&bytes))
        .map_err(|fault| or_unwritable(&args.run, fault.into()))?;
    let exported = Exported {
        sheet: &path,
        questions: drawn.len(),
        cases: sample::cases(&drawn),
        of_questions: all.0,
        of_cases: all.1,
        seed,
        criteria: criteria.iter().map(Criterion::header).collect(),
    };
    if json {
        output::print_json(&exported)?;
    } else {
        output::print(&format!(
            "{}: {} questions of {} cases, of {} questions of {} cases; seed {seed}; criteria: {}",
            path.display(),
            exported.questions,
            exported.cases,
            exported.of_questions,
            exported.of_cases,
            exported.criteria.join(", ")
        ))?;
    }
    Ok(Exit::Done)
}

fn import(args: &ReviewImportArgs, json: bool) -> Result<Exit, Failure> {
    let (_, questions) = questions_of(&args.run)?;
    let mut sheets = Vec::new();
    for path in &args.sheets {
        let size = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
        if size > MAX_SHEET_BYTES {
            return Err(Fault::data(format!(
                "{}: {size} bytes; a sheet has at most {MAX_SHEET_BYTES}",
                path.display()
            ))
            .into());
        }
        let bytes = std::fs::read(path).map_err(|error| file_fault("read", path, &error))?;
        let reviewer = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let sheet =
            sheet::read(&bytes, reviewer, &questions).map_err(|fault| fault.within(path.display()))?;
        sheets.push((sheet, sha256_hex(&bytes)));
    }
    let of_failures = sheets.first().is_some_and(|(sheet, _)| criteria::are_of_failures(&sheet.criteria));
    let file = args.run.join(if of_failures { FAILURES_FILE } else { REVIEW_FILE });
    let review = Review::of(sheets, &questions, args.keep_above)?;
    write_json(&file, &review).map_err(|fault| or_unwritable(&args.run, fault.into()))?;
    if json {
        output::print_json(&review)?;
    } else {
        output::print(&review.text())?;
        output::note(&format!("\nverdicts: {}", file.display()));
    }
    Ok(Exit::Done)
}

/// The manifest and the questions of a run, or of a folder that `situs build` wrote.
fn questions_of(run: &Path) -> Result<(Manifest, Vec<Question>), Fault> {
    let path = run.join("manifest.json");
    if !path.exists() {
        return Err(Fault::data(format!("{} holds no run: manifest.json is missing", run.display()))
            .help("`situs build CONFIG` writes questions without asking any model"));
    }
    let manifest: Manifest = read_json(&path)?;
    let questions = QuestionReader::open(run)?.collect::<Result<Vec<_>, _>>()?;
    Ok((manifest, questions))
}
