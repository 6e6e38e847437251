//! `ct-spatialvqa`: the released question-answer pairs of CT-SpatialVQA, free text, asked of a whole chest CT.
//!
//! The answer is a sentence of the report, so nothing is read but the words of the reply, and nothing is right or wrong
//! until a metric compares them: judges, text similarity, exact match. The report itself never enters a question.

pub mod facets;
pub mod isolation;
pub mod item;
pub(crate) mod reading;

use crate::datasets::ct_rate::PAIRS_FACT;
use crate::datasets::ct_rate::pairs::Pair;
use item::{Asking, question};
use situs_core::prelude::*;

situs_core::component! {
    /// CT-SpatialVQA's released pairs as free-text questions; categories, form and opener are facets.
    family "ct-spatialvqa";
    pub struct CtSpatialVqa {
        /// Axial slices that renderers of stacks show, spread evenly over the scan. Renderers with a pipeline of their own
        /// choose by themselves.
        pub frames: usize = 32,
        /// Longer picture side in pixels, likewise.
        pub long_side: u32 = 512,
    }
}

/// Most slices of a question.
const MOST_FRAMES: usize = 4096;
/// Version of what is asked and read.
const VERSION: &str = "1";

#[typetag::serde(name = "ct-spatialvqa")]
impl QuestionFamilySpec for CtSpatialVqa {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn QuestionFamily>, Fault> {
        check(self.frames, self.long_side)?;
        Ok(Box::new(Family { asking: Asking { frames: self.frames, long_side: self.long_side } }))
    }
}

/// Refuses pictures that nobody could draw.
///
/// # Errors
/// A config fault with the field.
pub(super) fn check(frames: usize, long_side: u32) -> Result<(), Fault> {
    if !(1..=MOST_FRAMES).contains(&frames) {
        return Err(Fault::config(format!("expected 1 to {MOST_FRAMES}, found {frames}")).at("frames"));
    }
    if !(16..=4096).contains(&long_side) {
        return Err(Fault::config(format!("expected 16 to 4096, found {long_side}")).at("long_side"));
    }
    Ok(())
}

struct Family {
    asking: Asking,
}

impl QuestionFamily for Family {
    fn version(&self) -> &str {
        VERSION
    }

    fn ask(&self, cx: &AskContext<'_>) -> Result<Asked, Fault> {
        let Some(json) = cx.case.facts.get(PAIRS_FACT) else {
            let left_out = Reasons::from([("case without question-answer pairs".to_owned(), 1)]);
            return Ok(Asked::Questions { questions: Vec::new(), left_out });
        };
        let pairs: Vec<Pair> = serde_json::from_str(json).map_err(|error| {
            Fault::data(format!("{}: the fact `{PAIRS_FACT}` is no list of pairs: {error}", cx.case.name))
        })?;
        let questions = pairs.iter().map(|pair| question(&self.asking, pair, cx.case, cx.entry)).collect();
        Ok(Asked::Questions { questions, left_out: Reasons::new() })
    }

    fn read(&self, _: &Question, reply: &Reply) -> Result<Answer, Fault> {
        Ok(reading::read(reply))
    }
}
