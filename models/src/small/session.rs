//! Decoding one token at a time. Every sequence is computed by itself, so that its numbers do not depend on its company.

use super::network::{Memory, PROMPT, Places, REPLY, SIDE, Sight};
use super::picture::Reduced;
use super::vocabulary::Vocabulary;
use super::{Small, broken};
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use situs_core::model_backend::{Logits, LogitsPlace, SlotId};
use situs_core::prelude::*;
use situs_core::reply::{Finish, Tokens};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Pictures that it takes.
const MOST_PICTURES: usize = 1;
/// Pictures whose keys and values are kept for further questions.
const KEPT: usize = 16;

/// Positions of a prompt's words: they end where the reply begins, so that a reply always starts at the same place.
pub fn prompt_positions(length: usize) -> std::ops::Range<u32> {
    (PROMPT.saturating_sub(length)) as u32..PROMPT as u32
}

/// Sequences in flight.
pub(super) struct SmallSession<'a> {
    model: &'a Small,
    slots: BTreeMap<SlotId, Slot>,
    next: SlotId,
    rows: Vec<f32>,
    seen: VecDeque<(String, Arc<Sight>)>,
}

struct Slot {
    sight: Arc<Sight>,
    memory: Memory,
    /// Words to be read before the next logits.
    unread: Vec<u32>,
    logits: Vec<f32>,
    prompt: usize,
    reply: Vec<u32>,
}

impl Slot {
    /// Reads what is unread, so that `logits` are those of the next word.
    fn catch_up(&mut self, model: &Small) -> candle_core::Result<()> {
        if self.unread.is_empty() {
            return Ok(());
        }
        let count = self.unread.len();
        let positions: Vec<u32> = if self.reply.is_empty() {
            prompt_positions(count).collect()
        } else {
            vec![(PROMPT + self.reply.len() - 1) as u32]
        };
        let words = Tensor::from_vec(std::mem::take(&mut self.unread), (1, count), &Device::Cpu)?;
        let positions = Tensor::from_vec(positions, (1, count), &Device::Cpu)?;
        let thought =
            model.network.read(&words, &positions, Places::Seen(&self.sight, None), &mut self.memory)?;
        self.logits =
            model.network.speak(&thought.hidden.narrow(1, count - 1, 1)?)?.flatten_all()?.to_vec1()?;
        Ok(())
    }
}

impl<'a> SmallSession<'a> {
    pub(super) fn new(model: &'a Small) -> Self {
        Self { model, slots: BTreeMap::new(), next: 0, rows: Vec::new(), seen: VecDeque::new() }
    }

    /// What the pointers need to know of the picture, if there is one to look at.
    fn sight(&mut self, request: &Request, media: &dyn Media) -> Result<Arc<Sight>, Fault> {
        let images: Vec<_> = request.prompt.images().filter(|_| self.model.pictures).collect();
        if images.len() > MOST_PICTURES {
            let what = format!("{} pictures; small takes {MOST_PICTURES}", images.len());
            return Err(Fault::unsupported(what).help("ask it about single slices: family.dims = [\"2d\"]"));
        }
        if request.prompt.volumes().next().is_some() {
            return Err(Fault::unsupported("small takes pictures, not volumes"));
        }
        let Some(image) = images.first() else {
            return Ok(Arc::new(self.model.network.look(None, 1).map_err(broken)?));
        };
        if let Some((_, sight)) = self.seen.iter().find(|(pixels, _)| *pixels == image.pixels) {
            return Ok(Arc::clone(sight));
        }
        let reduced = Reduced::of_png(&media.png(image)?)?;
        let pixels: Vec<f32> = reduced.bytes().iter().map(|byte| f32::from(*byte) / 255.0).collect();
        let pixels = Tensor::from_vec(pixels, (1, SIDE, SIDE, 3), &Device::Cpu).map_err(broken)?;
        let sight = Arc::new(self.model.network.look(Some(&pixels), 1).map_err(broken)?);
        if self.seen.len() >= KEPT {
            self.seen.pop_front();
        }
        self.seen.push_back((image.pixels.clone(), Arc::clone(&sight)));
        Ok(sight)
    }

    fn slot(&mut self, slot: SlotId) -> Result<&mut Slot, Fault> {
        self.slots.get_mut(&slot).ok_or_else(|| Fault::internal(format!("small: there is no slot {slot}")))
    }
}

impl Session for SmallSession<'_> {
    fn admit(&mut self, request: &Request, media: &dyn Media) -> Result<SlotId, Fault> {
        let mut unread = self.model.vocabulary.encode(&request.prompt.joined_text());
        unread.push(Vocabulary::REPLY);
        if unread.len() > PROMPT {
            let what = format!("the prompt has {} tokens; small reads {PROMPT}", unread.len());
            return Err(Fault::unsupported(what).help("ask shorter questions, or another model"));
        }
        let sight = self.sight(request, media)?;
        let prompt = unread.len();
        let slot = self.next;
        self.next = self.next.wrapping_add(1);
        let state =
            Slot { sight, memory: Memory::default(), unread, logits: Vec::new(), prompt, reply: Vec::new() };
        self.slots.insert(slot, state);
        Ok(slot)
    }

    fn logits(&mut self, live: &[SlotId]) -> Result<Logits<'_>, Fault> {
        let model = self.model;
        let mut asked: Vec<&mut Slot> =
            self.slots.iter_mut().filter(|(slot, _)| live.contains(slot)).map(|(_, state)| state).collect();
        asked
            .par_iter_mut()
            .map(|state| state.catch_up(model))
            .collect::<candle_core::Result<()>>()
            .map_err(broken)?;
        self.rows.clear();
        for slot in live {
            let state = self.slots.get(slot);
            let state = state.ok_or_else(|| Fault::internal(format!("small: there is no slot {slot}")))?;
            self.rows.extend_from_slice(&state.logits);
        }
        let vocabulary = self.model.vocabulary.len();
        Ok(Logits { rows: live.len(), vocabulary, place: LogitsPlace::Host(&self.rows) })
    }

    fn push(&mut self, slot: SlotId, token: u32) -> Result<Flow, Fault> {
        let vocabulary = self.model.vocabulary.len();
        let state = self.slot(slot)?;
        if token as usize >= vocabulary {
            return Err(Fault::internal(format!("small has {vocabulary} tokens, none with id {token}")));
        }
        if state.reply.len() >= REPLY {
            return Err(Fault::internal(format!("slot {slot} is full: a reply has at most {REPLY} tokens")));
        }
        state.reply.push(token);
        state.unread.push(token);
        let ends = token == Vocabulary::END || state.reply.len() >= REPLY;
        Ok(if ends { Flow::Stop } else { Flow::Continue })
    }

    fn finish(&mut self, slot: SlotId) -> Result<Reply, Fault> {
        let state = self.slots.remove(&slot);
        let state = state.ok_or_else(|| Fault::internal(format!("small: there is no slot {slot}")))?;
        let mut reply = Reply::text(self.model.vocabulary.decode(&state.reply));
        if state.reply.last() != Some(&Vocabulary::END) {
            reply.finish = Finish::Length;
        }
        reply.tokens =
            Tokens { prompt: Some(state.prompt as u64), completion: Some(state.reply.len() as u64) };
        Ok(reply)
    }

    fn cancel(&mut self, slot: SlotId) {
        self.slots.remove(&slot);
    }
}
