//! A metric for Situs: accuracy above chance.

situs_core::export_plugin!();

use situs_core::prelude::*;

situs_core::component! {
    /// Right answers above chance: 0 for guessing, 1 for all right.
    metric "{{name}}";
    pub struct {{Type}} {
        /// Leave out replies from which no answer could be read.
        pub parsed_only: bool = false,
    }
}

#[typetag::serde(name = "{{name}}")]
impl MetricSpec for {{Type}} {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for {{Type}} {
    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        if self.parsed_only && record.answer.state != AnswerState::Answered {
            return Ok(None);
        }
        let (right, chance) = (f64::from(u8::from(record.is_right())), record.question.chance);
        // Statistics are summed over records; `finish` makes the figure of the sums.
        Ok(Some(Score { value: right - chance, stats: vec![right - chance, 1.0 - chance] }))
    }

    fn finish(&self, sums: &[f64]) -> Result<f64, Fault> {
        match sums {
            [above, room] => Ok(above / room),
            _ => Err(Fault::internal(format!("expected two sums, found {}", sums.len()))),
        }
    }
}
