//! Comparison of a model with recorded outputs of the library that published it, stage by stage.
//!
//! A reference folder holds `images/` and one folder a case: `case.json` (messages, picture files, frames a second),
//! `inputs.safetensors` (`input_ids`, `pixel_values`, grids) and `outputs.safetensors` (`vision_i`, `position_ids`,
//! `hidden_i`, `prefill_logits`, `generated_ids`, `step_logits`). A tensor may hold the last rows of a stage alone.

mod difference;
mod reference;
mod stages;

pub use crate::checkpoint::Precision;
use crate::native::Native;
use reference::Reference;
use serde::Serialize;
use situs_core::fault::Fault;
use std::path::Path;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Folder of the checkpoint.
    pub model: String,
    /// Whether every stage that was compared agrees, and at least one was.
    pub ok: bool,
    /// Stages of all cases.
    pub cases: Vec<Compared>,
}

/// One stage of one case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Case.
    pub case: String,
    /// `ids`, `pixels`, `vision`, `positions`, `hidden`, `prefill` or `steps`.
    pub stage: String,
    /// Largest absolute difference; `None` where nothing was compared, or where shapes differ.
    pub max_abs: Option<f64>,
    /// Largest difference that counts as agreement.
    pub tolerance: f64,
    /// Whether the stage agrees.
    pub pass: bool,
    /// Whether the case has no such stage, or the reference does not hold it.
    pub skipped: bool,
}

/// How far logits are from the reference when weights are rounded to `precision`: the largest difference in any case,
/// prompt and steps, over the reference's largest magnitude in that case.
///
/// # Errors
/// As [`check`]; a reference without logits.
pub fn rounded(folder: &Path, reference: &Path, precision: Precision) -> Result<f64, Fault> {
    let native = Native::open(folder, precision)?;
    let mut worst: Option<f64> = None;
    for reference in &Reference::all(reference)? {
        let magnitude = stages::largest_logit(reference)?;
        for one in stages::compare(&native, reference)? {
            let apart = one.max_abs.filter(|_| ["prefill", "steps"].contains(&one.stage.as_str()));
            if let Some((apart, magnitude)) = apart.zip(magnitude) {
                worst = Some(worst.unwrap_or(0.0).max(apart / magnitude));
            }
        }
    }
    worst.ok_or_else(|| Fault::data(format!("{}: no logits to compare", reference.display())))
}

/// Compares the checkpoint in `folder` with a reference, case by case in order of their names.
///
/// Every stage starts from the reference's own input where there is one, so that the first one that differs is the one
/// to look at. Steps go through the cache, with the prompt taken in in two parts.
///
/// # Errors
/// A checkpoint that cannot be loaded, a reference that cannot be read or holds no case.
pub fn check(folder: &Path, reference: &Path) -> Result<Report, Fault> {
    let native = Native::open(folder, Precision::F32)?;
    let references = Reference::all(reference)?;
    let mut cases = Vec::new();
    for reference in &references {
        let compared = stages::compare(&native, reference);
        cases.extend(compared.map_err(|fault| fault.within(format!("case '{}'", reference.name)))?);
    }
    let ok = cases.iter().any(|one| !one.skipped) && cases.iter().all(|one| one.skipped || one.pass);
    Ok(Report { model: folder.display().to_string(), ok, cases })
}
