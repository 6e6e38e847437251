//! The network: an eye of four convolutions, a pointer, and a decoder.
//!
//! The pointer is attention from words to the cells of the picture. What it gives to a word is the expected place of that
//! attention and nothing else: a word that names a mark knows where it lies, and the decoder reasons about places. Eye
//! and pointer on one side, the decoder on the other meet in these two numbers, so each can be trained without the other.

use super::unfold::Unfold;
use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::{Init, VarBuilder, ops::softmax};

/// Side of the reduced picture in pixels.
pub const SIDE: usize = 256;
/// Cells of the eye's grid along each side.
pub const CELLS: usize = 32;
/// Most tokens of a prompt, the start of the reply included.
pub const PROMPT: usize = 160;
/// Most tokens of a reply.
pub const REPLY: usize = 48;

/// Width of the decoder.
const WIDTH: usize = 128;
/// Attention heads of a block.
const HEADS: usize = 4;
/// Blocks of the decoder.
const BLOCKS: usize = 4;
/// Width of a pointer's keys and values.
const KEY: usize = 64;
/// Channels after each convolution of the eye, and by how much it shrinks the picture.
const EYE: [(usize, usize); 4] = [(16, 2), (32, 2), (64, 2), (96, 1)];
/// Channels of a cell.
const FEATURES: usize = EYE[EYE.len() - 1].0;
/// Keeps a look that goes nowhere from a division by zero.
const SLIGHT: f64 = 1e-3;
/// Words before a word that its input knows of.
const SHIFTS: usize = 3;
/// Frequencies by which places are told, in half turns across the picture.
const FREQUENCIES: [f32; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
/// Numbers that tell a place: x, y, and sine and cosine of both at every frequency.
const PLACE: usize = 2 + 4 * FREQUENCIES.len();

fn weights(vb: &VarBuilder<'_>, rows: usize, columns: usize, gain: f64, name: &str) -> Result<Tensor> {
    let init = Init::Randn { mean: 0.0, stdev: gain / (rows as f64).sqrt() };
    vb.get_with_hints((rows, columns), name, init)
}

/// `[.., rows] x [rows, columns]`.
fn times(x: &Tensor, matrix: &Tensor) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let rows = matrix.dim(0)?;
    let flat = x.reshape(((), rows))?.matmul(matrix)?;
    if let Some(last) = shape.last_mut() {
        *last = matrix.dim(1)?;
    }
    flat.reshape(shape)
}

/// Root-mean-square normalisation over the last axis.
struct Norm {
    gain: Tensor,
}

impl Norm {
    fn new(vb: &VarBuilder<'_>, width: usize, gain: f64, name: &str) -> Result<Self> {
        Ok(Self { gain: vb.get_with_hints(width, name, Init::Const(gain))? })
    }

    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let size = (x.sqr()?.mean_keepdim(D::Minus1)? + 1e-5)?.sqrt()?;
        x.broadcast_div(&size)?.broadcast_mul(&self.gain)
    }
}

struct Convolution {
    weight: Tensor,
    bias: Tensor,
    stride: usize,
}

impl Convolution {
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let around = x.apply_op1(Unfold { stride: self.stride })?;
        times(&around, &self.weight)?.broadcast_add(&self.bias)?.relu()
    }
}

/// Finds the place of what a word names, in two looks: the first finds what the word says (a letter on its plate), the
/// second what belongs to that (the mark of the plate's colour). A word that names nothing to see looks at "nowhere".
struct Pointer {
    norm: Norm,
    first: Look,
    second: Look,
    value: Tensor,
    handed: Tensor,
    offset: Tensor,
    out: Tensor,
}

/// One attention head over the cells of the picture and "nowhere".
struct Look {
    query: Tensor,
    key: Tensor,
    nowhere: Tensor,
}

/// What the pointer needs to know of the pictures of a batch; `n` is 1 without a picture, else 1 + the number of cells.
#[derive(Clone)]
pub struct Sight {
    /// Keys of the first look, `[b, n, KEY]`.
    first: Tensor,
    /// Keys of the second look.
    second: Tensor,
    /// What the first look hands to the second.
    values: Tensor,
    /// x and y of each cell from 0 to 1, and 1 for "nowhere", `[b, n, 3]`.
    places: Tensor,
}

impl Sight {
    /// The sights of some pictures of the batch, one for each index.
    ///
    /// # Errors
    /// An index outside the batch.
    pub fn select(&self, pictures: &Tensor) -> Result<Self> {
        Ok(Self {
            first: self.first.index_select(pictures, 0)?,
            second: self.second.index_select(pictures, 0)?,
            values: self.values.index_select(pictures, 0)?,
            places: self.places.index_select(pictures, 0)?,
        })
    }
}

/// Where words look.
pub struct Pointed {
    /// Attention of the first look, `[b, t, n]`: "nowhere", then the cells row by row.
    pub first: Tensor,
    /// Attention of the second look, `[b, t, n]`.
    pub second: Tensor,
    /// How much of the second look goes nowhere, `[b, t, 1]`.
    pub nowhere: Tensor,
    /// Expected x and y of the second look, from 0 to 1 across the picture, `[b, t, 2]`.
    pub place: Tensor,
}

/// Places that words are told instead of finding them, which lets the words be trained without the eye.
pub struct Given {
    /// 1 where a place is given, 0 for words that look nowhere, `[b, t, 1]`.
    pub told: Tensor,
    /// The places, from 0 to 1, `[b, t, 2]`.
    pub place: Tensor,
}

impl Look {
    fn new(vb: &VarBuilder<'_>, queried: usize) -> Result<Self> {
        Ok(Self {
            query: weights(vb, queried, KEY, 1.0, "query")?,
            key: weights(vb, FEATURES, KEY, 1.0, "key")?,
            nowhere: vb.get_with_hints((1, 1, KEY), "nowhere", Init::Const(0.0))?,
        })
    }

    fn keys(&self, cells: Option<&Tensor>, batch: usize) -> Result<Tensor> {
        let nowhere = self.nowhere.broadcast_as((batch, 1, KEY))?.contiguous()?;
        match cells {
            None => Ok(nowhere),
            Some(cells) => Tensor::cat(&[&nowhere, &times(cells, &self.key)?], 1)?.contiguous(),
        }
    }

    fn attention(&self, x: &Tensor, keys: &Tensor, blind: Option<&Tensor>) -> Result<Tensor> {
        let query = (times(x, &self.query)? / (KEY as f64).sqrt())?;
        let mut logits = query.matmul(&keys.t()?)?;
        if let Some(blind) = blind {
            logits = logits.broadcast_add(blind)?;
        }
        softmax(&logits, D::Minus1)
    }
}

impl Pointer {
    fn new(vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            norm: Norm::new(vb, WIDTH, 1.0, "norm")?,
            first: Look::new(&vb.pp("first"), WIDTH)?,
            second: Look::new(&vb.pp("second"), WIDTH)?,
            value: weights(vb, FEATURES, KEY, 1.0, "value")?,
            handed: weights(vb, KEY, WIDTH, 1.0, "handed")?,
            offset: weights(vb, FEATURES, 2, 0.1, "offset")?,
            out: weights(vb, PLACE, WIDTH, 1.0, "out")?,
        })
    }

    fn sight(&self, cells: Option<&Tensor>, batch: usize) -> Result<Sight> {
        let device = self.value.device();
        let (first, second) = (self.first.keys(cells, batch)?, self.second.keys(cells, batch)?);
        let nothing = Tensor::zeros((batch, 1, KEY), DType::F32, device)?;
        let middle =
            Tensor::new(&[[[0.5f32, 0.5, 1.0]]], device)?.broadcast_as((batch, 1, 3))?.contiguous()?;
        let Some(cells) = cells else { return Ok(Sight { first, second, values: nothing, places: middle }) };
        let count = cells.dim(1)?;
        let side = count.isqrt();
        let centre = |at: usize| (at as f32 + 0.5) / side as f32;
        let grid: Vec<f32> = (0..count).flat_map(|cell| [centre(cell % side), centre(cell / side)]).collect();
        let grid = Tensor::from_vec(grid, (1, count, 2), device)?;
        let places = (times(cells, &self.offset)?.tanh()? / side as f64)?.broadcast_add(&grid)?;
        let places = Tensor::cat(&[&places, &Tensor::zeros((batch, count, 1), DType::F32, device)?], 2)?;
        Ok(Sight {
            first,
            second,
            values: Tensor::cat(&[&nothing, &times(cells, &self.value)?], 1)?.contiguous()?,
            places: Tensor::cat(&[&middle, &places], 1)?.contiguous()?,
        })
    }

    /// `blind` is added to the attention's logits, `[b, 1, n]`.
    fn find(&self, x: &Tensor, sight: &Sight, blind: Option<&Tensor>) -> Result<Pointed> {
        let x = self.norm.apply(x)?;
        let first = self.first.attention(&x, &sight.first, blind)?;
        let handed = times(&first.matmul(&sight.values)?, &self.handed)?;
        let second = self.second.attention(&(x + handed)?, &sight.second, blind)?;
        let found = second.matmul(&sight.places)?;
        let (place, nowhere) = (found.narrow(D::Minus1, 0, 2)?, found.narrow(D::Minus1, 2, 1)?);
        // The place of what was seen, whatever part of the look went nowhere.
        let seen = ((1.0 + SLIGHT) - &nowhere)?;
        let place = place.broadcast_sub(&(&nowhere * 0.5)?)?.broadcast_div(&seen)?;
        Ok(Pointed { first, second, nowhere, place })
    }

    /// What a place adds to its word; nothing where there is none.
    fn tell(&self, place: &Tensor, seen: &Tensor) -> Result<Tensor> {
        let centred = ((place * 2.0)? - 1.0)?;
        let mut parts = vec![centred];
        for frequency in FREQUENCIES {
            let angle = (place * f64::from(frequency * std::f32::consts::PI))?;
            parts.push(angle.sin()?);
            parts.push(angle.cos()?);
        }
        times(&Tensor::cat(&parts, D::Minus1)?, &self.out)?.broadcast_mul(seen)
    }
}

struct Block {
    attention_norm: Norm,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    mlp_norm: Norm,
    up: Tensor,
    up_bias: Tensor,
    down: Tensor,
}

impl Block {
    fn new(vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            attention_norm: Norm::new(vb, WIDTH, 1.0, "attention_norm")?,
            query: weights(vb, WIDTH, WIDTH, 1.0, "query")?,
            key: weights(vb, WIDTH, WIDTH, 1.0, "key")?,
            value: weights(vb, WIDTH, WIDTH, 1.0, "value")?,
            out: weights(vb, WIDTH, WIDTH, 0.35, "out")?,
            mlp_norm: Norm::new(vb, WIDTH, 1.0, "mlp_norm")?,
            up: weights(vb, WIDTH, 4 * WIDTH, 1.4, "up")?,
            up_bias: vb.get_with_hints(4 * WIDTH, "up_bias", Init::Const(0.0))?,
            down: weights(vb, 4 * WIDTH, WIDTH, 0.35, "down")?,
        })
    }

    /// Attention over earlier words; those of `past` are there already.
    fn attend(
        &self,
        x: &Tensor,
        mask: Option<&Tensor>,
        past: &mut Option<(Tensor, Tensor)>,
    ) -> Result<Tensor> {
        let (batch, length, _) = x.dims3()?;
        let x = self.attention_norm.apply(x)?;
        let heads = |matrix: &Tensor| -> Result<Tensor> {
            times(&x, matrix)?.reshape((batch, length, HEADS, WIDTH / HEADS))?.transpose(1, 2)?.contiguous()
        };
        let (query, mut key, mut value) = (heads(&self.query)?, heads(&self.key)?, heads(&self.value)?);
        if let Some((keys, values)) = past.take() {
            key = Tensor::cat(&[&keys, &key], 2)?;
            value = Tensor::cat(&[&values, &value], 2)?;
        }
        let mut logits = (query.matmul(&key.t()?)? / ((WIDTH / HEADS) as f64).sqrt())?;
        if let Some(mask) = mask {
            logits = logits.broadcast_add(mask)?;
        }
        let mixed = softmax(&logits, D::Minus1)?.matmul(&value)?;
        *past = Some((key, value));
        times(&mixed.transpose(1, 2)?.reshape((batch, length, WIDTH))?, &self.out)
    }

    fn think(&self, x: &Tensor) -> Result<Tensor> {
        let up = times(&self.mlp_norm.apply(x)?, &self.up)?.broadcast_add(&self.up_bias)?;
        times(&up.relu()?, &self.down)
    }
}

/// What a sequence remembers of the words it has read: keys and values of each block, and the last words themselves.
#[derive(Clone, Default)]
pub struct Memory {
    blocks: Vec<Option<(Tensor, Tensor)>>,
    words: Option<Tensor>,
}

/// How words get to know places.
#[derive(Clone, Copy)]
pub enum Places<'a> {
    /// They look; the tensor is added to the attention's logits, `[b, 1, n]`, for sequences that must not.
    Seen(&'a Sight, Option<&'a Tensor>),
    /// They are told.
    Given(&'a Given),
}

/// What came out of a pass.
pub struct Thought {
    /// Hidden states, normalised, `[b, t, WIDTH]`.
    pub hidden: Tensor,
    /// Where words looked, if they did.
    pub pointed: Option<Pointed>,
}

/// The small vision-language model.
pub struct Network {
    eye: Vec<Convolution>,
    eye_norm: Norm,
    words: Tensor,
    positions: Tensor,
    shifts: Vec<Tensor>,
    pointer: Pointer,
    blocks: Vec<Block>,
    norm: Norm,
}

impl Network {
    /// A network over given or fresh weights.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape.
    pub fn new(vb: &VarBuilder<'_>, vocabulary: usize) -> Result<Self> {
        let mut eye = Vec::new();
        let mut channels = 3;
        for (at, (wider, stride)) in EYE.into_iter().enumerate() {
            let vb = vb.pp(format!("eye.{at}"));
            let weight = weights(&vb, 9 * channels, wider, 1.4, "weight")?;
            eye.push(Convolution {
                weight,
                bias: vb.get_with_hints(wider, "bias", Init::Const(0.0))?,
                stride,
            });
            channels = wider;
        }
        let shift = |at: usize| weights(vb, WIDTH, WIDTH, 0.5, &format!("shift.{at}"));
        let block = |at: usize| Block::new(&vb.pp(format!("block.{at}")));
        let small = Init::Randn { mean: 0.0, stdev: 0.1 };
        Ok(Self {
            eye,
            eye_norm: Norm::new(vb, channels, 1.0, "eye.norm")?,
            words: vb.get_with_hints((vocabulary, WIDTH), "words", Init::Randn { mean: 0.0, stdev: 0.3 })?,
            positions: vb.get_with_hints((PROMPT + REPLY, WIDTH), "positions", small)?,
            shifts: (1..=SHIFTS).map(shift).collect::<Result<_>>()?,
            pointer: Pointer::new(&vb.pp("pointer"))?,
            blocks: (0..BLOCKS).map(block).collect::<Result<_>>()?,
            norm: Norm::new(vb, WIDTH, 0.3, "norm")?,
        })
    }

    /// Word embeddings, `[vocabulary, WIDTH]`; the output uses the same.
    pub fn words(&self) -> &Tensor {
        &self.words
    }

    /// Looks at square pictures, `[b, s, s, 3]` in f32 from 0 to 1; without any, at nothing, `batch` times.
    ///
    /// # Errors
    /// Another shape.
    pub fn look(&self, pictures: Option<&Tensor>, batch: usize) -> Result<Sight> {
        let Some(pictures) = pictures else { return self.pointer.sight(None, batch) };
        let mut x = pictures.clone();
        for convolution in &self.eye {
            x = convolution.apply(&x)?;
        }
        let cells = x.flatten(1, 2)?;
        self.pointer.sight(Some(&self.eye_norm.apply(&cells)?), batch)
    }

    /// Where words `[b, t]` look, whatever stands around them but the few words before.
    ///
    /// # Errors
    /// Ids outside the vocabulary.
    pub fn point(&self, words: &Tensor, sight: &Sight) -> Result<Pointed> {
        self.pointer.find(&self.embed(words, &mut Memory::default())?, sight, None)
    }

    /// Words with a trace of those before them.
    fn embed(&self, words: &Tensor, memory: &mut Memory) -> Result<Tensor> {
        let (batch, length) = words.dims2()?;
        let own = self.words.index_select(&words.flatten_all()?, 0)?.reshape((batch, length, WIDTH))?;
        let before = match memory.words.take() {
            Some(before) => before,
            None => Tensor::zeros((batch, SHIFTS, WIDTH), DType::F32, words.device())?,
        };
        let line = Tensor::cat(&[&before, &own], 1)?;
        let mut x = own;
        for (back, shift) in (1..).zip(&self.shifts) {
            x = (x + times(&line.narrow(1, SHIFTS - back, length)?.contiguous()?, shift)?)?;
        }
        memory.words = Some(line.narrow(1, length, SHIFTS)?.contiguous()?);
        Ok(x)
    }

    /// Reads words `[b, t]` that stand at positions `[b, t]` (both u32). With an empty memory, `t` may be anything; with
    /// one that has read words, it is 1.
    ///
    /// # Errors
    /// Ids or positions outside their tables.
    pub fn read(
        &self,
        words: &Tensor,
        positions: &Tensor,
        places: Places<'_>,
        memory: &mut Memory,
    ) -> Result<Thought> {
        let (batch, length) = words.dims2()?;
        let embedded = self.embed(words, memory)?;
        let (told, pointed) = match places {
            Places::Given(given) => (self.pointer.tell(&given.place, &given.told)?, None),
            Places::Seen(sight, blind) => {
                let pointed = self.pointer.find(&embedded, sight, blind)?;
                (self.pointer.tell(&pointed.place, &(1.0 - &pointed.nowhere)?)?, Some(pointed))
            }
        };
        let stands =
            self.positions.index_select(&positions.flatten_all()?, 0)?.reshape((batch, length, WIDTH))?;
        let mut x = ((embedded + stands)? + told)?;
        memory.blocks.resize(BLOCKS, None);
        let mask = if length > 1 { Some(earlier(length, words.device())?) } else { None };
        for (block, past) in self.blocks.iter().zip(&mut memory.blocks) {
            x = (&x + block.attend(&x, mask.as_ref(), past)?)?;
            x = (&x + block.think(&x)?)?;
        }
        Ok(Thought { hidden: self.norm.apply(&x)?, pointed })
    }

    /// Scores of all words after each hidden state, `[.., WIDTH]` to `[.., vocabulary]`.
    ///
    /// # Errors
    /// Another width.
    pub fn speak(&self, hidden: &Tensor) -> Result<Tensor> {
        times(&hidden.contiguous()?, &self.words.t()?)
    }
}

/// Nothing for words up to one's own, minus infinity (nearly) for later ones; `[t, t]`.
fn earlier(length: usize, device: &Device) -> Result<Tensor> {
    let mask: Vec<f32> = (0..length)
        .flat_map(|own| (0..length).map(move |other| if other > own { -1e9 } else { 0.0 }))
        .collect();
    Tensor::from_vec(mask, (length, length), device)
}
