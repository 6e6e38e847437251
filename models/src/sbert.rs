//! The metric `sbert`.

use crate::embeddings::{Embedder, cosine};
use rayon::prelude::*;
use situs_core::prelude::*;
use situs_plugins::text::{Pair, about_empty};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// Texts that are handed to the model together.
const TOGETHER: usize = 256;
/// Most embeddings that are kept; texts beyond are embedded when their record is scored.
const MAX_KEPT: usize = 1 << 17;

situs_core::component! {
    /// Cosine of the sentence embeddings of reply and right answer, by a sentence-transformers model from a local folder.
    ///
    /// The figure is that of one model, so there is no default: name its folder. The signature tells the model's identity,
    /// pooling, length and most tokens. A cosine sees what a sentence is about and hardly what it says of it: `left of`
    /// and `right of` come out near 1.
    metric "sbert";
    pub struct Sbert {
        /// Folder of the model: modules.json, config.json, *.safetensors, tokenizer.json, 1_Pooling/config.json.
        pub dir: PathBuf = PathBuf::new(),
        /// Whether pairs with an empty text are left out; if not, an empty text is embedded as any other.
        pub skip_empty: bool = false,
    }
}

#[typetag::serde(name = "sbert")]
impl MetricSpec for Sbert {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        if self.dir.as_os_str().is_empty() {
            return Err(Fault::config("which model?")
                .at("dir")
                .help("set it to the folder of a sentence-transformers model"));
        }
        let embedder = Embedder::open(&cx.path(&self.dir)).map_err(|fault| fault.at("dir"))?;
        Ok(Box::new(Loaded { embedder, skip_empty: self.skip_empty, kept: RwLock::default() }))
    }
}

struct Loaded {
    embedder: Embedder,
    skip_empty: bool,
    kept: RwLock<HashMap<String, Arc<[f32]>>>,
}

impl Loaded {
    fn known(&self, text: &str) -> Option<Arc<[f32]>> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).get(text).cloned()
    }

    fn embedding(&self, text: &str) -> Result<Arc<[f32]>, Fault> {
        match self.known(text) {
            Some(known) => Ok(known),
            None => Ok(self.embedder.embed(&[text])?.concat().into()),
        }
    }
}

impl Metric for Loaded {
    fn signature(&self) -> Option<String> {
        let empty = about_empty(self.skip_empty);
        Some(format!("nrefs:1|figure:cosine|{}{empty}", self.embedder.signature()))
    }

    /// Asks nobody: it sees all records here, and embeds each text once.
    fn consult(&self, batch: &[Record], _: &Replies) -> Result<Vec<Consultation>, Fault> {
        let records = batch.iter().filter(|record| record.answer.state != AnswerState::Failed);
        let texts: BTreeSet<&str> = records
            .filter_map(|record| Pair::of(record, self.skip_empty))
            .flat_map(|pair| [pair.prediction, pair.reference])
            .filter(|text| self.known(text).is_none())
            .take(MAX_KEPT)
            .collect();
        let texts: Vec<&str> = texts.into_iter().collect();
        let embedded = texts
            .par_chunks(TOGETHER)
            .map(|texts| Ok((texts, self.embedder.embed(texts)?)))
            .collect::<Result<Vec<_>, Fault>>()?;
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        for (text, embedding) in embedded.into_iter().flat_map(|(texts, found)| texts.iter().zip(found)) {
            if kept.len() < MAX_KEPT {
                kept.insert((*text).to_owned(), embedding.into());
            }
        }
        Ok(Vec::new())
    }

    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let Some(pair) = Pair::of(record, self.skip_empty) else { return Ok(None) };
        let cosine = cosine(&self.embedding(pair.prediction)?, &self.embedding(pair.reference)?);
        Ok(Some(Score::mean(cosine)))
    }
}
