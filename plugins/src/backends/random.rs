//! Chance, as a backend.

use crate::baseline::worded;
use situs_core::prelude::*;

situs_core::component! {
    /// Picks one of the allowed answers, all equally likely: its score is the chance level.
    model "random";
    pub struct Random {}
}

#[typetag::serde(name = "random")]
impl ModelBackendSpec for Random {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        Ok(Box::new(Guesser { card: ModelCard::baseline("random", Digest::new("situs-random-1").hex()) }))
    }
}

struct Guesser {
    card: ModelCard,
}

impl ModelBackend for Guesser {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, _: &Sampling, _: &dyn Media) -> Result<Reply, Fault> {
        let option = crate::baseline::guess(request).ok_or_else(|| {
            Fault::unsupported("a guess needs a list of allowed answers, and this request has none")
        })?;
        Ok(Reply::text(worded(&request.prompt.joined_text(), option)))
    }
}
