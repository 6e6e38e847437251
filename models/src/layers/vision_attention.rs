//! Attention within groups of patches.

use super::{Linear, attend_groups};
use crate::checkpoint::Part;
use candle_core::{Result, Tensor};
use candle_nn::rotary_emb::rope_thd;
use situs_core::fault::Fault;
use std::ops::Range;

/// Attention of patches over those of their own group, both ways.
pub(crate) struct VisionAttention {
    qkv: Linear,
    proj: Linear,
    heads: usize,
}

impl VisionAttention {
    /// Reads `qkv` and `proj`, both with bias.
    ///
    /// # Errors
    /// When a tensor is missing or of another shape.
    pub(crate) fn read(part: &Part<'_>, width: usize, heads: usize) -> std::result::Result<Self, Fault> {
        Ok(Self {
            qkv: Linear::read(&part.within("qkv"), width * 3, width, true)?,
            proj: Linear::read(&part.within("proj"), width, width, true)?,
            heads,
        })
    }

    /// Rows `[patches, width]` to the same; `groups` cover all patches in order.
    ///
    /// # Errors
    /// Rows of another width.
    pub(crate) fn forward(
        &self,
        rows: &Tensor,
        angles: &(Tensor, Tensor),
        groups: &[Range<usize>],
    ) -> Result<Tensor> {
        let (count, width) = rows.dims2()?;
        let head = width / self.heads;
        let all = self.qkv.forward(rows)?.reshape((count, 3, self.heads, head))?;
        let turned = |at: usize| {
            let part = all.narrow(1, at, 1)?.reshape((1, count, self.heads, head))?.contiguous()?;
            rope_thd(&part, &angles.0, &angles.1)
        };
        let (query, keys) = (turned(0)?, turned(1)?);
        let values = all.narrow(1, 2, 1)?;
        self.proj.forward(&attend_groups(&query, &keys, &values, self.heads, groups)?)
    }
}
