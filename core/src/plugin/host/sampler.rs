//! A sampler on the other side.

use super::super::abi::{self, method};
use super::super::tensor::{Owned, View};
use super::super::wire;
use super::collector::{Collector, Limits, MAX_TENSOR_BYTES};
use super::handle::{Called, Handle};
use crate::fault::Fault;
use crate::model_backend::{EmbeddingSource, Logits, LogitsPlace, ModelBackend, RowReader};
use crate::reply::Sampling;
use crate::sampler::{Pick, Row, Sampler};
use std::borrow::Cow;

/// Embedding rows read at once while a sampler is prepared.
const ROWS_AT_ONCE: usize = 4096;

pub(super) struct ForeignSampler {
    handle: Handle,
    remote: Option<Sampling>,
    max_tokens: u32,
    digest: Option<String>,
    // Buffers, so that a step allocates nothing.
    collector: Collector,
    rows: Vec<abi::Row>,
    history: Vec<u32>,
    copied: Vec<f32>,
}

impl ForeignSampler {
    /// # Errors
    /// When what it says of itself cannot be read.
    pub(super) fn new(handle: Handle) -> Result<Self, Fault> {
        let mut collector = Collector::new(Limits::JSON);
        let said: Option<wire::SamplerSelf> =
            handle.ask((method::DESCRIBE, "describe"), &[], &[], &mut collector)?;
        let said = said.unwrap_or(wire::SamplerSelf { remote: None, max_tokens: wire::usual_tokens() });
        Ok(Self {
            handle,
            remote: said.remote.map(Sampling::from),
            max_tokens: said.max_tokens,
            digest: None,
            collector,
            rows: Vec::new(),
            history: Vec::new(),
            copied: Vec::new(),
        })
    }
}

impl Sampler for ForeignSampler {
    fn prepare(&mut self, model: &dyn ModelBackend) -> Result<(), Fault> {
        let mut given = wire::ModelParts::default();
        let mut parts = Lookup::default();
        // Once without anything, once with what was asked for, and once more where the second try asks for the rest.
        for _ in 0..3 {
            parts.fill(model, given)?;
            let request = wire::write(&wire::Prepare {
                card: Cow::Borrowed(model.card()),
                given,
                vocabulary: parts.texts.as_deref().map(Cow::Borrowed),
                embeddings: parts.embeddings.clone(),
            })?;
            let mut tensors = Vec::new();
            if parts.texts.is_some() {
                tensors.push(View::u8(&[parts.content.len()], &parts.content));
            }
            if let Some(wire::Embeddings::Rows { rows, width, .. }) = parts.embeddings {
                tensors.push(View::f32(&[rows, width], &parts.rows));
            }
            let row = self.handle.row();
            let mut collector = Collector::new(Limits::JSON);
            let said: Option<wire::PrepareReply> =
                self.handle.ask((method::PREPARE, "prepare"), &request, &tensors, &mut collector)?;
            match said.and_then(|said| said.needs.map_or_else(|| said.done.map(Err), |needs| Some(Ok(needs))))
            {
                None => return Ok(()),
                Some(Err(prepared)) => {
                    self.digest = prepared.digest;
                    return Ok(());
                }
                Some(Ok(needs)) => {
                    let more = wire::ModelParts {
                        vocabulary: given.vocabulary || needs.vocabulary,
                        embeddings: given.embeddings || needs.embeddings,
                    };
                    if more == given {
                        return Err(row.broken("prepare asks again for what it was given"));
                    }
                    given = more;
                }
            }
        }
        Err(self.handle.row().broken("prepare is never done"))
    }

    fn remote(&self) -> Option<Sampling> {
        self.remote.clone()
    }

    fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    fn digest(&self) -> Option<String> {
        self.digest.clone()
    }

    fn pick(&mut self, logits: &Logits<'_>, rows: &[Row<'_>], out: &mut Vec<Pick>) -> Result<(), Fault> {
        let values = match logits.place {
            LogitsPlace::Host(values) if Some(values.len()) == logits.rows.checked_mul(logits.vocabulary) => {
                values
            }
            _ => logits.on_host(&mut self.copied)?.values(),
        };
        self.rows.clear();
        for row in rows {
            if row.index >= logits.rows {
                return Err(Fault::internal(format!(
                    "there are {} rows of logits, none with index {}",
                    logits.rows, row.index
                )));
            }
            self.rows.push(abi::Row {
                draw: row.draw,
                index: row.index as u32,
                step: row.step,
                history: row.history.len() as u32,
                reserved: 0,
            });
        }
        let history = match rows {
            [row] => row.history,
            _ => {
                self.history.clear();
                rows.iter().for_each(|row| self.history.extend_from_slice(row.history));
                &self.history
            }
        };
        let tensors = [View::f32(&[logits.rows, logits.vocabulary], values), View::u32(history)];
        self.collector.start(Limits::tensors(1, rows.len() * size_of::<u32>()));
        match self.handle.call((method::PICK, "pick"), bytes_of(&self.rows), &tensors, &mut self.collector)? {
            Called::Done => {}
            Called::Missing => return Err(self.handle.missing("pick")),
        }
        let row = self.handle.row();
        let picked = self.collector.one_tensor("pick").map_err(|fault| row.broken(&fault.what))?;
        let Owned::U32(_, tokens) = &picked else {
            return Err(row.broken(&format!("pick gave {}, expected u32 [rows]", picked.describe())));
        };
        if tokens.len() != rows.len() {
            return Err(row.broken(&format!("pick gave {} tokens for {} rows", tokens.len(), rows.len())));
        }
        if let Some(token) = tokens.iter().find(|token| **token as usize >= logits.vocabulary) {
            return Err(
                row.broken(&format!("pick gave token {token}, but the vocabulary has {}", logits.vocabulary))
            );
        }
        if self.collector.has_json() {
            let notes: Vec<Option<serde_json::Value>> = row.parsed("pick", &self.collector.take_json())?;
            if notes.len() != rows.len() {
                return Err(row.broken(&format!("pick gave {} notes for {} rows", notes.len(), rows.len())));
            }
            out.extend(tokens.iter().zip(notes).map(|(token, note)| Pick { token: *token, note }));
        } else {
            out.extend(tokens.iter().map(|token| Pick { token: *token, note: None }));
        }
        self.collector.reuse(picked);
        Ok(())
    }
}

/// The rows as the other side sees them.
fn bytes_of(rows: &[abi::Row]) -> &[u8] {
    // SAFETY: the struct is repr(C) without padding, so every byte is initialised.
    unsafe { std::slice::from_raw_parts(rows.as_ptr().cast(), size_of_val(rows)) }
}

/// What was looked up of a model.
#[derive(Default)]
struct Lookup {
    texts: Option<Vec<String>>,
    content: Vec<u8>,
    embeddings: Option<wire::Embeddings>,
    rows: Vec<f32>,
    done: wire::ModelParts,
}

impl Lookup {
    fn fill(&mut self, model: &dyn ModelBackend, wanted: wire::ModelParts) -> Result<(), Fault> {
        if wanted.vocabulary && !self.done.vocabulary {
            if let Some(vocabulary) = model.vocabulary()? {
                self.texts = Some(vocabulary.texts.to_vec());
                self.content = vocabulary.content.iter().map(|content| u8::from(*content)).collect();
            }
            self.done.vocabulary = true;
        }
        if wanted.embeddings && !self.done.embeddings {
            self.embeddings = match model.embeddings()? {
                None => None,
                Some(EmbeddingSource::File { path, tensor, sha256 }) => {
                    Some(wire::Embeddings::File { path, tensor, sha256 })
                }
                Some(EmbeddingSource::Rows { reader, sha256 }) => {
                    self.rows = all_rows(reader.as_ref())?;
                    Some(wire::Embeddings::Rows { rows: reader.rows(), width: reader.width(), sha256 })
                }
            };
            self.done.embeddings = true;
        }
        Ok(())
    }
}

fn all_rows(reader: &dyn RowReader) -> Result<Vec<f32>, Fault> {
    let (rows, width) = (reader.rows(), reader.width());
    let total = rows.checked_mul(width).filter(|total| *total <= MAX_TENSOR_BYTES / size_of::<f32>());
    let total = total
        .ok_or_else(|| Fault::unsupported(format!("embeddings of {rows} x {width} are too large to lend")))?;
    let mut all = Vec::with_capacity(total);
    let mut block = Vec::new();
    for first in (0..rows).step_by(ROWS_AT_ONCE) {
        let count = ROWS_AT_ONCE.min(rows - first);
        reader.read(first, count, &mut block)?;
        if block.len() != count * width {
            return Err(Fault::internal(format!("{} values are not {count} rows of {width}", block.len())));
        }
        all.extend_from_slice(&block);
    }
    Ok(all)
}
