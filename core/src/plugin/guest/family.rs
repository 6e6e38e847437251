//! Serves a question family.

use super::super::abi::method;
use super::super::wire;
use super::kept::Kept;
use super::lent::LentMedia;
use super::reply::{Out, Request, Served};
use crate::case::DatasetCard;
use crate::fault::Fault;
use crate::question_family::{AskContext, Asked, QuestionFamily};
use crate::structure::Catalogue;
use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

/// A family with the measurements that it was sent.
pub(super) struct FamilyState {
    family: Box<dyn QuestionFamily>,
    measured: RwLock<Option<Arc<(DatasetCard, Catalogue)>>>,
    kept: Kept,
}

impl FamilyState {
    pub(super) fn new(family: Box<dyn QuestionFamily>) -> Self {
        Self { family, measured: RwLock::default(), kept: Kept::default() }
    }

    fn ask(&self, request: &Request<'_>) -> Result<wire::AskReply, Fault> {
        let wire::Ask { case, entry, seed, replies, failed, lent } = request.json()?;
        let measured = self.measured.read().unwrap_or_else(PoisonError::into_inner).clone();
        let measured = measured.ok_or_else(|| Fault::internal("asked before the measurements came"))?;
        let (card, catalogue) = measured.as_ref();
        let entry = match &entry {
            Some(entry) => entry,
            None => catalogue
                .entry(&case.name)
                .ok_or_else(|| Fault::internal(format!("no measurements of {} came", case.name)))?,
        };
        let media = LentMedia::new(self.kept.shelf(lent, request)?);
        let replies = wire::Given { replies, failed }.into_replies();
        let cx = AskContext {
            card,
            case: &case,
            entry,
            catalogue,
            seed: seed.0,
            replies: &replies,
            media: &media,
        };
        let asked = self.family.ask(&cx);
        if let Some(wanted) = media.wanted() {
            return Ok(wire::AskReply { lend: Some(wanted), ..wire::AskReply::default() });
        }
        Ok(match asked? {
            Asked::Questions { questions, left_out } => {
                wire::AskReply { questions: Some(questions), left_out, ..wire::AskReply::default() }
            }
            Asked::Needs(needs) => wire::AskReply {
                needs: Some(needs.into_iter().map(wire::Need::from).collect()),
                ..wire::AskReply::default()
            },
        })
    }
}

pub(super) fn serve(
    state: &FamilyState,
    method: u32,
    request: &Request<'_>,
    out: Out<'_>,
) -> Result<Served, Fault> {
    match method {
        method::DESCRIBE => out.json(&wire::FamilySelf { version: Cow::Borrowed(state.family.version()) }),
        method::CATALOGUE => {
            let wire::Measurements { card, digest, cases } = request.json()?;
            let catalogue = Catalogue { digest: digest.into_owned(), cases: cases.into_owned() };
            let measured = Arc::new((card.into_owned(), catalogue));
            *state.measured.write().unwrap_or_else(PoisonError::into_inner) = Some(measured);
            Ok(Served::Done)
        }
        method::ASK => out.json(&state.ask(request)?),
        method::READ => {
            let wire::Read { question, reply } = request.json()?;
            out.json(&state.family.read(&question, &reply)?)
        }
        _ => Ok(Served::Missing),
    }
}
