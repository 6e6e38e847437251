//! Prompt renderers: from a question to what a model is sent.

use crate::build_context::BuildContext;
use crate::case::Case;
use crate::fault::Fault;
use crate::media::Media;
use crate::prompt::Prompt;
use crate::question::Question;

/// Draws a question's pictures and puts them before its text.
pub trait PromptRenderer: Send + Sync {
    /// The prompt of one question; `cases` in the order of `question.cases`.
    ///
    /// # Errors
    /// `Cause::Rejected` when the item cannot be drawn by the rules (a letter would cover a mark): the item is dropped
    /// and counted under the fault's text. Anything else fails the item.
    fn render(&self, cases: &[&Case], question: &Question, media: &dyn Media) -> Result<Prompt, Fault>;
}

/// Parameters of a renderer.
#[typetag::serde(tag = "use")]
pub trait PromptRendererSpec: Send + Sync + std::fmt::Debug {
    /// Builds the renderer.
    ///
    /// # Errors
    /// Config faults name the parameter in `Fault::at`.
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn PromptRenderer>, Fault>;
}
