//! The pool: what selection needs of every question that can be asked, a few words each.

use super::asking::{ask, interruptible};
use super::cases::Cases;
use crate::config::RunTable;
use crate::digest::Digest;
use crate::fault::{Cause, Fault};
use crate::question::{Question, Reasons};
use crate::run::desk::Desk;
use crate::run::journal::identity;
use crate::run::lanes::in_lanes;
use crate::run::select::{Candidate, Quota};
use crate::run::summary::PlanCounts;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most cases that wait for consultations together.
const MOST_CONSULTING: usize = 64;

/// All candidates of a run, and how many of them to take.
pub(super) struct Pool {
    /// Candidates, case by case.
    pub(super) list: Vec<Candidate>,
    /// The quotas of the run's table.
    pub(super) quota: Quota,
}

/// Asks every case and keeps of each question what selection needs.
///
/// # Errors
/// A family that is broken, facets or quotas that name nothing.
pub(super) fn first_pass(
    desk: &Desk<'_>,
    cases: &Cases,
    table: &RunTable,
    counts: &mut PlanCounts,
) -> Result<Pool, Fault> {
    desk.progress.stage("ask", cases.usable.len() as u64);
    let mut facets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut structures, mut levels) = (Names::default(), Names::default());
    let mut list: Vec<Candidate> = Vec::new();
    let at_once = cases_at_once(desk);
    let blocks = (0..cases.usable.len()).collect::<Vec<_>>();
    let answers = blocks.chunks(at_once).flat_map(|block| {
        in_lanes(block, at_once, |case| {
            let asked = interruptible(desk)
                .and_then(|()| ask(desk, desk.media, cases, *case))
                .map(|(questions, left_out)| Asking::of(questions, left_out, &table.quota_facet));
            desk.progress.advance(1);
            (*case, asked)
        })
    });
    for (case, asked) in answers {
        let name = &cases.usable[case].name;
        let asked = match asked {
            Ok(asked) => asked,
            Err(fault) if matches!(fault.cause, Cause::Internal | Cause::Config | Cause::Unsupported) => {
                return Err(fault.within(name));
            }
            Err(fault) => {
                desk.progress.line(&format!("{name}: left out: {fault}"));
                counts.damaged.insert(name.clone(), fault.to_string());
                continue;
            }
        };
        for (reason, count) in asked.left_out {
            *counts.left_out.entry(reason).or_default() += count;
        }
        if let Some(modality) = asked.modality {
            counts.asked += 1;
            *counts.asked_by_modality.entry(modality.clone()).or_default() += 1;
            *counts.pool_by_modality.entry(modality).or_default() += asked.traits.len() as u64;
        }
        counts.pool += asked.traits.len() as u64;
        let mut bundles = Names::default();
        for (facet, levels) in asked.facets {
            facets.entry(facet).or_default().extend(levels);
        }
        for Traits { id, cell, bundle, structures: [a, b], level } in asked.traits {
            list.push(Candidate {
                case,
                cell,
                bundle: u64::from(bundles.id(&bundle)),
                structures: [structures.id(&a), structures.id(&b)],
                level: levels.id(&level),
                id,
            });
        }
    }
    check_names(table, &facets)?;
    let per_level = table.quota.iter().map(|(level, total)| (levels.id(level), *total)).collect();
    Ok(Pool { list, quota: Quota { total: table.questions, per_level, limit: None } })
}

/// What selection needs of one case's questions: the questions themselves take a hundred times the room.
struct Asking {
    traits: Vec<Traits>,
    /// Of the first question.
    modality: Option<String>,
    /// Levels met of every facet.
    facets: BTreeMap<String, BTreeSet<String>>,
    left_out: Reasons,
}

/// A question by what selection counts.
struct Traits {
    id: u128,
    cell: u64,
    bundle: String,
    structures: [String; 2],
    level: String,
}

impl Asking {
    fn of(questions: Vec<Question>, left_out: Reasons, quota_facet: &str) -> Self {
        let modality = questions.first().map(|first| first.facet("modality").to_owned());
        let mut facets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (facet, level) in questions.iter().flat_map(|question| &question.facets) {
            let levels = facets.entry(facet.clone()).or_default();
            if !levels.contains(level) {
                levels.insert(level.clone());
            }
        }
        let traits = questions.into_iter().map(|question| Traits {
            level: question.facet(quota_facet).to_owned(),
            structures: [0, 1].map(|index| question.structures.get(index).cloned().unwrap_or_default()),
            id: identity(&question.id),
            cell: Digest::new("situs-cell-1").text(&question.cell).number(),
            bundle: question.bundle,
        });
        Self { traits: traits.collect(), modality, facets, left_out }
    }
}

/// Cases whose questions are in memory at once. The pool of one full-size case takes tens of megabytes, and a family
/// may use all cores for it; one that consults a model waits most of the time, so that many may wait together.
fn cases_at_once(desk: &Desk<'_>) -> usize {
    let most =
        desk.parts.roles.iter().map(|role| desk.parts.models[role.model].backend.card().parallel).max();
    most.unwrap_or(1).clamp(1, MOST_CONSULTING)
}

/// Refuses facet names in the `[run]` table that no question has, and quotas of which none can apply.
fn check_names(table: &RunTable, facets: &BTreeMap<String, BTreeSet<String>>) -> Result<(), Fault> {
    if facets.is_empty() {
        return Ok(());
    }
    let known: Vec<&str> = facets.keys().map(String::as_str).collect();
    let sliced = table.slices.iter().flat_map(|(name, slice)| {
        slice.facets.keys().map(move |facet| (format!("run.slices.{name}"), facet))
    });
    let named = table.facets.iter().map(|facet| ("run.facets".to_owned(), facet));
    for (place, facet) in sliced.chain(named) {
        if !facets.contains_key(facet) {
            let hint = crate::registry::suggest(facet, &known)
                .map(|near| format!("did you mean '{near}'? "))
                .unwrap_or_default();
            return Err(Fault::config(format!("{place}: no question has a facet '{facet}'"))
                .help(format!("{hint}facets: {}", known.join(", "))));
        }
    }
    let Some(levels) = facets.get(&table.quota_facet) else {
        return if table.quota.is_empty() {
            Ok(())
        } else {
            Err(Fault::config(format!("run.quota_facet: no question has a facet '{}'", table.quota_facet))
                .help(format!("facets: {}", known.join(", "))))
        };
    };
    if !table.quota.is_empty() && table.quota.keys().all(|level| !levels.contains(level)) {
        let found: Vec<&str> = levels.iter().map(String::as_str).collect();
        return Err(Fault::config(format!(
            "run.quota: no question has one of its levels of '{}'",
            table.quota_facet
        ))
        .help(format!("levels found: {}", found.join(", "))));
    }
    Ok(())
}

/// Gives names small numbers.
#[derive(Default)]
struct Names(HashMap<String, u32>);

impl Names {
    fn id(&mut self, name: &str) -> u32 {
        if let Some(id) = self.0.get(name) {
            return *id;
        }
        let id = self.0.len() as u32;
        self.0.insert(name.to_owned(), id);
        id
    }
}
