//! The plan: cases measured, questions asked of each, a balanced part of them selected over the whole catalogue.
//!
//! Two passes over the cases, so that the pool of a large data set never stands in memory: the first keeps a few words
//! per question and selects, the second writes what was selected to `questions.jsonl`.

mod asking;
mod cases;
mod mirrored;
mod pool;
mod question_file;

pub use cases::{Cases, file_times, list_cases, measure};
pub use mirrored::Mirror;
pub use question_file::{Item, ItemReader, QuestionReader};

use super::desk::Desk;
use super::folder::{file_sha256, read_json, write_json, write_whole};
use super::journal::identity;
use super::select::{Quota, select};
use super::summary::PlanCounts;
use crate::config::RunTable;
use crate::digest::Digest;
use crate::fault::Fault;
use crate::question::Question;
use asking::{ask, interruptible};
use pool::first_pass;
use question_file::{MIRRORED, QUESTIONS};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

/// `plan.json`: what the questions file was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFile {
    /// `situs-plan-1`.
    pub format: String,
    /// Digest of the manifest's identity part.
    pub identity: String,
    /// `--limit` it was made with.
    pub limit: Option<u64>,
    /// Digest of the measured data: voxels, affines and structures of all usable cases.
    pub catalogue: String,
    /// Digest of the sizes and times of all files the cases name: when it changes, the data are measured anew.
    pub files: String,
    /// Digest of `questions.jsonl`.
    pub questions_sha256: String,
    /// Digest of `mirrored.jsonl`, where some arm shows mirrored patients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirrored_sha256: Option<String>,
    /// The funnel.
    pub counts: PlanCounts,
}

/// Plans a run: asks, selects, writes `questions.jsonl` and `plan.json`.
///
/// # Errors
/// When nothing is left to ask: the reasons are named with their counts.
pub fn write_plan(
    desk: &Desk<'_>,
    cases: &Cases,
    mirror: Option<&Mirror<'_>>,
    table: &RunTable,
    limit: Option<u64>,
    identity: &str,
    folder: &Path,
) -> Result<PlanFile, Fault> {
    let mut counts = PlanCounts {
        cases: cases.total,
        usable: cases.usable.len(),
        damaged: cases.damaged.clone(),
        warnings: cases.warnings.clone(),
        ..PlanCounts::default()
    };
    let candidates = first_pass(desk, cases, table, &mut counts)?;
    let (candidates, quota) = (candidates.list, Quota { limit, ..candidates.quota });
    if candidates.is_empty() {
        let reasons: Vec<String> =
            counts.left_out.iter().map(|(reason, count)| format!("{reason} ({count})")).collect();
        return Err(Fault::data(format!(
            "no question can be asked of {} cases: {}",
            cases.usable.len(),
            if reasons.is_empty() { "the family gave no reason".to_owned() } else { reasons.join("; ") }
        )));
    }
    let chosen: BTreeSet<u128> =
        select(&candidates, &quota, desk.seed).into_iter().map(|index| candidates[index].id).collect();
    let with_questions: BTreeSet<usize> = candidates
        .iter()
        .filter(|candidate| chosen.contains(&candidate.id))
        .map(|candidate| candidate.case)
        .collect();
    counts.selected = chosen.len() as u64;
    desk.progress.stage("write questions", with_questions.len() as u64);
    let (path, mirrored_path) = (folder.join(QUESTIONS), folder.join(MIRRORED));
    let write = |beside: &mut dyn Write| {
        write_whole(&path, |out| {
            for case in &with_questions {
                let name = &cases.usable[*case].name;
                let questions = selected(desk, cases, *case, &chosen).map_err(std::io::Error::other)?;
                out.write_all(&lines(&questions)?)?;
                if let Some(mirror) = mirror {
                    let others =
                        mirror.counterparts(desk, name, &questions).map_err(std::io::Error::other)?;
                    beside.write_all(&lines(&others)?)?;
                }
                desk.progress.advance(1);
            }
            Ok(())
        })
    };
    match mirror {
        None => write(&mut std::io::sink())?,
        Some(_) => write_whole(&mirrored_path, |beside| write(beside).map_err(std::io::Error::other))?,
    }
    let plan = PlanFile {
        format: "situs-plan-1".to_owned(),
        identity: identity.to_owned(),
        limit,
        catalogue: cases.catalogue.digest.clone(),
        files: file_times(cases.usable.iter()),
        questions_sha256: file_sha256(&path)?,
        mirrored_sha256: mirror.map(|_| file_sha256(&mirrored_path)).transpose()?,
        counts,
    };
    write_json(&folder.join("plan.json"), &plan)?;
    Ok(plan)
}

/// The selected questions of one case, questions with the same pictures next to each other.
fn selected(
    desk: &Desk<'_>,
    cases: &Cases,
    case: usize,
    chosen: &BTreeSet<u128>,
) -> Result<Vec<Question>, Fault> {
    interruptible(desk)?;
    let (questions, _) = ask(desk, desk.media, cases, case)?;
    let mut kept: Vec<(String, Question)> = questions
        .into_iter()
        .filter(|question| chosen.contains(&identity(&question.id)))
        .map(|question| (Digest::new("situs-scene-1").json(&question.scene).short(), question))
        .collect();
    kept.sort_by(|(scene_a, a), (scene_b, b)| scene_a.cmp(scene_b).then_with(|| a.id.cmp(&b.id)));
    kept.dedup_by(|(_, a), (_, b)| a.id == b.id);
    Ok(kept.into_iter().map(|(_, question)| question).collect())
}

/// Values as JSON, one a line.
fn lines<T: Serialize>(values: &[T]) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for value in values {
        serde_json::to_writer(&mut text, value)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// The plan of an earlier run, if it was made from the same things and its questions are intact.
/// `mirrored`: with their counterparts in mirrored patients.
pub fn earlier_plan(
    folder: &Path,
    identity: &str,
    limit: Option<u64>,
    files: &str,
    mirrored: bool,
) -> Option<PlanFile> {
    let plan: PlanFile = read_json(&folder.join("plan.json")).ok()?;
    let same = plan.identity == identity && plan.limit == limit && plan.files == files;
    let is_whole = |name: &str, known: &str| file_sha256(&folder.join(name)).is_ok_and(|sha| sha == known);
    let whole = || is_whole(QUESTIONS, &plan.questions_sha256);
    let beside = || plan.mirrored_sha256.as_ref().is_some_and(|known| is_whole(MIRRORED, known));
    (same && whole() && (!mirrored || beside())).then_some(plan)
}

/// Refuses to go on in a folder whose questions were made from other data.
///
/// # Errors
/// A data fault when voxels, affines or structures are not what they were when the run began.
pub fn check_data(folder: &Path, identity: &str, cases: &Cases) -> Result<(), Fault> {
    match read_json::<PlanFile>(&folder.join("plan.json")) {
        Ok(plan) if plan.identity == identity && plan.catalogue != cases.catalogue.digest => {
            Err(Fault::data(
                "the data are not those this run began with: voxels, affines or structures have changed",
            )
            .help("restore them, or choose another folder with --output"))
        }
        _ => Ok(()),
    }
}
