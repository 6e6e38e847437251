//! Semantic sampling: tokens supported by the probability mass of their neighborhood.

use crate::rescoring::{Mass, Otherwise, Rescorer, Select, rescoring_sampler};
use situs_core::prelude::*;
use situs_kernels::semantic::Score;
use std::path::PathBuf;

rescoring_sampler! {
    /// Chooses among the candidates by the probability mass of their neighbors in embedding space (MIS-SemSam).
    ///
    /// Score(c) = sum over the kept neighbors of c of max(0, cosine) x p(neighbor), after arXiv 2603.14579, section 2.4.
    /// A step with a candidate that is not content (special, added or control tokens, padding) defers to the default
    /// rule. Every step leaves an entry in the flip ledger of the record.
    sampler "semantic";
    pub struct Semantic {}
}

#[typetag::serde(name = "semantic")]
impl SamplerSpec for Semantic {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Sampler>, Fault> {
        Ok(Box::new(Rescorer::build(&self.parameters(), Score::Support, cx)?))
    }
}
