//! F1 of words, as in SQuAD.

use crate::text::{Pair, about_empty, token_f1};
use situs_core::prelude::*;

situs_core::component! {
    /// F1 (0 to 1) of the words of free-text answers as SQuAD v1.1 computes it; the figure is the mean over answers.
    metric "token-f1";
    pub struct TokenF1 {
        /// Whether pairs with an empty text are left out; if not, two empty texts are alike and one is not.
        pub skip_empty: bool = false,
    }
}

#[typetag::serde(name = "token-f1")]
impl MetricSpec for TokenF1 {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for TokenF1 {
    fn signature(&self) -> Option<String> {
        Some(format!("nrefs:1|figure:f1|norm:squad-1.1{}", about_empty(self.skip_empty)))
    }

    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let pair = Pair::of(record, self.skip_empty);
        Ok(pair.map(|pair| Score::mean(token_f1(pair.prediction, pair.reference))))
    }
}
