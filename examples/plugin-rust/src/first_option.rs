//! Does a model prefer what is named first?

use situs_core::prelude::*;

situs_core::component! {
    /// Share of answers that name the first option; half, where a model does not care about the order.
    metric "first-option";
    pub struct FirstOption {}
}

#[typetag::serde(name = "first-option")]
impl MetricSpec for FirstOption {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for FirstOption {
    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let (Some(first), Some(value)) = (record.question.options.first(), &record.answer.value) else {
            return Ok(None);
        };
        Ok((record.answer.state == AnswerState::Answered)
            .then(|| Score::mean(if value == first { 1.0 } else { 0.0 })))
    }
}
