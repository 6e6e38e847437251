//! The contrary of semantic sampling: tokens crowded by their neighborhood lose.

use crate::rescoring::{Mass, Otherwise, Rescorer, Select, rescoring_sampler};
use situs_core::prelude::*;
use situs_kernels::semantic::Score;
use std::path::PathBuf;

rescoring_sampler! {
    /// Chooses among the candidates against the probability mass of their neighbors: the contrary of `semantic`.
    ///
    /// Log score(c) = log p(c) - alpha x (mass(c) - p(c)), with the mass of `semantic`. The formula is ours, after the
    /// idea of CraEG (arXiv 2601.22536) that probability crowded on close embeddings predicts wrong reasoning; with the
    /// same tables, a claim and its contrary can be tested. Candidates, deferral and ledger are those of `semantic`.
    sampler "crowding";
    pub struct Crowding {
        /// Weight of the neighbors' mass; 0 leaves the default rule.
        pub alpha: f64 = 1.0,
    }
}

#[typetag::serde(name = "crowding")]
impl SamplerSpec for Crowding {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Sampler>, Fault> {
        Ok(Box::new(Rescorer::build(&self.parameters(), Score::Crowding { alpha: self.alpha }, cx)?))
    }
}
