//! Anatomy from names: a reader who knows the textbook and never looks at the picture.
//!
//! It reads the text of spatial questions, looks both structures up in an atlas of typical places, and answers from
//! there. What it cannot know, it guesses among the allowed answers: structures that are not named, structures
//! outside the atlas, equal places, and every other kind of question. So it always answers, and its score says how far
//! names alone go.

mod atlas;
mod reading;

use crate::baseline::{guess, worded};
use atlas::{Atlas, canonical};
use reading::{Asked, Shown};
use situs_core::prelude::*;
use situs_core::space::{Direction, Point};

situs_core::component! {
    /// Answers from the names of structures and typical anatomy, without a look at the picture.
    model "prior";
    pub struct Prior {}
}

#[typetag::serde(name = "prior")]
impl ModelBackendSpec for Prior {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        let digest = Digest::new("situs-prior-1").text(include_str!("prior/atlas.toml")).hex();
        Ok(Box::new(Textbook { card: ModelCard::baseline("prior", digest), atlas: Atlas::load()? }))
    }
}

struct Textbook {
    card: ModelCard,
    atlas: Atlas,
}

impl Textbook {
    /// The option that typical anatomy supports.
    fn known<'a>(&self, text: &str, options: &'a [String]) -> Option<&'a str> {
        let shown = Shown::read(text);
        let region = reading::region(text);
        let asked = reading::asked(text, &shown)?;
        let (Asked::Which { a, b } | Asked::Whether { a, b, .. } | Asked::Farther { a, b, .. }) = asked;
        let from_b = difference(self.atlas.place(a, region)?, self.atlas.place(b, region)?);
        let chosen = match asked {
            Asked::Which { .. } => return farthest(options, &shown, from_b),
            Asked::Whether { direction, .. } => match direction.component(from_b) {
                0.0 => return None,
                along if along > 0.0 => "true",
                _ => "false",
            },
            Asked::Farther { direction, .. } => match direction.component(from_b) {
                0.0 => return None,
                along if along > 0.0 => a,
                _ => b,
            },
        };
        let chosen = canonical(chosen);
        options.iter().map(String::as_str).find(|option| canonical(option) == chosen)
    }
}

fn difference(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// The option whose direction A lies farthest in; `None` when A does not lie in any of them.
fn farthest<'a>(options: &'a [String], shown: &Shown, from_b: Point) -> Option<&'a str> {
    let along = |direction: Direction| direction.component(from_b);
    options
        .iter()
        .filter_map(|option| Some((option.as_str(), along(shown.meaning(option)?))))
        .filter(|(_, component)| *component > 0.0)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(option, _)| option)
}

impl ModelBackend for Textbook {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, _: &Sampling, _: &dyn Media) -> Result<Reply, Fault> {
        let text = request.prompt.joined_text();
        let answer = self.known(&text, &request.options).or_else(|| guess(request)).ok_or_else(|| {
            Fault::unsupported(
                "this request has no list of allowed answers, and its text is no question about places",
            )
        })?;
        Ok(Reply::text(worded(&text, answer)))
    }
}
