//! SigLIP's vision tower.

use super::{EncoderLayer, EncoderShape, LayerNorm, Linear, broken, grid_places, matrix};
use crate::checkpoint::{Config, Part, Weight};
use crate::pixels::{Patches, PixelRules};
use candle_core::{Result, Tensor};
use situs_core::fault::Fault;
use std::sync::Arc;

/// A picture's patches to as many rows. Checked against `SiglipVisionModel` of transformers 5.23.0.
pub(crate) struct Siglip {
    shape: EncoderShape,
    embed: Linear,
    positions: Weight,
    layers: Vec<EncoderLayer>,
    norm: LayerNorm,
    /// Patches along each side of a picture.
    side: usize,
    merge: usize,
}

impl Siglip {
    /// Reads the tower for pictures of one size.
    ///
    /// # Errors
    /// Sizes that do not fit each other; a tensor that is missing or of another shape.
    pub(crate) fn read(
        config: &Config<'_>,
        part: &Part<'_>,
        pixels: &PixelRules,
    ) -> std::result::Result<Self, Fault> {
        let shape = EncoderShape::read(config, 1e-6, "gelu_pytorch_tanh")?;
        let EncoderShape { width, epsilon, .. } = shape;
        let &PixelRules { patch, merge, .. } = pixels;
        let side = pixels.square().unwrap_or(0) / patch;
        let embeddings = part.within("embeddings");
        let embed = embeddings.within("patch_embedding");
        let weight = embed.weight("weight", &[width, 3, patch, patch])?;
        let bias = embed.vector("bias", width)?;
        let layer = |index: usize| EncoderLayer::read(&part.within("encoder.layers").within(index), shape);
        Ok(Self {
            embed: Linear::new(Arc::new(weight), Some(bias.into())),
            positions: embeddings.within("position_embedding").weight("weight", &[side * side, width])?,
            layers: (0..shape.layers).map(layer).collect::<std::result::Result<_, _>>()?,
            norm: LayerNorm::read(&part.within("post_layernorm"), width, epsilon)?,
            shape,
            side,
            merge,
        })
    }

    /// Sizes.
    pub(crate) fn shape(&self) -> EncoderShape {
        self.shape
    }

    /// Rows `[patches, width]` after the last norm, in the order of the patches.
    ///
    /// # Errors
    /// None for patches of the same rules.
    pub(crate) fn forward(&self, patches: &Patches) -> std::result::Result<Tensor, Fault> {
        self.run(patches).map_err(broken)
    }

    fn run(&self, patches: &Patches) -> Result<Tensor> {
        let count = patches.grid.patches();
        let depth = patches.values.len() / count.max(1);
        let rows = self.embed.forward(&matrix(patches.values.clone(), count, depth)?)?;
        let mut rows = (rows + self.places(patches)?)?;
        for layer in &self.layers {
            rows = layer.forward(&rows)?;
        }
        self.norm.forward(&rows)
    }

    /// Learned positions of the patches.
    fn places(&self, patches: &Patches) -> Result<Tensor> {
        let width = self.shape.width;
        let mut values = Vec::with_capacity(patches.grid.patches() * width);
        let mut one = Vec::new();
        for (row, column) in grid_places(patches.grid, self.merge) {
            let first = (row * self.side + column) * width;
            self.positions.widen(first..first + width, &mut one);
            values.extend_from_slice(&one);
        }
        matrix(values, patches.grid.patches(), width)
    }
}
