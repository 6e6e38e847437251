//! Linear layers on mapped weights.

use super::floats::{floats, matrix};
use crate::checkpoint::{Part, Weight};
use crate::compute::product;
use candle_core::{Result, Tensor};
use situs_core::fault::Fault;
use std::sync::Arc;

/// `x W^T + b`.
#[derive(Clone)]
pub(crate) struct Linear {
    weight: Arc<Weight>,
    bias: Option<Arc<[f32]>>,
}

impl Linear {
    /// Reads `weight` `[width, depth]` and, where there is one, `bias` `[width]`.
    ///
    /// # Errors
    /// When a tensor is missing or of another shape.
    pub(crate) fn read(
        part: &Part<'_>,
        width: usize,
        depth: usize,
        bias: bool,
    ) -> std::result::Result<Self, Fault> {
        Ok(Self {
            weight: Arc::new(part.weight("weight", &[width, depth])?),
            bias: if bias { Some(part.vector("bias", width)?.into()) } else { None },
        })
    }

    /// A layer without a bias.
    pub(crate) fn new(weight: Arc<Weight>, bias: Option<Arc<[f32]>>) -> Self {
        Self { weight, bias }
    }

    /// Rows `[count, depth]` to `[count, width]`.
    ///
    /// # Errors
    /// A depth that is not the weight's.
    pub(crate) fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        let (count, depth) = rows.dims2()?;
        let (width, expected) = self.weight.matrix();
        if depth != expected {
            candle_core::bail!("{}: rows of {depth}, weights for {expected}", self.weight.name());
        }
        let out = floats(rows, |rows| Ok(product(rows, &self.weight, self.bias.as_deref())))?;
        matrix(out, count, width)
    }
}
