//! The share of right answers.

use situs_core::prelude::*;

/// Which records count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// All: whatever is not a right answer is wrong (strict).
    All,
    /// Only those from which an answer was read.
    Parsed,
}

situs_core::component! {
    /// Share of right answers: over all replies (strict), or over those from which an answer was read.
    metric "accuracy";
    pub struct Accuracy {
        /// `all`: everything that is not the right answer is wrong. `parsed`: replies without a readable answer are left out.
        pub over: Over = Over::All,
        /// Whether each question's chance level is taken off: 0 is guessing, whatever the number of options.
        pub above_chance: bool = false,
        /// Whether answers in the other register count (`above` for `superior`), where the family reads them so
        /// (`lenient_register`): to stand beside the plain figure, never in its place.
        pub lenient: bool = false,
    }
}

#[typetag::serde(name = "accuracy")]
impl MetricSpec for Accuracy {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for Accuracy {
    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let counts = match record.answer.state {
            AnswerState::Answered => true,
            AnswerState::Failed => false,
            _ => self.over == Over::All,
        };
        let lenient = |flag: &str| self.lenient && record.answer.flags.iter().any(|own| own == flag);
        let counts = counts || lenient("lenient_right") || lenient("lenient_wrong");
        let right = record.is_right() || lenient("lenient_right");
        let chance = if self.above_chance { record.question.chance } else { 0.0 };
        Ok(counts.then(|| Score::mean(f64::from(u8::from(right)) - chance)))
    }
}
