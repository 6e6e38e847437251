//! A look at the questions of a config before any model is asked: each handed to whoever inspects items, and put to readers
//! who see no picture.

use super::desk::guarded;
use super::engine::{Clock, Job, RunOptions};
use super::exit::RunError;
use super::parts::Parts;
use super::plan::{PlanFile, QuestionReader};
use super::progress::Progress;
use crate::config::RunConfig;
use crate::digest::Draw;
use crate::fault::Cause;
use crate::model_backend::ModelBackend;
use crate::prompt::Prompt;
use crate::question::Question;
use crate::record::{Answer, AnswerState, Summary};
use crate::registry::Registry;
use crate::reply::{Request, Sampling};
use crate::stats;
use crate::structure::Grid;
use serde::Serialize;

/// What an audit came to.
#[derive(Debug, Clone)]
pub struct Audit {
    /// The funnel from cases to questions.
    pub plan: PlanFile,
    /// How far each reader got without pictures.
    pub blind: Vec<BlindFigure>,
}

/// What a reader without pictures gets right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlindFigure {
    /// Name of the backend.
    pub reader: String,
    /// Share of right answers among questions with options.
    pub accuracy: Summary,
    /// Mean chance level of the same questions.
    pub chance: Option<f64>,
    /// Questions that the reader could not be asked.
    pub failed: usize,
}

/// Plans the questions of a config in a folder of their own, hands each with the grids of its cases to `inspect`, and puts
/// all that have options to `readers`, as text. The config's own models are neither loaded nor asked.
///
/// # Errors
/// What stops a plan; a family that is broken.
pub fn audit(
    config: &RunConfig,
    registry: &Registry,
    options: &RunOptions,
    progress: &dyn Progress,
    readers: &[(String, Box<dyn ModelBackend>)],
    inspect: &mut dyn FnMut(&Question, &[Grid]),
) -> Result<Audit, RunError> {
    let mut config = config.clone();
    config.arms.clear();
    let parts = Parts::build(&config, registry)?;
    let job = Job::open(&config, parts, options, progress)?;
    job.with_desk(|desk, stores| {
        let (plan, _) = job.plan(desk, stores, &mut Clock::default())?;
        progress.stage("audit", plan.counts.selected);
        let catalogue = stores.population.catalogue()?;
        let mut blind: Vec<Blind> = readers.iter().map(|_| Blind::default()).collect();
        for question in QuestionReader::open(&options.folder)? {
            if desk.gave_up() {
                return Err(RunError::Interrupted);
            }
            let question = question?;
            let grids: Vec<Grid> =
                question.cases.iter().filter_map(|case| Some(catalogue.entry(case)?.grid)).collect();
            inspect(&question, &grids);
            for ((_, reader), blind) in readers.iter().zip(&mut blind) {
                if question.options.is_empty() {
                    continue;
                }
                let request = request(&question, desk.seed);
                let reply = guarded("the backend", Cause::Internal, || {
                    reader.reply(&request, &Sampling::default(), desk.media)
                });
                match reply {
                    Ok(reply) => blind.note(
                        &question,
                        &guarded("the family", Cause::Internal, || {
                            desk.parts.family.read(&question, &reply)
                        })?,
                    ),
                    Err(fault) if fault.cause == Cause::Internal => return Err(fault.into()),
                    Err(_) => blind.failed += 1,
                }
            }
            progress.advance(1);
        }
        let figures = readers.iter().zip(blind).map(|((name, _), blind)| blind.figure(name)).collect();
        Ok(Audit { plan, blind: figures })
    })
}

fn request(question: &Question, seed: u64) -> Request {
    Request {
        id: question.id.clone(),
        question: question.id.clone(),
        prompt: Prompt::text(&question.text),
        options: question.options.clone(),
        trial: 0,
        draw: Draw::new(seed).of("request").of(&question.id).of(0).bits(),
        truth: None,
    }
}

/// One reader's answers.
#[derive(Default)]
struct Blind {
    right: Vec<f64>,
    clusters: Vec<String>,
    chance: f64,
    failed: usize,
}

impl Blind {
    fn note(&mut self, question: &Question, answer: &Answer) {
        let right =
            answer.state == AnswerState::Answered && answer.value.as_deref() == Some(question.truth.as_str());
        self.right.push(f64::from(u8::from(right)));
        self.clusters.push(question.cluster.clone());
        self.chance += question.chance;
    }

    fn figure(self, reader: &str) -> BlindFigure {
        let n = self.right.len();
        BlindFigure {
            reader: reader.to_owned(),
            accuracy: stats::mean_estimate(&self.right, &self.clusters)
                .map_or_else(Summary::nothing, Summary::from),
            chance: (n > 0).then(|| self.chance / n as f64),
            failed: self.failed,
        }
    }
}

impl BlindFigure {
    /// Whether the reader does better than guessing: the interval lies above chance.
    pub fn beats_chance(&self) -> bool {
        matches!((self.accuracy.interval, self.chance), (Some([low, _]), Some(chance)) if low > chance)
    }
}
