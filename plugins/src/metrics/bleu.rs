//! BLEU of free text, as sacreBLEU computes it.

use crate::text::{self, Counts, Pair, about_empty};
use situs_core::prelude::*;

situs_core::component! {
    /// BLEU (0 to 100) of free-text answers as sacreBLEU 2.6.0 computes it: tokeniser 13a, exponential smoothing.
    metric "bleu";
    pub struct Bleu {
        /// Whether both texts are put into lower case first.
        pub lowercase: bool = false,
        /// Whether pairs with an empty text are left out; if not, an empty answer counts as one that matches nothing.
        pub skip_empty: bool = false,
    }
}

#[typetag::serde(name = "bleu")]
impl MetricSpec for Bleu {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for Bleu {
    /// sacreBLEU's own signature of the figure. Values of single answers have effective order.
    fn signature(&self) -> Option<String> {
        let case = if self.lowercase { "lc" } else { "mixed" };
        let empty = about_empty(self.skip_empty);
        Some(format!("nrefs:1|case:{case}|eff:no|tok:13a|smooth:exp|version:2.6.0{empty}"))
    }

    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        Ok(Pair::of(record, self.skip_empty).map(|pair| {
            let counts = Counts::of(pair.prediction, pair.reference, self.lowercase);
            Score { value: text::Bleu::Sentence.score(&counts), stats: counts.to_stats() }
        }))
    }

    fn finish(&self, sums: &[f64]) -> Result<f64, Fault> {
        let counts = Counts::from_stats(sums)
            .ok_or_else(|| Fault::internal(format!("BLEU has ten sums, found {}", sums.len())))?;
        Ok(text::Bleu::Corpus.score(&counts))
    }
}
