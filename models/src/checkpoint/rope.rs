//! Rotary positions of the text model, in both layouts of `config.json`.

use super::Config;
use situs_core::fault::Fault;

/// Rotary position parameters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rope {
    /// Base of the wavelengths.
    pub(crate) theta: f64,
    /// By how much the wavelengths are stretched.
    pub(crate) factor: f64,
    /// Pairs of numbers that turn with time, row and column.
    pub(crate) sections: [usize; 3],
}

/// Reads `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (before); `half` is half the width of a
/// head.
///
/// # Errors
/// A type that is not known, by name; sections that do not make up half a head.
pub(crate) fn rope(text: &Config<'_>, half: usize, theta: f64, sections: [usize; 3]) -> Result<Rope, Fault> {
    let newer = text.table("rope_parameters");
    let table = newer.clone().or_else(|| text.table("rope_scaling"));
    let theta = match &newer {
        Some(newer) => newer.number("rope_theta", text.number("rope_theta", theta)?)?,
        None => text.number("rope_theta", theta)?,
    };
    let mut sections = sections;
    let mut factor = 1.0;
    if let Some(table) = &table {
        factor = stretch(table)?;
        if let Some(found) = table.counts("mrope_section")? {
            sections = <[usize; 3]>::try_from(found.as_slice())
                .map_err(|_| table.fault("mrope_section", &format!("three counts, found {found:?}")))?;
        }
    }
    if sections.iter().try_fold(0usize, |sum, part| sum.checked_add(*part)) != Some(half) {
        let what = format!("{sections:?} do not make up half a head, {half}");
        return Err(table.as_ref().unwrap_or(text).fault("mrope_section", &what));
    }
    Ok(Rope { theta, factor, sections })
}

/// Reads the table of one kind of layers: `rope_theta`, `rope_type` and what belongs to it. All pairs turn with time.
///
/// # Errors
/// As [`rope`].
pub(crate) fn rope_of_layers(table: &Config<'_>, half: usize, theta: f64) -> Result<Rope, Fault> {
    let theta = table.number("rope_theta", theta)?;
    Ok(Rope { theta, factor: stretch(table)?, sections: [half, 0, 0] })
}

/// By how much the rule of a table stretches the wavelengths.
fn stretch(table: &Config<'_>) -> Result<f64, Fault> {
    match table.word("rope_type", table.word("type", "default")) {
        "default" | "mrope" => Ok(1.0),
        "linear" if table.get("factor").is_none() => Err(table.fault("factor", "missing")),
        "linear" => table.number("factor", 1.0),
        kind => {
            let fault = table.fault("rope_type", &format!("'{kind}' is not known"));
            Err(Fault::unsupported(fault.what).help(
                "'default', 'mrope' and 'linear' are computed; this context was stretched by another rule",
            ))
        }
    }
}
