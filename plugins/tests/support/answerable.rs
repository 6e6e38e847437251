//! Which questions a reader of pixels must answer: those that marks and words decide.

use situs_core::prelude::*;

/// Whether marks in the picture and words in the prompt decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// Silence is wrong.
    Yes,
    /// An answer could only be guessed, and would be wrong even if it were right.
    No,
    /// The largest of displacements in the plane and through it: the prompt gives no size of a pixel.
    ByScale,
}

/// What the wording of a question allows.
pub fn decided(question: &Question) -> Decided {
    let relation = ["RA-", "RC-", "RF-", "LR-", "LX-"].iter().any(|kind| question.template.starts_with(kind));
    let marked = question.scene.as_ref().is_some_and(|scene| !scene.marks.is_empty());
    if !relation || !marked || question.facet("text") == "name" || hides_the_view(question) {
        Decided::No
    } else if question.facet("needs_scale") == "yes" {
        Decided::ByScale
    } else {
        Decided::Yes
    }
}

/// Without a view statement nobody says where in the picture the patient's sides are; the order of frames is always said.
fn hides_the_view(question: &Question) -> bool {
    question.facet("words") == "anat"
        && question.facet("view_statement") == "none"
        && question.facet("depth") != "cross_slice"
}
