//! Whole replies of a model that is decoded step by step.

use situs_core::digest::Draw;
use situs_core::prelude::*;
use situs_plugins::samplers::categorical::Categorical;

/// Most new tokens where the sampling says nothing.
const MAX_TOKENS: u32 = 1024;

/// Decodes a request in a session of its own until the model or the limit ends it.
///
/// Without a temperature the reply is greedy, unless top-k, top-p or min-p ask for draws: then it is 1. Draws depend on
/// the request's own random bits and the seed alone.
///
/// # Errors
/// Sampling out of range; a prompt that does not fit the model; whatever breaks in the session.
pub(crate) fn answer(
    session: &mut dyn Session,
    request: &Request,
    sampling: &Sampling,
    media: &dyn Media,
) -> Result<Reply, Fault> {
    let mut sampler = sampler(sampling)?;
    let draw = Draw::new(sampling.seed.unwrap_or(0)).of("reply").of(request.draw);
    let slot = session.admit(request, media)?;
    let mut history: Vec<u32> = Vec::new();
    let mut picks = Vec::with_capacity(1);
    loop {
        let step = history.len() as u32;
        picks.clear();
        let row = Row { index: 0, step, draw: draw.of(step).bits(), history: &history };
        sampler.pick(&session.logits(&[slot])?, &[row], &mut picks)?;
        let Some(pick) = picks.first() else { return Err(Fault::internal("a step without a token")) };
        history.push(pick.token);
        let flow = session.push(slot, pick.token)?;
        let full = history.len() >= sampler.max_tokens() as usize;
        if flow == Flow::Stop || full {
            let mut reply = session.finish(slot)?;
            if flow == Flow::Continue {
                reply.finish = Finish::Length;
            }
            return Ok(reply);
        }
    }
}

fn sampler(sampling: &Sampling) -> Result<Box<dyn Sampler>, Fault> {
    let drawn = sampling.top_k.is_some() || sampling.top_p.is_some() || sampling.min_p.is_some();
    let spec = Categorical {
        temperature: sampling.temperature.unwrap_or(if drawn { 1.0 } else { 0.0 }),
        top_k: sampling.top_k,
        top_p: sampling.top_p.unwrap_or(1.0),
        min_p: sampling.min_p.unwrap_or(0.0),
        max_tokens: sampling.max_tokens.unwrap_or(MAX_TOKENS),
    };
    spec.build(&BuildContext::default())
}
