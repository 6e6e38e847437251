//! The network: an eye of four convolutions, and a decoder that points into the picture.
//!
//! Two of the decoder's blocks hold a pointer: one attention head over the cells of the picture. It gives back what the
//! eye saw there and the expected place of its attention, so that after pointing a word knows where its mark lies.

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
/// Blocks of the decoder; the first [`POINTERS`] of them point.
const BLOCKS: usize = 4;
/// Blocks with a pointer.
const POINTERS: usize = 2;
/// Width of a pointer's keys and values.
const KEY: usize = 64;
/// Channels after each convolution of the eye, and by how much it shrinks the picture.
const EYE: [(usize, usize); 4] = [(16, 2), (32, 2), (64, 2), (96, 1)];
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

/// One head over the cells of the picture and an empty cell for "nowhere".
struct Pointer {
    norm: Norm,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    offset: Tensor,
    nowhere_key: Tensor,
    nowhere_value: Tensor,
    out: Tensor,
}

/// What a pointer needs to know of the pictures of a batch: keys `[b, n, KEY]`, values `[b, n, KEY + 3]` (features, x and y
/// from 0 to 1, whether the cell is "nowhere"); `n` is 1 without a picture and `CELLS * CELLS + 1` with one.
#[derive(Clone)]
pub struct Sight {
    pointers: Vec<(Tensor, Tensor)>,
}

impl Sight {
    /// The sights of some pictures of the batch, one for each index.
    ///
    /// # Errors
    /// An index outside the batch.
    pub fn select(&self, pictures: &Tensor) -> Result<Self> {
        let pointers = self
            .pointers
            .iter()
            .map(|(keys, values)| Ok((keys.index_select(pictures, 0)?, values.index_select(pictures, 0)?)));
        Ok(Self { pointers: pointers.collect::<Result<_>>()? })
    }
}

/// Where a pointer looked: attention over "nowhere" and the cells `[b, t, n]`, and the expected place `[b, t, 2]`.
pub struct Pointed {
    /// Attention; "nowhere" first, then the cells row by row.
    pub attention: Tensor,
    /// Expected x and y, from 0 to 1 across the reduced picture.
    pub place: Tensor,
}

/// Places that words are told instead of finding them: where `told` is 1 (`[b, t, 1]`), `place` (`[b, t, 2]`) stands in
/// for what the last pointer finds. Lets the words be trained before the eye.
pub struct Given {
    /// 1 where a place is given, 0 elsewhere.
    pub told: Tensor,
    /// The places, from 0 to 1.
    pub place: Tensor,
}

impl Pointer {
    fn new(vb: &VarBuilder<'_>) -> Result<Self> {
        let features = EYE[EYE.len() - 1].0;
        Ok(Self {
            norm: Norm::new(vb, WIDTH, 1.0, "norm")?,
            query: weights(vb, WIDTH, KEY, 1.0, "query")?,
            key: weights(vb, features, KEY, 1.0, "key")?,
            value: weights(vb, features, KEY, 1.0, "value")?,
            offset: weights(vb, features, 2, 0.1, "offset")?,
            nowhere_key: vb.get_with_hints((1, 1, KEY), "nowhere_key", Init::Const(0.0))?,
            nowhere_value: vb.get_with_hints((1, 1, KEY), "nowhere_value", Init::Const(0.0))?,
            out: weights(vb, KEY + PLACE + 1, WIDTH, 0.7, "out")?,
        })
    }

    fn sight(&self, cells: Option<&Tensor>, batch: usize) -> Result<(Tensor, Tensor)> {
        let device = self.query.device();
        let keys = self.nowhere_key.broadcast_as((batch, 1, KEY))?;
        let middle = Tensor::new(&[[[0.5f32, 0.5, 1.0]]], device)?.broadcast_as((batch, 1, 3))?;
        let values = Tensor::cat(&[&self.nowhere_value.broadcast_as((batch, 1, KEY))?, &middle], 2)?;
        let Some(cells) = cells else { return Ok((keys.contiguous()?, values)) };
        let side = CELLS as f32;
        let centre = |at: usize| (at as f32 + 0.5) / side;
        let grid: Vec<f32> =
            (0..CELLS * CELLS).flat_map(|cell| [centre(cell % CELLS), centre(cell / CELLS)]).collect();
        let grid = Tensor::from_vec(grid, (1, CELLS * CELLS, 2), device)?;
        let places = (times(cells, &self.offset)?.tanh()? / f64::from(side))?.broadcast_add(&grid)?;
        let somewhere = Tensor::zeros((batch, CELLS * CELLS, 1), DType::F32, device)?;
        let seen = Tensor::cat(&[&times(cells, &self.value)?, &places, &somewhere], 2)?;
        let keys = Tensor::cat(&[&keys, &times(cells, &self.key)?], 1)?;
        Ok((keys.contiguous()?, Tensor::cat(&[&values, &seen], 1)?.contiguous()?))
    }

    /// `blind` is added to the attention's logits, `[b, 1, n]`.
    fn apply(
        &self,
        x: &Tensor,
        (keys, values): &(Tensor, Tensor),
        blind: Option<&Tensor>,
        given: Option<&Given>,
    ) -> Result<(Tensor, Pointed)> {
        let query = (times(&self.norm.apply(x)?, &self.query)? / (KEY as f64).sqrt())?;
        let mut logits = query.matmul(&keys.t()?)?;
        if let Some(blind) = blind {
            logits = logits.broadcast_add(blind)?;
        }
        let attention = softmax(&logits, D::Minus1)?;
        let seen = attention.matmul(values)?;
        let place = seen.narrow(D::Minus1, KEY, 2)?;
        let nowhere = seen.narrow(D::Minus1, KEY + 2, 1)?;
        let (heard, nowhere) = match given {
            None => (place.clone(), nowhere),
            Some(given) => {
                let found = (1.0 - &given.told)?;
                let heard = (place.broadcast_mul(&found)? + given.place.broadcast_mul(&given.told)?)?;
                (heard, (nowhere * found)?)
            }
        };
        let told = Tensor::cat(&[&seen.narrow(D::Minus1, 0, KEY)?, &told(&heard)?, &nowhere], D::Minus1)?;
        Ok((times(&told, &self.out)?, Pointed { attention, place }))
    }
}

/// A place in numbers that words can be told apart by.
fn told(place: &Tensor) -> Result<Tensor> {
    let centred = ((place * 2.0)? - 1.0)?;
    let mut parts = vec![centred];
    for frequency in FREQUENCIES {
        let angle = (place * f64::from(frequency * std::f32::consts::PI))?;
        parts.push(angle.sin()?);
        parts.push(angle.cos()?);
    }
    Tensor::cat(&parts, D::Minus1)
}

struct Block {
    pointer: Option<Pointer>,
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
    fn new(vb: &VarBuilder<'_>, points: bool) -> Result<Self> {
        Ok(Self {
            pointer: points.then(|| Pointer::new(&vb.pp("pointer"))).transpose()?,
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

/// What only training sets.
#[derive(Clone, Copy, Default)]
pub struct Taught<'a> {
    /// Added to the pointers' logits, `[b, 1, n]`: sequences that must not look.
    pub blind: Option<&'a Tensor>,
    /// Places that words need not find.
    pub given: Option<&'a Given>,
}

/// What came out of a pass.
pub struct Thought {
    /// Hidden states, normalised, `[b, t, WIDTH]`.
    pub hidden: Tensor,
    /// Where each pointer looked.
    pub pointed: Vec<Pointed>,
}

/// The small vision-language model.
pub struct Network {
    eye: Vec<Convolution>,
    eye_norm: Norm,
    words: Tensor,
    positions: Tensor,
    shifts: Vec<Tensor>,
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
        let block = |at: usize| Block::new(&vb.pp(format!("block.{at}")), at < POINTERS);
        let small = Init::Randn { mean: 0.0, stdev: 0.1 };
        Ok(Self {
            eye,
            eye_norm: Norm::new(vb, channels, 1.0, "eye.norm")?,
            words: vb.get_with_hints((vocabulary, WIDTH), "words", Init::Randn { mean: 0.0, stdev: 0.3 })?,
            positions: vb.get_with_hints((PROMPT + REPLY, WIDTH), "positions", small)?,
            shifts: (1..=SHIFTS).map(shift).collect::<Result<_>>()?,
            blocks: (0..BLOCKS).map(block).collect::<Result<_>>()?,
            norm: Norm::new(vb, WIDTH, 0.3, "norm")?,
        })
    }

    /// Word embeddings, `[vocabulary, WIDTH]`; the output uses the same.
    pub fn words(&self) -> &Tensor {
        &self.words
    }

    /// Looks at pictures, `[b, SIDE, SIDE, 3]` in f32 from 0 to 1; without any, at nothing, `batch` times.
    ///
    /// # Errors
    /// Another shape.
    pub fn look(&self, pictures: Option<&Tensor>, batch: usize) -> Result<Sight> {
        let cells = match pictures {
            None => None,
            Some(pictures) => {
                let mut x = pictures.clone();
                for convolution in &self.eye {
                    x = convolution.apply(&x)?;
                }
                let cells = x.reshape((pictures.dim(0)?, CELLS * CELLS, ()))?;
                Some(self.eye_norm.apply(&cells)?)
            }
        };
        let pointers = self.blocks.iter().filter_map(|block| block.pointer.as_ref());
        let pointers = pointers.map(|pointer| pointer.sight(cells.as_ref(), batch)).collect::<Result<_>>()?;
        Ok(Sight { pointers })
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
        sight: &Sight,
        taught: Taught<'_>,
        memory: &mut Memory,
    ) -> Result<Thought> {
        let (batch, length) = words.dims2()?;
        let table = |table: &Tensor, ids: &Tensor| -> Result<Tensor> {
            table.index_select(&ids.flatten_all()?, 0)?.reshape((batch, length, WIDTH))
        };
        let embedded = table(&self.words, words)?;
        let before = match memory.words.take() {
            Some(before) => before,
            None => Tensor::zeros((batch, SHIFTS, WIDTH), DType::F32, words.device())?,
        };
        let line = Tensor::cat(&[&before, &embedded], 1)?;
        let mut x = (&embedded + table(&self.positions, positions)?)?;
        for (back, shift) in (1..).zip(&self.shifts) {
            x = (x + times(&line.narrow(1, SHIFTS - back, length)?.contiguous()?, shift)?)?;
        }
        memory.words = Some(line.narrow(1, length, SHIFTS)?.contiguous()?);
        memory.blocks.resize(BLOCKS, None);
        let mask = if length > 1 { Some(earlier(length, words.device())?) } else { None };
        let mut pointed = Vec::new();
        let mut sights = sight.pointers.iter();
        for (block, past) in self.blocks.iter().zip(&mut memory.blocks) {
            if let (Some(pointer), Some(sight)) = (&block.pointer, sights.next()) {
                let given = taught.given.filter(|_| pointed.len() + 1 == POINTERS);
                let (seen, place) = pointer.apply(&x, sight, taught.blind, given)?;
                x = (x + seen)?;
                pointed.push(place);
            }
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
