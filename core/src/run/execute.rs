//! Asking: pictures are drawn once per question, requests go to all arms at once, replies go to the journal.

use super::decode;
use super::exit::RunError;
use super::gate::{Gate, Patience};
use super::journal::{Index, Journal, Line};
use super::parts::{Arm, Parts};
use super::plan::QuestionReader;
use super::progress::Progress;
use crate::case::Case;
use crate::digest::{Digest, Draw};
use crate::fault::{Cause, Fault};
use crate::media::Media;
use crate::prompt::Prompt;
use crate::question::Question;
use crate::reply::{Reply, Request};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Questions drawn together; bounds what waits in memory.
const CHUNK: usize = 32;
/// Requests that wait in front of each model.
const QUEUE: usize = 64;

/// What every worker shares.
pub struct Desk<'a> {
    /// Components.
    pub parts: &'a Parts,
    /// Voxels and pictures.
    pub media: &'a dyn Media,
    /// The journal.
    pub journal: &'a Journal,
    /// What the journal holds.
    pub index: RwLock<Index>,
    /// One gate a model.
    pub gates: Vec<Gate>,
    /// How stubborn to be.
    pub patience: Patience,
    /// Set when a person stops the run.
    pub stop: &'a AtomicBool,
    /// Run seed.
    pub seed: u64,
    /// Trials per question.
    pub trials: u32,
    /// Where progress goes.
    pub progress: &'a dyn Progress,
    /// The first fault that ends the run.
    pub fatal: Mutex<Option<Fault>>,
    /// Counts.
    pub counts: Counts,
}

/// What was done in this run.
#[derive(Debug, Default)]
pub struct Counts {
    /// Replies received now.
    pub asked: AtomicU64,
    /// Requests that failed after all tries.
    pub failed: AtomicU64,
    /// Tokens generated now.
    pub tokens: AtomicU64,
    /// Microseconds spent drawing, over all threads.
    pub drawing_us: AtomicU64,
}

/// One request on its way to a model.
pub struct Work {
    /// Index of the arm.
    pub arm: usize,
    /// Question id.
    pub question: String,
    /// Digest of the prompt.
    pub prompt: String,
    /// The request.
    pub request: Request,
}

impl Desk<'_> {
    /// A reply that the journal already holds.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn recorded(&self, request: &str) -> Result<Option<Reply>, Fault> {
        let place = self.index.read().unwrap_or_else(PoisonError::into_inner).reply(request);
        match place.map(|place| self.journal.read(place)).transpose()? {
            Some(Line::Reply { reply, .. }) => Ok(Some(reply)),
            _ => Ok(None),
        }
    }

    /// Appends lines and indexes them; prompts that are known are left out.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn record(&self, mut lines: Vec<Line>) -> Result<(), Fault> {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|line| !matches!(line, Line::Prompt { id, .. } if index.prompt(id).is_some()));
        let places = self.journal.append(&lines)?;
        for (line, place) in lines.iter().zip(places) {
            index.note(line, place);
        }
        Ok(())
    }

    fn give_up(&self, fault: Fault) {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
    }

    fn gave_up(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
            || self.fatal.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Records the outcome of one request.
    pub fn settle(&self, work: Work, outcome: Result<Reply, Fault>) {
        let arm = &self.parts.arms[work.arm];
        let Work { question, prompt, request, .. } = work;
        let Request { id, trial, prompt: Prompt { parts }, .. } = request;
        let line = match outcome {
            Ok(reply) => {
                self.counts.asked.fetch_add(1, Ordering::Relaxed);
                self.counts.tokens.fetch_add(reply.tokens.completion.unwrap_or(0), Ordering::Relaxed);
                Line::Reply {
                    request: id,
                    arm: arm.name.clone(),
                    question,
                    trial,
                    prompt: prompt.clone(),
                    reply,
                }
            }
            Err(fault) => {
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                let replied = self.gates[arm.model].replied.load(Ordering::Relaxed);
                if fault.cause == Cause::Unreachable && !replied {
                    self.give_up(fault);
                    return;
                }
                tracing::warn!("{} {question}: {fault}", arm.name);
                Line::Failed {
                    request: id,
                    arm: arm.name.clone(),
                    question,
                    trial,
                    prompt: prompt.clone(),
                    fault,
                }
            }
        };
        if let Err(fault) = self.record(vec![Line::Prompt { id: prompt, parts }, line]) {
            self.give_up(fault);
        }
        self.progress.advance(1);
    }
}

/// Asks everything that the journal does not hold yet.
///
/// # Errors
/// A fault that ends the run: a full disk, a model that cannot be reached at all. `Interrupted` when stopped.
pub fn execute(
    desk: &Desk<'_>,
    questions: QuestionReader,
    cases: &BTreeMap<String, Case>,
) -> Result<(), RunError> {
    let mut channels: Vec<Option<SyncSender<Work>>> = Vec::new();
    let mut receivers: Vec<Receiver<Work>> = Vec::new();
    for _ in &desk.parts.models {
        let (sender, receiver) = sync_channel(QUEUE);
        channels.push(Some(sender));
        receivers.push(receiver);
    }
    let outcome = std::thread::scope(|scope| {
        for (model, receiver) in receivers.into_iter().enumerate() {
            let backend = &desk.parts.models[model].backend;
            let card = backend.card();
            if card.stepwise {
                scope.spawn(move || {
                    if let Err(fault) = decode::serve(desk, backend.as_ref(), receiver) {
                        desk.give_up(fault);
                    }
                });
                continue;
            }
            let receiver = Arc::new(Mutex::new(receiver));
            for _ in 0..card.parallel.max(1) {
                let receiver = Arc::clone(&receiver);
                scope.spawn(move || serve(desk, model, &receiver));
            }
        }
        let fed = feed(desk, questions, cases, &channels);
        channels.clear();
        fed
    });
    desk.journal.flush()?;
    if let Some(fault) = desk.fatal.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(fault.into());
    }
    outcome?;
    if desk.stop.load(Ordering::Relaxed) { Err(RunError::Interrupted) } else { Ok(()) }
}

/// One worker thread of a model that gives whole answers.
fn serve(desk: &Desk<'_>, model: usize, receiver: &Mutex<Receiver<Work>>) {
    loop {
        let work = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = work else { return };
        if desk.gave_up() {
            continue;
        }
        let backend = &desk.parts.models[model].backend;
        let Some(sampling) = &desk.parts.arms[work.arm].sampling else { continue };
        let outcome = desk.gates[model].call(desk.patience, desk.stop, || {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                backend.reply(&work.request, sampling, desk.media)
            }))
            .unwrap_or_else(|panic| {
                Err(Fault::internal(format!("the backend panicked: {}", panic_text(&panic))))
            })
        });
        if let Some(outcome) = outcome {
            desk.settle(work, outcome);
        }
    }
}

pub(super) fn panic_text(panic: &Box<dyn std::any::Any + Send>) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

fn feed(
    desk: &Desk<'_>,
    questions: QuestionReader,
    cases: &BTreeMap<String, Case>,
    channels: &[Option<SyncSender<Work>>],
) -> Result<(), Fault> {
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut questions = questions;
    loop {
        chunk.clear();
        for question in questions.by_ref().take(CHUNK) {
            chunk.push(question?);
        }
        if chunk.is_empty() || desk.gave_up() {
            return Ok(());
        }
        let made: Vec<Result<Vec<Work>, Fault>> =
            chunk.par_iter().map(|question| prepare(desk, question, cases)).collect();
        for works in made {
            for work in works? {
                let model = desk.parts.arms[work.arm].model;
                let Some(channel) = &channels[model] else { continue };
                if channel.send(work).is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// The requests of one question that have no reply yet; draws it for each renderer that is needed.
fn prepare(desk: &Desk<'_>, question: &Question, cases: &BTreeMap<String, Case>) -> Result<Vec<Work>, Fault> {
    let mut missing: Vec<(usize, u32)> = Vec::new();
    {
        let index = desk.index.read().unwrap_or_else(PoisonError::into_inner);
        for (position, arm) in desk.parts.arms.iter().enumerate() {
            let renderer = &desk.parts.renderers[arm.renderer].digest;
            let dropped = index.dropped(renderer, &question.id).is_some();
            for trial in 0..desk.trials {
                if dropped || index.answered(&arm.name, &question.id, trial) {
                    desk.progress.advance(1);
                } else {
                    missing.push((position, trial));
                }
            }
        }
    }
    let renderers: BTreeSet<usize> = missing.iter().map(|(arm, _)| desk.parts.arms[*arm].renderer).collect();
    let mut works = Vec::new();
    for renderer in renderers {
        let of_renderer: Vec<(usize, u32)> =
            missing.iter().copied().filter(|(arm, _)| desk.parts.arms[*arm].renderer == renderer).collect();
        match draw(desk, renderer, question, cases) {
            Ok(prompt) => {
                let digest = prompt.digest();
                for (arm, trial) in of_renderer {
                    works.extend(request(desk, question, &prompt, &digest, arm, trial)?);
                }
            }
            Err(fault) => {
                undrawn(desk, renderer, question, &of_renderer, fault)?;
                desk.progress.advance(of_renderer.len() as u64);
            }
        }
    }
    Ok(works)
}

fn draw(
    desk: &Desk<'_>,
    renderer: usize,
    question: &Question,
    cases: &BTreeMap<String, Case>,
) -> Result<Prompt, Fault> {
    let started = std::time::Instant::now();
    let shown: Vec<&Case> = question
        .cases
        .iter()
        .map(|name| cases.get(name).ok_or_else(|| Fault::data(format!("there is no case {name}"))))
        .collect::<Result<_, _>>()?;
    let prompt = desk.parts.renderers[renderer].renderer.render(&shown, question, desk.media);
    desk.counts.drawing_us.fetch_add(started.elapsed().as_micros() as u64, Ordering::Relaxed);
    prompt
}

/// A question that could not be drawn: dropped by the rules, or failed for each arm.
fn undrawn(
    desk: &Desk<'_>,
    renderer: usize,
    question: &Question,
    waiting: &[(usize, u32)],
    fault: Fault,
) -> Result<(), Fault> {
    let renderer = &desk.parts.renderers[renderer].digest;
    if fault.cause == Cause::Internal {
        return Err(fault);
    }
    if fault.cause == Cause::Rejected {
        return desk.record(vec![Line::Dropped {
            renderer: renderer.clone(),
            question: question.id.clone(),
            reason: fault.what,
        }]);
    }
    tracing::warn!("question {} cannot be drawn: {fault}", question.id);
    desk.counts.failed.fetch_add(waiting.len() as u64, Ordering::Relaxed);
    let lines = waiting
        .iter()
        .map(|(arm, trial)| {
            let arm = &desk.parts.arms[*arm];
            let id = Digest::new("situs-undrawn-1").text(&arm.digest).text(&question.id).json(trial).short();
            Line::Failed {
                request: id,
                arm: arm.name.clone(),
                question: question.id.clone(),
                trial: *trial,
                prompt: String::new(),
                fault: fault.clone(),
            }
        })
        .collect();
    desk.record(lines)
}

fn request(
    desk: &Desk<'_>,
    question: &Question,
    prompt: &Prompt,
    digest: &str,
    position: usize,
    trial: u32,
) -> Result<Option<Work>, Fault> {
    let arm: &Arm = &desk.parts.arms[position];
    let id = Digest::new("situs-request-1").text(digest).text(&arm.digest).json(&trial).short();
    if let Some(reply) = desk.recorded(&id)? {
        // Another arm, or an earlier run under another name, has asked exactly this.
        desk.record(vec![Line::Reply {
            request: id,
            arm: arm.name.clone(),
            question: question.id.clone(),
            trial,
            prompt: digest.to_owned(),
            reply,
        }])?;
        desk.progress.advance(1);
        return Ok(None);
    }
    let reads_answers = desk.parts.models[arm.model].backend.card().reads_answers;
    Ok(Some(Work {
        arm: position,
        question: question.id.clone(),
        prompt: digest.to_owned(),
        request: Request {
            id,
            question: question.id.clone(),
            prompt: prompt.clone(),
            options: question.options.clone(),
            trial,
            draw: Draw::new(desk.seed).of("request").of(&question.id).of(trial).bits(),
            truth: reads_answers.then(|| question.truth.clone()),
        },
    }))
}
