//! What the other patients are like: a reader who knows their measurements and nothing of the one asked about.
//!
//! It reads the text of questions about sizes, distances and places, works out in every other patient which option would
//! be right there, and says what most of them say, or for numbers the option nearest to their median. Whatever it cannot
//! know it guesses, so that it always answers, and its score says how far typical anatomy of this very data set goes.

mod patient;
mod reading;
mod verdict;

use super::prior::{atlas::canonical, reasoning};
use crate::baseline::{guess, worded};
use patient::Patient;
use situs_core::prelude::*;

situs_core::component! {
    /// Answers from the measurements of the other patients of the data set, never of the one asked about.
    model "textbook";
    pub struct Textbook {
        /// Fewest other patients that hold all structures asked about; below, it guesses.
        pub fewest: usize = 1,
    }
}

/// Raised whenever the same question may get another answer.
const VERSION: &str = "1";

#[typetag::serde(name = "textbook")]
impl ModelBackendSpec for Textbook {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        if self.fewest == 0 {
            return Err(Fault::config("must be at least 1, found 0").at("fewest"));
        }
        let digest = Digest::new("situs-textbook").text(VERSION).json(&self.fewest).hex();
        Ok(Box::new(Reader { card: ModelCard::baseline("textbook", digest), fewest: self.fewest }))
    }
}

struct Reader {
    card: ModelCard,
    fewest: usize,
}

impl ModelBackend for Reader {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, _: &Sampling, media: &dyn Media) -> Result<Reply, Fault> {
        let text = request.prompt.joined_text();
        let others = media.other_patients(&request.question)?;
        let patients: Vec<Patient> = others.entries().map(Patient::of).collect();
        if request.options.is_empty() {
            let number = reading::read(&text, &request.options)
                .and_then(|asked| verdict::number(&asked, &patients, self.fewest));
            // A number that nobody can tell is said to be unknown: no reading rule takes that for an answer.
            let told = number.map_or_else(|| "unknown".to_owned(), |value| format!("{value:.3}"));
            return Ok(Reply::text(worded(&text, &told)));
        }
        let measured = reading::read(&text, &request.options)
            .and_then(|asked| verdict::option(&asked, &request.options, &patients, self.fewest))
            .and_then(|place| request.options.get(place))
            .map(String::as_str);
        let answer = measured
            .or_else(|| self.placed(&text, &request.options, &patients))
            .or_else(|| guess(request))
            .ok_or_else(|| Fault::internal("a list of options without options"))?;
        Ok(Reply::text(worded(&text, answer)))
    }
}

impl Reader {
    /// The option that the median displacement of two structures supports.
    fn placed<'a>(&self, text: &str, options: &'a [String], patients: &[Patient]) -> Option<&'a str> {
        reasoning::supported(text, options, &|a, b| {
            let (a, b) = (canonical(a), canonical(b));
            let apart: Vec<[f64; 3]> = patients
                .iter()
                .filter_map(|patient| {
                    let (a, b) = (patient.structure(&a)?.centroid, patient.structure(&b)?.centroid);
                    Some([a[0] - b[0], a[1] - b[1], a[2] - b[2]])
                })
                .collect();
            if apart.len() < self.fewest {
                return None;
            }
            let along = |axis: usize| verdict::median(apart.iter().map(|apart| apart[axis]).collect());
            Some([along(0)?, along(1)?, along(2)?])
        })
    }
}
