//! The layers between attentions.

use super::Linear;
use crate::checkpoint::{Config, Part};
use candle_core::{Result, Tensor};
use situs_core::fault::Fault;

/// The bend between two products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x / (1 + e^-x)`.
    Silu,
    /// By the error function.
    Gelu,
    /// Its approximation by the hyperbolic tangent.
    GeluTanh,
    /// Its approximation by a logistic curve, `x / (1 + e^(-1.702 x))`.
    QuickGelu,
}

impl Activation {
    /// Reads `hidden_act`.
    ///
    /// # Errors
    /// One that is not known.
    pub(crate) fn read(config: &Config<'_>, default: &str) -> std::result::Result<Self, Fault> {
        Self::read_from(config, "hidden_act", default)
    }

    /// Reads a field of another name.
    ///
    /// # Errors
    /// One that is not known.
    pub(crate) fn read_from(
        config: &Config<'_>,
        field: &str,
        default: &str,
    ) -> std::result::Result<Self, Fault> {
        match config.word(field, default) {
            "silu" | "swish" => Ok(Self::Silu),
            "gelu" => Ok(Self::Gelu),
            "gelu_pytorch_tanh" | "gelu_new" => Ok(Self::GeluTanh),
            "quick_gelu" => Ok(Self::QuickGelu),
            other => {
                let what = config.fault(field, &format!("'{other}' is not known")).what;
                Err(Fault::unsupported(what)
                    .help("silu, gelu, gelu_pytorch_tanh and quick_gelu are computed"))
            }
        }
    }

    /// Applied to every number.
    ///
    /// # Errors
    /// None for f32.
    pub(crate) fn forward(self, rows: &Tensor) -> Result<Tensor> {
        match self {
            Self::Silu => rows.silu(),
            Self::Gelu => rows.gelu_erf(),
            Self::GeluTanh => rows.gelu(),
            Self::QuickGelu => rows * candle_nn::ops::sigmoid(&(rows * 1.702)?)?,
        }
    }
}

/// Two products with a bend between them.
pub(crate) struct FeedForward {
    first: Linear,
    second: Linear,
    activation: Activation,
}

impl FeedForward {
    /// Reads two layers by name, both with bias.
    ///
    /// # Errors
    /// When a tensor is missing or of another shape.
    pub(crate) fn read(
        part: &Part<'_>,
        names: [&str; 2],
        sizes: [usize; 3],
        activation: Activation,
    ) -> std::result::Result<Self, Fault> {
        let [depth, middle, width] = sizes;
        Ok(Self {
            first: Linear::read(&part.within(names[0]), middle, depth, true)?,
            second: Linear::read(&part.within(names[1]), width, middle, true)?,
            activation,
        })
    }

    /// Rows `[count, depth]` to `[count, width]`.
    ///
    /// # Errors
    /// Rows of another width.
    pub(crate) fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        self.second.forward(&self.activation.forward(&self.first.forward(rows)?)?)
    }
}

/// Two products multiplied with each other, one of them bent, and a third.
pub(crate) struct Gated {
    gate: Linear,
    up: Linear,
    down: Linear,
    activation: Activation,
}

impl Gated {
    /// Reads `gate_proj`, `up_proj` and `down_proj`.
    ///
    /// # Errors
    /// When a tensor is missing or of another shape.
    pub(crate) fn read(
        part: &Part<'_>,
        width: usize,
        middle: usize,
        bias: bool,
        activation: Activation,
    ) -> std::result::Result<Self, Fault> {
        Ok(Self {
            gate: Linear::read(&part.within("gate_proj"), middle, width, bias)?,
            up: Linear::read(&part.within("up_proj"), middle, width, bias)?,
            down: Linear::read(&part.within("down_proj"), width, middle, bias)?,
            activation,
        })
    }

    /// Rows `[count, width]` to the same.
    ///
    /// # Errors
    /// Rows of another width.
    pub(crate) fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        let gate = self.activation.forward(&self.gate.forward(rows)?)?;
        self.down.forward(&(gate * self.up.forward(rows)?)?)
    }
}
