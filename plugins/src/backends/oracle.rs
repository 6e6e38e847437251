//! A reader of the answer sheet: whatever it does not get right is a defect of reading or scoring.

use crate::baseline::worded;
use situs_core::prelude::*;

situs_core::component! {
    /// Gives the right answer, which it is handed: every score must be perfect.
    model "oracle";
    pub struct Oracle {}
}

#[typetag::serde(name = "oracle")]
impl ModelBackendSpec for Oracle {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        let mut card = ModelCard::baseline("oracle", Digest::new("situs-oracle-1").hex());
        card.reads_answers = true;
        Ok(Box::new(AnswerSheet { card }))
    }
}

struct AnswerSheet {
    card: ModelCard,
}

impl ModelBackend for AnswerSheet {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, _: &Sampling, _: &dyn Media) -> Result<Reply, Fault> {
        let truth = request.truth.as_deref().ok_or_else(|| {
            Fault::unsupported("the oracle was not handed the right answer")
                .help("it can answer questions of a family, not consultations")
        })?;
        Ok(Reply::text(worded(&request.prompt.joined_text(), truth)))
    }
}
