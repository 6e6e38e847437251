//! `situs model`: native models against recorded outputs.

use crate::cli::ModelAction;
use crate::exit::Failure;
use crate::output;
use situs_core::run::Exit;
use situs_models::parity::{Compared, check};
use std::path::Path;

pub(super) fn model(action: ModelAction, json: bool) -> Result<Exit, Failure> {
    match action {
        ModelAction::Check { dir, reference } => compare(&dir, reference.as_deref(), json),
    }
}

fn compare(dir: &Path, reference: Option<&Path>, json: bool) -> Result<Exit, Failure> {
    let reference = reference.map_or_else(|| dir.join("reference"), Path::to_owned);
    let report = check(dir, &reference).map_err(Failure::Input)?;
    if json {
        output::print_json(&report)?;
    } else {
        let rows = report.cases.iter().map(row).collect();
        let table = output::table(&["case", "stage", "largest difference", "tolerance", ""], rows, &[2, 3]);
        let verdict = if report.ok { "every stage agrees" } else { "some stage differs" };
        output::print(&format!("{table}\n{}: {verdict}", report.model))?;
    }
    Ok(if report.ok { Exit::Done } else { Exit::Differences })
}

fn row(compared: &Compared) -> Vec<String> {
    let number = |number: f64| if number == 0.0 { "0".to_owned() } else { format!("{number:.1e}") };
    let verdict = match (compared.skipped, compared.pass) {
        (true, _) => "-",
        (false, true) => "agrees",
        (false, false) => "differs",
    };
    vec![
        compared.case.clone(),
        compared.stage.clone(),
        compared.max_abs.map_or_else(|| "-".to_owned(), number),
        number(compared.tolerance),
        verdict.to_owned(),
    ]
}
