//! METEOR without WordNet, under a name of its own: its figures are not those of METEOR.

use super::meteor::{Aligned, Tokens};
use crate::text::Fragmentation;
use situs_core::prelude::*;

situs_core::component! {
    /// METEOR (0 to 1) without synonyms: forms and stems alone are aligned. Not comparable with published METEOR.
    metric "meteor_exact_stem";
    pub struct MeteorExactStem {
        /// Words: `whitespace` or `nltk`.
        pub tokens: Tokens = Tokens::Whitespace,
        /// Weight of precision against recall.
        pub alpha: f64 = 0.9,
        /// Exponent of the share of breaks in the alignment.
        pub beta: f64 = 3.0,
        /// Largest penalty for breaks.
        pub gamma: f64 = 0.5,
        /// Whether pairs with an empty text are left out; if not, they score 0.
        pub skip_empty: bool = false,
    }
}

#[typetag::serde(name = "meteor_exact_stem")]
impl MetricSpec for MeteorExactStem {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        let weights = Fragmentation { alpha: self.alpha, beta: self.beta, gamma: self.gamma };
        Aligned::build(None, self.tokens, weights, self.skip_empty)
    }
}
