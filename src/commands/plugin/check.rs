//! `situs plugin check LIB`: the conformance kit over every component of a library.

use super::super::Known;
use crate::exit::Failure;
use crate::output;
use serde_json::json;
use situs_core::conformance::{Kit, Outcome, Verdict};
use situs_core::dataset::Dataset;
use situs_core::fault::Fault;
use situs_core::registry::{BuildContext, Component, Params, Registry};
use situs_core::run::Exit;
use std::path::Path;
use std::sync::Arc;

/// The smallest phantom that keeps its small organs.
const PATIENT: [usize; 3] = [96, 74, 208];

pub(super) fn check(library: &Path, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    let mut registry = known.registry(None)?;
    let info = registry.load(library, None)?.clone();
    let kit = Kit::new(patient(&registry)?);
    let own = |component: &&dyn Component| component.library() == Some(info.path.as_path());
    let verdicts: Vec<Verdict> = registry
        .components()
        .filter(own)
        .flat_map(|component| kit.check(component, &Params::new()))
        .collect();
    let is_broken = |verdict: &&Verdict| matches!(verdict.outcome, Outcome::Broken(_));
    let broken = verdicts.iter().filter(is_broken).count();
    if json {
        output::print_json(&json!({"plugin": info, "broken": broken, "verdicts": verdicts}))?;
    } else {
        output::print(&text(&verdicts))?;
        let kept = verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Kept).count();
        output::print(&format!(
            "\n{} {}: {kept} laws kept, {broken} broken, {} skipped",
            info.name,
            info.version,
            verdicts.len() - kept - broken
        ))?;
    }
    Ok(if broken == 0 { Exit::Done } else { Exit::Differences })
}

/// A phantom to show to components.
fn patient(registry: &Registry) -> Result<Arc<dyn Dataset>, Fault> {
    let params = json!({"use": "phantom", "cases": 1, "shape": PATIENT});
    let params: Params = params.as_object().cloned().unwrap_or_default();
    Ok(Arc::from(registry.build::<dyn Dataset>(&params, &BuildContext::default())?.component))
}

fn text(verdicts: &[Verdict]) -> String {
    let mut lines = Vec::new();
    let mut last = String::new();
    for verdict in verdicts {
        let whose = format!("{} {}", verdict.kind, verdict.name);
        if whose != last {
            lines.push(whose.clone());
            last = whose;
        }
        lines.push(match &verdict.outcome {
            Outcome::Kept => format!("  ok    {}", verdict.law),
            Outcome::Skipped(why) => format!("  -     {}: {why}", verdict.law),
            Outcome::Broken(what) => format!("  FAIL  {}: {what}", verdict.law),
        });
    }
    lines.join("\n")
}
