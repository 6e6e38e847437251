//! Answers that are the reference, word for word.

use crate::text::{Pair, about_empty, lower, normalised};
use situs_core::prelude::*;

/// What is done to both texts before they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalise {
    /// SQuAD v1.1: lower case, no punctuation, no articles, single spaces.
    Squad,
    /// Lower case.
    Lower,
    /// Nothing.
    None,
}

situs_core::component! {
    /// Share of free-text answers that equal the reference, after SQuAD's normalisation unless told otherwise.
    metric "exact-match";
    pub struct ExactMatch {
        /// `squad` (lower case, no punctuation, no articles, single spaces), `lower` or `none`.
        pub normalise: Normalise = Normalise::Squad,
        /// Whether pairs with an empty text are left out; if not, two empty texts are equal.
        pub skip_empty: bool = false,
    }
}

#[typetag::serde(name = "exact-match")]
impl MetricSpec for ExactMatch {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for ExactMatch {
    fn signature(&self) -> Option<String> {
        let normalise = match self.normalise {
            Normalise::Squad => "squad-1.1",
            Normalise::Lower => "lower",
            Normalise::None => "none",
        };
        Some(format!("nrefs:1|norm:{normalise}{}", about_empty(self.skip_empty)))
    }

    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let equal = |Pair { prediction, reference }: Pair<'_>| match self.normalise {
            Normalise::Squad => normalised(prediction) == normalised(reference),
            Normalise::Lower => lower(prediction) == lower(reference),
            Normalise::None => prediction == reference,
        };
        let pair = Pair::of(record, self.skip_empty);
        Ok(pair.map(|pair| Score::mean(f64::from(u8::from(equal(pair))))))
    }
}
