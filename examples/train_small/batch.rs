//! Lessons side by side as tensors, and what is lost on them.

use crate::lesson::{Lesson, Link};
use crate::storm;
use crate::studio::Studio;
use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::ops::log_softmax;
use situs_core::digest::Draw;
use situs_models::small::{
    CELLS, Given, Memory, Network, PROMPT, SIDE, Taught, Vocabulary, prompt_positions,
};
use std::collections::BTreeMap;

/// Share of lessons that are asked without a picture.
const BLIND: f64 = 0.05;
/// Weight of the places that the second pointer finds, against one word.
const PLACE: f64 = 20.0;
/// Where in a prompt the letters of a storm are listed.
const STORM_AT: usize = 13;
/// Weight of the letters that the first pointer finds, against one word.
const LETTER: f64 = 0.3;

/// What of a lesson is taught. Eye and words can be taught apart: they meet in the places that pointers find.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Finding the marks of the list in the picture; nothing is said.
    Eye,
    /// Finding letters in a storm of plates.
    Storm,
    /// Reading and answering, without a picture: the places are given.
    Words,
    /// Both, as it will be asked.
    Whole,
}

/// Lessons as tensors.
pub struct Batch {
    part: Part,
    /// Pictures, and for each lesson its picture.
    pictures: Option<(Tensor, Tensor)>,
    words: Tensor,
    positions: Tensor,
    blind: Option<Tensor>,
    /// Index of each spoken word's predecessor in `[b * t]`, the word itself, its weight, its link.
    spoken_at: Vec<u32>,
    spoken: Vec<u32>,
    weights: Vec<f32>,
    links: Vec<Link>,
    /// Index of each word that names a mark, and where that mark is.
    named_at: Vec<u32>,
    places: Vec<[f32; 2]>,
    /// Index of each letter, and the cells of its plates.
    letter_at: Vec<u32>,
    cells: Vec<Vec<u32>>,
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
    pub fn new(studio: &Studio, groups: &[&[Lesson]], part: Part, draw: &Draw) -> Result<Self> {
        let device = &Device::Cpu;
        let taken = |group: &&[Lesson]| if matches!(part, Part::Eye | Part::Storm) { group.len().min(1) } else { group.len() };
        let lessons: Vec<&Lesson> = groups.iter().flat_map(|group| &group[..taken(group)]).collect();
        let sequences: Vec<(Vec<u32>, Vec<u32>)> =
            lessons.iter().map(|lesson| sequence(lesson, part)).collect();
        let length = sequences.iter().map(|(words, _)| words.len()).max().unwrap_or(1);
        let (mut words, mut positions, mut blind) = (Vec::new(), Vec::new(), Vec::new());
        let mut batch = Self {
            part,
            pictures: None,
            words: Tensor::zeros((1, 1), DType::U32, device)?,
            positions: Tensor::zeros((1, 1), DType::U32, device)?,
            blind: None,
            spoken_at: Vec::new(),
            spoken: Vec::new(),
            weights: Vec::new(),
            links: Vec::new(),
            named_at: Vec::new(),
            places: Vec::new(),
            letter_at: Vec::new(),
            cells: Vec::new(),
        };
        for (at, (lesson, (own, places))) in lessons.iter().zip(&sequences).enumerate() {
            let start = at * length;
            let is_blind = part == Part::Whole && draw.of(at).unit() < BLIND;
            blind.push(0.0);
            blind.extend(std::iter::repeat_n(if is_blind { -1e9f32 } else { 0.0 }, CELLS * CELLS));
            words.extend(own);
            positions.extend(places);
            words.resize(start + length, 0);
            positions.resize(start + length, 0);
            if matches!(part, Part::Words | Part::Whole) {
                batch.spoken(lesson, start, is_blind);
            }
            if !is_blind && part != Part::Storm {
                batch.named(lesson, start, own);
            }
        }
        batch.words = Tensor::from_vec(words, (lessons.len(), length), device)?;
        batch.positions = Tensor::from_vec(positions, (lessons.len(), length), device)?;
        if part != Part::Words {
            let picture_of = (0..).zip(groups).flat_map(|(at, group)| std::iter::repeat_n(at, taken(group)));
            let picture_of: Vec<u32> = picture_of.collect();
            let pictures = batch.pixels(studio, groups, length, draw)?;
            batch.pictures = Some((pictures, Tensor::from_vec(picture_of, lessons.len(), device)?));
            batch.blind = Some(Tensor::from_vec(blind, (lessons.len(), 1, CELLS * CELLS + 1), device)?);
        }
        Ok(batch)
    }

    /// The pictures of some groups, from 0 to 1; in a storm with the cells of the letters that flew there.
    fn pixels(&mut self, studio: &Studio, groups: &[&[Lesson]], length: usize, draw: &Draw) -> Result<Tensor> {
        let mut pixels = Vec::with_capacity(groups.len() * SIDE * SIDE * 3);
        for (at, group) in groups.iter().enumerate() {
            let Some(picture) = group.first().and_then(|lesson| studio.pictures.get(lesson.picture)) else { continue };
            let mut bytes = picture.bytes().to_vec();
            if self.part == Part::Storm {
                for (letter, cells) in storm::paste(&mut bytes, &draw.of("storm").of(at)).into_iter().enumerate() {
                    if !cells.is_empty() {
                        self.letter_at.push((at * length + 2 * letter + 1) as u32);
                        self.cells.push(cells.into_iter().map(|cell| cell as u32 + 1).collect());
                    }
                }
            }
            pixels.extend(bytes.iter().map(|byte| f32::from(*byte) / 255.0));
        }
        Tensor::from_vec(pixels, (groups.len(), SIDE, SIDE, 3), &Device::Cpu)
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
        for (at, word) in words.iter().enumerate() {
            let Some(target) = lesson.targets.iter().find(|target| target.tokens.contains(word)) else {
                continue;
            };
            self.named_at.push((start + at) as u32);
            self.places.push(target.place);
            if let Some((_, place)) = target.plate.filter(|(letter, _)| letter == word) {
                let cell = |value: f32| ((value * CELLS as f32) as usize).min(CELLS - 1);
                self.letter_at.push((start + at) as u32);
                self.cells.push(vec![(cell(place[1]) * CELLS + cell(place[0]) + 1) as u32]);
            }
        }
    }

    /// The places of all words that name a mark.
    fn given(&self) -> Result<Given> {
        let (batch, length) = self.words.dims2()?;
        let mut told = vec![0f32; batch * length];
        let mut place = vec![0f32; batch * length * 2];
        for (at, known) in self.named_at.iter().zip(&self.places) {
            let at = *at as usize;
            told[at] = 1.0;
            place[at * 2..at * 2 + 2].copy_from_slice(known);
        }
        Ok(Given {
            told: Tensor::from_vec(told, (batch, length, 1), &Device::Cpu)?,
            place: Tensor::from_vec(place, (batch, length, 2), &Device::Cpu)?,
        })
    }

    fn places(&self) -> Result<Tensor> {
        Tensor::from_vec(self.places.concat(), (self.places.len(), 2), &Device::Cpu)
    }

    /// The loss, and what became of each link.
    pub fn loss(&self, network: &Network, tally: &mut Tally) -> Result<Tensor> {
        let device = &Device::Cpu;
        let sight = match &self.pictures {
            Some((pictures, picture_of)) => {
                network.look(Some(pictures), pictures.dim(0)?)?.select(picture_of)?
            }
            None => network.look(None, self.words.dim(0)?)?,
        };
        let given = if self.part == Part::Words { Some(self.given()?) } else { None };
        let taught = Taught { blind: self.blind.as_ref(), given: given.as_ref() };
        let thought = network.read(&self.words, &self.positions, &sight, taught, &mut Memory::default())?;
        let pick = |tensor: &Tensor, at: &[u32]| -> Result<Tensor> {
            tensor.flatten(0, 1)?.index_select(&Tensor::new(at, device)?, 0)
        };
        let mut loss = Tensor::zeros((), DType::F32, device)?;
        if matches!(self.part, Part::Words | Part::Whole) {
            let scores = network.speak(&pick(&thought.hidden, &self.spoken_at)?)?;
            let logs = log_softmax(&scores, D::Minus1)?;
            let spoken = Tensor::new(self.spoken.as_slice(), device)?.unsqueeze(1)?;
            let weights = Tensor::new(self.weights.as_slice(), device)?;
            let word_loss = (logs.gather(&spoken, 1)?.squeeze(1)? * &weights)?.sum_all()?.neg()?;
            loss = (word_loss / f64::from(self.weights.iter().sum::<f32>()))?;
            self.tally_words(&scores, tally)?;
            tally.add("loss words", f64::from(loss.to_scalar::<f32>()?), 1.0);
            if self.part == Part::Words {
                return Ok(loss);
            }
        }
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
            let mut there = vec![0f32; self.cells.len() * (CELLS * CELLS + 1)];
            for (row, cells) in there.chunks_mut(CELLS * CELLS + 1).zip(&self.cells) {
                cells.iter().for_each(|cell| row[*cell as usize] = 1.0);
            }
            let there = Tensor::from_vec(there, attention.shape(), device)?;
            let letter_loss = ((attention.clone() * there)?.sum(1)? + 1e-7)?.log()?.neg()?.mean_all()?;
            let name = if self.part == Part::Storm { "letters in the storm" } else { "letters" };
            for (found, cells) in attention.argmax(D::Minus1)?.to_vec1::<u32>()?.into_iter().zip(&self.cells) {
                tally.add(name, f64::from(u8::from(cells.iter().any(|cell| near(found, *cell)))), 1.0);
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

/// Words and positions of a lesson; for the eye only the list of marks, at the places where it will stand.
fn sequence(lesson: &Lesson, part: Part) -> (Vec<u32>, Vec<u32>) {
    let positions = prompt_positions(lesson.prompt.len());
    if part == Part::Storm {
        let letters = Vocabulary::LABELS.end - 6..Vocabulary::LABELS.end;
        let words: Vec<u32> = letters.flat_map(|letter| [Vocabulary::FORMS.start, letter]).collect();
        let count = words.len();
        return (words, positions.skip(STORM_AT).take(count).collect());
    }
    if part == Part::Eye {
        let listed = |word: &u32| Vocabulary::LABELS.contains(word) || Vocabulary::FORMS.contains(word);
        let first = lesson.prompt.iter().position(listed).unwrap_or(0);
        let count = lesson.prompt[first..].iter().take_while(|word| listed(word)).count();
        let words = lesson.prompt[first..first + count].to_vec();
        return (words, positions.skip(first).take(count).collect());
    }
    let mut words = lesson.prompt.clone();
    words.extend(lesson.reply[..lesson.reply.len() - 1].iter().map(|(word, _)| *word));
    let replied = (0..lesson.reply.len() as u32 - 1).map(|at| PROMPT as u32 + at);
    (words, positions.chain(replied).collect())
}

/// Whether two cells, counted from 1, touch.
fn near(a: u32, b: u32) -> bool {
    let side = CELLS as u32;
    let apart = |a: u32, b: u32| a.abs_diff(b) <= 1;
    a > 0 && apart((a - 1) % side, (b - 1) % side) && apart((a - 1) / side, (b - 1) / side)
}
