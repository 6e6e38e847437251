//! The three jobs of a run: plan and draw, ask, score. All of them pick up where an earlier process stopped.

use super::control::{Cases as Shown, Donors};
use super::desk::{Counts, Desk};
use super::execute::execute;
use super::exit::{Exit, RunError};
use super::folder::{RunFolder, read_json, write_json};
use super::gate::{Gate, Patience};
use super::journal::Journal;
use super::manifest::{Manifest, base_of};
use super::media::RunMedia;
use super::media_store::MediaStore;
use super::parts::Parts;
use super::plan::{
    Cases, ItemReader, Mirror, PlanFile, QuestionReader, check_data, earlier_plan, file_times, list_cases,
    measure, write_plan,
};
use super::population::Population;
use super::progress::Progress;
use super::reliance;
use super::score::{Prompts, score_arm};
use super::scores_file::ScoresFile;
use super::stopwatch::{Decoding, Spent};
use super::summary::{CompositeFigure, RunSummary};
use super::tables::{PairedValues, Tables, paired_values};
use crate::case::Case;
use crate::config::{Control, RunConfig};
use crate::digest::Draw;
use crate::fault::Fault;
use crate::media::Media;
use crate::record::{AnswerState, Record};
use crate::registry::Registry;
use crate::volume::VolumeStore;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Questions whose records are handed to reports, each with all arms.
const SAMPLED_QUESTIONS: usize = 48;

/// What the command line adds to a config.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Run folder.
    pub folder: PathBuf,
    /// Ask only so many of the selected questions, balanced over cells.
    pub limit: Option<u64>,
    /// Set to stop: requests in flight finish, the journal is flushed.
    pub stop: Arc<AtomicBool>,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Run folder.
    pub folder: PathBuf,
    /// Figures.
    pub summary: RunSummary,
    /// Replies received by this process.
    pub asked: u64,
    /// Tries that were repeated.
    pub retries: u64,
    /// Questions without a reply after all tries, and requests of metrics likewise.
    pub failed: u64,
    /// Questions that were never asked.
    pub missing: u64,
    /// Whether more failed than the config allows.
    pub exit: Exit,
    /// Some questions with all arms' records, for reports.
    pub samples: Vec<Record>,
}

/// `timings.json`: the one file that differs from run to run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Timings {
    /// Seconds per stage of this process.
    pub seconds: BTreeMap<String, f64>,
    /// Replies received by this process.
    pub asked: u64,
    /// Tries that were repeated, after faults that passed.
    pub retries: u64,
    /// Requests per second while asking.
    pub requests_per_second: Option<f64>,
    /// Tokens generated per second while asking, as far as backends count them.
    pub tokens_per_second: Option<f64>,
    /// Seconds spent drawing pictures, over all threads.
    pub drawing_seconds: f64,
    /// Speed of step-by-step decoding by arm: model and sampler apart.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub decoding: BTreeMap<String, Decoding>,
}

/// Runs everything that is missing and scores everything that is there.
///
/// # Errors
/// What ends a run early; the journal keeps every reply that was received.
pub fn run(
    config: &RunConfig,
    registry: &Registry,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<Outcome, RunError> {
    let parts = Parts::build(config, registry)?;
    let job = Job::open(config, parts, options, progress)?;
    let mut clock = Clock::default();
    job.with_desk(|desk, stores| {
        let (plan, cases) = job.plan(desk, stores, &mut clock)?;
        let requests = plan.counts.selected * desk.parts.arms.len() as u64 * u64::from(desk.trials);
        progress.stage("ask", requests);
        let items = ItemReader::open(&options.folder, plan.mirrored_sha256.is_some())?;
        let asked = clock.time("ask", || execute(desk, items, &cases));
        clock.write(desk, &options.folder)?;
        asked?;
        stores.clear();
        let outcome = clock.time("score", || job.score(desk, &plan))?;
        clock.write(desk, &options.folder)?;
        Ok(outcome)
    })
}

/// Reads the replies of a finished or interrupted run again and scores them anew. No model is loaded or asked.
///
/// # Errors
/// When the folder holds no run.
pub fn score(
    folder: &Path,
    registry: &Registry,
    metrics: Option<&RunConfig>,
    progress: &dyn Progress,
) -> Result<Outcome, RunError> {
    recorded(folder, registry, metrics, progress, |job, desk| {
        let plan: PlanFile = read_json(&folder.join("plan.json"))?;
        job.score(desk, &plan)
    })
}

/// All records of a run, arm by arm in config order, ordered by question id and trial.
///
/// # Errors
/// When the folder holds no run.
pub fn load_records(folder: &Path, registry: &Registry) -> Result<Vec<Record>, RunError> {
    recorded(folder, registry, None, &super::progress::Silent, |_, desk| {
        let mut records = Vec::new();
        for arm in &desk.parts.arms {
            records.extend(score_arm(desk, folder, arm, &Prompts::All)?.records);
        }
        Ok(records)
    })
}

fn recorded<T>(
    folder: &Path,
    registry: &Registry,
    metrics: Option<&RunConfig>,
    progress: &dyn Progress,
    work: impl FnOnce(&Job<'_>, &Desk<'_>) -> Result<T, RunError>,
) -> Result<T, RunError> {
    let manifest_path = folder.join("manifest.json");
    if !manifest_path.exists() {
        return Err(
            Fault::data(format!("{} holds no run: manifest.json is missing", folder.display())).into()
        );
    }
    let mut manifest: Manifest = read_json(&manifest_path)?;
    let parts = match metrics {
        None => Parts::recorded(&manifest, registry)?,
        Some(config) => {
            manifest.run.slices = config.run.slices.clone();
            manifest.run.facets = config.run.facets.clone();
            manifest.composites = config.composites.clone();
            let parts = Parts::recorded(&manifest, registry)?.with_metrics(config, registry)?;
            manifest.score_with(&parts);
            manifest.metrics_base = base_of(config);
            parts
        }
    };
    let options = RunOptions { folder: folder.to_owned(), limit: manifest.limit, stop: Arc::default() };
    let locked = RunFolder::open(folder)?;
    if metrics.is_some() {
        write_json(&manifest_path, &manifest)?;
    }
    let job = Job { locked, manifest, parts, options, progress };
    job.with_desk(|desk, _| work(&job, desk))
}

/// The volumes of a run.
pub(super) struct Stores<'a> {
    plain: &'a VolumeStore,
    /// Who they are.
    pub(super) population: &'a Population,
    /// The same patients mirrored, where some arm shows them, and the way there.
    mirror: Option<(&'a VolumeStore, &'a dyn Media)>,
}

impl Stores<'_> {
    fn clear(&self) {
        self.plain.clear();
        if let Some((store, _)) = self.mirror {
            store.clear();
        }
    }
}

/// A run on its folder.
pub(super) struct Job<'a> {
    locked: RunFolder,
    manifest: Manifest,
    parts: Parts,
    options: RunOptions,
    progress: &'a dyn Progress,
}

impl<'a> Job<'a> {
    pub(super) fn open(
        config: &RunConfig,
        parts: Parts,
        options: &RunOptions,
        progress: &'a dyn Progress,
    ) -> Result<Self, RunError> {
        if parts.dataset.is_empty() {
            return Err(list_cases(parts.dataset.as_ref())
                .err()
                .unwrap_or_else(|| Fault::data("no cases"))
                .into());
        }
        let locked = RunFolder::open(&options.folder)?;
        let manifest = Manifest::of(config, &parts, options.limit);
        manifest.settle(locked.path())?;
        for arm in &parts.arms {
            arm.warnings.iter().for_each(|warning| progress.line(&format!("{}: {warning}", arm.name)));
        }
        Ok(Self { locked, manifest, parts, options: options.clone(), progress })
    }

    pub(super) fn with_desk<T>(
        &self,
        work: impl FnOnce(&Desk<'_>, &Stores<'_>) -> Result<T, RunError>,
    ) -> Result<T, RunError> {
        let run = &self.manifest.run;
        let mirror = self.parts.under(Control::Mirror);
        let budget = (run.cache_mb << 20) / if mirror { 2 } else { 1 };
        let store = |mirrored| Arc::new(VolumeStore::new(Arc::clone(&self.parts.dataset), budget, mirrored));
        let (volumes, mirrored) = (store(run.mirrored), mirror.then(|| store(true)));
        let pictures = Arc::new(MediaStore::new(self.locked.file("media")));
        let folder = self.locked.path().to_owned();
        let population =
            Arc::new(Population::new(Arc::clone(&self.parts.dataset), Arc::clone(&volumes), folder));
        let media = RunMedia::of_run(&volumes, &pictures, &population);
        let in_mirror = mirrored.as_ref().map(|volumes| RunMedia::of_run(volumes, &pictures, &population));
        let in_mirror: Option<&dyn Media> = in_mirror.as_ref().map(|media| media as &dyn Media);
        let stores =
            Stores { plain: &volumes, population: &population, mirror: mirrored.as_deref().zip(in_mirror) };
        let (journal, index) = Journal::open(&self.locked.file("journal.jsonl"))?;
        let gates = self
            .parts
            .models
            .iter()
            .map(|model| {
                let most = model.backend.card().parallel;
                Gate::new(run.max_connections.map_or(most, |asked| asked.min(most)))
            })
            .collect();
        let desk = Desk {
            parts: &self.parts,
            media: &media,
            journal: &journal,
            index: RwLock::new(index),
            gates,
            patience: Patience { retries: run.retries, backoff: Duration::from_millis(run.backoff_ms) },
            stop: &self.options.stop,
            seed: run.seed,
            trials: run.trials,
            progress: self.progress,
            fatal: Mutex::new(None),
            counts: Counts::default(),
        };
        let outcome = work(&desk, &stores);
        match outcome {
            Err(_) if self.options.stop.load(Ordering::Relaxed) => Err(RunError::Interrupted),
            other => other,
        }
    }

    /// The plan, from an earlier process where it still holds, and what there is to show.
    pub(super) fn plan<'s>(
        &self,
        desk: &Desk<'_>,
        stores: &Stores<'s>,
        clock: &mut Clock,
    ) -> Result<(PlanFile, Shown<'s>), RunError> {
        let (folder, limit) = (self.locked.path(), self.options.limit);
        let identity = &self.manifest.identity;
        let (cases, _) = list_cases(self.parts.dataset.as_ref())?;
        let earlier = read_json::<PlanFile>(&folder.join("plan.json"));
        let damaged = earlier.map(|plan| plan.counts.damaged).unwrap_or_default();
        let usable = cases.iter().filter(|case| !damaged.contains_key(&case.name));
        let mirrored = stores.mirror.is_some();
        let seen = |store: &VolumeStore| -> BTreeMap<String, Case> {
            cases.iter().map(|case| (case.name.clone(), store.seen(case))).collect()
        };
        let plan = match earlier_plan(folder, identity, limit, &file_times(usable), mirrored) {
            Some(plan) => plan,
            None => {
                let measured: Cases = clock.time("measure", || measure(desk, stores.plain))?;
                check_data(folder, identity, &measured)?;
                let mirror = stores
                    .mirror
                    .map(|(store, media)| Ok::<_, Fault>(Mirror { cases: measure(desk, store)?, media }))
                    .transpose()?;
                let run = &self.manifest.run;
                let plan = clock.time("plan", || {
                    write_plan(desk, &measured, mirror.as_ref(), run, limit, identity, folder)
                })?;
                stores.population.learn(measured.catalogue);
                plan
            }
        };
        let donors = self.parts.under(Control::WrongPatient).then(|| Donors::index(folder, desk.seed));
        let shown = Shown {
            plain: seen(stores.plain),
            mirrored: stores.mirror.map(|(store, _)| seen(store)).unwrap_or_default(),
            mirror: stores.mirror.map(|(_, media)| media),
            donors: donors.transpose()?,
        };
        Ok((plan, shown))
    }

    fn score(&self, desk: &Desk<'_>, plan: &PlanFile) -> Result<Outcome, RunError> {
        let folder = self.locked.path();
        let tables = Tables { desk, run: &self.manifest.run };
        let mut summary = RunSummary {
            format: "situs-summary-1".to_owned(),
            suite: self.manifest.name.clone(),
            dataset: self.manifest.dataset_card.name.clone(),
            family: format!("{} {}", self.manifest.family.name, self.manifest.family_version),
            seed: self.manifest.run.seed,
            profile: self.manifest.run.profile.clone(),
            plan: plan.counts.clone(),
            arms: Vec::new(),
            comparisons: Vec::new(),
            composites: Vec::new(),
            controls: Vec::new(),
            repeated: Vec::new(),
            signatures: self.manifest.signatures.clone(),
        };
        self.progress.stage("score", desk.parts.arms.len() as u64);
        let (facets, sampled) = survey(folder, self.manifest.run.seed)?;
        let everybody = !desk.parts.roles.is_empty();
        let prompts = if everybody { Prompts::All } else { Prompts::Of(&sampled) };
        let mut file = ScoresFile::new(desk.parts.metrics.keys().cloned().collect(), facets)?;
        let mut paired: Vec<(String, PairedValues)> = Vec::new();
        let (mut answers, mut dropped) = (Vec::new(), Vec::new());
        let mut samples = Vec::new();
        let (mut failed, mut missing) = (0, 0);
        for arm in &desk.parts.arms {
            if desk.gave_up() {
                return Err(RunError::Interrupted);
            }
            let mut scores = score_arm(desk, folder, arm, &prompts)?;
            tables.fill_values(&mut scores)?;
            let mut row = tables.arm(&arm.name, &scores)?;
            if self.manifest.run.mirrored {
                row.stamps.push("patients mirrored".to_owned());
            }
            if scores.missing > 0 {
                row.stamps.push(format!("incomplete: {} not asked", scores.missing));
            }
            row.missing = scores.missing;
            summary.arms.push(row);
            for composite in &self.manifest.composites {
                let figure = tables.composite(composite, &scores)?;
                summary.composites.push(CompositeFigure {
                    name: composite.name.clone(),
                    arm: arm.name.clone(),
                    figure,
                });
            }
            for (reason, count) in &scores.dropped {
                let most = summary.plan.dropped.entry(reason.clone()).or_default();
                *most = (*most).max(*count);
            }
            let given = reliance::given(&scores);
            summary.repeated.extend(reliance::repeated(&arm.name, &given));
            answers.push(given);
            dropped.push(scores.dropped.clone());
            file.add(&scores)?;
            if arm.control.is_none() {
                paired.push((arm.name.clone(), paired_values(&scores)));
            }
            failed +=
                scores.records.iter().filter(|record| record.answer.state == AnswerState::Failed).count()
                    as u64;
            failed += scores.unanswered;
            missing += scores.missing;
            samples.extend(scores.records.into_iter().filter(|record| sampled.contains(&record.question.id)));
            self.progress.advance(1);
        }
        summary.comparisons = tables.comparisons(&paired);
        let replicates = self.manifest.run.bootstrap as usize;
        summary.controls = reliance::controls(desk.parts, &answers, &dropped, replicates, desk.seed);
        file.finish(&folder.join("scores.parquet"))?;
        write_json(&folder.join("summary.json"), &summary)?;
        samples.sort_by(|a: &Record, b| a.question.id.cmp(&b.question.id));
        let incomplete = missing > 0 || failed > self.manifest.run.max_failures;
        Ok(Outcome {
            folder: folder.to_owned(),
            samples,
            summary,
            asked: desk.counts.asked.load(Ordering::Relaxed),
            retries: desk.gates.iter().map(|gate| gate.retries.load(Ordering::Relaxed)).sum(),
            failed,
            missing,
            exit: if incomplete { Exit::Failures } else { Exit::Done },
        })
    }
}

/// The facets of all questions, and a seeded choice of questions whose records are handed to reports.
fn survey(folder: &Path, seed: u64) -> Result<(Vec<String>, BTreeSet<String>), Fault> {
    let draw = Draw::new(seed).of("samples");
    let mut facets: BTreeSet<String> = BTreeSet::new();
    let mut sampled: BTreeSet<(u64, String)> = BTreeSet::new();
    for question in QuestionReader::open(folder)? {
        let question = question?;
        sampled.insert((draw.of(&question.id).bits(), question.id));
        if sampled.len() > SAMPLED_QUESTIONS {
            sampled.pop_last();
        }
        for facet in question.facets.into_keys() {
            facets.insert(facet);
        }
    }
    Ok((facets.into_iter().collect(), sampled.into_iter().map(|(_, id)| id).collect()))
}

/// Seconds per stage.
#[derive(Default)]
pub(super) struct Clock(BTreeMap<String, f64>);

impl Clock {
    fn time<T>(&mut self, stage: &str, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        self.0.insert(stage.to_owned(), started.elapsed().as_secs_f64());
        result
    }

    fn write(&self, desk: &Desk<'_>, folder: &Path) -> Result<(), Fault> {
        let asked = desk.counts.asked.load(Ordering::Relaxed);
        let per_second =
            |count: u64| self.0.get("ask").filter(|s| **s > 0.0 && count > 0).map(|s| count as f64 / s);
        let timings = Timings {
            seconds: self.0.clone(),
            asked,
            retries: desk.gates.iter().map(|gate| gate.retries.load(Ordering::Relaxed)).sum(),
            requests_per_second: per_second(asked),
            tokens_per_second: per_second(desk.counts.tokens.load(Ordering::Relaxed)),
            drawing_seconds: desk.counts.drawing_us.load(Ordering::Relaxed) as f64 / 1e6,
            decoding: {
                let spent = desk.counts.decoding.lock().unwrap_or_else(PoisonError::into_inner);
                let named = |(arm, spent): (&usize, &Spent)| {
                    Some((desk.parts.arms.get(*arm)?.name.clone(), Decoding::from(*spent)))
                };
                spent.iter().filter_map(named).collect()
            },
        };
        write_json(&folder.join("timings.json"), &timings)
    }
}
