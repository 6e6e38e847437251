//! The plan: cases measured, questions asked of each, a balanced part of them selected over the whole catalogue.
//!
//! Two passes over the cases, so that the pool of a large data set never stands in memory: the first keeps a few words
//! per question and selects, the second writes what was selected to `questions.jsonl`.

use super::consult;
use super::desk::{Desk, guarded};
use super::folder::{read_json, write_json, write_whole};
use super::journal::identity;
use super::lanes::{in_lanes, lanes};
use super::select::{Candidate, Quota, select};
use super::summary::PlanCounts;
use crate::case::{Case, StructureSource, VolumeRef, VolumeSource};
use crate::config::RunTable;
use crate::digest::{Digest, sha256_of};
use crate::fault::{Cause, Fault, file_fault};
use crate::question::{Question, Reasons};
use crate::question_family::{AskContext, Asked};
use crate::reply::Replies;
use crate::structure::{Catalogue, CatalogueEntry};
use crate::volume::{VolumeStore, catalogue_entry};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Most cases that wait for consultations together.
const MOST_CONSULTING: usize = 64;
/// Longest line of a questions file.
const MAX_QUESTION_BYTES: usize = 16 << 20;

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
    /// The funnel.
    pub counts: PlanCounts,
}

/// The cases that can be used, with measurements.
pub struct Cases {
    /// Cases by name.
    pub by_name: BTreeMap<String, Case>,
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
    let mut by_name = BTreeMap::new();
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
                by_name.insert(case.name.clone(), case.clone());
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
    Ok(Cases { by_name, usable, catalogue, damaged, warnings, total })
}

/// Ends long loops when a person stops the run; the fault itself is never shown.
fn interruptible(desk: &Desk<'_>) -> Result<(), Fault> {
    if desk.gave_up() { Err(Fault::internal("interrupted")) } else { Ok(()) }
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

/// Asks the family about one case until it needs nothing more.
fn ask(desk: &Desk<'_>, cases: &Cases, index: usize) -> Result<(Vec<Question>, Reasons), Fault> {
    let case = &cases.usable[index];
    let entry = &cases.catalogue.cases[index];
    let mut replies = Replies::default();
    for _ in 0..consult::MAX_ROUNDS {
        let cx = AskContext {
            card: desk.parts.dataset.card(),
            case,
            entry,
            catalogue: &cases.catalogue,
            seed: desk.seed,
            replies: &replies,
            media: desk.media,
        };
        match guarded("the family", Cause::Internal, || desk.parts.family.ask(&cx))? {
            Asked::Needs(needs) => {
                if !consult::answer(desk, "family", needs, &mut replies, &|| ())? {
                    return Err(Fault::data("a consultation got no reply after all tries"));
                }
            }
            Asked::Questions { mut questions, left_out } => {
                for question in &mut questions {
                    place(question, cases)?;
                }
                questions.par_iter_mut().for_each(|question| identify(question, &desk.parts.family_digest));
                return Ok((questions, left_out));
            }
        }
    }
    Err(Fault::internal(format!("the family still consults after {} rounds", consult::MAX_ROUNDS)))
}

/// Fills in what the engine knows of a question's cases: volumes and cluster.
fn place(question: &mut Question, cases: &Cases) -> Result<(), Fault> {
    question.volumes.clear();
    for name in &question.cases {
        let entry = cases.catalogue.entry(name).ok_or_else(|| {
            Fault::internal(format!("template {}: there is no case {name}", question.template))
        })?;
        question.volumes.push(entry.volume_id.clone());
        if question.cluster.is_empty() {
            question.cluster.clone_from(&entry.cluster);
        }
    }
    Ok(())
}

fn identify(question: &mut Question, family: &str) {
    question.id = Digest::new("situs-question-1")
        .json(&question.volumes)
        .text(family)
        .text(&question.template)
        .json(&question.facets)
        .json(&question.structures)
        .text(&question.text)
        .json(&question.scene)
        .short();
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

/// Plans a run: asks, selects, writes `questions.jsonl` and `plan.json`.
///
/// # Errors
/// When nothing is left to ask: the reasons are named with their counts.
pub fn write_plan(
    desk: &Desk<'_>,
    cases: &Cases,
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
    let path = folder.join("questions.jsonl");
    write_whole(&path, |out| {
        for case in &with_questions {
            interruptible(desk).map_err(std::io::Error::other)?;
            out.write_all(&selected_lines(desk, cases, *case, &chosen).map_err(std::io::Error::other)?)?;
        }
        Ok(())
    })?;
    let plan = PlanFile {
        format: "situs-plan-1".to_owned(),
        identity: identity.to_owned(),
        limit,
        catalogue: cases.catalogue.digest.clone(),
        files: file_times(cases.usable.iter()),
        questions_sha256: file_sha256(&path)?,
        counts,
    };
    write_json(&folder.join("plan.json"), &plan)?;
    Ok(plan)
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

struct Pool {
    list: Vec<Candidate>,
    quota: Quota,
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

fn first_pass(
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
                .and_then(|()| ask(desk, cases, *case))
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

/// The selected questions of one case as JSON lines, questions with the same pictures next to each other.
fn selected_lines(
    desk: &Desk<'_>,
    cases: &Cases,
    case: usize,
    chosen: &BTreeSet<u128>,
) -> Result<Vec<u8>, Fault> {
    let (questions, _) = ask(desk, cases, case)?;
    let mut kept: Vec<(String, Question)> = questions
        .into_iter()
        .filter(|question| chosen.contains(&identity(&question.id)))
        .map(|question| (Digest::new("situs-scene-1").json(&question.scene).short(), question))
        .collect();
    kept.sort_by(|(scene_a, a), (scene_b, b)| scene_a.cmp(scene_b).then_with(|| a.id.cmp(&b.id)));
    kept.dedup_by(|(_, a), (_, b)| a.id == b.id);
    let mut text = Vec::new();
    for (_, question) in &kept {
        serde_json::to_writer(&mut text, question).map_err(|error| Fault::internal(error.to_string()))?;
        text.push(b'\n');
    }
    desk.progress.advance(1);
    Ok(text)
}

/// The plan of an earlier run, if it was made from the same things and its questions are intact.
pub fn earlier_plan(folder: &Path, identity: &str, limit: Option<u64>, files: &str) -> Option<PlanFile> {
    let plan: PlanFile = read_json(&folder.join("plan.json")).ok()?;
    let same = plan.identity == identity && plan.limit == limit && plan.files == files;
    let whole = || file_sha256(&folder.join("questions.jsonl")).is_ok_and(|sha| sha == plan.questions_sha256);
    (same && whole()).then_some(plan)
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

/// SHA-256 of a file.
///
/// # Errors
/// When it cannot be read.
pub fn file_sha256(path: &Path) -> Result<String, Fault> {
    File::open(path).and_then(sha256_of).map_err(|error| file_fault("read", path, &error))
}

/// Reads `questions.jsonl` line by line.
pub struct QuestionReader {
    lines: BufReader<File>,
    path: PathBuf,
    number: usize,
}

impl QuestionReader {
    /// Opens the questions of a run folder.
    ///
    /// # Errors
    /// When there are none.
    pub fn open(folder: &Path) -> Result<Self, Fault> {
        let path = folder.join("questions.jsonl");
        let file = File::open(&path).map_err(|error| file_fault("read", &path, &error))?;
        Ok(Self { lines: BufReader::with_capacity(1 << 20, file), path, number: 0 })
    }
}

impl Iterator for QuestionReader {
    type Item = Result<Question, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        self.number += 1;
        let place = || format!("{}: line {}", self.path.display(), self.number);
        let limit = MAX_QUESTION_BYTES as u64;
        match std::io::Read::take(&mut self.lines, limit).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(
                serde_json::from_slice(&line).map_err(|error| Fault::data(error.to_string()).within(place())),
            ),
            Err(error) => Some(Err(file_fault("read", &self.path, &error))),
        }
    }
}
