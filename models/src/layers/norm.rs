//! Normalisation of rows.

use crate::checkpoint::Part;
use crate::layers::broken;
use candle_core::{Device, Result, Tensor};
use situs_core::fault::Fault;

/// Division by the root mean square.
pub(crate) struct RmsNorm {
    weight: Tensor,
    epsilon: f32,
}

impl RmsNorm {
    /// Reads `weight` `[width]`.
    ///
    /// # Errors
    /// When it is missing or of another shape.
    pub(crate) fn read(part: &Part<'_>, width: usize, epsilon: f64) -> std::result::Result<Self, Fault> {
        Ok(Self { weight: vector(part, "weight", width)?, epsilon: epsilon as f32 })
    }

    /// Reads `weight` `[width]`, stored as what it is above one.
    ///
    /// # Errors
    /// When it is missing or of another shape.
    pub(crate) fn read_above_one(
        part: &Part<'_>,
        width: usize,
        epsilon: f64,
    ) -> std::result::Result<Self, Fault> {
        let above = part.vector("weight", width)?;
        let weight = Tensor::from_iter(above.into_iter().map(|above| 1.0 + above), &Device::Cpu);
        Ok(Self { weight: weight.map_err(broken)?, epsilon: epsilon as f32 })
    }

    /// Rows of any number.
    ///
    /// # Errors
    /// Rows of another width.
    pub(crate) fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        candle_nn::ops::rms_norm(rows, &self.weight, self.epsilon)
    }
}

/// Mean and variance taken out.
pub(crate) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f32,
}

impl LayerNorm {
    /// Reads `weight` and `bias` `[width]`.
    ///
    /// # Errors
    /// When one is missing or of another shape.
    pub(crate) fn read(part: &Part<'_>, width: usize, epsilon: f64) -> std::result::Result<Self, Fault> {
        Ok(Self {
            weight: vector(part, "weight", width)?,
            bias: vector(part, "bias", width)?,
            epsilon: epsilon as f32,
        })
    }

    /// Rows of any number.
    ///
    /// # Errors
    /// Rows of another width.
    pub(crate) fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        candle_nn::ops::layer_norm(rows, &self.weight, &self.bias, self.epsilon)
    }
}

fn vector(part: &Part<'_>, name: &str, width: usize) -> std::result::Result<Tensor, Fault> {
    Tensor::from_vec(part.vector(name, width)?, width, &Device::Cpu).map_err(broken)
}
