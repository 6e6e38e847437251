//! How often a model asked for a number gives none.

use super::mra_vsi10::{NumberBy, numbers};
use situs_core::prelude::*;

situs_core::component! {
    /// Share of questions for a number whose reply commits to none: ranges, bounds, several numbers, words. Lower is better.
    metric "no_commitment";
    pub struct NoCommitment {}
}

#[typetag::serde(name = "no_commitment")]
impl MetricSpec for NoCommitment {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for NoCommitment {
    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        if numbers(record, NumberBy::Family).is_none() {
            return Ok(None);
        }
        let flagged = record.answer.flags.iter().any(|flag| flag == "no_commitment");
        Ok(Some(Score::mean(f64::from(u8::from(flagged)))))
    }
}
