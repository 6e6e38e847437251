//! `situs audit CONFIG`: what is wrong with the items, and what readers without pictures make of them.

use super::Known;
use super::plan::{plan, stop_on_interrupt};
use super::progress::progress;
use super::run_folder::or_unwritable;
use crate::cli::AuditArgs;
use crate::exit::Failure;
use crate::output;
use crate::report::{estimate, maybe, thousands};
use serde::Serialize;
use situs_core::model_backend::ModelBackend;
use situs_core::registry::{BuildContext, Params, Registry};
use situs_core::run::{BlindFigure, Exit, PlanCounts, audit as audit_engine};
use situs_plugins::lints;
use std::fmt::Write as _;
use std::path::Path;

/// Readers who see no picture: textbook anatomy, the middle option, the other patients of the data set.
const READERS: [&str; 3] = ["prior", "median", "textbook"];

/// What one lint found.
#[derive(Serialize)]
struct Finding {
    lint: &'static str,
    summary: &'static str,
    items: usize,
    examples: Vec<Example>,
}

#[derive(Serialize)]
struct Example {
    question: String,
    template: String,
    what: String,
}

#[derive(Serialize)]
struct Printed<'a> {
    folder: &'a Path,
    ok: bool,
    items: u64,
    lints: &'a [Finding],
    blind: &'a [BlindFigure],
    plan: &'a PlanCounts,
}

pub(super) fn audit(args: &AuditArgs, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    let registry = known.registry(Some(args.plan.config()))?;
    let mut plan = plan(&args.plan, None, &registry)?;
    if args.plan.output.is_none() {
        // The run's own folder belongs to its arms.
        let mut name = plan.options.folder.file_name().unwrap_or_default().to_owned();
        name.push("-audit");
        plan.options.folder.set_file_name(name);
    }
    stop_on_interrupt(&plan.options.stop)?;
    let readers = readers(&registry)?;
    let lints = lints::all();
    let mut findings: Vec<Finding> = lints
        .iter()
        .map(|lint| Finding { lint: lint.name(), summary: lint.summary(), items: 0, examples: Vec::new() })
        .collect();
    let progress = progress();
    let done = audit_engine(
        &plan.config,
        &registry,
        &plan.options,
        progress.as_ref(),
        &readers,
        &mut |question, grids| {
            for (lint, finding) in lints.iter().zip(&mut findings) {
                let Some(what) = lint.find(question, grids) else { continue };
                finding.items += 1;
                if finding.examples.len() < args.examples {
                    finding.examples.push(Example {
                        question: question.id.clone(),
                        template: question.template.clone(),
                        what,
                    });
                }
            }
        },
    )
    .map_err(|error| or_unwritable(&plan.options.folder, error.into()))?;
    drop(progress);
    let ok = findings.iter().all(|finding| finding.items == 0);
    let counts = &done.plan.counts;
    if json {
        output::print_json(&Printed {
            folder: &plan.options.folder,
            ok,
            items: counts.selected,
            lints: &findings,
            blind: &done.blind,
            plan: counts,
        })?;
    } else {
        let heading = format!("{}: {} items", plan.config.name, thousands(counts.selected));
        output::print(&format!("{heading}\n\n{}\n{}", told(&findings, counts.selected), blind(&done.blind)))?;
        output::note(&format!("items: {}", plan.options.folder.join("questions.jsonl").display()));
    }
    Ok(if ok { Exit::Done } else { Exit::Differences })
}

/// A baseline that sees no picture, with its name.
type Reader = (String, Box<dyn ModelBackend>);

fn readers(registry: &Registry) -> Result<Vec<Reader>, Failure> {
    READERS
        .iter()
        .map(|name| {
            let params = Params::from_iter([("use".to_owned(), (*name).into())]);
            let built = registry.build::<dyn ModelBackend>(&params, &BuildContext::default())?;
            Ok(((*name).to_owned(), built.component))
        })
        .collect()
}

fn told(findings: &[Finding], items: u64) -> String {
    let rows = findings
        .iter()
        .map(|finding| {
            let share = maybe((items > 0).then(|| finding.items as f64 / items as f64));
            vec![finding.lint.to_owned(), thousands(finding.items as u64), share, finding.summary.to_owned()]
        })
        .collect();
    let mut text = format!("{}\n", output::table(&["lint", "items", "share", "meaning"], rows, &[1, 2]));
    for finding in findings {
        for example in &finding.examples {
            let _ = writeln!(
                text,
                "{}: {} {}: {}",
                finding.lint, example.template, example.question, example.what
            );
        }
    }
    text
}

fn blind(figures: &[BlindFigure]) -> String {
    let rows = figures
        .iter()
        .map(|figure| {
            let above = figure.accuracy.value.zip(figure.chance).map(|(value, chance)| value - chance);
            vec![
                figure.reader.clone(),
                figure.accuracy.n.to_string(),
                estimate(&figure.accuracy),
                maybe(figure.chance),
                above.map_or_else(|| maybe(None), |above| format!("{above:+.3}")),
                if figure.beats_chance() { "above chance" } else { "" }.to_owned(),
            ]
        })
        .collect();
    let columns = ["reader", "n", "right [95 %]", "chance", "above chance", ""];
    format!("Without pictures\n{}", output::table(&columns, rows, &[1, 2, 3, 4]))
}
