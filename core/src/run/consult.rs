//! Consultations: requests that a family or a metric wants answered, run through the journal like any other.

use super::desk::Desk;
use super::journal::Line;
use super::lanes::in_lanes;
use super::parts::check_honours;
use crate::digest::{Digest, Draw};
use crate::fault::{Cause, Fault};
use crate::reply::{Consultation, Replies, Reply, Request};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

/// Rounds that a component may ask before it must be done.
pub const MAX_ROUNDS: usize = 8;
/// Most consultations at once, whatever the models say.
const MAX_LANES: usize = 256;

/// Answers all `needs` into `replies`; tells whether anything was asked. What fails is not asked again in this run: its
/// key counts as known and has no reply. `component` keeps the keys of different components apart; `told` hears of each
/// request that was really made.
///
/// # Errors
/// When a role has no model or its model cannot honour the sampling asked for, and when a component asks again for
/// what it was already given.
pub fn answer(
    desk: &Desk<'_>,
    component: &str,
    needs: Vec<Consultation>,
    replies: &mut Replies,
    told: &(dyn Fn() + Sync),
) -> Result<bool, Fault> {
    let hopeless = needs.iter().any(|need| replies.failed(&need.key));
    let new: Vec<Consultation> = needs.into_iter().filter(|need| !replies.contains(&need.key)).collect();
    if new.is_empty() && hopeless {
        return Ok(false);
    }
    if new.is_empty() {
        return Err(Fault::internal(format!("{component} asks again for what it was already given")));
    }
    // The first fault that ends the run keeps all others from trying.
    let fatal: Mutex<Option<Fault>> = Mutex::new(None);
    let held = || fatal.lock().unwrap_or_else(PoisonError::into_inner);
    let answered = in_lanes(&new, lanes(desk, &new), |need| {
        if held().is_some() {
            return None;
        }
        one(desk, component, need, told).unwrap_or_else(|fault| {
            held().get_or_insert(fault);
            None
        })
    });
    desk.journal.flush()?;
    if let Some(fault) = held().take() {
        return Err(fault);
    }
    for (need, reply) in new.into_iter().zip(answered) {
        match reply {
            Some(reply) => replies.insert(need.key, reply),
            None => replies.fail(need.key),
        }
    }
    Ok(true)
}

/// As many at once as the models of these roles take, so that each one's gate decides and none waits for another.
fn lanes(desk: &Desk<'_>, needs: &[Consultation]) -> usize {
    let roles: BTreeSet<&str> = needs.iter().map(|need| need.role.as_str()).collect();
    let models: BTreeSet<usize> = roles.into_iter().filter_map(|role| desk.parts.role(role).ok()).collect();
    let most = models.into_iter().map(|model| desk.parts.models[model].backend.card().parallel);
    most.fold(0, usize::saturating_add).clamp(1, MAX_LANES)
}

/// How many of `needs` neither `replies` nor the journal answers.
///
/// # Errors
/// As [`answer`].
pub fn open(
    desk: &Desk<'_>,
    component: &str,
    needs: &[Consultation],
    replies: &Replies,
) -> Result<u64, Fault> {
    let new = needs.iter().filter(|need| !replies.contains(&need.key));
    let open = new.map(|need| {
        let names = Names::of(desk, component, need)?;
        Ok(u64::from(!desk.parts.models[names.model].stand_in && desk.recorded(&names.id)?.is_none()))
    });
    open.sum()
}

/// Under which names a consultation goes.
struct Names {
    /// Index of the model.
    model: usize,
    /// Digest of component and key.
    question: String,
    /// Digest of the prompt.
    prompt: String,
    /// The request's identity.
    id: String,
}

impl Names {
    fn of(desk: &Desk<'_>, component: &str, need: &Consultation) -> Result<Self, Fault> {
        let model = desk.parts.role(&need.role)?;
        let card = desk.parts.models[model].backend.card();
        let question = Digest::new("situs-consultation-1").text(component).json(&need.key).short();
        let prompt = need.prompt.digest();
        let id = Digest::new("situs-request-1")
            .text(&prompt)
            .text(&card.digest)
            .json(&need.sampling)
            .text(&question)
            .short();
        Ok(Self { model, question, prompt, id })
    }
}

/// The reply to one consultation, from the journal or from the model; `None` when the model gave none after all tries.
fn one(
    desk: &Desk<'_>,
    component: &str,
    need: &Consultation,
    told: &(dyn Fn() + Sync),
) -> Result<Option<Reply>, Fault> {
    if desk.stop.load(Ordering::Relaxed) {
        return Err(Fault::internal("interrupted"));
    }
    let Names { model: at, question, prompt, id } = Names::of(desk, component, need)?;
    let (model, gate) = (&desk.parts.models[at], &desk.gates[at]);
    check_honours(&need.sampling, &format!("role '{}'", need.role), model.backend.card())?;
    if let Some(reply) = desk.recorded(&id)? {
        return Ok(Some(reply));
    }
    if model.stand_in {
        return Ok(None);
    }
    let request = Request {
        id: id.clone(),
        question: question.clone(),
        options: Vec::new(),
        trial: 0,
        draw: Draw::new(desk.seed).of("consult").of(&question).bits(),
        truth: None,
        prompt: need.prompt.clone(),
    };
    let outcome =
        gate.call(desk.patience, desk.stop, || model.backend.reply(&request, &need.sampling, desk.media));
    let arm = format!("role:{}", need.role);
    let parts = request.prompt.parts;
    let (line, reply) = match outcome {
        None => return Err(Fault::internal("interrupted")),
        Some(Ok(reply)) => {
            let kept = Some(reply.clone());
            (Line::Reply { request: id, arm, question, trial: 0, prompt: prompt.clone(), reply }, kept)
        }
        // Nobody is there, or the model cannot do this at all: no use to find that out once more for every item.
        Some(Err(fault))
            if matches!(fault.cause, Cause::Unsupported)
                || matches!(fault.cause, Cause::Unreachable | Cause::Config)
                    && !gate.replied.load(Ordering::Relaxed) =>
        {
            return Err(fault.within(format!("role '{}'", need.role)));
        }
        Some(Err(fault)) => {
            desk.counts.failed.fetch_add(1, Ordering::Relaxed);
            tracing::warn!("{arm} {question}: {fault}");
            (Line::Failed { request: id, arm, question, trial: 0, prompt: prompt.clone(), fault }, None)
        }
    };
    desk.record(vec![Line::Prompt { id: prompt, parts }, line])?;
    told();
    Ok(reply)
}
