//! The vision tower.

use crate::checkpoint::{Config, Part, Weight};
use crate::layers::{
    Activation, FeedForward, LayerNorm, Linear, VisionAttention, broken, frames, grid_angles, grid_places,
    matrix,
};
use crate::model::Sight;
use crate::pixels::{Grid, Patches, PixelRules};
use candle_core::{Result, Tensor};
use situs_core::fault::Fault;
use std::sync::Arc;

/// Largest size that a configuration may claim for one dimension.
const MAX_WIDTH: usize = 1 << 20;
/// Most layers.
const MAX_LAYERS: usize = 1024;
/// Added to variances.
const EPSILON: f64 = 1e-6;

/// Patches to features.
pub(super) struct Tower {
    embed: Linear,
    positions: Weight,
    side: usize,
    blocks: Vec<Block>,
    merger: Merger,
    lifts: Vec<(usize, Merger)>,
    merge: usize,
    width: usize,
    head: usize,
}

struct Block {
    before: LayerNorm,
    attention: VisionAttention,
    after: LayerNorm,
    feed_forward: FeedForward,
}

/// Makes one token of `merge x merge` patches.
struct Merger {
    norm: LayerNorm,
    /// Whether patches are put together before they are normalised.
    merged_first: bool,
    feed_forward: FeedForward,
    width: usize,
}

impl Tower {
    /// Reads the tower; its features have `hidden` numbers.
    ///
    /// # Errors
    /// Sizes that do not fit each other; a tensor that is missing or of another shape.
    pub(super) fn read(
        config: &Config<'_>,
        part: &Part<'_>,
        pixels: &PixelRules,
        hidden: usize,
    ) -> std::result::Result<Self, Fault> {
        let width = config.count("hidden_size", None, MAX_WIDTH)?;
        let heads = config.count("num_heads", None, width)?;
        let middle = config.count("intermediate_size", None, MAX_WIDTH)?;
        let depth = config.count("depth", None, MAX_LAYERS)?;
        let table = config.count("num_position_embeddings", Some(2304), MAX_WIDTH)?;
        let activation = Activation::read(config, "gelu_pytorch_tanh")?;
        let head = width / heads;
        if width % heads != 0 || head % 4 != 0 {
            return Err(config.fault("num_heads", &format!("{heads} heads of a width of {width}")));
        }
        if config.count("out_hidden_size", Some(hidden), MAX_WIDTH)? != hidden {
            return Err(config.fault("out_hidden_size", &format!("the decoder takes {hidden}")));
        }
        let &PixelRules { patch, merge, temporal, .. } = pixels;
        let weight = part.within("patch_embed.proj").weight("weight", &[width, 3, temporal, patch, patch])?;
        let bias = part.within("patch_embed.proj").vector("bias", width)?;
        let block = |index: usize| Block::read(&part.within("blocks").within(index), width, heads, middle, activation);
        let merger = |part: Part<'_>, merged_first| Merger::read(&part, width, merge, hidden, merged_first);
        let mut lifts = Vec::new();
        for (at, layer) in config.counts("deepstack_visual_indexes")?.unwrap_or_default().into_iter().enumerate() {
            if layer >= depth || lifts.iter().any(|(other, _)| *other >= layer) {
                let what = format!("{layer} of {depth} layers; they are named in order");
                return Err(config.fault("deepstack_visual_indexes", &what));
            }
            lifts.push((layer, merger(part.within("deepstack_merger_list").within(at), true)?));
        }
        Ok(Self {
            embed: Linear::new(Arc::new(weight), Some(bias.into())),
            positions: part.within("pos_embed").weight("weight", &[table, width])?,
            side: table.isqrt(),
            blocks: (0..depth).map(block).collect::<std::result::Result<_, _>>()?,
            merger: merger(part.within("merger"), false)?,
            lifts,
            merge,
            width,
            head,
        })
    }

    /// Features of a picture or video, with those that are added after the first layers of the decoder.
    ///
    /// # Errors
    /// None for patches of the same rules.
    pub(super) fn forward(&self, patches: &Patches) -> std::result::Result<Sight, Fault> {
        self.run(patches).map_err(broken)
    }

    fn run(&self, patches: &Patches) -> Result<Sight> {
        let grid = patches.grid;
        let count = grid.patches();
        let depth = patches.values.len() / count.max(1);
        let rows = self.embed.forward(&matrix(patches.values.clone(), count, depth)?)?;
        let mut rows = (rows + self.places(grid)?)?;
        let angles = grid_angles(grid, self.merge, self.head)?;
        let groups = frames(grid);
        let mut lifts = Vec::with_capacity(self.lifts.len());
        for (index, block) in self.blocks.iter().enumerate() {
            let seen = block.attention.forward(&block.before.forward(&rows)?, &angles, &groups)?;
            rows = (rows + seen)?;
            let fed = block.feed_forward.forward(&block.after.forward(&rows)?)?;
            rows = (rows + fed)?;
            if let Some((_, merger)) = self.lifts.iter().find(|(layer, _)| *layer == index) {
                lifts.push(merger.forward(&rows)?);
            }
        }
        Ok(Sight { features: self.merger.forward(&rows)?, lifts })
    }

    /// The square table of learned positions, stretched over the grid: corner to corner, bilinear.
    fn places(&self, grid: Grid) -> Result<Tensor> {
        let table = self.positions.to_f32();
        let axis = |index: usize, length: usize| {
            let at = index as f32 * (self.side - 1) as f32 / length.saturating_sub(1).max(1) as f32;
            let low = at.floor();
            let share = at - low;
            let low = low as usize;
            [(low, 1.0 - share), ((low + 1).min(self.side - 1), share)]
        };
        let mut values = Vec::with_capacity(grid.patches() * self.width);
        for (row, column) in grid_places(grid, self.merge) {
            let mut sums = vec![0.0f32; self.width];
            for (row, high) in axis(row, grid.rows) {
                for (column, wide) in axis(column, grid.columns) {
                    let weight = high * wide;
                    let start = (row * self.side + column) * self.width;
                    for (sum, value) in sums.iter_mut().zip(&table[start..start + self.width]) {
                        *sum += value * weight;
                    }
                }
            }
            values.append(&mut sums);
        }
        matrix(values, grid.patches(), self.width)
    }
}

impl Block {
    fn read(
        part: &Part<'_>,
        width: usize,
        heads: usize,
        middle: usize,
        activation: Activation,
    ) -> std::result::Result<Self, Fault> {
        let names = ["linear_fc1", "linear_fc2"];
        Ok(Self {
            before: LayerNorm::read(&part.within("norm1"), width, EPSILON)?,
            attention: VisionAttention::read(&part.within("attn"), width, heads)?,
            after: LayerNorm::read(&part.within("norm2"), width, EPSILON)?,
            feed_forward: FeedForward::read(&part.within("mlp"), names, [width, middle, width], activation)?,
        })
    }
}

impl Merger {
    fn read(
        part: &Part<'_>,
        width: usize,
        merge: usize,
        hidden: usize,
        merged_first: bool,
    ) -> std::result::Result<Self, Fault> {
        let wide = width * merge * merge;
        let names = ["linear_fc1", "linear_fc2"];
        Ok(Self {
            norm: LayerNorm::read(&part.within("norm"), if merged_first { wide } else { width }, EPSILON)?,
            merged_first,
            feed_forward: FeedForward::read(part, names, [wide, wide, hidden], Activation::Gelu)?,
            width: wide,
        })
    }

    fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        let merged = if self.merged_first {
            self.norm.forward(&rows.reshape(((), self.width))?)?
        } else {
            self.norm.forward(rows)?.reshape(((), self.width))?
        };
        self.feed_forward.forward(&merged)
    }
}
