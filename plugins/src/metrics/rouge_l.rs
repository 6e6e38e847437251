//! ROUGE-L of free text, as rouge-score computes it.

use crate::text::{Pair, about_empty, common_subsequence, rouge_words};
use situs_core::prelude::*;

situs_core::component! {
    /// ROUGE-L F1 (0 to 1) of free-text answers as rouge-score 0.1.2 computes it; the figure is the mean over answers.
    metric "rouge-l";
    pub struct RougeL {
        /// Whether words of four letters and more are reduced to Porter's stems, as in NLTK.
        pub stemmer: bool = true,
        /// Whether pairs with an empty text are left out; if not, they score 0.
        pub skip_empty: bool = false,
    }
}

#[typetag::serde(name = "rouge-l")]
impl MetricSpec for RougeL {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for RougeL {
    fn signature(&self) -> Option<String> {
        let stemmer = if self.stemmer { "nltk-porter" } else { "none" };
        let empty = about_empty(self.skip_empty);
        Some(format!("nrefs:1|figure:f1|tok:a-z0-9|stemmer:{stemmer}|version:rouge-score-0.1.2{empty}"))
    }

    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let value = |pair: Pair<'_>| {
            let words = |text| rouge_words(text, self.stemmer);
            let (own, others) = (words(pair.prediction), words(pair.reference));
            let common = common_subsequence(&others, &own) as f64;
            if common == 0.0 {
                return 0.0;
            }
            let (precision, recall) = (common / own.len() as f64, common / others.len() as f64);
            2.0 * precision * recall / (precision + recall)
        };
        Ok(Pair::of(record, self.skip_empty).map(value).map(Score::mean))
    }
}
