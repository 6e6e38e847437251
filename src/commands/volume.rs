//! `situs volume FILE`: what a NIfTI file holds.

use crate::exit::Failure;
use crate::output;
use crate::report::number;
use situs_core::run::Exit;
use situs_core::volume;
use std::fmt::Write as _;
use std::path::Path;

pub(super) fn volume(file: &Path, json: bool) -> Result<Exit, Failure> {
    let report = volume::describe(file).map_err(Failure::Input)?;
    if json {
        output::print_json(&report)?;
        return Ok(Exit::Done);
    }
    let join = |values: &[usize]| values.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
    let spacing: Vec<String> = report.spacing_mm.iter().map(|mm| format!("{mm:.4}")).collect();
    let mut text = String::new();
    let _ = writeln!(text, "shape      {} ({})", join(&report.shape), report.datatype);
    let _ = writeln!(text, "axes       {}", report.axis_codes);
    let _ = writeln!(text, "spacing    {} mm", spacing.join(" x "));
    let _ = writeln!(text, "values     {} to {}", number(report.min), number(report.max));
    let _ = writeln!(text, "canonical  {} in RAS+", join(&report.canonical.shape));
    let _ = write!(text, "sha256     {}", report.canonical.sha256);
    for warning in &report.warnings {
        let _ = write!(text, "\nwarning    {}: {}", warning.code, warning.message);
    }
    output::print(&text)?;
    Ok(Exit::Done)
}
