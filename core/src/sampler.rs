//! Samplers: from logits to a token.

use crate::build_context::BuildContext;
use crate::fault::Fault;
use crate::model_backend::{Logits, ModelBackend};
use crate::reply::Sampling;
use serde::{Deserialize, Serialize};

/// One sequence at one step.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Row of the logits that belongs to it.
    pub index: usize,
    /// Step, 0 for the first token.
    pub step: u32,
    /// Random bits: a function of run seed, question, trial and step.
    pub draw: u64,
    /// Tokens so far, without the prompt.
    pub history: &'a [u32],
}

/// A chosen token.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick {
    /// Token id, below the vocabulary.
    pub token: u32,
    /// Anything worth keeping in the record (a flip ledger entry).
    pub note: Option<serde_json::Value>,
}

/// A neighbor table that a rule reads, as the manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCard {
    /// SHA-256 of the file.
    pub sha256: String,
    /// SHA-256 of the embeddings that it was made from.
    pub embedding_sha256: String,
    /// SHA-256 of the `tokenizer.json` that it was made with.
    pub tokenizer_sha256: String,
    /// SHA-256 of the embeddings of the model that it is used with, where they are known.
    pub model_embedding_sha256: Option<String>,
    /// Whether those are others: a table reused across checkpoints that share a tokenizer.
    pub reused: bool,
}

/// A decoding rule.
pub trait Sampler: Send {
    /// Once per run and model: tables and the like.
    ///
    /// # Errors
    /// When the model lacks what the rule needs.
    fn prepare(&mut self, _model: &dyn ModelBackend) -> Result<(), Fault> {
        Ok(())
    }

    /// The same rule as server parameters; `None` when no server parameter expresses it.
    fn remote(&self) -> Option<Sampling>;

    /// Most new tokens per reply.
    fn max_tokens(&self) -> u32;

    /// Digest of whatever the rule reads beside its parameters, such as a neighbor table: part of the identity of every
    /// request. Asked once, after `prepare`.
    fn digest(&self) -> Option<String> {
        None
    }

    /// The neighbor table that the rule reads, if it reads one: part of the identity of the run. Asked once, after
    /// `prepare`.
    fn table(&self) -> Option<TableCard> {
        None
    }

    /// What a person should know before anything is asked: choices that are allowed and seldom wanted. Asked once, after
    /// `prepare`.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Chooses a token for each row, in order. The caller clears `out`; exactly `rows.len()` picks are pushed.
    ///
    /// # Errors
    /// A row without a finite logit, or parameters that cannot be applied.
    fn pick(&mut self, logits: &Logits<'_>, rows: &[Row<'_>], out: &mut Vec<Pick>) -> Result<(), Fault>;
}

/// Parameters of a sampler.
#[typetag::serde(tag = "use")]
pub trait SamplerSpec: Send + Sync + std::fmt::Debug {
    /// Builds the sampler.
    ///
    /// # Errors
    /// Config faults name the parameter in `Fault::at`.
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Sampler>, Fault>;
}
