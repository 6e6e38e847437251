//! Chance, as a backend.

use crate::baseline::worded;
use situs_core::prelude::*;

/// What is answered where nothing can be picked from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WithoutOptions {
    /// A fault: the question fails.
    Refuse,
    /// Nothing: the question counts as not answered.
    Silence,
}

situs_core::component! {
    /// Picks one of the allowed answers, all equally likely: its score is the chance level.
    model "random";
    pub struct Random {
        /// Where a question allows any text or number: "refuse" (a fault) or "silence" (an empty reply, which scores nothing).
        pub without_options: WithoutOptions = WithoutOptions::Refuse,
    }
}

#[typetag::serde(name = "random")]
impl ModelBackendSpec for Random {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        let card = ModelCard::baseline("random", Digest::new("situs-random-1").hex());
        Ok(Box::new(Guesser { card, without_options: self.without_options }))
    }
}

struct Guesser {
    card: ModelCard,
    without_options: WithoutOptions,
}

impl ModelBackend for Guesser {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, _: &Sampling, _: &dyn Media) -> Result<Reply, Fault> {
        if request.options.is_empty() && self.without_options == WithoutOptions::Silence {
            return Ok(Reply::text(""));
        }
        let option = crate::baseline::guess(request).ok_or_else(|| {
            Fault::unsupported("a guess needs a list of allowed answers, and this request has none")
        })?;
        Ok(Reply::text(worded(&request.prompt.joined_text(), option)))
    }
}
