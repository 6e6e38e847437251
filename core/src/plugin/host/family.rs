//! A question family on the other side.

use super::super::abi::method;
use super::super::wire;
use super::collector::{Collector, Limits};
use super::handle::{Called, Handle};
use super::lender::{Lender, MAX_ROUNDS};
use crate::fault::Fault;
use crate::question::Question;
use crate::question_family::{AskContext, Asked, QuestionFamily};
use crate::record::Answer;
use crate::reply::{Consultation, Reply};
use crate::structure::CatalogueEntry;
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

pub(super) struct ForeignFamily {
    handle: Handle,
    version: String,
    lender: Lender,
    /// Digests of the measurements that the other side has now: of the catalogue and the data set's card.
    catalogue: Mutex<Option<String>>,
}

impl ForeignFamily {
    /// # Errors
    /// When it does not say its version.
    pub(super) fn new(handle: Handle) -> Result<Self, Fault> {
        let mut collector = Collector::new(Limits::JSON);
        let said: wire::FamilySelf<'static> =
            handle.must((method::DESCRIBE, "describe"), &[], &[], &mut collector)?;
        let version = said.version.into_owned();
        Ok(Self { handle, version, lender: Lender::default(), catalogue: Mutex::default() })
    }

    /// Sends the measurements, unless the other side has them.
    fn send_catalogue(&self, cx: &AskContext<'_>) -> Result<(), Fault> {
        let identity = format!("{} {} {}", cx.card.digest, cx.card.name, cx.catalogue.digest);
        // Held while sending, so that no other thread asks before the measurements are there.
        let mut sent = self.catalogue.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.as_ref() == Some(&identity) {
            return Ok(());
        }
        let request = wire::write(&wire::Measurements {
            card: Cow::Borrowed(cx.card),
            digest: Cow::Borrowed(&cx.catalogue.digest),
            cases: Cow::Borrowed(&cx.catalogue.cases),
        })?;
        let mut collector = Collector::new(Limits::JSON);
        match self.handle.call((method::CATALOGUE, "catalogue"), &request, &[], &mut collector)? {
            Called::Done => *sent = Some(identity),
            Called::Missing => return Err(self.handle.missing("catalogue")),
        }
        Ok(())
    }
}

impl QuestionFamily for ForeignFamily {
    fn version(&self) -> &str {
        &self.version
    }

    fn ask(&self, cx: &AskContext<'_>) -> Result<Asked, Fault> {
        self.send_catalogue(cx)?;
        let row = self.handle.row();
        let same = |entry: &CatalogueEntry| std::ptr::eq(entry, cx.entry) || entry == cx.entry;
        let known = cx.catalogue.entry(&cx.case.name).is_some_and(same);
        let cases = [cx.case];
        let mut loan = self.lender.begin(&cases, cx.media);
        let mut collector = Collector::new(Limits::JSON);
        for _ in 0..MAX_ROUNDS {
            let wire::Given { replies, failed } = wire::Given::all(cx.replies);
            let request = wire::write(&wire::Ask {
                case: Cow::Borrowed(cx.case),
                entry: (!known).then_some(Cow::Borrowed(cx.entry)),
                seed: wire::Bits(cx.seed),
                replies,
                failed,
                lent: loan.heads(),
            })?;
            let masks = loan.mask_bytes();
            collector.start(Limits::JSON);
            let said: wire::AskReply =
                self.handle.must((method::ASK, "ask"), &request, &loan.tensors(&masks), &mut collector)?;
            match said {
                wire::AskReply { questions: Some(questions), left_out, needs: None, lend: None } => {
                    return Ok(Asked::Questions { questions, left_out });
                }
                wire::AskReply { questions: None, needs: Some(needs), lend: None, .. } => {
                    return Ok(Asked::Needs(needs.into_iter().map(Consultation::from).collect()));
                }
                wire::AskReply { questions: None, needs: None, lend: Some(wanted), .. } => {
                    loan.add(&wanted).map_err(|fault| row.broken(&format!("ask: {}", fault.what)))?;
                }
                _ => return Err(row.broken("ask must give one of `questions`, `needs` and `lend`")),
            }
        }
        Err(row.broken(&format!("ask still wants to be lent more after {MAX_ROUNDS} rounds")))
    }

    fn read(&self, question: &Question, reply: &Reply) -> Result<Answer, Fault> {
        let request =
            wire::write(&wire::Read { question: Cow::Borrowed(question), reply: Cow::Borrowed(reply) })?;
        self.handle.must((method::READ, "read"), &request, &[], &mut Collector::new(Limits::JSON))
    }
}
