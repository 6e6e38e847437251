//! Which arms of a run a published table is compared with.

use crate::commands::run_folder::in_run;
use crate::commands::unknown;
use crate::exit::Failure;
use crate::published::{Published, PublishedCell};
use situs_core::fault::Fault;
use situs_core::record::Record;
use situs_core::registry::Registry;
use situs_core::run::{ArmManifest, Manifest, load_records, read_json};
use std::collections::BTreeMap;
use std::path::Path;

/// Origin of the components that come with this program.
const BUILT_IN: &str = "situs-plugins";
/// Backends of this program that are no model of vision and language. Their figures bound a table; they reproduce none.
const BASELINES: [&str; 7] =
    ["oracle", "pixel-reader", "prior", "random", "most-frequent", "median", "textbook"];

/// The published table that a run's config names.
pub(super) fn named_by(run: &Path) -> Result<String, Failure> {
    let path = run.join("manifest.json");
    if !path.exists() {
        return Err(Fault::data(format!("{} holds no run: manifest.json is missing", run.display())).into());
    }
    let manifest: Manifest = read_json(&path)?;
    let named = manifest.run.published.ok_or_else(|| {
        Fault::config("the run's config names no published table (run.published)")
            .help("name one: situs reproduce SUITE RUN")
    })?;
    Ok(named)
}

/// Cells of the table's own system are compared with every arm; a cell of another system only with an arm that bears
/// its name, because a figure of another model is not one to reproduce.
pub(super) fn stands_for(cell: &PublishedCell, arm: &str) -> bool {
    cell.system.as_deref().is_none_or(|system| system.eq_ignore_ascii_case(arm))
}

/// Records by arm.
pub(super) type ByArm = BTreeMap<String, Vec<Record>>;

/// Records of the arms to compare, and the names of those left out for having no model behind them.
pub(super) fn compared_arms(
    table: &Published,
    run: &Path,
    registry: &Registry,
    wanted: &[String],
) -> Result<(ByArm, Vec<String>), Failure> {
    let path = run.join("manifest.json");
    let manifest: Option<Manifest> = path.exists().then(|| read_json(&path)).transpose()?;
    if let Some(manifest) = &manifest
        && manifest.family.name != table.family
    {
        return Err(Fault::config(format!(
            "{} asks questions of family '{}', the published table '{}' is of '{}'",
            run.display(),
            manifest.family.name,
            table.suite,
            table.family
        ))
        .help("compare a run with a table of its own family")
        .into());
    }
    if manifest.as_ref().is_some_and(|manifest| manifest.run.mirrored) {
        return Err(Fault::config(format!("{} shows mirrored patients", run.display()))
            .help("published figures are of patients as they are; compare a run without run.mirrored")
            .into());
    }
    let records = load_records(run, registry).map_err(|error| in_run(run, error.into()))?;
    let mut records = by_arm(records, wanted)?;
    let mut skipped: Vec<String> = Vec::new();
    if wanted.is_empty() {
        let arms = manifest.iter().flat_map(|manifest| &manifest.arms);
        let apart = |arm: &&ArmManifest| is_baseline(arm) || arm.control.is_some();
        skipped.extend(arms.filter(apart).map(|arm| arm.name.clone()));
        records.retain(|name, _| !skipped.contains(name));
    }
    Ok((records, skipped))
}

/// Whether an arm's answers say nothing of a model: it is told the truth, or there is no model.
fn is_baseline(arm: &ArmManifest) -> bool {
    let ours = arm.model.origin == BUILT_IN;
    arm.card.reads_answers || (ours && BASELINES.contains(&arm.model.name.as_str()))
}

fn by_arm(records: Vec<Record>, wanted: &[String]) -> Result<BTreeMap<String, Vec<Record>>, Fault> {
    let mut arms: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for record in records {
        arms.entry(record.arm.clone()).or_default().push(record);
    }
    let known: Vec<&str> = arms.keys().map(String::as_str).collect();
    if let Some(missing) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(unknown("arm", missing, &known));
    }
    if !wanted.is_empty() {
        arms.retain(|name, _| wanted.contains(name));
    }
    Ok(arms)
}
