//! Planning and drawing without asking: questions and prompts for programs that ask models by themselves.

use super::control::{Cases, Drawings};
use super::desk::Desk;
use super::engine::{Clock, Job, RunOptions};
use super::exit::RunError;
use super::folder::write_whole;
use super::lanes::{in_lanes, lanes};
use super::parts::Parts;
use super::plan::{Item, ItemReader, PlanFile};
use super::progress::Progress;
use crate::config::{Control, RunConfig};
use crate::fault::Fault;
use crate::prompt::Part;
use crate::registry::Registry;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// Questions drawn together.
const DRAWN_TOGETHER: usize = 32;

/// Plans a run and draws all pictures without asking any model.
///
/// # Errors
/// As [`run`](super::run).
pub fn build(
    config: &RunConfig,
    registry: &Registry,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<PlanFile, RunError> {
    let parts = Parts::build(config, registry)?;
    let job = Job::open(config, parts, options, progress)?;
    job.with_desk(|desk, stores| {
        let (plan, cases) = job.plan(desk, stores, &mut Clock::default())?;
        progress.stage("draw", plan.counts.selected);
        let items = ItemReader::open(&options.folder, plan.mirrored_sha256.is_some())?;
        write_prompts(desk, &options.folder, items, &cases)?;
        Ok(plan)
    })
}

/// One line of `prompts.jsonl`: what one renderer makes of one question.
#[derive(Serialize)]
struct Drawn<'a> {
    question: &'a str,
    renderer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<Control>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<&'a [Part]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a Fault>,
}

/// Draws every question in every way in which some arm shows it and writes `prompts.jsonl`.
fn write_prompts(
    desk: &Desk<'_>,
    folder: &Path,
    mut items: ItemReader,
    cases: &Cases<'_>,
) -> Result<(), RunError> {
    let ways: BTreeSet<(usize, Option<Control>)> =
        desk.parts.arms.iter().map(|arm| (arm.renderer, arm.control)).collect();
    write_whole(&folder.join("prompts.jsonl"), |out| {
        loop {
            let chunk: Vec<Item> = items
                .by_ref()
                .take(DRAWN_TOGETHER)
                .collect::<Result<_, Fault>>()
                .map_err(std::io::Error::other)?;
            if chunk.is_empty() {
                return Ok(());
            }
            for lines in in_lanes(&chunk, lanes(), |item| drawn_lines(desk, item, &ways, cases)) {
                out.write_all(&lines)?;
            }
            desk.progress.advance(chunk.len() as u64);
        }
    })?;
    Ok(())
}

fn drawn_lines(
    desk: &Desk<'_>,
    item: &Item,
    ways: &BTreeSet<(usize, Option<Control>)>,
    cases: &Cases<'_>,
) -> Vec<u8> {
    let mut drawings = Drawings::new(desk, cases, item);
    let mut lines = Vec::new();
    for (renderer, control) in ways {
        let drawn = drawings.draw(*renderer, *control);
        let line = Drawn {
            question: &item.plain.id,
            renderer: &desk.parts.renderers[*renderer].identity.name,
            control: *control,
            parts: drawn.as_ref().ok().map(|(_, prompt)| prompt.parts.as_slice()),
            fault: drawn.as_ref().err(),
        };
        if serde_json::to_writer(&mut lines, &line).is_ok() {
            lines.push(b'\n');
        }
    }
    lines
}
