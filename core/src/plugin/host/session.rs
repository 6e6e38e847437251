//! A session on the other side: a child handle of its model.

use super::super::abi::method;
use super::super::tensor::{Owned, View};
use super::collector::{Collector, Limits};
use super::handle::{Called, Handle};
use super::model::Message;
use crate::fault::Fault;
use crate::media::Media;
use crate::model_backend::{Flow, Logits, LogitsPlace, ModelCard, Session, SlotId};
use crate::reply::{Reply, Request};
use std::collections::BTreeSet;

/// Largest vocabulary of a model.
pub const MAX_VOCABULARY: usize = 1 << 22;

/// Borrows its model, so that it cannot outlive it.
pub(super) struct ForeignSession<'a> {
    handle: Handle,
    card: &'a ModelCard,
    live: BTreeSet<SlotId>,
    /// Width of the logits, as the first ones had it.
    vocabulary: Option<usize>,
    collector: Collector,
    /// The last logits; their buffer takes the next ones in.
    logits: Option<Owned>,
}

impl<'a> ForeignSession<'a> {
    pub(super) fn new(handle: Handle, card: &'a ModelCard) -> Self {
        Self {
            handle,
            card,
            live: BTreeSet::new(),
            vocabulary: None,
            collector: Collector::default(),
            logits: None,
        }
    }

    fn broken<T>(&self, what: &str) -> Result<T, Fault> {
        Err(self.handle.row().broken(what))
    }

    fn known(&self, slot: SlotId) -> Result<(), Fault> {
        if self.live.contains(&slot) {
            return Ok(());
        }
        Err(Fault::internal(format!("there is no sequence in slot {slot}")))
    }

    /// Calls a method whose reply is one number.
    fn number(&mut self, method: (u32, &str), json: &[u8], tensors: &[View<'_>]) -> Result<u32, Fault> {
        self.collector.start(Limits::tensors(1, size_of::<u32>()));
        if self.handle.call(method, json, tensors, &mut self.collector)? == Called::Missing {
            return Err(self.handle.missing(method.1));
        }
        let tensor =
            self.collector.one_tensor(method.1).map_err(|fault| self.handle.row().broken(&fault.what))?;
        let number = match &tensor {
            Owned::U32(_, number) if number.len() == 1 => number[0],
            other => {
                return self.broken(&format!("{} gave {}, expected u32 [1]", method.1, other.describe()));
            }
        };
        self.collector.reuse(tensor);
        Ok(number)
    }
}

impl Session for ForeignSession<'_> {
    fn admit(&mut self, request: &Request, media: &dyn Media) -> Result<SlotId, Fault> {
        let asked = Message::new(&self.handle, self.card, request, None, media)?;
        let slot = self.number((method::ADMIT, "admit"), &asked.json, &asked.views())?;
        if !self.live.insert(slot) {
            return self.broken(&format!("admit gave slot {slot}, which is live already"));
        }
        Ok(slot)
    }

    fn logits(&mut self, live: &[SlotId]) -> Result<Logits<'_>, Fault> {
        live.iter().try_for_each(|slot| self.known(*slot))?;
        if let Some(last) = self.logits.take() {
            self.collector.reuse(last);
        }
        let most = self.vocabulary.unwrap_or(MAX_VOCABULARY).saturating_mul(live.len());
        self.collector.start(Limits::tensors(1, most.saturating_mul(size_of::<f32>())));
        let called =
            self.handle.call((method::LOGITS, "logits"), &[], &[View::u32(live)], &mut self.collector)?;
        if called == Called::Missing {
            return Err(self.handle.missing("logits"));
        }
        let tensor =
            self.collector.one_tensor("logits").map_err(|fault| self.handle.row().broken(&fault.what))?;
        let width = match &tensor {
            Owned::F32(shape, _) => match *shape.sides() {
                [rows, width] if rows == live.len() && (1..=MAX_VOCABULARY).contains(&width) => width,
                _ => 0,
            },
            _ => 0,
        };
        if width == 0 || self.vocabulary.is_some_and(|known| known != width) {
            let expected = self.vocabulary.map_or_else(|| "vocabulary".to_owned(), |known| known.to_string());
            return self.broken(&format!(
                "logits gave {}, expected f32 [{}, {expected}]",
                tensor.describe(),
                live.len()
            ));
        }
        self.vocabulary = Some(width);
        match self.logits.insert(tensor) {
            Owned::F32(_, values) => {
                Ok(Logits { rows: live.len(), vocabulary: width, place: LogitsPlace::Host(values) })
            }
            _ => Err(Fault::internal("logits changed their type")),
        }
    }

    fn push(&mut self, slot: SlotId, token: u32) -> Result<Flow, Fault> {
        self.known(slot)?;
        match self.number((method::PUSH, "push"), &[], &[View::u32(&[slot, token])])? {
            0 => Ok(Flow::Continue),
            1 => Ok(Flow::Stop),
            other => self.broken(&format!("push gave {other}, expected 0 or 1")),
        }
    }

    fn finish(&mut self, slot: SlotId) -> Result<Reply, Fault> {
        self.known(slot)?;
        self.live.remove(&slot);
        self.collector.start(Limits::JSON);
        self.handle.must((method::FINISH, "finish"), &[], &[View::u32(&[slot])], &mut self.collector)
    }

    fn cancel(&mut self, slot: SlotId) {
        if self.live.remove(&slot) {
            self.collector.start(Limits::JSON);
            let called =
                self.handle.call((method::CANCEL, "cancel"), &[], &[View::u32(&[slot])], &mut self.collector);
            if let Err(fault) = called {
                tracing::warn!("{fault}");
            }
        }
    }
}
