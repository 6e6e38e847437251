//! Semantic sampling: tokens supported by the probability mass of their neighborhood.

use crate::rescoring::{Mass, Otherwise, Parameters, Rescorer, Select};
use situs_core::prelude::*;
use situs_kernels::semantic::Score;
use std::path::PathBuf;

situs_core::component! {
    /// Chooses among the candidates by the probability mass of their neighbors in embedding space (MIS-SemSam).
    ///
    /// Score(c) = sum over the kept neighbors of c of max(0, cosine) x p(neighbor), after arXiv 2603.14579, section 2.4.
    /// A step with a candidate that is not content (special, added or control tokens, padding) defers to the default
    /// rule. Every step leaves an entry in the flip ledger of the record.
    sampler "semantic";
    pub struct Semantic {
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
        /// `argmax`, `proportional` (a draw in proportion to the score) or `softmax` (a draw from softmax(score / tau),
        /// as the paper writes it: scores lie in about 0 to 1, so at tau 1 it is nearly flat).
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

#[typetag::serde(name = "semantic")]
impl SamplerSpec for Semantic {
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
            score: Score::Support,
        };
        Ok(Box::new(Rescorer::build(&parameters, cx)?))
    }
}
