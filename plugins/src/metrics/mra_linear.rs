//! One minus the relative error: what DeepTumorVQA calls mean relative accuracy.

use super::accuracy::Over;
use super::mra_vsi10::{NumberBy, numbers, relative_error};
use situs_core::prelude::*;

situs_core::component! {
    /// Mean of max(0, 1 - relative error): another function than `mra_vsi10`, published under the same name (DeepTumorVQA).
    metric "mra_linear";
    pub struct MraLinear {
        /// `family` (last tag pair, units converted) or `first_token` (VSI-Bench).
        pub read: NumberBy = NumberBy::Family,
        /// `all`: replies without one number score 0. `parsed`: they are left out.
        pub over: Over = Over::All,
    }
}

#[typetag::serde(name = "mra_linear")]
impl MetricSpec for MraLinear {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for MraLinear {
    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let Some((target, given)) = numbers(record, self.read) else { return Ok(None) };
        let counts = given.is_some() || self.over == Over::All;
        let value = given.map_or(0.0, |given| (1.0 - relative_error(given, target)).max(0.0));
        Ok(counts.then(|| Score::mean(value)))
    }
}
