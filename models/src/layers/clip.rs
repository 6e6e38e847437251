//! CLIP's vision tower, up to some layer.

use super::{EncoderLayer, EncoderShape, LayerNorm, Linear, broken, floats, matrix};
use crate::checkpoint::{Config, Part};
use candle_core::{Result, Tensor};
use situs_core::fault::Fault;
use std::sync::Arc;

/// Patches of pictures of one size to as many rows and one more, the class token's, in front. Checked against
/// `CLIPVisionModel` of transformers 5.23.0.
pub(crate) struct Clip {
    embed: Linear,
    class: Vec<f32>,
    /// Learned positions of the class token and of all patches, row by row.
    places: Vec<f32>,
    norm: LayerNorm,
    layers: Vec<EncoderLayer>,
    width: usize,
}

impl Clip {
    /// Reads the tower for pictures with `side` patches of `patch` pixels along each side. The layer whose rows are wanted
    /// is counted from 1 by `layer`, which is told how many there are; layers behind it are not read.
    ///
    /// # Errors
    /// Whatever `layer` finds; sizes that do not fit each other; a tensor that is missing or of another shape.
    pub(crate) fn read(
        config: &Config<'_>,
        part: &Part<'_>,
        (side, patch): (usize, usize),
        layer: impl FnOnce(usize) -> std::result::Result<usize, Fault>,
    ) -> std::result::Result<Self, Fault> {
        let shape = EncoderShape::read(config, 1e-5, "quick_gelu")?;
        let width = shape.width;
        let embeddings = part.within("embeddings");
        let weight = embeddings.within("patch_embedding").weight("weight", &[width, 3, patch, patch])?;
        let places = embeddings.within("position_embedding").weight("weight", &[side * side + 1, width])?;
        let read = |index: usize| EncoderLayer::read(&part.within("encoder.layers").within(index), shape);
        Ok(Self {
            embed: Linear::new(Arc::new(weight), None),
            class: embeddings.vector("class_embedding", width)?,
            places: places.to_f32(),
            // The name is spelled so in all checkpoints.
            norm: LayerNorm::read(&part.within("pre_layrnorm"), width, shape.epsilon)?,
            layers: (0..layer(shape.layers)?).map(read).collect::<std::result::Result<_, _>>()?,
            width,
        })
    }

    /// Numbers of a row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Rows `[patches + 1, width]` behind the last layer that was read, of one picture's patches
    /// `[patches, channel, row, column]` row by row.
    ///
    /// # Errors
    /// None for patches of that size.
    pub(crate) fn forward(&self, patches: &[f32]) -> std::result::Result<Tensor, Fault> {
        self.run(patches).map_err(broken)
    }

    fn run(&self, patches: &[f32]) -> Result<Tensor> {
        let count = self.places.len() / self.width - 1;
        let embedded = self.embed.forward(&matrix(patches.to_vec(), count, patches.len() / count)?)?;
        let rows = floats(&embedded, |embedded| {
            let rows = self.class.iter().chain(embedded);
            Ok(rows.zip(&self.places).map(|(value, place)| value + place).collect::<Vec<_>>())
        })?;
        let mut rows = self.norm.forward(&matrix(rows, count + 1, self.width)?)?;
        for layer in &self.layers {
            rows = layer.forward(&rows)?;
        }
        Ok(rows)
    }
}
