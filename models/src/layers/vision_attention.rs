//! Attention within groups of patches.

use super::Linear;
use super::floats::{floats, matrix};
use crate::checkpoint::Part;
use crate::compute::{Keyed, Query, attend};
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
        let mixed = floats(&query, |query| {
            floats(&keys, |keys| {
                floats(&values, |values| {
                    let mut mixed = Vec::with_capacity(query.len());
                    for group in groups {
                        let part = group.start * width..group.end * width;
                        let query = Query { values: &query[part.clone()], heads: self.heads, width: head };
                        let keyed =
                            Keyed { keys: &keys[part.clone()], values: &values[part], heads: self.heads };
                        mixed.extend(attend(query, keyed, |_| group.len()));
                    }
                    Ok(mixed)
                })
            })
        })?;
        self.proj.forward(&matrix(mixed, count, width)?)
    }
}
