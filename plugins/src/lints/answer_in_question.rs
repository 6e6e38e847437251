//! The stem holds every word of the right answer, and of no other.

use super::{ItemLint, stem, words};
use situs_core::question::Question;
use situs_core::structure::Grid;
use std::collections::BTreeSet;

pub(super) struct AnswerInQuestion;

impl ItemLint for AnswerInQuestion {
    fn name(&self) -> &'static str {
        "answer-in-question"
    }

    fn summary(&self) -> &'static str {
        "the question holds the words of the right answer and of no other option"
    }

    fn find(&self, question: &Question, _: &[Grid]) -> Option<String> {
        let stem: BTreeSet<String> = words(&stem(question)).into_iter().collect();
        let holds = |text: &str| {
            let words: Vec<String> =
                words(text).into_iter().filter(|word| !ARTICLES.contains(&word.as_str())).collect();
            !words.is_empty() && words.iter().all(|word| stem.contains(word))
        };
        let other = question.options.iter().filter(|option| **option != question.truth);
        // A single letter or digit stands in many a sentence by chance.
        let long = question.truth.chars().filter(|c| c.is_alphanumeric()).count() > 1;
        (long && holds(&question.truth) && !other.clone().any(|option| holds(option)))
            .then(|| format!("{:?} stands in the question", question.truth))
    }
}

const ARTICLES: [&str; 4] = ["a", "an", "of", "the"];
