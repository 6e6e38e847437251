//! Multiple choice by letter.

use super::accuracy::Over;
use crate::replies::{self, choice};
use situs_core::prelude::*;

/// How an option is read from a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadBy {
    /// As the question family reads it: last tag pair, letter or exact option text.
    Family,
    /// Letter or exact option text in the last tag pair, else in the whole reply where that names one option.
    Lenient,
    /// The first token, as VSI-Bench's published code does: right answers in a sentence are wrong.
    FirstToken,
    /// The first capital letter that stands alone.
    FirstLetter,
}

situs_core::component! {
    /// Share of multiple-choice questions answered with the right option. Whether a reply could be read stands apart, in the answer states.
    metric "mcq";
    pub struct Mcq {
        /// `family` (last tag pair, letter or option text), `lenient`, `first_token` (VSI-Bench) or `first_letter`.
        pub read: ReadBy = ReadBy::Family,
        /// `all`: replies without a readable option are wrong. `parsed`: they are left out.
        pub over: Over = Over::All,
    }
}

#[typetag::serde(name = "mcq")]
impl MetricSpec for Mcq {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Mcq {
    /// The option that a reply names.
    fn chosen(&self, record: &Record) -> Option<usize> {
        let options = &record.question.options;
        let text = record.reply.as_ref().map(|reply| replies::after_thinking(&reply.text)).unwrap_or_default();
        let one = |text: &str| match choice::read(text, options) {
            choice::Reading::One(index) => Some(index),
            _ => None,
        };
        match self.read {
            ReadBy::Family => {
                let value = record.answer.value.as_ref().filter(|_| record.answer.state == AnswerState::Answered)?;
                options.iter().position(|option| option == value)
            }
            ReadBy::Lenient => one(replies::last_tag(text).unwrap_or(text)),
            ReadBy::FirstToken => choice::first_token(text, options.len()),
            ReadBy::FirstLetter => choice::first_letter(text, options.len()),
        }
    }
}

impl Metric for Mcq {
    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        if record.question.options.is_empty() {
            return Ok(None);
        }
        let chosen = self.chosen(record).and_then(|index| record.question.options.get(index));
        let counts = chosen.is_some() || self.over == Over::All;
        let right = chosen.is_some_and(|option| *option == record.question.truth);
        Ok(counts.then(|| Score::mean(f64::from(u8::from(right)))))
    }
}
