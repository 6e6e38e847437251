//! The words of a question without what they are about: what can be known unseen.

use situs_core::prelude::*;

situs_core::component! {
    /// The question's text alone, no picture and no volume: a blind reference for any model.
    renderer "text";
    pub struct Text {
        /// The prompt; {question} stands for the question, and must be in it.
        pub prompt: String = QUESTION.to_owned(),
    }
}

/// Stands for the question's text.
const QUESTION: &str = "{question}";

#[typetag::serde(name = "text")]
impl PromptRendererSpec for Text {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn PromptRenderer>, Fault> {
        if !self.prompt.contains(QUESTION) {
            return Err(Fault::config(format!("the question is missing: write {QUESTION} where it belongs"))
                .at("prompt"));
        }
        Ok(Box::new(self.clone()))
    }
}

impl PromptRenderer for Text {
    fn render(&self, _: &[&Case], question: &Question, _: &dyn Media) -> Result<Prompt, Fault> {
        Ok(Prompt::text(self.prompt.replace(QUESTION, &question.text)))
    }
}
