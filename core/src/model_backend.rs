//! Model backends: whole answers from a server or a program, or logits step by step.

use crate::build_context::BuildContext;
use crate::fault::Fault;
use crate::media::Media;
use crate::reply::{Reply, Request, Sampling};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::path::PathBuf;

/// Which form of pictures a backend takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureForm {
    /// None: text only. Prompts with pictures are sent without them.
    None,
    /// PNG bytes.
    Png,
    /// Decoded RGB.
    Pixels,
}

/// What a backend says of itself; stored in the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Model name as a reader of a table knows it.
    pub name: String,
    /// Identity of model and parameters: part of every request's identity.
    pub digest: String,
    /// Sequences a step-wise session decodes at once.
    pub slots: usize,
    /// Most threads that may call `reply` at once.
    pub parallel: usize,
    /// Whether `session` works.
    pub stepwise: bool,
    /// Sampling fields that `reply` honours; others are refused before anything is sent.
    pub honours: Vec<String>,
    /// Form of pictures.
    pub pictures: PictureForm,
    /// Whether it is handed the right answer (an oracle). The table is stamped.
    pub reads_answers: bool,
    /// Whether the same request always gives the same reply.
    pub deterministic: bool,
}

/// Every field of [`Sampling`], as `ModelCard::honours` names them.
pub const SAMPLING_FIELDS: [&str; 6] = ["temperature", "top_k", "top_p", "min_p", "max_tokens", "seed"];

impl ModelCard {
    /// A deterministic offline backend that answers at once. It decodes nothing, so it honours every sampling field.
    pub fn baseline(name: &str, digest: String) -> Self {
        Self {
            name: name.to_owned(),
            digest,
            slots: 0,
            parallel: 16,
            stepwise: false,
            honours: SAMPLING_FIELDS.iter().map(|field| (*field).to_owned()).collect(),
            pictures: PictureForm::None,
            reads_answers: false,
            deterministic: true,
        }
    }
}

/// Token texts and which tokens are content.
pub struct Vocabulary<'a> {
    /// Text of each token id.
    pub texts: &'a [String],
    /// Whether a token is ordinary text (not special, added, control or padding).
    pub content: &'a [bool],
}

/// Rows of an embedding matrix, read in blocks.
pub trait RowReader {
    /// Number of rows.
    fn rows(&self) -> usize;
    /// Width of a row.
    fn width(&self) -> usize;
    /// Copies `count` rows from `first` as f32 into `out` (cleared first).
    ///
    /// # Errors
    /// When the rows cannot be read.
    fn read(&self, first: usize, count: usize, out: &mut Vec<f32>) -> Result<(), Fault>;
}

/// Where a model's input embeddings are.
pub enum EmbeddingSource<'a> {
    /// A tensor of a safetensors file.
    File {
        /// The file.
        path: PathBuf,
        /// Tensor name.
        tensor: String,
        /// Digest of the tensor's bytes.
        sha256: String,
    },
    /// Rows on demand.
    Rows {
        /// The reader.
        reader: Box<dyn RowReader + 'a>,
        /// Digest of the rows.
        sha256: String,
    },
}

/// Logits on a device, for samplers that know the device.
pub trait DeviceLogits {
    /// For downcasting.
    fn as_any(&self) -> &dyn Any;
    /// Copies all rows to the host, row by row.
    ///
    /// # Errors
    /// When the device does.
    fn copy_to(&self, out: &mut Vec<f32>) -> Result<(), Fault>;
}

/// Where logits are.
pub enum LogitsPlace<'a> {
    /// In memory, row by row.
    Host(&'a [f32]),
    /// On a device.
    Device(&'a dyn DeviceLogits),
}

/// One row of scores per live slot.
pub struct Logits<'a> {
    /// Rows.
    pub rows: usize,
    /// Width of a row.
    pub vocabulary: usize,
    /// The numbers.
    pub place: LogitsPlace<'a>,
}

impl Logits<'_> {
    /// The rows in memory; those of a device are copied into `scratch`.
    ///
    /// # Errors
    /// When the device fails, or gives another number of values than `rows * vocabulary`.
    pub fn on_host<'a>(&'a self, scratch: &'a mut Vec<f32>) -> Result<HostRows<'a>, Fault> {
        let values = match self.place {
            LogitsPlace::Host(values) => values,
            LogitsPlace::Device(device) => {
                scratch.clear();
                device.copy_to(scratch)?;
                scratch.as_slice()
            }
        };
        if self.vocabulary == 0 || self.rows.checked_mul(self.vocabulary) != Some(values.len()) {
            return Err(Fault::internal(format!(
                "{} logits are not {} rows of {}",
                values.len(),
                self.rows,
                self.vocabulary
            )));
        }
        Ok(HostRows { values, vocabulary: self.vocabulary })
    }
}

/// Logits in memory, row by row.
#[derive(Debug, Clone, Copy)]
pub struct HostRows<'a> {
    values: &'a [f32],
    vocabulary: usize,
}

impl<'a> HostRows<'a> {
    /// All rows, one after the other.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// One row.
    ///
    /// # Errors
    /// When there is no such row.
    pub fn row(&self, index: usize) -> Result<&'a [f32], Fault> {
        self.values.chunks_exact(self.vocabulary).nth(index).ok_or_else(|| {
            let rows = self.values.len() / self.vocabulary.max(1);
            Fault::internal(format!("there are {rows} rows of logits, none with index {index}"))
        })
    }
}

/// A sequence being decoded in a session.
pub type SlotId = u32;

/// Whether a sequence goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// More tokens may follow.
    Continue,
    /// The model has ended the sequence.
    Stop,
}

/// Step-by-step decoding on one thread.
pub trait Session {
    /// Takes in a prompt; prefixes shared with earlier prompts need not be computed again.
    ///
    /// # Errors
    /// When the prompt does not fit the model.
    fn admit(&mut self, request: &Request, media: &dyn Media) -> Result<SlotId, Fault>;
    /// Logits of the next token for each live slot, in the order given.
    ///
    /// # Errors
    /// When the model fails.
    fn logits(&mut self, live: &[SlotId]) -> Result<Logits<'_>, Fault>;
    /// Appends a token to a slot.
    ///
    /// # Errors
    /// When the slot is unknown or full.
    fn push(&mut self, slot: SlotId, token: u32) -> Result<Flow, Fault>;
    /// Ends a slot and gives its text.
    ///
    /// # Errors
    /// When the slot is unknown.
    fn finish(&mut self, slot: SlotId) -> Result<Reply, Fault>;
    /// Frees a slot.
    fn cancel(&mut self, slot: SlotId);
}

/// A model. Loaded once and shared; all mutable state lives in a session.
pub trait ModelBackend: Send + Sync {
    /// Name, limits and identity.
    fn card(&self) -> &ModelCard;

    /// Token texts and content flags, if there is a vocabulary.
    ///
    /// # Errors
    /// When it cannot be read.
    fn vocabulary(&self) -> Result<Option<Vocabulary<'_>>, Fault> {
        Ok(None)
    }

    /// SHA-256 of the `tokenizer.json`, where there is one: models with the same one number their tokens alike.
    ///
    /// # Errors
    /// When it cannot be read.
    fn tokenizer_sha256(&self) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    /// Input embeddings, if they can be had.
    ///
    /// # Errors
    /// When they cannot be read.
    fn embeddings(&self) -> Result<Option<EmbeddingSource<'_>>, Fault> {
        Ok(None)
    }

    /// A whole answer.
    ///
    /// # Errors
    /// Transient faults are retried by the engine; rejected ones are not.
    fn reply(&self, _request: &Request, _sampling: &Sampling, _media: &dyn Media) -> Result<Reply, Fault> {
        Err(Fault::unsupported(format!("{} answers step by step only", self.card().name)))
    }

    /// A step-wise session.
    ///
    /// # Errors
    /// Unsupported by default.
    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        Err(Fault::unsupported(format!("{} gives whole answers only, no logits", self.card().name)))
    }
}

/// Parameters of a backend.
#[typetag::serde(tag = "use")]
pub trait ModelBackendSpec: Send + Sync + std::fmt::Debug {
    /// Loads the model or prepares the client.
    ///
    /// # Errors
    /// Config faults name the parameter in `Fault::at`; `Unreachable` when a server must be asked and is not there.
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault>;
}
