//! The cases of a run: listed, measured, and the damaged among them named.

use super::asking::interruptible;
use crate::case::{Case, StructureSource, VolumeRef, VolumeSource};
use crate::digest::Digest;
use crate::fault::{Cause, Fault};
use crate::question::Reasons;
use crate::run::desk::Desk;
use crate::run::lanes::{in_lanes, lanes};
use crate::structure::{Catalogue, CatalogueEntry};
use crate::volume::{VolumeStore, catalogue_entry};
use std::collections::{BTreeMap, BTreeSet};

/// The cases that can be used, with measurements.
pub struct Cases {
    /// Usable cases in data set order, parallel to `catalogue.cases`.
    pub usable: Vec<Case>,
    /// Measurements.
    pub catalogue: Catalogue,
    /// Damaged cases: name and fault.
    pub damaged: BTreeMap<String, String>,
    /// Remarks of the readers, counted by code.
    pub warnings: Reasons,
    /// Cases of the data set.
    pub total: usize,
}

/// Lists the cases of a data set; damaged ones are named.
///
/// # Errors
/// When the data set holds no case, or none that can be listed.
pub fn list_cases(
    dataset: &dyn crate::dataset::Dataset,
) -> Result<(Vec<Case>, BTreeMap<String, String>), Fault> {
    let mut cases = Vec::new();
    let mut damaged = BTreeMap::new();
    for index in 0..dataset.len() {
        match dataset.case(index) {
            Ok(case) => cases.push(case),
            Err(fault) => {
                damaged.insert(format!("case {index}"), fault.to_string());
            }
        }
    }
    if cases.is_empty() {
        return Err(none_usable(dataset.len(), &damaged));
    }
    let mut names = BTreeSet::new();
    for case in &cases {
        if !names.insert(case.name.as_str()) {
            return Err(Fault::data(format!("two cases are called {}", case.name)));
        }
    }
    Ok((cases, damaged))
}

fn none_usable(total: usize, damaged: &BTreeMap<String, String>) -> Fault {
    let first: Vec<String> = damaged.iter().take(3).map(|(name, fault)| format!("{name}: {fault}")).collect();
    let list = if first.is_empty() { String::new() } else { format!(": {}", first.join("; ")) };
    Fault::data(format!("none of {total} cases can be used{list}"))
}

/// Measures every case.
///
/// # Errors
/// When no case can be used.
pub fn measure(desk: &Desk<'_>, store: &VolumeStore) -> Result<Cases, Fault> {
    let dataset = desk.parts.dataset.as_ref();
    let (cases, mut damaged) = list_cases(dataset)?;
    let cases: Vec<Case> = cases.iter().map(|case| store.seen(case)).collect();
    desk.progress.stage("measure", cases.len() as u64);
    let entries: Vec<Result<CatalogueEntry, Fault>> = in_lanes(&cases, lanes(), |case| {
        interruptible(desk)?;
        let entry = catalogue_entry(case, store).and_then(oriented);
        desk.progress.advance(1);
        entry
    });
    let mut usable = Vec::new();
    let mut catalogue = Catalogue::default();
    let mut warnings = Reasons::new();
    let total = dataset.len();
    for (case, entry) in cases.into_iter().zip(entries) {
        match entry {
            Ok(entry) => {
                let codes: BTreeSet<&str> =
                    entry.measured.warnings.iter().map(|warning| warning.code.as_str()).collect();
                for code in codes {
                    *warnings.entry(code.to_owned()).or_default() += 1;
                }
                for warning in &entry.measured.warnings {
                    desk.progress.line(&format!("{}: {}: {}", case.name, warning.code, warning.message));
                }
                catalogue.cases.push(entry);
                usable.push(case);
            }
            Err(fault) if fault.cause == Cause::Internal => return Err(fault),
            Err(fault) => {
                desk.progress.line(&format!("{}: left out: {fault}", case.name));
                damaged.insert(case.name.clone(), fault.to_string());
            }
        }
    }
    if usable.is_empty() {
        return Err(none_usable(total, &damaged));
    }
    let mut digest = Digest::new("situs-catalogue-1");
    for entry in &catalogue.cases {
        digest.text(&entry.case).text(&entry.volume_id);
    }
    catalogue.digest = digest.hex();
    Ok(Cases { usable, catalogue, damaged, warnings, total })
}

/// Refuses a case whose files do not say which way the patient lies: every left and right would be a guess.
fn oriented(entry: CatalogueEntry) -> Result<CatalogueEntry, Fault> {
    match entry.measured.warnings.iter().find(|warning| warning.code == "orientation_unknown") {
        Some(warning) => Err(Fault::data(format!("orientation is not known: {}", warning.message))
            .help("write an sform or qform into the file")),
        None => Ok(entry),
    }
}

/// Sizes and times of all files that cases name. A file that cannot be looked at counts as one of its own kind.
pub fn file_times<'a>(cases: impl Iterator<Item = &'a Case>) -> String {
    let mut digest = Digest::new("situs-file-times-1");
    let mut add = |volume: &VolumeRef| {
        let VolumeSource::File { path } = &volume.source else { return };
        let state = std::fs::metadata(path).and_then(|data| Ok((data.len(), data.modified()?)));
        digest.text(&path.display().to_string()).text(&format!("{:?}", state.ok()));
    };
    for case in cases {
        case.volumes.iter().for_each(&mut add);
        match &case.structures {
            StructureSource::LabelMap { volume, .. } => add(volume),
            StructureSource::Masks { masks } => masks.iter().for_each(|mask| add(&mask.volume)),
            StructureSource::Boxes { .. } | StructureSource::None => {}
        }
    }
    digest.hex()
}
