//! The contrary of semantic sampling: tokens crowded by their neighborhood lose.

use crate::rescoring::{Mass, Otherwise, Parameters, Rescorer, Select};
use situs_core::prelude::*;
use situs_kernels::semantic::Score;
use std::path::PathBuf;

situs_core::component! {
    /// Chooses among the candidates against the probability mass of their neighbors: the contrary of `semantic`.
    ///
    /// Log score(c) = log p(c) - alpha x (mass(c) - p(c)), with the mass of `semantic`. The formula is ours, after the
    /// idea of CraEG (arXiv 2601.22536) that probability crowded on close embeddings predicts wrong reasoning; with the
    /// same tables, a claim and its contrary can be tested. Candidates, deferral and ledger are those of `semantic`.
    sampler "crowding";
    pub struct Crowding {
        /// Weight of the neighbors' mass; 0 leaves the default rule.
        pub alpha: f64 = 1.0,
        /// Softmax temperature, above 0; it shapes the masses even where the choice is the argmax.
        pub temperature: f64 = 0.5,
        /// Keep the k most probable tokens, at most 1,024, ties to the lower id. Not set: no limit.
        pub top_k: Option<u32> = None,
        /// Keep the fewest tokens whose mass, within top-k, reaches p. 1: all.
        pub top_p: f64 = 1.0,
        /// Keep tokens at least this fraction as probable as the most probable one. 0: all.
        pub min_p: f64 = 0.0,
        /// Neighbors of a candidate that are weighed, itself included: 1 to 64, at most what the table stores.
        pub neighbors: u32 = 32,
        /// Weigh only the leading neighbors with at least this cosine. Not set: all.
        pub threshold: Option<f64> = None,
        /// `argmax`, `proportional` (a draw in proportion to the exponential of the log score) or `softmax` (the same at
        /// temperature tau).
        pub select: Select = Select::Argmax,
        /// Temperature of `select = "softmax"`.
        pub tau: f64 = 1.0,
        /// `full`: probabilities over the whole vocabulary, neighbors beyond the candidates count. `renormalised`: over
        /// the candidates alone.
        pub mass: Mass = Mass::Full,
        /// Rule of a step that defers: `greedy` or `draw`. Not set: greedy for argmax, a draw otherwise.
        pub otherwise: Option<Otherwise> = None,
        /// Rescore only after this text has appeared in the reply, e.g. `</think>`; before, the default rule decides.
        pub only_after: Option<String> = None,
        /// Neighbor table, as `situs neighbors build` writes it. Not set: built from the model's own input embeddings
        /// on first use and kept in the user's cache folder.
        pub table: Option<PathBuf> = None,
        /// Accept a table made from another checkpoint's embeddings, where both have the same tokenizer.
        pub reuse: bool = false,
        /// Most new tokens per reply.
        pub max_tokens: u32 = 1024,
    }
}

#[typetag::serde(name = "crowding")]
impl SamplerSpec for Crowding {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Sampler>, Fault> {
        let parameters = Parameters {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            neighbors: self.neighbors,
            threshold: self.threshold,
            select: self.select,
            tau: self.tau,
            mass: self.mass,
            otherwise: self.otherwise,
            only_after: self.only_after.as_deref(),
            table: self.table.as_ref(),
            reuse: self.reuse,
            max_tokens: self.max_tokens,
            score: Score::Crowding { alpha: self.alpha },
        };
        Ok(Box::new(Rescorer::build(&parameters, cx)?))
    }
}
