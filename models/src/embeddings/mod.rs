//! Sentence embeddings: a text to a vector, by any sentence-transformers folder whose transformer is a BERT or one of its
//! kin (RoBERTa, XLM-RoBERTa, DistilBERT).
//!
//! Checked against sentence-transformers 6.2.0 and the published numbers of all-MiniLM-L6-v2.

mod encoder;
mod layout;

use crate::checkpoint::{Checkpoint, Precision};
use crate::prompt::Words;
use encoder::Encoder;
use layout::{Layout, Pooling};
use serde_json::Value;
use situs_core::digest::Digest;
use situs_core::fault::Fault;
use std::ops::Range;
use std::path::Path;

/// Tokens from which on a batch is full.
const TOKENS_TOGETHER: usize = 2048;
/// Longest text that is split into tokens, in bytes; what is behind it would be cut off anyway.
const MAX_TEXT_BYTES: usize = 1 << 20;
/// Shortest length that embeddings are divided by.
const LEAST_LENGTH: f32 = 1e-12;

/// A loaded sentence-transformers folder.
pub struct Embedder {
    encoder: Encoder,
    words: Words,
    pooling: Pooling,
    normalised: bool,
    lower_case: bool,
    tokens: usize,
    name: String,
    digest: String,
}

impl Embedder {
    /// Loads a folder: `modules.json`, the transformer's checkpoint, the settings of its pooling.
    ///
    /// # Errors
    /// Whatever is missing, damaged, contradictory or not computed here, by name.
    pub fn open(folder: &Path) -> Result<Self, Fault> {
        if !folder.is_dir() {
            return Err(Fault::data(format!("{}: no such folder", folder.display()))
                .help("give the folder of a sentence-transformers model"));
        }
        let layout = Layout::read(folder)?;
        let checkpoint = Checkpoint::open(&layout.transformer, Precision::F32)?;
        let encoder = Encoder::read(&checkpoint)?;
        let place = folder.display();
        if let Some(width) = layout.width.filter(|width| *width != encoder.width) {
            let what = format!(
                "{place}: the pooling takes vectors of {width}, the transformer gives {}",
                encoder.width
            );
            return Err(Fault::data(what).help("modules of two models in one folder?"));
        }
        let tokens = most_tokens(&checkpoint, layout.tokens, encoder.positions)?;
        let words = Words::read(&checkpoint)?;
        if words.highest() as usize >= encoder.vocabulary {
            let what = format!(
                "{place}: the tokenizer has token {}, the model {} embedding rows",
                words.highest(),
                encoder.vocabulary
            );
            return Err(Fault::data(what).help("the tokenizer belongs to another model"));
        }
        let mut digest = Digest::new("situs-embedder-1");
        digest.text(&checkpoint.digest()?).text(layout.pooling.word());
        digest.json(&(layout.normalised, layout.lower_case, tokens));
        let named = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        Ok(Self {
            encoder,
            words: words.limited(tokens)?,
            pooling: layout.pooling,
            normalised: layout.normalised,
            lower_case: layout.lower_case,
            tokens,
            name: named.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            digest: digest.hex(),
        })
    }

    /// Numbers of an embedding.
    pub fn width(&self) -> usize {
        self.encoder.width
    }

    /// Digest of the weights' identity and of all settings.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What has to stand beside a figure: model, identity, pooling, length, most tokens.
    pub fn signature(&self) -> String {
        format!(
            "model:{}|id:{}|pooling:{}|norm:{}|lower:{}|max:{}",
            self.name,
            self.digest.get(..12).unwrap_or(&self.digest),
            self.pooling.word(),
            if self.normalised { "l2" } else { "no" },
            if self.lower_case { "yes" } else { "no" },
            self.tokens
        )
    }

    /// Token ids of a text, those around it included, cut at the most tokens.
    ///
    /// # Errors
    /// Whatever the tokenizer cannot do.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, Fault> {
        let text = text.get(..text.floor_char_boundary(MAX_TEXT_BYTES)).unwrap_or_default().trim();
        if self.lower_case {
            self.words.ids(&text.to_lowercase(), false)
        } else {
            self.words.ids(text, false)
        }
    }

    /// Embeddings of texts, one vector of [`Self::width`] numbers each, in order.
    ///
    /// Texts are computed together without padding, each token from its own row; so neither the order of texts nor what
    /// stands beside one changes a bit of its embedding.
    ///
    /// # Errors
    /// Whatever the tokenizer cannot do; a text without any token.
    pub fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Fault> {
        let mut embeddings = Vec::with_capacity(texts.len());
        let mut ids = Vec::new();
        let mut spans: Vec<Range<usize>> = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let own = self.ids(text)?;
            if own.is_empty() {
                let what = format!("text {index} gives no token, and so no embedding");
                return Err(
                    Fault::data(what).help("this tokenizer puts nothing around texts: leave empty ones out")
                );
            }
            spans.push(ids.len()..ids.len() + own.len());
            ids.extend(own);
            if ids.len() >= TOKENS_TOGETHER || index + 1 == texts.len() {
                let vectors = self.encoder.forward(&ids, &spans)?;
                let width = self.encoder.width;
                embeddings.extend(
                    spans.iter().map(|span| self.pool(&vectors[span.start * width..span.end * width])),
                );
                ids.clear();
                spans.clear();
            }
        }
        Ok(embeddings)
    }

    /// One vector of those of a text's tokens.
    fn pool(&self, tokens: &[f32]) -> Vec<f32> {
        let width = self.encoder.width;
        let mut pooled = tokens[..width].to_vec();
        if self.pooling == Pooling::Mean {
            for token in tokens.chunks_exact(width).skip(1) {
                pooled.iter_mut().zip(token).for_each(|(sum, value)| *sum += value);
            }
            let count = (tokens.len() / width) as f32;
            pooled.iter_mut().for_each(|sum| *sum /= count);
        }
        if self.normalised {
            let length = pooled.iter().map(|value| value * value).sum::<f32>().sqrt().max(LEAST_LENGTH);
            pooled.iter_mut().for_each(|value| *value /= length);
        }
        pooled
    }
}

/// The cosine of the angle between two vectors; 0 where one of them is zero.
pub fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let (mut product, mut squares) = (0.0f64, [0.0f64; 2]);
    for (one, other) in one.iter().zip(other) {
        let (one, other) = (f64::from(*one), f64::from(*other));
        product += one * other;
        squares[0] += one * one;
        squares[1] += other * other;
    }
    let lengths = squares[0].sqrt() * squares[1].sqrt();
    if lengths > 0.0 { (product / lengths).clamp(-1.0, 1.0) } else { 0.0 }
}

/// The most tokens of a text: what the folder says, else what tokenizer and model allow.
fn most_tokens(checkpoint: &Checkpoint, said: Option<usize>, positions: usize) -> Result<usize, Fault> {
    if let Some(said) = said {
        if said > positions {
            let what = format!(
                "{}: max_seq_length {said} of a model with {positions} positions",
                checkpoint.folder().display()
            );
            return Err(Fault::data(what).help("lower max_seq_length in sentence_bert_config.json"));
        }
        return Ok(said);
    }
    let settings = checkpoint.json("tokenizer_config.json")?.unwrap_or(Value::Null);
    // Written as 1e30 where there is no limit.
    let own = settings.get("model_max_length").and_then(Value::as_f64).unwrap_or(f64::INFINITY);
    Ok(if own >= 1.0 && own < positions as f64 { own as usize } else { positions })
}
