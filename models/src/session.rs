//! Step-by-step decoding of several sequences over one model.
//!
//! What two prompts share in front, tokens and pictures, is computed once: a sequence that ends leaves its keys and
//! values behind, and the next one goes on from the longest common prefix. Every token is computed from its own row
//! alone, so neither that nor the other sequences of a batch change a reply.

use crate::backend::Settings;
use crate::layers::KvCache;
use crate::model::{Clip, Sight};
use crate::native::Native;
use crate::prompt::{Layout, Shown, question};
use situs_core::media::Picture;
use situs_core::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of features of pictures that are kept for the next prompt.
const SIGHT_BYTES: usize = 512 << 20;
/// Largest side of a picture that is decoded.
const MAX_SIDE: u32 = 16_384;

/// What a place of a sequence holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    token: u32,
    /// The picture that it shows a part of; 0: none.
    picture: u64,
    /// How many tokens of the sequence it has seen: more than those up to itself where a block's tokens see each other.
    seen: usize,
}

/// A session over one model.
pub(crate) struct Decoding {
    native: Arc<Native>,
    settings: Arc<Settings>,
    slots: Vec<Slot>,
    seen: Seen,
    logits: Vec<f32>,
    turns: u64,
}

/// One sequence, or what is left of one.
struct Slot {
    busy: bool,
    /// What the cache holds; as long as the cache.
    held: Vec<Held>,
    cache: KvCache,
    /// Position of the next token.
    next: u32,
    /// Logits of the next token, unless they have to be computed.
    ready: Option<Vec<f32>>,
    /// The reply so far; the last token may not be in the cache yet.
    reply: Vec<u32>,
    prompt: usize,
    /// Position of the first token of the reply.
    opening: u32,
    stopped: bool,
    used: u64,
}

/// A picture or video of a prompt, by what it shows.
struct Exhibit<'p> {
    frames: Vec<&'p ImageRef>,
    shown: Shown,
    number: u64,
}

impl Decoding {
    /// A session with so many empty slots.
    pub(crate) fn new(native: Arc<Native>, settings: Arc<Settings>, slots: usize) -> Self {
        let slot = || Slot {
            busy: false,
            held: Vec::new(),
            cache: native.model.decoder().cache(),
            next: 0,
            ready: None,
            reply: Vec::new(),
            prompt: 0,
            opening: 0,
            stopped: false,
            used: 0,
        };
        let slots = (0..slots).map(|_| slot()).collect();
        Self { native, settings, slots, seen: Seen::default(), logits: Vec::new(), turns: 0 }
    }

    /// Pictures of a prompt with the grids that their sizes give.
    fn exhibits<'p>(&self, prompt: &'p Prompt) -> Result<Vec<Exhibit<'p>>, Fault> {
        let pixels = self.native.model.pixels();
        let mut groups: Vec<Vec<&ImageRef>> = Vec::new();
        let mut follows = false;
        for part in &prompt.parts {
            let Part::Image { image } = part else {
                follows = false;
                continue;
            };
            match groups.last_mut().filter(|_| follows && self.settings.video) {
                Some(group) => group.push(image),
                None => groups.push(vec![image]),
            }
            follows = true;
        }
        let pictures: usize = groups.iter().map(Vec::len).sum();
        if pictures > self.settings.max_pictures {
            let what = format!("{pictures} pictures; the model gets at most {}", self.settings.max_pictures);
            return Err(Fault::rejected(what).help("show fewer slices, or raise model.max_pictures"));
        }
        let exhibit = |frames: Vec<&'p ImageRef>| {
            let sizes: Vec<(u32, u32)> = frames.iter().map(|image| (image.width, image.height)).collect();
            let shown = match sizes.as_slice() {
                [size] => Shown::Picture(pixels.picture_grid(*size)?),
                sizes => Shown::Video(Clip {
                    grid: pixels.video_grid(sizes)?,
                    frames: sizes.len(),
                    fps: self.settings.fps,
                }),
            };
            let mut digest = Digest::new("situs-exhibit-1");
            frames.iter().for_each(|image| {
                digest.text(&image.pixels);
            });
            Ok(Exhibit { frames, shown, number: digest.number().max(1) })
        };
        groups.into_iter().map(exhibit).collect()
    }

    /// Features of an exhibit, computed unless they are still at hand.
    fn look(&mut self, exhibit: &Exhibit<'_>, media: &dyn Media) -> Result<Arc<Sight>, Fault> {
        if let Some(sight) = self.seen.find(exhibit.number) {
            return Ok(sight);
        }
        let pictures: Vec<Picture> =
            exhibit.frames.iter().map(|image| decoded(image, media)).collect::<Result<_, _>>()?;
        let pixels = self.native.model.pixels();
        let patches = match pictures.as_slice() {
            [picture] => pixels.picture(picture)?,
            several => pixels.video(&several.iter().collect::<Vec<_>>())?,
        };
        let sight = Arc::new(self.native.model.see(&patches)?);
        self.seen.keep(exhibit.number, Arc::clone(&sight));
        Ok(sight)
    }

    /// The slot for a new sequence, with as much of it in the cache as any slot holds.
    fn prepare(&mut self, held: &[Held]) -> Result<usize, Fault> {
        let common = |slot: &Slot| {
            let alike = slot.held.iter().zip(held).take_while(|(one, other)| one == other).count();
            // A token whose block goes on differently is another one, whatever it is called.
            let whole = held.iter().take(alike).take_while(|one| one.seen <= alike).count();
            // The last token is always computed: its hidden state gives the first logits.
            whole.min(held.len() - 1)
        };
        let idle = self.slots.iter().enumerate().filter(|(_, slot)| !slot.busy);
        let Some((chosen, own)) = idle
            .map(|(index, slot)| (index, common(slot)))
            .max_by_key(|(index, common)| (*common, std::cmp::Reverse(self.slots[*index].used)))
        else {
            return Err(Fault::internal(format!("all {} slots are taken", self.slots.len())));
        };
        let best = (0..self.slots.len()).map(|index| (common(&self.slots[index]), index)).max();
        if let Some((shared, source)) = best.filter(|(shared, source)| *shared > own && *source != chosen) {
            let [one, other] = self
                .slots
                .get_disjoint_mut([chosen, source])
                .map_err(|error| Fault::internal(error.to_string()))?;
            one.cache.copy_from(&other.cache, shared);
            one.held = other.held[..shared].to_vec();
        } else {
            let slot = &mut self.slots[chosen];
            slot.cache.truncate(own);
            slot.held.truncate(own);
        }
        Ok(chosen)
    }

    fn admit_laid_out(
        &mut self,
        layout: &Layout,
        exhibits: &[Exhibit<'_>],
        media: &dyn Media,
    ) -> Result<SlotId, Fault> {
        let tokens = layout.ids.iter().zip(&layout.blocks);
        let mut held: Vec<Held> =
            tokens.map(|(token, block)| Held { token: *token, picture: 0, seen: block.end }).collect();
        for placed in &layout.placed {
            for held in &mut held[placed.tokens.clone()] {
                held.picture = exhibits[placed.shown].number;
            }
        }
        let chosen = self.prepare(&held)?;
        let start = self.slots[chosen].held.len();
        let mut sights: Vec<Option<Arc<Sight>>> = vec![None; exhibits.len()];
        for placed in layout.placed.iter().filter(|placed| placed.tokens.end > start) {
            if sights[placed.shown].is_none() {
                sights[placed.shown] = Some(self.look(&exhibits[placed.shown], media)?);
            }
        }
        self.turns += 1;
        let native = &self.native;
        let slot = &mut self.slots[chosen];
        let sight = |index: usize| sights.get(index).cloned().flatten();
        let taken = native
            .take_in(layout, start..layout.ids.len(), &sight, &mut slot.cache, None)
            .and_then(|state| native.model.decoder().logits(&state));
        match taken {
            Ok(logits) => {
                slot.ready = Some(logits);
                slot.busy = true;
                slot.prompt = held.len();
                slot.held = held;
                slot.next = layout.next;
                slot.opening = layout.next;
                slot.reply.clear();
                slot.stopped = false;
                slot.used = self.turns;
                Ok(chosen as SlotId)
            }
            Err(fault) => {
                slot.cache.truncate(0);
                slot.held.clear();
                Err(fault)
            }
        }
    }

    fn slot(&mut self, id: SlotId) -> Result<&mut Slot, Fault> {
        let slot = self.slots.get_mut(id as usize).filter(|slot| slot.busy);
        slot.ok_or_else(|| Fault::internal(format!("no sequence in slot {id}")))
    }

    /// Computes what the pushed tokens of these slots lead to.
    fn advance(&mut self, live: &[SlotId]) -> Result<(), Fault> {
        let mut tokens = Vec::new();
        let mut places = Vec::new();
        let mut waiting: Vec<&mut Slot> = Vec::new();
        for (id, slot) in (0..).zip(&mut self.slots) {
            if !live.contains(&id) || slot.ready.is_some() {
                continue;
            }
            let Some(token) = slot.reply.last().copied().filter(|_| slot.busy) else {
                return Err(Fault::internal(format!("no sequence in slot {id}")));
            };
            tokens.push(token);
            places.push([slot.next; 3]);
            waiting.push(slot);
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let caches = waiting.iter_mut().map(|slot| &mut slot.cache).collect();
        let decoder = self.native.model.decoder();
        let stepped = self.native.step(&tokens, &places, caches).and_then(|states| decoder.logits(&states));
        let logits = match stepped {
            Ok(logits) => logits,
            Err(fault) => {
                // Some layers may have taken the tokens in and some not.
                for slot in waiting {
                    slot.cache.truncate(0);
                    slot.held.clear();
                }
                return Err(fault);
            }
        };
        let width = decoder.shape().vocabulary;
        for ((slot, token), logits) in waiting.into_iter().zip(tokens).zip(logits.chunks_exact(width)) {
            slot.held.push(Held { token, picture: 0, seen: slot.held.len() + 1 });
            slot.next += 1;
            slot.ready = Some(logits.to_vec());
        }
        Ok(())
    }
}

impl Session for Decoding {
    fn admit(&mut self, request: &Request, media: &dyn Media) -> Result<SlotId, Fault> {
        let settings = Arc::clone(&self.settings);
        let exhibits = self.exhibits(&request.prompt)?;
        let messages = question(&request.prompt, settings.system.as_deref(), settings.video)?;
        let rendered = self.native.render(&messages, &settings.template)?;
        let shown: Vec<Shown> = exhibits.iter().map(|exhibit| exhibit.shown).collect();
        let layout = self.native.lay_out(rendered, &shown)?;
        let (count, positions) = (layout.ids.len(), layout.next as usize);
        if count == 0 || positions >= settings.context {
            let what = format!(
                "the prompt has {count} tokens on {positions} positions; with a reply, at most {} fit into the \
                 context of {}",
                settings.context.saturating_sub(1),
                self.native.checkpoint.folder().display()
            );
            return Err(Fault::rejected(what).help("show fewer or smaller pictures"));
        }
        self.admit_laid_out(&layout, &exhibits, media)
    }

    fn logits(&mut self, live: &[SlotId]) -> Result<Logits<'_>, Fault> {
        self.advance(live)?;
        let mut rows = std::mem::take(&mut self.logits);
        rows.clear();
        for id in live {
            let slot = self.slot(*id)?;
            rows.extend_from_slice(slot.ready.as_deref().unwrap_or_default());
        }
        self.logits = rows;
        let vocabulary = self.native.model.decoder().shape().vocabulary;
        Ok(Logits { rows: live.len(), vocabulary, place: LogitsPlace::Host(&self.logits) })
    }

    fn push(&mut self, slot: SlotId, token: u32) -> Result<Flow, Fault> {
        let (stops, context) = (self.native.stops.contains(&token), self.settings.context);
        let slot = self.slot(slot)?;
        slot.ready = None;
        if stops {
            slot.stopped = true;
            return Ok(Flow::Stop);
        }
        slot.reply.push(token);
        // A full context ends the reply; it is told as cut off, since the model has not ended it.
        let positions = slot.opening as usize + slot.reply.len();
        Ok(if positions >= context { Flow::Stop } else { Flow::Continue })
    }

    fn finish(&mut self, slot: SlotId) -> Result<Reply, Fault> {
        let native = Arc::clone(&self.native);
        let slot = self.slot(slot)?;
        slot.busy = false;
        slot.ready = None;
        let generated = slot.reply.len() + usize::from(slot.stopped);
        Ok(Reply {
            text: native.words.text(&slot.reply)?,
            reasoning: None,
            finish: if slot.stopped { Finish::Stop } else { Finish::Length },
            tokens: Tokens { prompt: Some(slot.prompt as u64), completion: Some(generated as u64) },
            notes: Vec::new(),
        })
    }

    fn cancel(&mut self, slot: SlotId) {
        if let Ok(slot) = self.slot(slot) {
            slot.busy = false;
            slot.ready = None;
        }
    }
}

fn decoded(image: &ImageRef, media: &dyn Media) -> Result<Picture, Fault> {
    let png = media.png(image)?;
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(&*png), image::ImageFormat::Png);
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    reader.limits(limits);
    let damaged = |what: String| Fault::data(format!("picture {}: {what}", image.pixels));
    let rgb = reader.decode().map_err(|error| damaged(error.to_string()))?.into_rgb8();
    if rgb.dimensions() != (image.width, image.height) {
        let what = format!("{:?} pixels, {} x {} were recorded", rgb.dimensions(), image.width, image.height);
        return Err(damaged(what));
    }
    Ok(Picture { width: image.width, height: image.height, rgb: rgb.into_raw() })
}

/// Features of the pictures seen last, the oldest first.
#[derive(Default)]
struct Seen {
    sights: VecDeque<(u64, Arc<Sight>)>,
    bytes: usize,
}

impl Seen {
    fn find(&mut self, number: u64) -> Option<Arc<Sight>> {
        let at = self.sights.iter().position(|(known, _)| *known == number)?;
        let found = self.sights.remove(at)?;
        let sight = Arc::clone(&found.1);
        self.sights.push_back(found);
        Some(sight)
    }

    fn keep(&mut self, number: u64, sight: Arc<Sight>) {
        self.bytes += bytes(&sight);
        self.sights.push_back((number, sight));
        while self.bytes > SIGHT_BYTES && self.sights.len() > 1 {
            let Some((_, oldest)) = self.sights.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(bytes(&oldest));
        }
    }
}

fn bytes(sight: &Sight) -> usize {
    let tensors = std::iter::once(&sight.features).chain(&sight.lifts);
    tensors.map(|tensor| tensor.elem_count() * 4).sum()
}
