//! Two options are the same, or the right answer is none of them.

use super::{ItemLint, words};
use situs_core::question::Question;
use situs_core::structure::Grid;
use std::collections::BTreeSet;

pub(super) struct OptionsAlike;

impl ItemLint for OptionsAlike {
    fn name(&self) -> &'static str {
        "options-alike"
    }

    fn summary(&self) -> &'static str {
        "two options are the same, or the right answer is none of them"
    }

    fn find(&self, question: &Question, _: &[Grid]) -> Option<String> {
        if question.options.is_empty() {
            return None;
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = question.options.iter().find(|option| !seen.insert(words(option))) {
            return Some(format!("{twice:?} stands twice"));
        }
        (!question.options.contains(&question.truth))
            .then(|| format!("{:?} is none of {}", question.truth, question.options.join(", ")))
    }
}
