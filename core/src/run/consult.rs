//! Consultations: requests that a family or a metric wants answered, run through the journal like any other.

use super::desk::Desk;
use super::journal::Line;
use super::parts::check_honours;
use crate::digest::{Digest, Draw};
use crate::fault::Fault;
use crate::reply::{Consultation, Replies, Request};
use rayon::prelude::*;
use std::sync::atomic::Ordering;

/// Rounds that a component may ask before it must be done.
pub const MAX_ROUNDS: usize = 8;

/// Answers all `needs` into `replies`; tells whether anything was asked. What fails is not asked again in this run: its
/// key counts as known and has no reply. `component` keeps the keys of different components apart.
///
/// # Errors
/// When a role has no model or its model cannot honour the sampling asked for, and when a component asks again for
/// what it was already given.
pub fn answer(
    desk: &Desk<'_>,
    component: &str,
    needs: Vec<Consultation>,
    replies: &mut Replies,
) -> Result<bool, Fault> {
    let hopeless = needs.iter().any(|need| replies.failed(&need.key));
    let new: Vec<Consultation> = needs.into_iter().filter(|need| !replies.contains(&need.key)).collect();
    if new.is_empty() && hopeless {
        return Ok(false);
    }
    if new.is_empty() {
        return Err(Fault::internal(format!("{component} asks again for what it was already given")));
    }
    let answered: Vec<_> = new
        .into_par_iter()
        .map(|need| -> Result<_, Fault> {
            let model = desk.parts.role(&need.role)?;
            let backend = &desk.parts.models[model].backend;
            check_honours(&need.sampling, &format!("role '{}'", need.role), backend.card())?;
            let question = Digest::new("situs-consultation-1").text(component).json(&need.key).short();
            let prompt = need.prompt.digest();
            let id = Digest::new("situs-request-1")
                .text(&prompt)
                .text(&backend.card().digest)
                .json(&need.sampling)
                .text(&question)
                .short();
            if let Some(reply) = desk.recorded(&id)? {
                return Ok((need.key, Some(reply)));
            }
            let request = Request {
                id: id.clone(),
                question: question.clone(),
                options: Vec::new(),
                trial: 0,
                draw: Draw::new(desk.seed).of("consult").of(&question).bits(),
                truth: None,
                prompt: need.prompt,
            };
            let outcome = desk.gates[model]
                .call(desk.patience, desk.stop, || backend.reply(&request, &need.sampling, desk.media));
            let arm = format!("role:{}", need.role);
            let parts = request.prompt.parts;
            let (line, kept) = match outcome {
                None => return Err(Fault::internal("interrupted")),
                Some(Ok(reply)) => {
                    let kept = Some(reply.clone());
                    (
                        Line::Reply { request: id, arm, question, trial: 0, prompt: prompt.clone(), reply },
                        kept,
                    )
                }
                Some(Err(fault)) => {
                    desk.counts.failed.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!("{arm} {question}: {fault}");
                    (
                        Line::Failed { request: id, arm, question, trial: 0, prompt: prompt.clone(), fault },
                        None,
                    )
                }
            };
            desk.record(vec![Line::Prompt { id: prompt, parts }, line])?;
            Ok((need.key, kept))
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    for (key, reply) in answered {
        match reply {
            Some(reply) => replies.insert(key, reply),
            None => replies.fail(key),
        }
    }
    desk.journal.flush()?;
    Ok(true)
}
