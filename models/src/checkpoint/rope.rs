//! Rotary positions of the text model, in both layouts of `config.json`.

use super::Config;
use situs_core::fault::Fault;

/// Rotary position parameters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rope {
    /// Base of the wavelengths.
    pub(crate) theta: f64,
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
    if let Some(table) = &table {
        let kind = table.word("rope_type", table.word("type", "default"));
        if !matches!(kind, "default" | "mrope") {
            let fault = table.fault("rope_type", &format!("'{kind}' is not known"));
            return Err(Fault::unsupported(fault.what)
                .help("'default' and 'mrope' are computed; this context was stretched by another rule"));
        }
        if let Some(found) = table.counts("mrope_section")? {
            sections = <[usize; 3]>::try_from(found.as_slice())
                .map_err(|_| table.fault("mrope_section", &format!("three counts, found {found:?}")))?;
        }
    }
    if sections.iter().try_fold(0usize, |sum, part| sum.checked_add(*part)) != Some(half) {
        let what = format!("{sections:?} do not make up half a head, {half}");
        return Err(table.as_ref().unwrap_or(text).fault("mrope_section", &what));
    }
    Ok(Rope { theta, sections })
}
