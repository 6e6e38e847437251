//! How long questions and answers are: verbose answers please judges, so lengths belong beside their verdicts.

use situs_core::prelude::*;

/// Whose words are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// The model's answer.
    Prediction,
    /// The right answer.
    Reference,
    /// The question.
    Question,
}

situs_core::component! {
    /// Mean number of words (runs of letters, digits and _) of predictions, right answers or questions.
    metric "words";
    pub struct Words {
        /// `prediction`, `reference` or `question`.
        pub of: Whose = Whose::Prediction,
    }
}

#[typetag::serde(name = "words")]
impl MetricSpec for Words {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for Words {
    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let text = match self.of {
            Whose::Prediction => record.answer.value.as_deref().unwrap_or_default(),
            Whose::Reference => &record.question.truth,
            Whose::Question => &record.question.text,
        };
        Ok(Some(Score::mean(words(text) as f64)))
    }
}

/// Words of a text, as Python's `\b\w+\b` finds them.
pub fn words(text: &str) -> usize {
    text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .filter(|word| !word.is_empty())
        .count()
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_are_runs_of_letters_digits_and_underscores() {
        assert_eq!(words("In the left-lower lobe (segment 6_a)."), 7);
        assert_eq!(words(" ... "), 0);
    }
}
