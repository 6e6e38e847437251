//! The tokenizer of a checkpoint.

use crate::checkpoint::Checkpoint;
use crate::model::{MarkTexts, Marks};
use situs_core::fault::Fault;
use tokenizers::{Tokenizer, TruncationParams};

/// Splits texts into tokens and puts them together again.
pub(crate) struct Words {
    tokenizer: Tokenizer,
    place: String,
}

impl Words {
    /// Reads `tokenizer.json`; padding and truncation that it may ask for are left out.
    ///
    /// # Errors
    /// A missing or damaged file.
    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self, Fault> {
        let path = checkpoint.folder().join("tokenizer.json");
        let place = path.display().to_string();
        let Some(text) = checkpoint.text("tokenizer.json")? else {
            return Err(Fault::data(format!("{place}: missing")));
        };
        let mut tokenizer = Tokenizer::from_bytes(text.as_bytes())
            .map_err(|error| Fault::data(format!("{place}: not a tokenizer.json: {error}")))?;
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|error| Fault::data(format!("{place}: not a tokenizer.json: {error}")))?;
        Ok(Self { tokenizer, place })
    }

    /// The same, but no text gives more than `tokens`, those around texts counted.
    ///
    /// # Errors
    /// A limit that leaves no room for text.
    pub(crate) fn limited(mut self, tokens: usize) -> Result<Self, Fault> {
        let truncation = TruncationParams { max_length: tokens, ..TruncationParams::default() };
        let place = &self.place;
        self.tokenizer
            .with_truncation(Some(truncation))
            .map_err(|error| Fault::data(format!("{place}: at most {tokens} tokens: {error}")))?;
        Ok(self)
    }

    /// Token ids of a text; tokens that the tokenizer itself puts around texts are added unless `bare`.
    ///
    /// # Errors
    /// Whatever the tokenizer cannot do.
    pub(crate) fn ids(&self, text: &str, bare: bool) -> Result<Vec<u32>, Fault> {
        let encoding = self.tokenizer.encode_fast(text, !bare);
        encoding
            .map(|encoding| encoding.get_ids().to_vec())
            .map_err(|error| Fault::data(format!("{}: {error}", self.place)))
    }

    /// Text of tokens without the special ones.
    ///
    /// # Errors
    /// Whatever the tokenizer cannot do.
    pub(crate) fn text(&self, ids: &[u32]) -> Result<String, Fault> {
        self.tokenizer.decode(ids, true).map_err(|error| Fault::data(format!("{}: {error}", self.place)))
    }

    /// Id of a token.
    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// Highest id of any token.
    pub(crate) fn highest(&self) -> u32 {
        self.tokenizer.get_vocab(true).into_values().max().unwrap_or(0)
    }

    /// Texts of placeholders.
    ///
    /// # Errors
    /// An id that the tokenizer does not know.
    pub(crate) fn marks(&self, marks: Marks) -> Result<MarkTexts, Fault> {
        let known = |id: u32| {
            self.tokenizer.id_to_token(id).ok_or_else(|| {
                Fault::data(format!(
                    "{}: no token {id}, which config.json names as a placeholder",
                    self.place
                ))
                .help("the tokenizer belongs to another model")
            })
        };
        Ok(MarkTexts {
            image: known(marks.image)?,
            video: marks.video.map(known).transpose()?,
            start: marks.start.map_or_else(|| Ok(String::new()), known)?,
            end: marks.end.map_or_else(|| Ok(String::new()), known)?,
        })
    }
}
