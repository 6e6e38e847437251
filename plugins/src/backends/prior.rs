//! Anatomy from names: a reader who knows the textbook and never looks at the picture.
//!
//! It reads the text of spatial questions, looks both structures up in an atlas of typical places, and answers from
//! there. What it cannot know, it guesses among the allowed answers: structures that are not named, structures
//! outside the atlas, equal places, and every other kind of question. So it always answers, and its score says how far
//! names alone go.

pub(crate) mod atlas;
pub(crate) mod reading;
pub(crate) mod reasoning;

use crate::baseline::{guess, worded};
use atlas::Atlas;
use situs_core::prelude::*;

situs_core::component! {
    /// Answers from the names of structures and typical anatomy, without a look at the picture.
    model "prior";
    pub struct Prior {}
}

#[typetag::serde(name = "prior")]
impl ModelBackendSpec for Prior {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        let digest = Digest::new("situs-prior-1").text(include_str!("prior/atlas.toml")).hex();
        Ok(Box::new(Anatomist { card: ModelCard::baseline("prior", digest), atlas: Atlas::load()? }))
    }
}

struct Anatomist {
    card: ModelCard,
    atlas: Atlas,
}

impl ModelBackend for Anatomist {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, _: &Sampling, _: &dyn Media) -> Result<Reply, Fault> {
        let text = request.prompt.joined_text();
        let region = reading::region(&text);
        let from = |a: &str, b: &str| {
            let (a, b) = (self.atlas.place(a, region)?, self.atlas.place(b, region)?);
            Some([a[0] - b[0], a[1] - b[1], a[2] - b[2]])
        };
        let answer = reasoning::supported(&text, &request.options, &from).or_else(|| guess(request)).ok_or_else(|| {
            Fault::unsupported(
                "this request has no list of allowed answers, and its text is no question about places",
            )
        })?;
        Ok(Reply::text(worded(&text, answer)))
    }
}
