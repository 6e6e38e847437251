//! The text decoder: rotary attention with shared key heads, gated feed-forward layers.

use super::floats::{broken, floats, matrix};
use super::{Activation, Gated, KvCache, Linear, RmsNorm, Turns};
use crate::checkpoint::{Checkpoint, Config, Part, Weight};
use crate::compute::{Keyed, Query, Scores, attend_within, cap};
use candle_core::{Result, Tensor};
use candle_nn::rotary_emb::rope_thd;
use situs_core::fault::Fault;
use std::ops::Range;
use std::sync::Arc;

/// Largest size that a configuration may claim for one dimension.
const MAX_WIDTH: usize = 1 << 20;
/// Most layers.
const MAX_LAYERS: usize = 1024;
/// Most embedding rows.
const MAX_ROWS: usize = 1 << 24;

/// Sizes of a decoder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    /// Embedding rows: the width of the logits.
    pub(crate) vocabulary: usize,
    /// Width of a hidden state.
    pub(crate) hidden: usize,
    /// Width between the products of a feed-forward layer.
    pub(crate) middle: usize,
    /// Layers.
    pub(crate) layers: usize,
    /// Query heads.
    pub(crate) heads: usize,
    /// Key and value heads.
    pub(crate) key_heads: usize,
    /// Width of a head.
    pub(crate) head: usize,
    /// Added to the mean square in norms.
    pub(crate) epsilon: f64,
    /// Positions that the model was made for.
    pub(crate) context: usize,
    /// Whether queries and keys are normalised head by head.
    pub(crate) head_norms: bool,
    /// Whether queries, keys and values have biases.
    pub(crate) input_bias: bool,
    /// Whether the output of attention has a bias.
    pub(crate) output_bias: bool,
    /// Whether the head is the embedding matrix.
    pub(crate) tied: bool,
    /// The bend of the feed-forward layers.
    pub(crate) activation: Activation,
    /// Factor of embeddings.
    pub(crate) embedding_scale: f32,
    /// How products of queries and keys become scores.
    pub(crate) scores: Scores,
    /// Bound that large logits approach.
    pub(crate) logit_cap: Option<f32>,
    /// Whether weights of norms are stored as what they are above one.
    pub(crate) norms_above_one: bool,
    /// Whether what attention and feed-forward layers give is normalised before it is added.
    pub(crate) output_norms: bool,
    /// Layers that see the last tokens alone.
    pub(crate) sliding: Option<Sliding>,
}

/// Layers whose tokens see the last tokens alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sliding {
    /// Tokens in sight, the one that looks counted.
    pub(crate) window: usize,
    /// Layer by layer, whether it is one of them.
    pub(crate) layers: Vec<bool>,
    /// Whether tokens beyond the window are out of sight even in a block whose tokens see each other.
    pub(crate) cuts_blocks: bool,
}

/// Sizes that a family's configurations may leave out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ShapeDefaults {
    /// Embedding rows.
    pub(crate) vocabulary: Option<usize>,
    /// Width of a hidden state.
    pub(crate) hidden: Option<usize>,
    /// Width between the products of a feed-forward layer.
    pub(crate) middle: Option<usize>,
    /// Layers.
    pub(crate) layers: Option<usize>,
    /// Query heads.
    pub(crate) heads: Option<usize>,
    /// Key and value heads; as many as query heads where there is no number.
    pub(crate) key_heads: Option<usize>,
    /// Width of a head; that of a hidden state over the heads where there is no number.
    pub(crate) head: Option<usize>,
    /// Positions; 32,768 where there is no number.
    pub(crate) context: Option<usize>,
}

impl Shape {
    /// Reads a text configuration.
    ///
    /// # Errors
    /// Sizes that are missing, absurd, or do not fit each other.
    pub(crate) fn read(text: &Config<'_>, tied: bool) -> std::result::Result<Self, Fault> {
        Self::read_with(text, tied, ShapeDefaults::default())
    }

    /// The same for a family whose configurations leave sizes out.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn read_with(
        text: &Config<'_>,
        tied: bool,
        defaults: ShapeDefaults,
    ) -> std::result::Result<Self, Fault> {
        let hidden = text.count("hidden_size", defaults.hidden, MAX_WIDTH)?;
        let heads = text.count("num_attention_heads", defaults.heads, hidden)?;
        let key_heads = defaults.key_heads.unwrap_or(heads);
        let key_heads = text.count("num_key_value_heads", Some(key_heads), heads)?;
        let head = text.count("head_dim", Some(defaults.head.unwrap_or(hidden / heads)), MAX_WIDTH)?;
        if heads % key_heads != 0 {
            let what = format!("{key_heads} key heads cannot share {heads} query heads evenly");
            return Err(text.fault("num_key_value_heads", &what));
        }
        if head % 2 != 0 {
            return Err(text.fault("head_dim", &format!("{head} is odd: nothing to turn")));
        }
        if text.flag("use_sliding_window") {
            let what = text.fault("use_sliding_window", "true").what;
            return Err(Fault::unsupported(what).help("attention within a sliding window is not computed"));
        }
        let bias = text.flag("attention_bias");
        Ok(Self {
            vocabulary: text.count("vocab_size", defaults.vocabulary, MAX_ROWS)?,
            hidden,
            middle: text.count("intermediate_size", defaults.middle, MAX_WIDTH)?,
            layers: text.count("num_hidden_layers", defaults.layers, MAX_LAYERS)?,
            heads,
            key_heads,
            head,
            epsilon: text.number("rms_norm_eps", 1e-6)?,
            context: text.count(
                "max_position_embeddings",
                Some(defaults.context.unwrap_or(32_768)),
                MAX_ROWS,
            )?,
            head_norms: false,
            input_bias: bias,
            output_bias: bias,
            tied,
            activation: Activation::read(text, "silu")?,
            embedding_scale: 1.0,
            scores: Scores { scale: 1.0 / (head as f32).sqrt(), cap: None },
            logit_cap: None,
            norms_above_one: false,
            output_norms: false,
            sliding: None,
        })
    }

    /// Whether tokens of a layer see the last tokens alone.
    fn slides(&self, layer: usize) -> Option<&Sliding> {
        self.sliding.as_ref().filter(|sliding| sliding.layers.get(layer).copied().unwrap_or(false))
    }

    fn norm(&self, part: &Part<'_>, width: usize) -> std::result::Result<RmsNorm, Fault> {
        if self.norms_above_one {
            RmsNorm::read_above_one(part, width, self.epsilon)
        } else {
            RmsNorm::read(part, width, self.epsilon)
        }
    }
}

/// Rows of a batch that continue one sequence.
pub(crate) struct Span<'a> {
    /// The rows.
    pub(crate) rows: Range<usize>,
    /// Tokens of the sequence whose tokens all see each other, the row's own among them, row by row; all of them are in
    /// the cache or among the rows. Nothing for rows that are a block of their own each.
    pub(crate) blocks: &'a [Range<usize>],
    /// The sequence so far; the rows are appended.
    pub(crate) cache: &'a mut KvCache,
}

/// A text decoder.
pub(crate) struct Decoder {
    shape: Shape,
    embeddings: Arc<Weight>,
    layers: Vec<Layer>,
    norm: RmsNorm,
    head: Linear,
}

struct Layer {
    before: RmsNorm,
    queries: Linear,
    keys: Linear,
    values: Linear,
    norms: Option<(RmsNorm, RmsNorm)>,
    output: Linear,
    output_norm: Option<RmsNorm>,
    after: RmsNorm,
    feed_forward: Gated,
    fed_norm: Option<RmsNorm>,
}

impl Decoder {
    /// Reads the weights; `text` is the decoder's part, the head lies beside it under one of `heads`.
    ///
    /// # Errors
    /// A tensor that is missing or of another shape, by name.
    pub(crate) fn read(
        checkpoint: &Checkpoint,
        text: &Part<'_>,
        heads: &[&str],
        shape: Shape,
    ) -> std::result::Result<Self, Fault> {
        let embeddings =
            Arc::new(text.within("embed_tokens").weight("weight", &[shape.vocabulary, shape.hidden])?);
        let head = if shape.tied {
            Linear::new(Arc::clone(&embeddings), None)
        } else {
            Linear::read(&Part::new(checkpoint, heads), shape.vocabulary, shape.hidden, false)?
        };
        let layers = (0..shape.layers)
            .map(|index| Layer::read(&text.within("layers").within(index), &shape))
            .collect::<std::result::Result<_, _>>()?;
        let norm = shape.norm(&text.within("norm"), shape.hidden)?;
        Ok(Self { shape, embeddings, layers, norm, head })
    }

    /// Sizes.
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The input embeddings.
    pub(crate) fn embeddings(&self) -> &Weight {
        &self.embeddings
    }

    /// An empty cache.
    pub(crate) fn cache(&self) -> KvCache {
        KvCache::new(self.shape.layers, self.shape.key_heads * self.shape.head)
    }

    /// Embedding rows of tokens, `[tokens, hidden]` row by row.
    ///
    /// # Errors
    /// A token beyond the last row.
    pub(crate) fn embed(&self, tokens: &[u32]) -> std::result::Result<Vec<f32>, Fault> {
        let width = self.shape.hidden;
        let mut out = Vec::with_capacity(tokens.len() * width);
        let mut row = Vec::new();
        for token in tokens {
            let token = *token as usize;
            if token >= self.shape.vocabulary {
                let what = format!("token {token} of a model with {} embedding rows", self.shape.vocabulary);
                return Err(Fault::data(what).help("the tokenizer belongs to another model"));
            }
            self.embeddings.widen(token * width..(token + 1) * width, &mut row);
            out.extend(row.iter().map(|value| value * self.shape.embedding_scale));
        }
        Ok(out)
    }

    /// Hidden states `[rows, hidden]` after the last norm. `lifts` are added after the first layers, one each; `trace`
    /// receives what goes into the first layer and comes out of each, the last after the norm.
    ///
    /// # Errors
    /// Rows of another width.
    pub(crate) fn forward(
        &self,
        rows: Tensor,
        turns: &Turns,
        spans: &mut [Span<'_>],
        lifts: &[Tensor],
        mut trace: Option<&mut Vec<Tensor>>,
    ) -> std::result::Result<Tensor, Fault> {
        let mut states = rows;
        if let Some(trace) = &mut trace {
            trace.push(states.clone());
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let angles = turns.of(self.shape.slides(index).is_some());
            states = layer.forward(&states, angles, spans, index, &self.shape).map_err(broken)?;
            if let Some(trace) = trace.as_mut().filter(|_| index + 1 < self.layers.len()) {
                trace.push(states.clone());
            }
            if let Some(lift) = lifts.get(index) {
                states = (states + lift).map_err(broken)?;
            }
        }
        let states = self.norm.forward(&states).map_err(broken)?;
        if let Some(trace) = &mut trace {
            trace.push(states.clone());
        }
        Ok(states)
    }

    /// Logits `[rows, vocabulary]` of hidden states.
    ///
    /// # Errors
    /// Rows of another width.
    pub(crate) fn logits(&self, states: &Tensor) -> std::result::Result<Vec<f32>, Fault> {
        let logits = self.head.forward(states).map_err(broken)?;
        let mut logits = floats(&logits, |values| Ok(values.to_vec())).map_err(broken)?;
        if let Some(bound) = self.shape.logit_cap {
            cap(&mut logits, bound);
        }
        Ok(logits)
    }
}

impl Layer {
    fn read(part: &Part<'_>, shape: &Shape) -> std::result::Result<Self, Fault> {
        let attention = part.within("self_attn");
        let &Shape { hidden, heads, key_heads, head, input_bias, output_bias, output_norms, .. } = shape;
        let project = |name: &str, heads: usize| {
            Linear::read(&attention.within(name), heads * head, hidden, input_bias)
        };
        let norms = if shape.head_norms {
            let norm = |name: &str| shape.norm(&attention.within(name), head);
            Some((norm("q_norm")?, norm("k_norm")?))
        } else {
            None
        };
        let norm = |name: &str| shape.norm(&part.within(name), hidden);
        // With norms behind both parts, the name of the one in front of the second moves to the one behind the first.
        let (output_norm, after, fed_norm) = if output_norms {
            let behind = (norm("post_attention_layernorm")?, norm("post_feedforward_layernorm")?);
            (Some(behind.0), norm("pre_feedforward_layernorm")?, Some(behind.1))
        } else {
            (None, norm("post_attention_layernorm")?, None)
        };
        Ok(Self {
            before: norm("input_layernorm")?,
            queries: project("q_proj", heads)?,
            keys: project("k_proj", key_heads)?,
            values: project("v_proj", key_heads)?,
            norms,
            output: Linear::read(&attention.within("o_proj"), hidden, heads * head, output_bias)?,
            output_norm,
            after,
            feed_forward: Gated::read(&part.within("mlp"), hidden, shape.middle, false, shape.activation)?,
            fed_norm,
        })
    }

    fn forward(
        &self,
        rows: &Tensor,
        angles: &(Tensor, Tensor),
        spans: &mut [Span<'_>],
        index: usize,
        shape: &Shape,
    ) -> Result<Tensor> {
        let count = rows.dims2()?.0;
        let normed = self.before.forward(rows)?;
        let turned = |projected: Tensor, heads: usize, norm: Option<&RmsNorm>| {
            let mut split = projected.reshape((1, count, heads, shape.head))?;
            if let Some(norm) = norm {
                split = norm.forward(&split)?;
            }
            rope_thd(&split, &angles.0, &angles.1)
        };
        let (query_norm, key_norm) = match &self.norms {
            Some((query, key)) => (Some(query), Some(key)),
            None => (None, None),
        };
        let query = turned(self.queries.forward(&normed)?, shape.heads, query_norm)?;
        let keys = turned(self.keys.forward(&normed)?, shape.key_heads, key_norm)?;
        let values = self.values.forward(&normed)?;
        let mixed = floats(&query, |query| {
            floats(&keys, |keys| {
                floats(&values, |values| Ok(attend_spans(query, keys, values, spans, index, shape)))
            })
        })?;
        let behind = |norm: &Option<RmsNorm>, added: Tensor| match norm {
            Some(norm) => norm.forward(&added),
            None => Ok(added),
        };
        let seen = self.output.forward(&matrix(mixed, count, shape.heads * shape.head)?)?;
        let rows = (rows + behind(&self.output_norm, seen)?)?;
        let fed = self.feed_forward.forward(&self.after.forward(&rows)?)?;
        rows + behind(&self.fed_norm, fed)?
    }
}

fn attend_spans(
    query: &[f32],
    keys: &[f32],
    values: &[f32],
    spans: &mut [Span<'_>],
    layer: usize,
    shape: &Shape,
) -> Vec<f32> {
    let (wide, narrow) = (shape.heads * shape.head, shape.key_heads * shape.head);
    let mut mixed = Vec::with_capacity(query.len());
    for span in spans {
        let rows = span.rows.clone();
        let own = rows.start * narrow..rows.end * narrow;
        span.cache.append(layer, &keys[own.clone()], &values[own]);
        let (keys, values) = span.cache.layer(layer);
        let before = keys.len() / narrow - rows.len();
        let query = Query {
            values: &query[rows.start * wide..rows.end * wide],
            heads: shape.heads,
            width: shape.head,
        };
        let keyed = Keyed { keys, values, heads: shape.key_heads };
        let sliding = shape.slides(layer);
        let blocks = span.blocks;
        mixed.extend(attend_within(query, keyed, shape.scores, |row| {
            let own = before + row;
            let block = blocks.get(row).cloned().unwrap_or(own..own + 1);
            let start = match sliding {
                None => 0,
                Some(Sliding { window, cuts_blocks, .. }) => {
                    let start = (own + 1).saturating_sub(*window);
                    if *cuts_blocks { start } else { start.min(block.start) }
                }
            };
            start..block.end.max(own + 1)
        }));
    }
    mixed
}
