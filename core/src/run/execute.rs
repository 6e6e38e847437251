//! Asking: pictures are drawn once per question, requests go to all arms at once, replies go to the journal.

use super::control::{Cases, Drawings};
use super::decode;
use super::desk::{Desk, Work, guarded};
use super::exit::RunError;
use super::journal::Line;
use super::lanes::{in_lanes, lanes};
use super::parts::Arm;
use super::plan::{Item, ItemReader};
use crate::config::Control;
use crate::digest::{Digest, Draw};
use crate::fault::{Cause, Fault};
use crate::prompt::Prompt;
use crate::question::Question;
use crate::reply::Request;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Questions drawn together; bounds what waits in memory.
const CHUNK: usize = 32;
/// Requests that wait in front of each model.
const QUEUE: usize = 64;

/// Asks everything that the journal does not hold yet.
///
/// # Errors
/// A fault that ends the run: a full disk, a model that cannot be reached at all. `Interrupted` when stopped.
pub fn execute(desk: &Desk<'_>, items: ItemReader, cases: &Cases<'_>) -> Result<(), RunError> {
    let mut channels: Vec<SyncSender<Work>> = Vec::new();
    let mut receivers: Vec<Receiver<Work>> = Vec::new();
    for _ in &desk.parts.models {
        let (sender, receiver) = sync_channel(QUEUE);
        channels.push(sender);
        receivers.push(receiver);
    }
    let outcome = std::thread::scope(move |scope| {
        for (model, receiver) in receivers.into_iter().enumerate() {
            let backend = &desk.parts.models[model].backend;
            let card = backend.card();
            if card.stepwise {
                scope.spawn(move || {
                    let served = guarded("the model", Cause::Internal, || {
                        decode::serve(desk, backend.as_ref(), receiver)
                    });
                    if let Err(fault) = served {
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
        // The senders go with this block, however it ends: workers that wait for more would keep the scope open.
        let channels = channels;
        feed(desk, items, cases, &channels)
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
            guarded("the backend", Cause::Internal, || backend.reply(&work.request, sampling, desk.media))
        });
        if let Some(outcome) = outcome {
            desk.settle(work, outcome);
        }
    }
}

fn feed(
    desk: &Desk<'_>,
    items: ItemReader,
    cases: &Cases<'_>,
    channels: &[SyncSender<Work>],
) -> Result<(), Fault> {
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut items = items;
    loop {
        chunk.clear();
        for item in items.by_ref().take(CHUNK) {
            chunk.push(item?);
        }
        if chunk.is_empty() || desk.gave_up() {
            return Ok(());
        }
        let made: Vec<Result<Vec<Work>, Fault>> =
            in_lanes(&chunk, lanes(), |item| prepare(desk, item, cases));
        for works in made {
            for work in works? {
                let model = desk.parts.arms[work.arm].model;
                if channels[model].send(work).is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// By renderer and control: the arms and trials without a reply.
type Missing = BTreeMap<(usize, Option<Control>), Vec<(usize, u32)>>;

/// The requests of one question that have no reply yet; draws it once for each renderer and control that is needed.
fn prepare(desk: &Desk<'_>, item: &Item, cases: &Cases<'_>) -> Result<Vec<Work>, Fault> {
    let mut missing = Missing::new();
    {
        let index = desk.index.read().unwrap_or_else(PoisonError::into_inner);
        for (position, arm) in desk.parts.arms.iter().enumerate() {
            let dropped = index.dropped(&arm.drawing, &item.plain.id).is_some();
            for trial in 0..desk.trials {
                if dropped || index.answered(&arm.name, &item.plain.id, trial) {
                    desk.progress.advance(1);
                } else {
                    missing.entry((arm.renderer, arm.control)).or_default().push((position, trial));
                }
            }
        }
    }
    let mut drawings = Drawings::new(desk, cases, item);
    let mut works = Vec::new();
    for ((renderer, control), waiting) in missing {
        match drawings.draw(renderer, control) {
            Ok((question, prompt)) => {
                let digest = prompt.digest();
                for (arm, trial) in waiting {
                    works.extend(request(desk, &question, &prompt, &digest, arm, trial)?);
                }
            }
            Err(fault) => {
                undrawn(desk, &item.plain, &waiting, fault)?;
                desk.progress.advance(waiting.len() as u64);
            }
        }
    }
    Ok(works)
}

/// A question that could not be drawn: dropped by the rules, or failed for each arm. The arms share a drawing.
fn undrawn(
    desk: &Desk<'_>,
    question: &Question,
    waiting: &[(usize, u32)],
    fault: Fault,
) -> Result<(), Fault> {
    // A renderer that is broken, or set up for other pictures than these, fails every question alike.
    if matches!(fault.cause, Cause::Internal | Cause::Config) {
        return Err(fault);
    }
    let drawing = waiting.first().map(|(arm, _)| desk.parts.arms[*arm].drawing.clone());
    if let (Cause::Rejected, Some(renderer)) = (&fault.cause, drawing) {
        return desk.record(vec![Line::Dropped {
            renderer,
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
    // The question belongs to the identity: two questions may read the same and have different answers and draws.
    let id =
        Digest::new("situs-request-1").text(digest).text(&arm.digest).text(&question.id).json(&trial).short();
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
