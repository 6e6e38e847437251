//! Teaching eye and pointer: short runs of words, parts of pictures, and where the words shall look.

use crate::lesson::{Lesson, Target};
use crate::storm;
use crate::studio::Studio;
use crate::tally::Tally;
use candle_core::{D, Device, Result, Tensor};
use situs_core::digest::Draw;
use situs_models::small::{CELLS, Network, SIDE, Vocabulary};

/// Words that a word's input knows of, itself included.
const RUN: usize = 4;
/// Runs of words asked of one picture.
const RUNS: usize = 16;
/// Pixels of a cell.
const CELL: usize = SIDE / CELLS;
/// Side of a part of a picture that is shown instead of the whole, in pixels.
pub const PART: usize = SIDE / 2;
/// Weight of the place found, squared and in cells, against one letter.
const PLACE: f64 = 0.2;
/// Weight of looking at the box around the mark.
const HELD: f64 = 0.5;
/// Weight of looking nowhere where there is nothing to be seen.
const NOWHERE: f64 = 0.2;

/// Parts of pictures with runs of words.
pub struct EyeBatch {
    stormy: bool,
    side: usize,
    pixels: Vec<f32>,
    words: Vec<u32>,
    pictures: usize,
    /// Words that name a mark.
    named: Vec<Named>,
    /// Indices of words that name nothing.
    nameless: Vec<u32>,
    /// Indices of letters, and the cells that hold their plates.
    letters: Vec<(u32, Vec<usize>)>,
}

/// A word that names a mark.
struct Named {
    /// Index of the word.
    at: u32,
    /// Where the mark lies, in cells of the part.
    place: [f32; 2],
    /// Cells that the box around it touches.
    cells: Vec<usize>,
}

/// A square part of a picture.
#[derive(Clone, Copy)]
struct Window {
    left: usize,
    top: usize,
    side: usize,
}

impl Window {
    /// A place (0 to 1 across the picture) in pixels of this part, if it lies inside.
    fn inside(&self, [x, y]: [f32; 2]) -> Option<[f32; 2]> {
        let place = [x * SIDE as f32 - self.left as f32, y * SIDE as f32 - self.top as f32];
        place.iter().all(|at| (0.0..self.side as f32).contains(at)).then_some(place)
    }

    fn holds(&self, [x0, y0, x1, y1]: [f32; 4]) -> bool {
        self.inside([x0, y0]).is_some() && self.inside([x1, y1]).is_some()
    }

    /// Cells of this part that a box touches, row by row.
    fn cells(&self, [x0, y0, x1, y1]: [f32; 4]) -> Vec<usize> {
        let wide = self.side / CELL;
        let cell = |value: f32, start: usize| {
            ((value * SIDE as f32 - start as f32).max(0.0) as usize / CELL).min(wide - 1)
        };
        let columns = cell(x0, self.left)..=cell(x1, self.left);
        let rows = cell(y0, self.top)..=cell(y1, self.top);
        rows.flat_map(|row| columns.clone().map(move |column| row * wide + column)).collect()
    }

    /// A window around a box, wherever it fits.
    fn around([x0, y0, x1, y1]: [f32; 4], side: usize, draw: &Draw) -> Option<Self> {
        let place = |low: f32, high: f32, draw: Draw| {
            let (low, high) =
                ((low * SIDE as f32).floor().max(0.0) as usize, (high * SIDE as f32).ceil() as usize + 1);
            let least = high.saturating_sub(side);
            let most = low.min(SIDE - side);
            (least <= most).then(|| least + draw.below(most - least + 1))
        };
        Some(Self { left: place(x0, x1, draw.of("x"))?, top: place(y0, y1, draw.of("y"))?, side })
    }

    fn cut(&self, bytes: &[u8]) -> Vec<u8> {
        let rows = (self.top..self.top + self.side).map(|row| (row * SIDE + self.left) * 3);
        rows.flat_map(|start| &bytes[start..start + self.side * 3]).copied().collect()
    }
}

impl EyeBatch {
    fn empty(side: usize, stormy: bool) -> Self {
        Self {
            stormy,
            side,
            pixels: Vec::new(),
            words: Vec::new(),
            pictures: 0,
            named: Vec::new(),
            nameless: Vec::new(),
            letters: Vec::new(),
        }
    }

    fn push(&mut self, bytes: &[u8], words: &[u32]) {
        self.pixels.extend(bytes.iter().map(|byte| f32::from(*byte) / 255.0));
        self.words.extend(words);
        self.pictures += 1;
        self.words.resize(self.pictures * RUNS * RUN, Vocabulary::UNKNOWN);
    }

    /// Marks of real pictures, on parts with sides of `side` pixels.
    pub fn marks(studio: &Studio, groups: &[&[Lesson]], side: usize, draw: &Draw) -> Self {
        let mut batch = Self::empty(side, false);
        for (at, group) in groups.iter().enumerate() {
            let draw = draw.of(at);
            let Some(lesson) = group.get(draw.of("lesson").below(group.len())) else { continue };
            let Some(picture) = studio.pictures.get(lesson.picture) else { continue };
            let Some(target) = lesson.targets.get(draw.of("target").below(lesson.targets.len())) else {
                continue;
            };
            let window = if side == SIDE {
                Window { left: 0, top: 0, side }
            } else {
                let Some(window) = Window::around(target.with_plate(), side, &draw) else { continue };
                window
            };
            let words = batch.runs(lesson, window, &draw);
            batch.push(&window.cut(picture.bytes()), &words);
        }
        batch
    }

    /// Runs of words of a lesson, and what they shall look at in a part of its picture.
    fn runs(&mut self, lesson: &Lesson, window: Window, draw: &Draw) -> Vec<u32> {
        let mut sequence = lesson.prompt.clone();
        sequence.extend(lesson.reply.iter().map(|(word, _)| *word));
        let mut words = Vec::new();
        for end in draw.of("runs").order(sequence.len()) {
            if words.len() == RUNS * RUN {
                break;
            }
            let Some(run) = (end + 1).checked_sub(RUN).map(|start| &sequence[start..=end]) else { continue };
            let word = sequence[end];
            let index = (self.pictures * RUNS * RUN + words.len() + RUN - 1) as u32;
            if Vocabulary::LABELS.contains(&word) {
                let known = lesson.targets.iter().find(|target| target.tokens.contains(&word));
                let Some(target) = known.filter(|target| window.holds(target.with_plate())) else { continue };
                let Some(place) = window.inside(target.place) else { continue };
                self.named.push(Named {
                    at: index,
                    place: place.map(|at| at / CELL as f32),
                    cells: window.cells(target.extent),
                });
                let plate = target.plate.filter(|(letter, _)| *letter == word);
                if let Some([x, y]) = plate.and_then(|(_, middle)| window.inside(middle)) {
                    let cell = y as usize / CELL * (window.side / CELL) + x as usize / CELL;
                    self.letters.push((index, vec![cell]));
                }
            } else if draw.of("nameless").of(end).unit() < 0.25 {
                self.nameless.push(index);
            } else {
                continue;
            }
            words.extend(run);
        }
        words
    }

    /// Letters alone, many on every part.
    pub fn storm(studio: &Studio, groups: &[&[Lesson]], side: usize, draw: &Draw) -> Self {
        let mut batch = Self::empty(side, true);
        for (at, group) in groups.iter().enumerate() {
            let draw = draw.of(at);
            let Some(lesson) = group.first() else { continue };
            let Some(picture) = studio.pictures.get(lesson.picture) else { continue };
            let room = SIDE - side + 1;
            let window = Window { left: draw.of("left").below(room), top: draw.of("top").below(room), side };
            let mut bytes = window.cut(picture.bytes());
            let mut words = Vec::new();
            let first = Vocabulary::LABELS.end - 6;
            for (letter, cells) in (first..).zip(storm::paste(&mut bytes, side, &draw)) {
                if cells.is_empty() {
                    continue;
                }
                let index = (batch.pictures * RUNS * RUN + words.len() + RUN - 1) as u32;
                batch.letters.push((index, cells));
                // Whatever stood before a letter somewhere.
                let before = draw.of("before").of(letter).below(lesson.prompt.len() - RUN);
                words.extend(&lesson.prompt[before..before + RUN - 1]);
                words.push(letter);
            }
            batch.push(&bytes, &words);
        }
        batch
    }

    /// The loss; `None` where nothing fitted.
    pub fn loss(&self, network: &Network, tally: &mut Tally) -> Result<Option<Tensor>> {
        let device = &Device::Cpu;
        if self.pictures == 0 {
            return Ok(None);
        }
        let pixels = Tensor::from_slice(&self.pixels, (self.pictures, self.side, self.side, 3), device)?;
        let words = Tensor::from_slice(&self.words, (self.pictures, RUNS * RUN), device)?;
        let pointed = network.point(&words, &network.look(Some(&pixels), self.pictures)?)?;
        let pick = |tensor: &Tensor, at: Vec<u32>| -> Result<Tensor> {
            tensor.flatten(0, 1)?.index_select(&Tensor::new(at, device)?, 0)
        };
        let mut loss = Tensor::zeros((), candle_core::DType::F32, device)?;
        let cells = self.side / CELL;
        if !self.named.is_empty() {
            let at: Vec<u32> = self.named.iter().map(|named| named.at).collect();
            let places: Vec<f32> = self.named.iter().flat_map(|named| named.place).collect();
            let found = (pick(&pointed.place, at.clone())? * cells as f64)?;
            let missed = (found - Tensor::from_vec(places, (at.len(), 2), device)?)?.sqr()?.sum(1)?;
            let pixels = 512.0 / CELLS as f64;
            for missed in missed.sqrt()?.to_vec1::<f32>()? {
                tally.add("missed by px", f64::from(missed) * pixels, 1.0);
                tally.add("within 8 px", f64::from(u8::from(f64::from(missed) * pixels < 8.0)), 1.0);
            }
            // Far misses count by their distance, near ones by its square.
            let bounded = ((missed + 1.0)?.sqrt()? - 1.0)?;
            loss = (loss + (bounded.mean_all()? * (2.0 * PLACE))?)?;
            let touched = self.named.iter().map(|named| named.cells.as_slice());
            let held = held(&pick(&pointed.second, at)?, touched)?;
            loss = (loss + (held.log()?.neg()?.mean_all()? * HELD)?)?;
        }
        if !self.nameless.is_empty() {
            let nowhere = pick(&pointed.nowhere, self.nameless.clone())?;
            tally.add("nowhere", f64::from(nowhere.mean_all()?.to_scalar::<f32>()?), 1.0);
            loss = (loss + ((nowhere + 1e-4)?.log()?.neg()?.mean_all()? * NOWHERE)?)?;
        }
        if !self.letters.is_empty() {
            let at: Vec<u32> = self.letters.iter().map(|(at, _)| *at).collect();
            let attention = pick(&pointed.first, at)?;
            let name = if self.stormy { "letters in the storm" } else { "letters" };
            for (found, (_, held)) in
                attention.argmax(D::Minus1)?.to_vec1::<u32>()?.into_iter().zip(&self.letters)
            {
                let near = |cell: &usize| {
                    let found = found as usize;
                    let apart = |a: usize, b: usize| a.abs_diff(b) <= 1;
                    found > 0
                        && apart((found - 1) % cells, cell % cells)
                        && apart((found - 1) / cells, cell / cells)
                };
                tally.add(name, f64::from(u8::from(held.iter().any(near))), 1.0);
            }
            let plates = self.letters.iter().map(|(_, cells)| cells.as_slice());
            loss = (loss + held(&attention, plates)?.log()?.neg()?.mean_all()?)?;
        }
        Ok(Some(loss))
    }
}

/// How much of each row of attention (over "nowhere" and the cells) falls on some cells.
fn held<'a>(attention: &Tensor, cells: impl Iterator<Item = &'a [usize]>) -> Result<Tensor> {
    let (rows, width) = attention.dims2()?;
    let mut there = vec![0f32; rows * width];
    for (row, cells) in there.chunks_mut(width).zip(cells) {
        cells.iter().for_each(|cell| row[*cell + 1] = 1.0);
    }
    (attention * Tensor::from_vec(there, (rows, width), attention.device())?)?.sum(1)? + 1e-6
}

impl Target {
    /// The box around a mark and the plate of its letter, from 0 to 1.
    fn with_plate(&self) -> [f32; 4] {
        let [x0, y0, x1, y1] = self.extent;
        match self.plate {
            None => self.extent,
            Some((_, [x, y])) => {
                let (across, down) = (8.0 / 512.0, 10.0 / 512.0);
                [x0.min(x - across), y0.min(y - down), x1.max(x + across), y1.max(y + down)]
            }
        }
    }
}
