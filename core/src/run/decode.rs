//! Step-by-step decoding: the engine asks the model for logits, a sampler for tokens, and hands them back.
//!
//! One thread drives one session over its slots. Swapping a sampler changes one line of a config and nothing else, so
//! two arms with two samplers over one model are a paired comparison.

use super::desk::{Desk, Work};
use super::stopwatch::Spent;
use crate::digest::Digest;
use crate::fault::Fault;
use crate::model_backend::{Flow, Logits, ModelBackend, Session, SlotId};
use crate::reply::{Finish, Reply};
use crate::sampler::{Pick, Row, Sampler};
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

/// A sequence being decoded.
struct Live {
    slot: SlotId,
    work: Work,
    history: Vec<u32>,
    notes: Vec<serde_json::Value>,
}

/// Decodes everything that arrives until the channel closes.
///
/// # Errors
/// When the session itself cannot be made or breaks; faults of single requests are recorded.
pub fn serve(desk: &Desk<'_>, backend: &dyn ModelBackend, receiver: Receiver<Work>) -> Result<(), Fault> {
    let mut session = backend.session()?;
    let slots = backend.card().slots.max(1);
    let mut live: Vec<Live> = Vec::new();
    let mut open = true;
    while open || !live.is_empty() {
        while open && live.len() < slots {
            let work = if live.is_empty() {
                receiver.recv().map_err(|_| TryRecvError::Disconnected)
            } else {
                receiver.try_recv()
            };
            match work {
                Ok(_) if desk.gave_up() => {}
                Ok(work) => {
                    let started = Instant::now();
                    let admitted = session.admit(&work.request, desk.media);
                    desk.counts.spend(work.arm, Spent { model: started.elapsed(), ..Spent::default() });
                    match admitted {
                        Ok(slot) => live.push(Live { slot, work, history: Vec::new(), notes: Vec::new() }),
                        Err(fault) => desk.settle(work, Err(fault)),
                    }
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => open = false,
            }
        }
        if desk.gave_up() {
            for one in live.drain(..) {
                session.cancel(one.slot);
            }
            continue;
        }
        if !live.is_empty() {
            live = step(desk, session.as_mut(), live)?;
        }
    }
    Ok(())
}

/// One token for every live sequence; gives those that go on.
fn step(desk: &Desk<'_>, session: &mut dyn Session, live: Vec<Live>) -> Result<Vec<Live>, Fault> {
    let slots: Vec<SlotId> = live.iter().map(|one| one.slot).collect();
    let picks = {
        let started = Instant::now();
        let logits = session.logits(&slots)?;
        let share = started.elapsed() / live.len().max(1) as u32;
        for one in &live {
            desk.counts.spend(one.work.arm, Spent { model: share, tokens: 1, ..Spent::default() });
        }
        if logits.rows != live.len() {
            return Err(Fault::internal(format!(
                "{} rows of logits for {} sequences",
                logits.rows,
                live.len()
            )));
        }
        choose(desk, &logits, &live)
    };
    let mut going = Vec::new();
    for (mut one, pick) in live.into_iter().zip(picks) {
        let pick = match pick {
            Ok(pick) => pick,
            Err(fault) => {
                session.cancel(one.slot);
                desk.settle(one.work, Err(fault));
                continue;
            }
        };
        one.notes.extend(pick.note);
        one.history.push(pick.token);
        let full = one.history.len() >= desk.parts.arms[one.work.arm].max_tokens as usize;
        match session.push(one.slot, pick.token) {
            Ok(Flow::Continue) if !full => going.push(one),
            Ok(flow) => {
                let cut = flow == Flow::Continue;
                let finished = session.finish(one.slot).map(|reply| closed(reply, cut, &one));
                desk.gates[desk.parts.arms[one.work.arm].model].replied.store(true, Ordering::Relaxed);
                desk.settle(one.work, finished);
            }
            Err(fault) => {
                session.cancel(one.slot);
                desk.settle(one.work, Err(fault));
            }
        }
    }
    Ok(going)
}

fn closed(mut reply: Reply, cut: bool, one: &Live) -> Reply {
    if cut {
        reply.finish = Finish::Length;
    }
    reply.notes = one.notes.clone();
    reply.tokens.completion.get_or_insert(one.history.len() as u64);
    reply
}

/// Random bits of one step: a function of the request's draw and the step alone, whatever the batch.
fn draw(request: u64, step: usize) -> u64 {
    Digest::new("situs-step-1").add(&request.to_le_bytes()).add(&(step as u64).to_le_bytes()).number()
}

/// A token for each row, arm by arm; an arm whose sampler refuses fails its own rows.
fn choose(desk: &Desk<'_>, logits: &Logits<'_>, live: &[Live]) -> Vec<Result<Pick, Fault>> {
    let mut by_arm: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, one) in live.iter().enumerate() {
        by_arm.entry(one.work.arm).or_default().push(row);
    }
    let mut picks: Vec<Option<Result<Pick, Fault>>> = live.iter().map(|_| None).collect();
    for (arm, indices) in by_arm {
        let rows: Vec<Row<'_>> = indices
            .iter()
            .map(|index| {
                let one = &live[*index];
                Row {
                    index: *index,
                    step: one.history.len() as u32,
                    draw: draw(one.work.request.draw, one.history.len()),
                    history: &one.history,
                }
            })
            .collect();
        let mut sampler = desk.parts.arms[arm].sampler.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        let chosen = pick_rows(sampler.as_mut(), logits, &rows);
        desk.counts.spend(arm, Spent { sampler: started.elapsed(), ..Spent::default() });
        for (index, pick) in indices.iter().zip(chosen) {
            picks[*index] = Some(pick);
        }
    }
    picks
        .into_iter()
        .map(|pick| pick.unwrap_or_else(|| Err(Fault::internal("a row was left without a token"))))
        .collect()
}

/// A token for each row. When the rows cannot be done together, each is tried alone, so that one bad row costs itself.
fn pick_rows(sampler: &mut dyn Sampler, logits: &Logits<'_>, rows: &[Row<'_>]) -> Vec<Result<Pick, Fault>> {
    let mut out = Vec::with_capacity(rows.len());
    match sampler.pick(logits, rows, &mut out).and_then(|()| checked(&out, rows.len(), logits)) {
        Ok(()) => out.into_iter().map(Ok).collect(),
        Err(fault) if rows.len() == 1 => vec![Err(fault)],
        Err(_) => rows.iter().flat_map(|row| pick_rows(sampler, logits, std::slice::from_ref(row))).collect(),
    }
}

fn checked(picks: &[Pick], rows: usize, logits: &Logits<'_>) -> Result<(), Fault> {
    if picks.len() != rows {
        return Err(Fault::internal(format!("the sampler gave {} tokens for {rows} rows", picks.len())));
    }
    match picks.iter().find(|pick| pick.token as usize >= logits.vocabulary) {
        Some(pick) => Err(Fault::internal(format!(
            "the sampler gave token {}, but the vocabulary has {}",
            pick.token, logits.vocabulary
        ))),
        None => Ok(()),
    }
}
