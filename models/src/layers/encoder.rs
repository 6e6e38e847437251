//! Layers of vision transformers with norms in front, as SigLIP and CLIP have them.

use super::{Activation, FeedForward, LayerNorm, Linear, attend_groups};
use crate::checkpoint::{Config, Part};
use candle_core::{Result, Tensor};
use situs_core::fault::Fault;

/// Where published checkpoints, and those that newer libraries write, keep such a tower.
pub(crate) const VISION_TOWER: [&str; 4] = [
    "vision_tower.vision_model.",
    "model.vision_tower.vision_model.",
    "vision_tower.",
    "model.vision_tower.",
];
/// Largest size that a configuration may claim for one dimension.
const MAX_WIDTH: usize = 1 << 20;
/// Most layers.
const MAX_LAYERS: usize = 1024;

/// Sizes of such a transformer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EncoderShape {
    /// Width of a row.
    pub(crate) width: usize,
    /// Width between the products of a feed-forward layer.
    pub(crate) middle: usize,
    /// Layers.
    pub(crate) layers: usize,
    /// Heads.
    pub(crate) heads: usize,
    /// Added to variances.
    pub(crate) epsilon: f64,
    /// The bend of the feed-forward layers.
    pub(crate) activation: Activation,
}

impl EncoderShape {
    /// Reads a vision configuration; `epsilon` and `activation` are what it leaves out.
    ///
    /// # Errors
    /// Sizes that are missing, absurd, or do not fit each other.
    pub(crate) fn read(
        config: &Config<'_>,
        epsilon: f64,
        activation: &str,
    ) -> std::result::Result<Self, Fault> {
        let width = config.count("hidden_size", None, MAX_WIDTH)?;
        let heads = config.count("num_attention_heads", None, width)?;
        if width % heads != 0 {
            let what = format!("{heads} heads of a width of {width}");
            return Err(config.fault("num_attention_heads", &what));
        }
        Ok(Self {
            width,
            middle: config.count("intermediate_size", None, MAX_WIDTH)?,
            layers: config.count("num_hidden_layers", None, MAX_LAYERS)?,
            heads,
            epsilon: config.number("layer_norm_eps", epsilon)?,
            activation: Activation::read(config, activation)?,
        })
    }
}

/// One layer: attention of all rows over all rows, then two products.
pub(crate) struct EncoderLayer {
    before: LayerNorm,
    queries: Linear,
    keys: Linear,
    values: Linear,
    output: Linear,
    after: LayerNorm,
    feed_forward: FeedForward,
    heads: usize,
}

impl EncoderLayer {
    /// Reads `layer_norm1`, `self_attn`, `layer_norm2` and `mlp`.
    ///
    /// # Errors
    /// When a tensor is missing or of another shape.
    pub(crate) fn read(part: &Part<'_>, shape: EncoderShape) -> std::result::Result<Self, Fault> {
        let EncoderShape { width, middle, heads, epsilon, activation, .. } = shape;
        let attention = part.within("self_attn");
        let project = |name: &str| Linear::read(&attention.within(name), width, width, true);
        let sizes = [width, middle, width];
        Ok(Self {
            before: LayerNorm::read(&part.within("layer_norm1"), width, epsilon)?,
            queries: project("q_proj")?,
            keys: project("k_proj")?,
            values: project("v_proj")?,
            output: project("out_proj")?,
            after: LayerNorm::read(&part.within("layer_norm2"), width, epsilon)?,
            feed_forward: FeedForward::read(&part.within("mlp"), ["fc1", "fc2"], sizes, activation)?,
            heads,
        })
    }

    /// Rows `[count, width]` of one picture to the same.
    ///
    /// # Errors
    /// Rows of another width.
    pub(crate) fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        let rows = (rows + self.attend(&self.before.forward(rows)?)?)?;
        let fed = self.feed_forward.forward(&self.after.forward(&rows)?)?;
        rows + fed
    }

    fn attend(&self, rows: &Tensor) -> Result<Tensor> {
        let count = rows.dims2()?.0;
        let (query, keys, values) =
            (self.queries.forward(rows)?, self.keys.forward(rows)?, self.values.forward(rows)?);
        let whole = 0..count;
        self.output.forward(&attend_groups(&query, &keys, &values, self.heads, std::slice::from_ref(&whole))?)
    }
}
