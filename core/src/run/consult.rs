//! Consultations: requests that a family or a metric wants answered, run through the journal like any other.

use super::execute::Desk;
use super::journal::Line;
use crate::digest::{Digest, Draw};
use crate::fault::Fault;
use crate::reply::{Consultation, Replies, Request};
use rayon::prelude::*;

/// Rounds that a component may ask before it must be done.
pub const MAX_ROUNDS: usize = 8;

/// Answers all `needs` into `replies`. `component` keeps the keys of different components apart.
///
/// # Errors
/// When nothing new is asked, or a role has no model. Failed requests are left unanswered and counted by the caller
/// through the journal.
pub fn answer(
    desk: &Desk<'_>,
    component: &str,
    needs: Vec<Consultation>,
    replies: &mut Replies,
) -> Result<(), Fault> {
    let new: Vec<Consultation> = needs.into_iter().filter(|need| !replies.contains(&need.key)).collect();
    if new.is_empty() {
        return Err(Fault::internal(format!("{component} asks again for what it was already given")));
    }
    let answered: Vec<_> = new
        .into_par_iter()
        .map(|need| -> Result<_, Fault> {
            let model = desk.parts.role(&need.role)?;
            let backend = &desk.parts.models[model].backend;
            let question = Digest::new("situs-consultation-1").text(component).json(&need.key).short();
            let prompt = need.prompt.digest();
            let id = Digest::new("situs-request-1")
                .text(&prompt)
                .text(&backend.card().digest)
                .json(&need.sampling)
                .text(&question)
                .short();
            if let Some(reply) = desk.recorded(&id)? {
                return Ok(Some((need.key, reply)));
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
                None => return Ok(None),
                Some(Ok(reply)) => {
                    let line = Line::Reply {
                        request: id,
                        arm,
                        question,
                        trial: 0,
                        prompt: prompt.clone(),
                        reply: reply.clone(),
                    };
                    (line, Some((need.key, reply)))
                }
                Some(Err(fault)) => (
                    Line::Failed { request: id, arm, question, trial: 0, prompt: prompt.clone(), fault },
                    None,
                ),
            };
            desk.record(vec![Line::Prompt { id: prompt, parts }, line])?;
            Ok(kept)
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    for (key, reply) in answered.into_iter().flatten() {
        replies.insert(key, reply);
    }
    desk.journal.flush()
}
