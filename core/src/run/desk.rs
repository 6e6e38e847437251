//! What every worker of a run shares, and how outcomes are put on record.

use super::gate::{Gate, Patience};
use super::journal::{Index, Journal, Line};
use super::parts::Parts;
use super::progress::Progress;
use super::stopwatch::Spent;
use crate::fault::{Cause, Fault};
use crate::media::Media;
use crate::prompt::Prompt;
use crate::reply::{Reply, Request};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

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
    /// Time of step-by-step decoding by index of the arm.
    pub decoding: Mutex<BTreeMap<usize, Spent>>,
}

impl Counts {
    /// Adds time of step-by-step decoding to an arm's.
    pub fn spend(&self, arm: usize, spent: Spent) {
        let mut decoding = self.decoding.lock().unwrap_or_else(PoisonError::into_inner);
        let total = decoding.entry(arm).or_default();
        total.tokens += spent.tokens;
        total.model += spent.model;
        total.sampler += spent.sampler;
    }
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
        {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            lines.retain(|line| !matches!(line, Line::Prompt { id, .. } if index.prompt(id).is_some()));
        }
        let places = self.journal.append(&lines)?;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        for (line, place) in lines.iter().zip(places) {
            index.note(line, place);
        }
        Ok(())
    }

    /// Ends the run with a fault; the first one counts.
    pub fn give_up(&self, fault: Fault) {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
    }

    /// Whether the run is to end: stopped by a person, or by a fault.
    pub fn gave_up(&self) -> bool {
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
                if matches!(fault.cause, Cause::Unreachable | Cause::Config) && !replied {
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

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// Runs a component's code; a panic becomes a fault of the given cause.
pub(super) fn guarded<T>(
    who: &str,
    cause: Cause,
    work: impl FnOnce() -> Result<T, Fault>,
) -> Result<T, Fault> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(Fault::new(cause, format!("{who} panicked: {}", panic_text(panic.as_ref()))))
    })
}
