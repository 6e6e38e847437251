//! A part of a model by the names that its tensors may have.

use super::{Checkpoint, Weight};
use situs_core::fault::Fault;

/// Tensors below some prefix. Libraries of different age write different prefixes; each is tried in turn.
pub(crate) struct Part<'a> {
    checkpoint: &'a Checkpoint,
    prefixes: Vec<String>,
}

impl<'a> Part<'a> {
    /// A part of a checkpoint under one of these prefixes.
    pub(crate) fn new(checkpoint: &'a Checkpoint, prefixes: &[&str]) -> Self {
        Self { checkpoint, prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect() }
    }

    /// A part of this part.
    pub(crate) fn within(&self, name: impl std::fmt::Display) -> Self {
        let prefixes = self.prefixes.iter().map(|prefix| format!("{prefix}{name}.")).collect();
        Self { checkpoint: self.checkpoint, prefixes }
    }

    /// Names that a tensor may have.
    pub(crate) fn names(&self, name: &str) -> Vec<String> {
        self.prefixes.iter().map(|prefix| format!("{prefix}{name}")).collect()
    }

    /// Whether the checkpoint has a tensor of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.checkpoint.holds(&self.names(name))
    }

    /// A tensor of that shape.
    ///
    /// # Errors
    /// When it is missing, by all names it may have, or of another shape.
    pub(crate) fn weight(&self, name: &str, shape: &[usize]) -> Result<Weight, Fault> {
        self.checkpoint.weight(&self.names(name), shape)
    }

    /// A vector, as f32.
    ///
    /// # Errors
    /// As [`Self::weight`].
    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, Fault> {
        self.weight(name, &[length]).map(|weight| weight.to_f32())
    }
}
