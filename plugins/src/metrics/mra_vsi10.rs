//! Mean relative accuracy as VSI-Bench's published code computes it.

use super::accuracy::Over;
use crate::replies::{self, number};
use situs_core::prelude::*;

/// Ends and number of the confidences 0.50, 0.55, ..., 0.95. The published code's own count of them comes to ten only by
/// binary rounding, so that it is written down here.
const FIRST: f64 = 0.5;
const LAST: f64 = 0.95;
const COUNT: usize = 10;

/// Where the number of a reply is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberBy {
    /// As the question family reads it: last tag pair, units converted.
    Family,
    /// Text up to the first blank, as VSI-Bench's published code does: "about 196" is no number.
    FirstToken,
}

/// What the figure of a cell is in which no reply holds a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeverCommitted {
    /// 0, like any wrong answer.
    Zero,
    /// None: the paper's "NaN".
    None,
}

situs_core::component! {
    /// Mean relative accuracy: share of the ten thresholds 0.50 to 0.05 that the relative error does not exceed (VSI-Bench, `<=`).
    metric "mra_vsi10";
    pub struct MraVsi10 {
        /// `family` (last tag pair, units converted) or `first_token` (VSI-Bench).
        pub read: NumberBy = NumberBy::Family,
        /// `all`: replies without one number score 0. `parsed`: they are left out.
        pub over: Over = Over::All,
        /// Figure of a cell in which no reply holds a number: `zero`, or `none` (the paper's "NaN").
        pub never_committed: NeverCommitted = NeverCommitted::Zero,
    }
}

#[typetag::serde(name = "mra_vsi10")]
impl MetricSpec for MraVsi10 {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

/// Mean relative accuracy of one prediction: the share of confidences c with `error <= 1 - c`.
///
/// The confidences are those of numpy's `linspace` to the last bit, and so is what becomes of errors that are a threshold
/// to within rounding: 60 for 50 misses the threshold 0.2, 45 for 50 keeps 0.1.
pub fn mra_vsi10(prediction: f64, target: f64) -> f64 {
    let error = relative_error(prediction, target);
    let step = (LAST - FIRST) / (COUNT - 1) as f64;
    let confidence = |place: usize| if place + 1 == COUNT { LAST } else { place as f64 * step + FIRST };
    let held = (0..COUNT).filter(|place| error <= 1.0 - confidence(*place)).count();
    held as f64 / COUNT as f64
}

/// |prediction - target| / |target|; infinite where it is not defined.
pub(crate) fn relative_error(prediction: f64, target: f64) -> f64 {
    let error = (prediction - target).abs() / target.abs();
    if error.is_nan() { f64::INFINITY } else { error }
}

/// The number asked for and the one given, of a question whose answer is a free number.
pub(crate) fn numbers(record: &Record, read: NumberBy) -> Option<(f64, Option<f64>)> {
    if !record.question.options.is_empty() {
        return None;
    }
    let target: f64 = record.question.truth.parse().ok().filter(|target: &f64| target.is_finite() && *target != 0.0)?;
    let given = match read {
        NumberBy::Family => {
            // A bare fraction where per cent were asked is no answer that is 99 % off: it is wrong.
            let is_fraction = record.answer.flags.iter().any(|flag| flag == "fraction");
            let value = record.answer.value.as_ref().filter(|_| record.answer.state == AnswerState::Answered);
            value.and_then(|value| value.parse().ok()).map(|value: f64| if is_fraction { f64::INFINITY } else { value })
        }
        NumberBy::FirstToken => {
            let text = record.reply.as_ref().map(|reply| replies::after_thinking(&reply.text));
            text.and_then(number::first_token)
        }
    };
    Some((target, given))
}

/// Whether none of these records holds a number.
pub(crate) fn none_committed(scored: &Scored<'_>, read: NumberBy) -> bool {
    let mut asked = scored.records.iter().filter_map(|one| numbers(one.record, read)).peekable();
    asked.peek().is_some() && asked.all(|(_, given)| given.is_none())
}

impl Metric for MraVsi10 {
    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let Some((target, given)) = numbers(record, self.read) else { return Ok(None) };
        let counts = given.is_some() || self.over == Over::All;
        Ok(counts.then(|| Score::mean(given.map_or(0.0, |given| mra_vsi10(given, target)))))
    }

    fn summarise(&self, scored: &Scored<'_>) -> Result<Option<Summary>, Fault> {
        let silent = self.never_committed == NeverCommitted::None && none_committed(scored, self.read);
        Ok(silent.then(Summary::nothing))
    }
}
