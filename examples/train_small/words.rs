//! Teaching the decoder: whole lessons, with the places of marks given, or found in the picture.

use crate::lesson::{Lesson, Link};
use crate::studio::Studio;
use crate::tally::Tally;
use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::log_softmax;
use situs_core::digest::Draw;
use situs_models::small::{
    CELLS, Given, Memory, Network, PROMPT, Places, SIDE, Vocabulary, prompt_positions,
};

/// Share of lessons that are asked without any places: who does not look shall guess, but in whole sentences.
const BLIND: f64 = 0.1;
/// Share of lessons whose prompt is cut to what matters, while places are given: half the words, twice the lessons.
const CUT: f64 = 0.75;
/// Spread of places that are given, as a share of the picture: what the eye will miss by.
const SPREAD: f64 = 0.003;

/// Lessons side by side.
pub struct WordBatch {
    words: Tensor,
    positions: Tensor,
    given: Given,
    /// Index of each spoken word's predecessor, the word itself, its link.
    spoken: Vec<(u32, u32, Link)>,
    /// Pictures, for each lesson its picture, and what keeps blind lessons from looking.
    shown: Option<(Tensor, Tensor, Tensor)>,
}

fn weight(link: Link) -> f32 {
    match link {
        Link::Answer | Link::Compare | Link::Same | Link::Winner => 2.0,
        Link::Tag => 0.2,
        _ => 1.0,
    }
}

impl WordBatch {
    /// The lessons on some pictures; without `shown`, places are given.
    pub fn new(studio: &Studio, groups: &[&[Lesson]], shown: bool, draw: &Draw) -> Result<Self> {
        let device = &Device::Cpu;
        let lessons: Vec<&Lesson> = groups.iter().flat_map(|group| group.iter()).collect();
        let sequences: Vec<(Vec<u32>, Vec<u32>)> = (0..)
            .zip(&lessons)
            .map(|(at, lesson)| sequence(lesson, !shown && draw.of("cut").of(at as u64).unit() < CUT))
            .collect();
        let length = sequences.iter().map(|(words, _)| words.len()).max().unwrap_or(1);
        let size = lessons.len() * length;
        let (mut words, mut positions, mut spoken) =
            (Vec::with_capacity(size), Vec::with_capacity(size), Vec::new());
        let (mut told, mut place) = (vec![0f32; size], vec![0f32; size * 2]);
        let mut blind = Vec::new();
        for (at, (lesson, (own, stands))) in lessons.iter().zip(&sequences).enumerate() {
            let start = at * length;
            let is_blind = draw.of("blind").of(at).unit() < BLIND;
            blind.push(0.0);
            blind.extend(std::iter::repeat_n(if is_blind { -1e9f32 } else { 0.0 }, CELLS * CELLS));
            words.extend(own);
            positions.extend(stands);
            words.resize(start + length, Vocabulary::UNKNOWN);
            positions.resize(start + length, 0);
            let first = start + own.len() - lesson.reply.len();
            for (step, (word, link)) in lesson.reply.iter().enumerate() {
                spoken.push(((first + step) as u32, *word, *link));
            }
            for (index, word) in own.iter().enumerate() {
                let known = lesson.targets.iter().find(|target| target.tokens.contains(word));
                let Some(target) = known.filter(|_| !is_blind) else { continue };
                let (dx, dy) = draw.of("spread").of(at).of(*word).normal_pair();
                told[start + index] = 1.0;
                place[(start + index) * 2] = target.place[0] + (dx * SPREAD) as f32;
                place[(start + index) * 2 + 1] = target.place[1] + (dy * SPREAD) as f32;
            }
        }
        let shape = (lessons.len(), length);
        let shown = if shown {
            let picture_of =
                (0u32..).zip(groups).flat_map(|(at, group)| std::iter::repeat_n(at, group.len()));
            let picture_of = Tensor::from_vec(picture_of.collect::<Vec<u32>>(), lessons.len(), device)?;
            let blind = Tensor::from_vec(blind, (lessons.len(), 1, CELLS * CELLS + 1), device)?;
            Some((pixels(studio, groups)?, picture_of, blind))
        } else {
            None
        };
        Ok(Self {
            words: Tensor::from_vec(words, shape, device)?,
            positions: Tensor::from_vec(positions, shape, device)?,
            given: Given {
                told: Tensor::from_vec(told, (shape.0, length, 1), device)?,
                place: Tensor::from_vec(place, (shape.0, length, 2), device)?,
            },
            spoken,
            shown,
        })
    }

    /// The loss, and what became of each link.
    pub fn loss(&self, network: &Network, tally: &mut Tally) -> Result<Tensor> {
        let device = &Device::Cpu;
        let memory = &mut Memory::default();
        let thought = match &self.shown {
            None => network.read(&self.words, &self.positions, Places::Given(&self.given), memory)?,
            Some((pictures, picture_of, blind)) => {
                let sight = network.look(Some(pictures), pictures.dim(0)?)?.select(picture_of)?;
                network.read(&self.words, &self.positions, Places::Seen(&sight, Some(blind)), memory)?
            }
        };
        let at: Vec<u32> = self.spoken.iter().map(|(at, ..)| *at).collect();
        let hidden = thought.hidden.flatten(0, 1)?.index_select(&Tensor::new(at, device)?, 0)?;
        let scores = network.speak(&hidden)?;
        let spoken: Vec<u32> = self.spoken.iter().map(|(_, word, _)| *word).collect();
        let weights: Vec<f32> = self.spoken.iter().map(|(.., link)| weight(*link)).collect();
        let whole = f64::from(weights.iter().sum::<f32>());
        let logs = log_softmax(&scores, D::Minus1)?.gather(&Tensor::new(spoken, device)?.unsqueeze(1)?, 1)?;
        let loss = ((logs.squeeze(1)? * Tensor::new(weights, device)?)?.sum_all()?.neg()? / whole)?;
        for (chosen, (_, word, link)) in scores.argmax(D::Minus1)?.to_vec1::<u32>()?.iter().zip(&self.spoken)
        {
            tally.add(format!("{link:?}"), f64::from(u8::from(chosen == word)), 1.0);
            if *link == Link::Number {
                tally.add("number within 1", f64::from(u8::from(chosen.abs_diff(*word) <= 1)), 1.0);
            }
        }
        tally.add("loss words", f64::from(loss.to_scalar::<f32>()?), 1.0);
        Ok(loss)
    }
}

/// The pictures of some groups, from 0 to 1.
fn pixels(studio: &Studio, groups: &[&[Lesson]]) -> Result<Tensor> {
    let mut pixels = Vec::with_capacity(groups.len() * SIDE * SIDE * 3);
    for group in groups {
        if let Some(picture) = group.first().and_then(|lesson| studio.pictures.get(lesson.picture)) {
            pixels.extend(picture.bytes().iter().map(|byte| f32::from(*byte) / 255.0));
        }
    }
    Tensor::from_vec(pixels, (groups.len(), SIDE, SIDE, 3), &Device::Cpu)
}

/// Words and positions of a lesson. Cut, it lacks the list of marks, and what is said before that where the question is
/// about the picture alone.
fn sequence(lesson: &Lesson, cut: bool) -> (Vec<u32>, Vec<u32>) {
    let listed = |word: &u32| Vocabulary::LABELS.contains(word) || Vocabulary::FORMS.contains(word);
    let first = lesson.prompt.iter().position(listed).unwrap_or(0);
    let count = lesson.prompt[first..].iter().take_while(|word| listed(word)).count();
    let kept = |at: usize| match (cut && lesson.template != "LX-O", lesson.about_picture) {
        (false, _) => true,
        (true, false) => !(first..first + count).contains(&at),
        (true, true) => at >= first + count,
    };
    let (mut words, mut positions): (Vec<u32>, Vec<u32>) = lesson
        .prompt
        .iter()
        .copied()
        .zip(prompt_positions(lesson.prompt.len()))
        .enumerate()
        .filter(|(at, _)| kept(*at))
        .map(|(_, pair)| pair)
        .unzip();
    words.extend(lesson.reply[..lesson.reply.len() - 1].iter().map(|(word, _)| *word));
    positions.extend((0..lesson.reply.len() as u32 - 1).map(|at| PROMPT as u32 + at));
    (words, positions)
}
