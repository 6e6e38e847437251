//! BERT: attention of all tokens of a text over all others, norms behind what is added.

use crate::checkpoint::{Checkpoint, Config, Part, Weight};
use crate::layers::{Activation, FeedForward, LayerNorm, Linear, attend_groups, broken, floats, matrix};
use candle_core::{Result, Tensor};
use situs_core::fault::Fault;
use std::ops::Range;

/// Largest size that a configuration may claim for one dimension.
const MAX_WIDTH: usize = 1 << 20;
/// Most layers.
const MAX_LAYERS: usize = 1024;
/// Most embedding rows.
const MAX_ROWS: usize = 1 << 24;

/// Token ids to one vector a token.
pub(super) struct Encoder {
    words: Weight,
    places: Weight,
    /// What is added to tokens of the first segment, the only one here.
    segment: Vec<f32>,
    norm: LayerNorm,
    layers: Vec<Layer>,
    /// Embedding rows.
    pub(super) vocabulary: usize,
    /// Most tokens of a text.
    pub(super) positions: usize,
    /// Numbers of a vector.
    pub(super) width: usize,
}

struct Layer {
    queries: Linear,
    keys: Linear,
    values: Linear,
    output: Linear,
    seen: LayerNorm,
    feed_forward: FeedForward,
    fed: LayerNorm,
    heads: usize,
}

struct Sizes {
    width: usize,
    middle: usize,
    heads: usize,
    epsilon: f64,
    activation: Activation,
}

impl Encoder {
    /// Reads the encoder of a checkpoint.
    ///
    /// # Errors
    /// Another architecture; a tensor that is missing or of another shape, by name; sizes that are absurd.
    pub(super) fn read(checkpoint: &Checkpoint) -> std::result::Result<Self, Fault> {
        let config = checkpoint.config();
        let kind = checkpoint.model_type()?;
        if kind != "bert" {
            let what = config.fault("model_type", &format!("'{kind}'")).what;
            return Err(Fault::unsupported(what).help("sentence embeddings are computed with 'bert'"));
        }
        let sizes = Sizes::read(&config)?;
        let &Sizes { width, epsilon, .. } = &sizes;
        let vocabulary = config.count("vocab_size", None, MAX_ROWS)?;
        let positions = config.count("max_position_embeddings", None, MAX_ROWS)?;
        let segments = config.count("type_vocab_size", Some(2), MAX_ROWS)?;
        let part = Part::new(checkpoint, &["", "bert."]);
        let embeddings = part.within("embeddings");
        let table = |name: &str, rows: usize| embeddings.within(name).weight("weight", &[rows, width]);
        let mut segment = Vec::new();
        table("token_type_embeddings", segments)?.widen(0..width, &mut segment);
        let layer = |index: usize| Layer::read(&part.within("encoder.layer").within(index), &sizes);
        let layers = config.count("num_hidden_layers", None, MAX_LAYERS)?;
        Ok(Self {
            words: table("word_embeddings", vocabulary)?,
            places: table("position_embeddings", positions)?,
            segment,
            norm: LayerNorm::read(&embeddings.within("LayerNorm"), width, epsilon)?,
            layers: (0..layers).map(layer).collect::<std::result::Result<_, _>>()?,
            vocabulary,
            positions,
            width,
        })
    }

    /// Vectors `[tokens, width]`, row by row, of the tokens of several texts; `texts` cover all tokens in order.
    ///
    /// # Errors
    /// A token beyond the vocabulary, a text beyond the positions.
    pub(super) fn forward(
        &self,
        tokens: &[u32],
        texts: &[Range<usize>],
    ) -> std::result::Result<Vec<f32>, Fault> {
        let rows = self.embed(tokens, texts)?;
        let run = || {
            let mut rows = self.norm.forward(&matrix(rows, tokens.len(), self.width)?)?;
            for layer in &self.layers {
                rows = layer.forward(&rows, texts)?;
            }
            floats(&rows, |values| Ok(values.to_vec()))
        };
        run().map_err(broken)
    }

    fn embed(&self, tokens: &[u32], texts: &[Range<usize>]) -> std::result::Result<Vec<f32>, Fault> {
        let width = self.width;
        let mut rows = Vec::with_capacity(tokens.len() * width);
        let (mut word, mut place) = (Vec::new(), Vec::new());
        for text in texts {
            for (at, token) in tokens[text.clone()].iter().enumerate() {
                let token = *token as usize;
                if token >= self.vocabulary || at >= self.positions {
                    return Err(Fault::internal(format!("token {token} at position {at} has no embedding")));
                }
                self.words.widen(token * width..(token + 1) * width, &mut word);
                self.places.widen(at * width..(at + 1) * width, &mut place);
                let parts = word.iter().zip(&self.segment).zip(&place);
                rows.extend(parts.map(|((word, segment), place)| word + segment + place));
            }
        }
        Ok(rows)
    }
}

impl Sizes {
    fn read(config: &Config<'_>) -> std::result::Result<Self, Fault> {
        let width = config.count("hidden_size", None, MAX_WIDTH)?;
        let heads = config.count("num_attention_heads", None, width)?;
        if width % heads != 0 {
            return Err(config.fault("num_attention_heads", &format!("{heads} heads of a width of {width}")));
        }
        let positions = config.word("position_embedding_type", "absolute");
        if positions != "absolute" {
            let what = config.fault("position_embedding_type", &format!("'{positions}'")).what;
            return Err(Fault::unsupported(what).help("'absolute' is computed"));
        }
        if config.flag("is_decoder") {
            return Err(Fault::unsupported(
                config.fault("is_decoder", "true; tokens see both ways here").what,
            ));
        }
        Ok(Self {
            width,
            middle: config.count("intermediate_size", None, MAX_WIDTH)?,
            heads,
            epsilon: config.number("layer_norm_eps", 1e-12)?,
            activation: Activation::read(config, "gelu")?,
        })
    }
}

impl Layer {
    fn read(part: &Part<'_>, sizes: &Sizes) -> std::result::Result<Self, Fault> {
        let &Sizes { width, middle, heads, epsilon, activation } = sizes;
        let attention = part.within("attention");
        let project = |name: &str| Linear::read(&attention.within(name), width, width, true);
        let names = ["intermediate.dense", "output.dense"];
        Ok(Self {
            queries: project("self.query")?,
            keys: project("self.key")?,
            values: project("self.value")?,
            output: project("output.dense")?,
            seen: LayerNorm::read(&attention.within("output.LayerNorm"), width, epsilon)?,
            feed_forward: FeedForward::read(part, names, [width, middle, width], activation)?,
            fed: LayerNorm::read(&part.within("output.LayerNorm"), width, epsilon)?,
            heads,
        })
    }

    fn forward(&self, rows: &Tensor, texts: &[Range<usize>]) -> Result<Tensor> {
        let (query, keys, values) =
            (self.queries.forward(rows)?, self.keys.forward(rows)?, self.values.forward(rows)?);
        let seen = self.output.forward(&attend_groups(&query, &keys, &values, self.heads, texts)?)?;
        let rows = self.seen.forward(&(rows + seen)?)?;
        let fed = self.feed_forward.forward(&rows)?;
        self.fed.forward(&(rows + fed)?)
    }
}
