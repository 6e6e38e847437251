//! METEOR of free text, as NLTK computes it.

use crate::text::{Fragmentation, Pair, WordNet, about_empty, meteor, split, treebank_words};
use situs_core::prelude::*;
use std::path::PathBuf;

/// How texts become words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tokens {
    /// Between white space: punctuation sticks to words.
    Whitespace,
    /// NLTK's word tokeniser on the whole text.
    Nltk,
}

situs_core::component! {
    /// METEOR (0 to 1) of free-text answers as NLTK 3.10 computes it, with WordNet; the figure is the mean over answers.
    metric "meteor";
    pub struct Meteor {
        /// Folder with WordNet's files: `index.noun`, `data.noun`, `noun.exc` and so on.
        pub wordnet: Option<PathBuf> = None,
        /// Words: `whitespace` or `nltk`.
        pub tokens: Tokens = Tokens::Whitespace,
        /// Weight of precision against recall.
        pub alpha: f64 = 0.9,
        /// Exponent of the share of breaks in the alignment.
        pub beta: f64 = 3.0,
        /// Largest penalty for breaks.
        pub gamma: f64 = 0.5,
        /// Whether pairs with an empty text are left out; if not, they score 0.
        pub skip_empty: bool = false,
    }
}

#[typetag::serde(name = "meteor")]
impl MetricSpec for Meteor {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        let Some(folder) = &self.wordnet else {
            return Err(Fault::config("METEOR needs WordNet, and no folder is named").at("wordnet").help(
                "name a folder with index.noun, data.noun and so on (Debian: the package wordnet-base), or use the \
                 metric meteor_exact_stem, which aligns forms and stems alone and says so by its name",
            ));
        };
        let wordnet = WordNet::read(&cx.path(folder)).map_err(|fault| fault.at("wordnet"))?;
        let weights = Fragmentation { alpha: self.alpha, beta: self.beta, gamma: self.gamma };
        Aligned::build(Some(wordnet), self.tokens, weights, self.skip_empty)
    }
}

/// METEOR with or without WordNet.
pub(crate) struct Aligned {
    wordnet: Option<WordNet>,
    tokens: Tokens,
    weights: Fragmentation,
    skip_empty: bool,
}

impl Aligned {
    /// Refuses weights that give no number.
    pub(crate) fn build(
        wordnet: Option<WordNet>,
        tokens: Tokens,
        weights: Fragmentation,
        skip_empty: bool,
    ) -> Result<Box<dyn Metric>, Fault> {
        if !(0.0..=1.0).contains(&weights.alpha) {
            return Err(Fault::config(format!("must be 0 to 1, found {}", weights.alpha)).at("alpha"));
        }
        if !(0.0..=1.0).contains(&weights.gamma) {
            return Err(Fault::config(format!("must be 0 to 1, found {}", weights.gamma)).at("gamma"));
        }
        if !(weights.beta.is_finite() && weights.beta >= 0.0) {
            return Err(Fault::config(format!("must be 0 or more, found {}", weights.beta)).at("beta"));
        }
        Ok(Box::new(Self { wordnet, tokens, weights, skip_empty }))
    }
}

impl Metric for Aligned {
    fn signature(&self) -> Option<String> {
        let Fragmentation { alpha, beta, gamma } = self.weights;
        let tokens = match self.tokens {
            Tokens::Whitespace => "whitespace",
            Tokens::Nltk => "nltk",
        };
        let wordnet = self.wordnet.as_ref().map_or("none", WordNet::digest);
        let empty = about_empty(self.skip_empty);
        Some(format!(
            "nrefs:1|alpha:{alpha}|beta:{beta}|gamma:{gamma}|tok:{tokens}|stemmer:nltk-porter|wordnet:{wordnet}|\
             version:nltk-3.10.4{empty}"
        ))
    }

    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let value = |Pair { prediction, reference }: Pair<'_>| {
            let (wordnet, weights) = (self.wordnet.as_ref(), self.weights);
            match self.tokens {
                Tokens::Whitespace => meteor(split(prediction), split(reference), wordnet, weights),
                Tokens::Nltk => {
                    let words = |text| treebank_words(text).into_iter();
                    meteor(words(prediction), words(reference), wordnet, weights)
                }
            }
        };
        Ok(Pair::of(record, self.skip_empty).map(value).map(Score::mean))
    }
}
