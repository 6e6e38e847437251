//! Lessons side by side as tensors, and what is lost on them.

use crate::lesson::{Lesson, Link};
use crate::studio::Studio;
use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::ops::log_softmax;
use situs_core::digest::Draw;
use situs_models::small::{CELLS, Memory, Network, PROMPT, SIDE, prompt_positions};
use std::collections::BTreeMap;

/// Share of lessons that are asked without a picture.
const BLIND: f64 = 0.05;
/// Weight of the places that the second pointer finds, against one word.
const PLACE: f64 = 20.0;
/// Weight of the letters that the first pointer finds, against one word.
const LETTER: f64 = 0.3;

/// Lessons as tensors.
pub struct Batch {
    pictures: Tensor,
    picture_of: Tensor,
    words: Tensor,
    positions: Tensor,
    blind: Tensor,
    /// Index of each spoken word's predecessor in `[b * t]`, the word itself, its weight, its link.
    spoken_at: Vec<u32>,
    spoken: Vec<u32>,
    weights: Vec<f32>,
    links: Vec<Link>,
    /// Index of each word that names a mark, and where that mark is.
    named_at: Vec<u32>,
    places: Vec<[f32; 2]>,
    /// Index of each letter, and the cell of its plate.
    letter_at: Vec<u32>,
    cells: Vec<u32>,
}

/// Sums of what was seen, to be logged.
#[derive(Default, Clone)]
pub struct Tally {
    sums: BTreeMap<String, (f64, f64)>,
}

impl Tally {
    pub fn add(&mut self, name: impl Into<String>, sum: f64, count: f64) {
        let entry = self.sums.entry(name.into()).or_default();
        entry.0 += sum;
        entry.1 += count;
    }

    pub fn means(&self) -> BTreeMap<String, f64> {
        let mean = |(sum, count): &(f64, f64)| (sum / count.max(1e-9) * 1e4).round() / 1e4;
        self.sums.iter().map(|(name, sums)| (name.clone(), mean(sums))).collect()
    }
}

fn weight(link: Link) -> f32 {
    match link {
        Link::Answer => 2.0,
        Link::Compare | Link::Same | Link::Winner => 2.0,
        Link::Tag => 0.2,
        _ => 1.0,
    }
}

impl Batch {
    /// The lessons on some pictures; `draw` decides which of them are asked blind.
    pub fn new(studio: &Studio, groups: &[&[Lesson]], draw: &Draw) -> Result<Self> {
        let device = &Device::Cpu;
        let lessons: Vec<&Lesson> = groups.iter().flat_map(|group| group.iter()).collect();
        let length = lessons.iter().map(|lesson| lesson.prompt.len() + lesson.reply.len() - 1).max().unwrap_or(1);
        let mut pixels = Vec::with_capacity(groups.len() * SIDE * SIDE * 3);
        for group in groups {
            if let Some(picture) = group.first().and_then(|lesson| studio.pictures.get(lesson.picture)) {
                pixels.extend(picture.bytes().iter().map(|byte| f32::from(*byte) / 255.0));
            }
        }
        let pictures = Tensor::from_vec(pixels, (groups.len(), SIDE, SIDE, 3), device)?;
        let picture_of: Vec<u32> =
            (0..).zip(groups).flat_map(|(at, group)| std::iter::repeat_n(at, group.len())).collect();
        let (mut words, mut positions) = (Vec::new(), Vec::new());
        let mut blind = vec![0f32; lessons.len() * (CELLS * CELLS + 1)];
        let mut batch = Self {
            pictures,
            picture_of: Tensor::from_vec(picture_of, lessons.len(), device)?,
            words: Tensor::zeros((1, 1), DType::U32, device)?,
            positions: Tensor::zeros((1, 1), DType::U32, device)?,
            blind: Tensor::zeros(1, DType::F32, device)?,
            spoken_at: Vec::new(),
            spoken: Vec::new(),
            weights: Vec::new(),
            links: Vec::new(),
            named_at: Vec::new(),
            places: Vec::new(),
            letter_at: Vec::new(),
            cells: Vec::new(),
        };
        for (at, lesson) in lessons.iter().enumerate() {
            let start = at * length;
            let is_blind = draw.of(at).unit() < BLIND;
            if is_blind {
                let row = at * (CELLS * CELLS + 1);
                blind[row + 1..row + CELLS * CELLS + 1].fill(-1e9);
            }
            words.extend(&lesson.prompt);
            words.extend(lesson.reply[..lesson.reply.len() - 1].iter().map(|(word, _)| *word));
            positions.extend(prompt_positions(lesson.prompt.len()));
            positions.extend((0..lesson.reply.len() as u32 - 1).map(|at| PROMPT as u32 + at));
            words.resize(start + length, 0);
            positions.resize(start + length, 0);
            batch.spoken(lesson, start, is_blind);
            if !is_blind {
                batch.named(lesson, start, &words[start..]);
            }
        }
        batch.words = Tensor::from_vec(words, (lessons.len(), length), device)?;
        batch.positions = Tensor::from_vec(positions, (lessons.len(), length), device)?;
        batch.blind = Tensor::from_vec(blind, (lessons.len(), 1, CELLS * CELLS + 1), device)?;
        Ok(batch)
    }

    fn spoken(&mut self, lesson: &Lesson, start: usize, is_blind: bool) {
        for (at, (word, link)) in lesson.reply.iter().enumerate() {
            if is_blind && *link != Link::Answer {
                continue;
            }
            self.spoken_at.push((start + lesson.prompt.len() - 1 + at) as u32);
            self.spoken.push(*word);
            self.weights.push(weight(*link));
            self.links.push(*link);
        }
    }

    fn named(&mut self, lesson: &Lesson, start: usize, words: &[u32]) {
        for (at, word) in words.iter().enumerate().take(lesson.prompt.len() + lesson.reply.len() - 1) {
            let Some(target) = lesson.targets.iter().find(|target| target.tokens.contains(word)) else { continue };
            self.named_at.push((start + at) as u32);
            self.places.push(target.place);
            if let Some((_, place)) = target.plate.filter(|(letter, _)| letter == word) {
                let cell = |value: f32| ((value * CELLS as f32) as usize).min(CELLS - 1);
                self.letter_at.push((start + at) as u32);
                self.cells.push((cell(place[1]) * CELLS + cell(place[0]) + 1) as u32);
            }
        }
    }

    fn places(&self) -> Result<Tensor> {
        Tensor::from_vec(self.places.concat(), (self.places.len(), 2), &Device::Cpu)
    }

    /// The loss, and what became of each link.
    pub fn loss(&self, network: &Network, tally: &mut Tally) -> Result<Tensor> {
        let device = &Device::Cpu;
        let sight = network.look(Some(&self.pictures), self.pictures.dim(0)?)?.select(&self.picture_of)?;
        let mut memory = Memory::default();
        let thought = network.read(&self.words, &self.positions, &sight, Some(&self.blind), &mut memory)?;
        let pick = |tensor: &Tensor, at: &[u32]| -> Result<Tensor> {
            tensor.flatten(0, 1)?.index_select(&Tensor::new(at, device)?, 0)
        };
        let scores = network.speak(&pick(&thought.hidden, &self.spoken_at)?)?;
        let logs = log_softmax(&scores, D::Minus1)?;
        let spoken = Tensor::new(self.spoken.as_slice(), device)?.unsqueeze(1)?;
        let weights = Tensor::new(self.weights.as_slice(), device)?;
        let word_loss = (logs.gather(&spoken, 1)?.squeeze(1)? * &weights)?.sum_all()?.neg()?;
        let word_loss = (word_loss / f64::from(self.weights.iter().sum::<f32>()))?;
        self.tally_words(&scores, tally)?;
        tally.add("loss words", f64::from(word_loss.to_scalar::<f32>()?), 1.0);
        let mut loss = word_loss;
        if let (Some(last), false) = (thought.pointed.last(), self.named_at.is_empty()) {
            let found = pick(&last.place, &self.named_at)?;
            let missed = (found - self.places()?)?;
            let place_loss = missed.sqr()?.sum(1)?.mean_all()?;
            for missed in missed.sqr()?.sum(1)?.sqrt()?.to_vec1::<f32>()? {
                tally.add("missed by px", f64::from(missed) * 512.0, 1.0);
                tally.add("within 8 px", f64::from(u8::from(missed * 512.0 < 8.0)), 1.0);
            }
            loss = (loss + (place_loss * PLACE)?)?;
        }
        if let (Some(first), false) = (thought.pointed.first(), self.letter_at.is_empty()) {
            let attention = pick(&first.attention, &self.letter_at)?;
            let cells = Tensor::new(self.cells.as_slice(), device)?.unsqueeze(1)?;
            let letter_loss = (attention.gather(&cells, 1)? + 1e-7)?.log()?.neg()?.mean_all()?;
            for (found, cell) in attention.argmax(D::Minus1)?.to_vec1::<u32>()?.into_iter().zip(&self.cells) {
                let apart = |a: u32, b: u32| a.abs_diff(b) <= 1;
                let side = CELLS as u32;
                let near = found > 0
                    && apart((found - 1) % side, (cell - 1) % side)
                    && apart((found - 1) / side, (cell - 1) / side);
                tally.add("letters found", f64::from(u8::from(near)), 1.0);
            }
            loss = (loss + (letter_loss * LETTER)?)?;
        }
        Ok(loss)
    }

    fn tally_words(&self, scores: &Tensor, tally: &mut Tally) -> Result<()> {
        let chosen = scores.argmax(D::Minus1)?.to_vec1::<u32>()?;
        for ((chosen, word), link) in chosen.iter().zip(&self.spoken).zip(&self.links) {
            tally.add(format!("{link:?}"), f64::from(u8::from(chosen == word)), 1.0);
            if *link == Link::Number {
                tally.add("number within 1", f64::from(u8::from(chosen.abs_diff(*word) <= 1)), 1.0);
            }
        }
        Ok(())
    }
}
