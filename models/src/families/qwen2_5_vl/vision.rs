//! The vision tower.

use crate::checkpoint::{Config, Part};
use crate::layers::{
    Activation, FeedForward, Gated, Linear, RmsNorm, VisionAttention, broken, frames, grid_angles, matrix,
};
use crate::model::Sight;
use crate::pixels::{Grid, Patches, PixelRules};
use candle_core::{Device, Result, Tensor};
use situs_core::fault::Fault;
use std::ops::Range;
use std::sync::Arc;

/// Largest size that a configuration may claim for one dimension.
const MAX_WIDTH: usize = 1 << 20;
/// Most layers.
const MAX_LAYERS: usize = 1024;
/// Added to mean squares.
const EPSILON: f64 = 1e-6;

/// Patches to features.
pub(super) struct Tower {
    embed: Linear,
    blocks: Vec<Block>,
    /// Layers whose patches see their whole frame.
    open: Vec<usize>,
    norm: RmsNorm,
    merger: FeedForward,
    merge: usize,
    /// Tokens along the side of a window.
    window: usize,
    head: usize,
}

struct Block {
    before: RmsNorm,
    attention: VisionAttention,
    after: RmsNorm,
    feed_forward: Gated,
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
        let activation = Activation::read(config, "silu")?;
        let head = width / heads;
        if width % heads != 0 || head % 4 != 0 {
            return Err(config.fault("num_heads", &format!("{heads} heads of a width of {width}")));
        }
        if config.count("out_hidden_size", Some(hidden), MAX_WIDTH)? != hidden {
            return Err(config.fault("out_hidden_size", &format!("the decoder takes {hidden}")));
        }
        let &PixelRules { patch, merge, temporal, .. } = pixels;
        let window = config.count("window_size", Some(112), MAX_WIDTH)? / merge / patch;
        if window == 0 {
            return Err(config.fault("window_size", "smaller than a token"));
        }
        let open = config.counts("fullatt_block_indexes")?.unwrap_or_else(|| vec![7, 15, 23, 31]);
        let weight = part.within("patch_embed.proj").weight("weight", &[width, 3, temporal, patch, patch])?;
        let block = |index: usize| Block::read(&part.within("blocks").within(index), width, heads, middle, activation);
        let merger = part.within("merger");
        let wide = width * merge * merge;
        Ok(Self {
            embed: Linear::new(Arc::new(weight), None),
            blocks: (0..depth).map(block).collect::<std::result::Result<_, _>>()?,
            open,
            norm: RmsNorm::read(&merger.within("ln_q"), width, EPSILON)?,
            merger: FeedForward::read(&merger, ["mlp.0", "mlp.2"], [wide, wide, hidden], Activation::Gelu)?,
            merge,
            window,
            head,
        })
    }

    /// Features of a picture or video.
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
        let windows = Windows::of(grid, self.merge, self.window);
        let order = Tensor::new(windows.patches(self.merge), &Device::Cpu)?;
        let rows = self.embed.forward(&matrix(patches.values.clone(), count, depth)?)?;
        let mut rows = rows.index_select(&order, 0)?;
        let (cosines, sines) = grid_angles(grid, self.merge, self.head)?;
        let angles = (cosines.index_select(&order, 0)?, sines.index_select(&order, 0)?);
        let whole = frames(grid);
        for (index, block) in self.blocks.iter().enumerate() {
            let groups = if self.open.contains(&index) { &whole } else { &windows.groups };
            let seen = block.attention.forward(&block.before.forward(&rows)?, &angles, groups)?;
            rows = (rows + seen)?;
            let fed = block.feed_forward.forward(&block.after.forward(&rows)?)?;
            rows = (rows + fed)?;
        }
        let merged = self.norm.forward(&rows)?.reshape((count / (self.merge * self.merge), ()))?;
        let features = self.merger.forward(&merged)?;
        let back = Tensor::new(windows.back(), &Device::Cpu)?;
        Ok(Sight { features: features.index_select(&back, 0)?, lifts: Vec::new() })
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
        Ok(Self {
            before: RmsNorm::read(&part.within("norm1"), width, EPSILON)?,
            attention: VisionAttention::read(&part.within("attn"), width, heads)?,
            after: RmsNorm::read(&part.within("norm2"), width, EPSILON)?,
            feed_forward: Gated::read(&part.within("mlp"), width, middle, true, activation)?,
        })
    }
}

/// Tokens window by window, each frame by itself.
struct Windows {
    /// Tokens in the new order.
    tokens: Vec<u32>,
    /// Patches of each window, in the new order.
    groups: Vec<Range<usize>>,
}

impl Windows {
    fn of(grid: Grid, merge: usize, window: usize) -> Self {
        let (rows, columns) = (grid.rows / merge, grid.columns / merge);
        let mut tokens = Vec::with_capacity(grid.time * rows * columns);
        let mut groups = Vec::new();
        for time in 0..grid.time {
            for top in (0..rows).step_by(window) {
                for left in (0..columns).step_by(window) {
                    let start = tokens.len();
                    for row in top..(top + window).min(rows) {
                        for column in left..(left + window).min(columns) {
                            tokens.push(((time * rows + row) * columns + column) as u32);
                        }
                    }
                    groups.push(start * merge * merge..tokens.len() * merge * merge);
                }
            }
        }
        Self { tokens, groups }
    }

    /// Patches in the new order.
    fn patches(&self, merge: usize) -> Vec<u32> {
        let each = (merge * merge) as u32;
        self.tokens.iter().flat_map(|token| token * each..(token + 1) * each).collect()
    }

    /// For each token, where it is in the new order.
    fn back(&self) -> Vec<u32> {
        let mut back = vec![0; self.tokens.len()];
        for (at, token) in (0u32..).zip(&self.tokens) {
            back[*token as usize] = at;
        }
        back
    }
}
