//! A model backend for Situs: always the same answer.

situs_core::export_plugin!();

use situs_core::prelude::*;

situs_core::component! {
    /// Gives the allowed answer at one place of the list, whatever is asked.
    model "{{name}}";
    pub struct {{Type}} {
        /// Place of the answer, from 0; beyond the last one, the last one.
        pub place: usize = 0,
    }
}

#[typetag::serde(name = "{{name}}")]
impl ModelBackendSpec for {{Type}} {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        // Whatever changes the answers changes the digest: it names the model in every request.
        let card = ModelCard::baseline("{{name}}", Digest::new("{{name}}-1").json(self).hex());
        Ok(Box::new(Constant { place: self.place, card }))
    }
}

struct Constant {
    place: usize,
    card: ModelCard,
}

impl ModelBackend for Constant {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    /// `request.prompt` holds texts and the names of pictures; `media.png` gives their bytes. A model that decodes step
    /// by step implements `session` instead and says so in its card.
    fn reply(&self, request: &Request, _: &Sampling, _: &dyn Media) -> Result<Reply, Fault> {
        let last = request.options.len().checked_sub(1);
        let last = last.ok_or_else(|| Fault::unsupported("the request lists no allowed answers"))?;
        let answer = &request.options[self.place.min(last)];
        let tagged = request.prompt.joined_text().contains("<answer>");
        Ok(Reply::text(if tagged { format!("<answer>{answer}</answer>") } else { answer.clone() }))
    }
}
