//! Asking the family about one case, until it needs nothing more.

use super::cases::Cases;
use crate::digest::Digest;
use crate::fault::{Cause, Fault};
use crate::media::Media;
use crate::question::{Question, Reasons};
use crate::question_family::{AskContext, Asked};
use crate::reply::Replies;
use crate::run::consult;
use crate::run::desk::{Desk, guarded};
use rayon::prelude::*;

/// Asks the family about one case until it needs nothing more.
///
/// # Errors
/// Those of the family, and consultations without a reply.
pub(super) fn ask(
    desk: &Desk<'_>,
    media: &dyn Media,
    cases: &Cases,
    index: usize,
) -> Result<(Vec<Question>, Reasons), Fault> {
    let case = &cases.usable[index];
    let entry = &cases.catalogue.cases[index];
    let mut replies = Replies::default();
    for _ in 0..consult::MAX_ROUNDS {
        let cx = AskContext {
            card: desk.parts.dataset.card(),
            case,
            entry,
            catalogue: &cases.catalogue,
            seed: desk.seed,
            replies: &replies,
            media,
        };
        match guarded("the family", Cause::Internal, || desk.parts.family.ask(&cx))? {
            Asked::Needs(needs) => {
                if !consult::answer(desk, "family", needs, &mut replies, &|| ())? {
                    return Err(Fault::data("a consultation got no reply after all tries"));
                }
            }
            Asked::Questions { mut questions, left_out } => {
                for question in &mut questions {
                    place(question, cases)?;
                }
                questions.par_iter_mut().for_each(|question| identify(question, &desk.parts.family_digest));
                return Ok((questions, left_out));
            }
        }
    }
    Err(Fault::internal(format!("the family still consults after {} rounds", consult::MAX_ROUNDS)))
}

/// Fills in what the engine knows of a question's cases: volumes and cluster.
fn place(question: &mut Question, cases: &Cases) -> Result<(), Fault> {
    question.volumes.clear();
    for name in &question.cases {
        let entry = cases.catalogue.entry(name).ok_or_else(|| {
            Fault::internal(format!("template {}: there is no case {name}", question.template))
        })?;
        question.volumes.push(entry.volume_id.clone());
        if question.cluster.is_empty() {
            question.cluster.clone_from(&entry.cluster);
        }
    }
    Ok(())
}

fn identify(question: &mut Question, family: &str) {
    question.id = Digest::new("situs-question-1")
        .json(&question.volumes)
        .text(family)
        .text(&question.template)
        .json(&question.facets)
        .json(&question.structures)
        .text(&question.text)
        .json(&question.scene)
        .short();
}

/// Ends long loops when a person stops the run; the fault itself is never shown.
pub(super) fn interruptible(desk: &Desk<'_>) -> Result<(), Fault> {
    if desk.gave_up() { Err(Fault::internal("interrupted")) } else { Ok(()) }
}
