//! The question asks for what stands in a header or a report and in no picture.

use super::{ItemLint, stem};
use situs_core::question::Question;
use situs_core::structure::Grid;

pub(super) struct NonVisual;

/// Phrases that only headers and reports can answer, in lower case.
const PHRASES: [&str; 24] = [
    "which series",
    "series number",
    "image number",
    "series and image",
    "slice thickness",
    "field of view was",
    "contrast agent",
    "contrast medium",
    "manufacturer",
    "scanner",
    "protocol",
    "date of",
    "patient's age",
    "how old",
    "clinical history",
    "in the report",
    "according to the report",
    "according to the findings",
    "findings section",
    "impression section",
    "is mentioned",
    "is described as",
    "prior study",
    "previous examination",
];

impl ItemLint for NonVisual {
    fn name(&self) -> &'static str {
        "non-visual"
    }

    fn summary(&self) -> &'static str {
        "it asks for what a header or a report tells, not a picture"
    }

    fn find(&self, question: &Question, _: &[Grid]) -> Option<String> {
        let stem = stem(question).to_lowercase();
        PHRASES
            .iter()
            .find(|phrase| stem.contains(**phrase))
            .map(|phrase| format!("{phrase:?} in the question"))
    }
}
