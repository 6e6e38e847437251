//! Serves a sampler.

use super::super::abi::{self, method};
use super::super::tensor::View;
use super::super::wire;
use super::reply::{Out, Request, Served};
use crate::fault::Fault;
use crate::model_backend::{
    EmbeddingSource, Logits, LogitsPlace, ModelBackend, ModelCard, RowReader, Vocabulary,
};
use crate::sampler::{Pick, Row, Sampler};
use std::sync::{Mutex, PoisonError};

/// A sampler with the buffers of its steps.
pub(super) struct SamplerState {
    sampler: Box<dyn Sampler>,
    picks: Vec<Pick>,
    tokens: Vec<u32>,
}

impl SamplerState {
    pub(super) fn new(sampler: Box<dyn Sampler>) -> Self {
        Self { sampler, picks: Vec::new(), tokens: Vec::new() }
    }

    fn pick(&mut self, request: &Request<'_>, out: Out<'_>) -> Result<Served, Fault> {
        let crossed = rows_in(request.bytes)?;
        let (view, logits) = request.f32(0)?;
        let [count, vocabulary] = *view.shape.sides() else {
            return Err(Fault::internal("logits are not [rows, vocabulary]"));
        };
        let mut history = request.u32(1)?;
        let mut rows = Vec::with_capacity(crossed.len());
        for row in crossed {
            let (own, rest) = history
                .split_at_checked(row.history as usize)
                .ok_or_else(|| Fault::internal("the histories are shorter than the rows say"))?;
            history = rest;
            rows.push(Row { index: row.index as usize, step: row.step, draw: row.draw, history: own });
        }
        let logits = Logits { rows: count, vocabulary, place: LogitsPlace::Host(logits) };
        self.picks.clear();
        self.sampler.pick(&logits, &rows, &mut self.picks)?;
        self.tokens.clear();
        self.tokens.extend(self.picks.iter().map(|pick| pick.token));
        out.tensor(&View::u32(&self.tokens));
        if self.picks.iter().any(|pick| pick.note.is_some()) {
            let notes: Vec<_> = self.picks.iter().map(|pick| &pick.note).collect();
            return out.json(&notes);
        }
        Ok(Served::Done)
    }

    fn prepare(&mut self, request: &Request<'_>, out: Out<'_>) -> Result<Served, Fault> {
        let wire::Prepare { card, given, vocabulary, embeddings } = request.json()?;
        let texts = vocabulary.map(std::borrow::Cow::into_owned);
        let content = match &texts {
            Some(_) => request.u8(0)?.iter().map(|flag| *flag != 0).collect(),
            None => Vec::new(),
        };
        let rows = match &embeddings {
            Some(wire::Embeddings::Rows { .. }) => request.f32(usize::from(texts.is_some()))?.1,
            _ => &[],
        };
        let model = LentModel {
            card: card.into_owned(),
            given,
            words: texts.map(|texts| (texts, content)),
            embeddings,
            rows,
            needs: Mutex::default(),
        };
        let prepared = self.sampler.prepare(&model);
        let needs = *model.needs.lock().unwrap_or_else(PoisonError::into_inner);
        if needs != wire::ModelParts::default() {
            return out.json(&wire::PrepareReply { done: None, needs: Some(needs) });
        }
        prepared?;
        let done = wire::Prepared { digest: self.sampler.digest() };
        out.json(&wire::PrepareReply { done: Some(done), needs: None })
    }
}

/// The rows of a request.
fn rows_in(bytes: &[u8]) -> Result<&[abi::Row], Fault> {
    let (count, rest) = (bytes.len() / size_of::<abi::Row>(), bytes.len() % size_of::<abi::Row>());
    let pointer = bytes.as_ptr().cast::<abi::Row>();
    if rest != 0 || (count > 0 && !pointer.is_aligned()) {
        return Err(Fault::internal("the rows of a step are cut off or misaligned"));
    }
    // SAFETY: aligned, inside `bytes`, and every bit pattern is a row.
    Ok(unsafe { super::super::tensor::elements_at(pointer, count) })
}

pub(super) fn serve(
    state: &mut SamplerState,
    method: u32,
    request: &Request<'_>,
    out: Out<'_>,
) -> Result<Served, Fault> {
    match method {
        method::PICK => state.pick(request, out),
        method::DESCRIBE => out.json(&wire::SamplerSelf {
            remote: state.sampler.remote().as_ref().map(wire::Sampling::from),
            max_tokens: state.sampler.max_tokens(),
        }),
        method::PREPARE => state.prepare(request, out),
        _ => Ok(Served::Missing),
    }
}

/// Stands in for the model while a sampler is prepared.
struct LentModel<'a> {
    card: ModelCard,
    given: wire::ModelParts,
    words: Option<(Vec<String>, Vec<bool>)>,
    embeddings: Option<wire::Embeddings>,
    rows: &'a [f32],
    needs: Mutex<wire::ModelParts>,
}

impl LentModel<'_> {
    fn lacking(&self, what: &str, part: impl FnOnce(&mut wire::ModelParts)) -> Fault {
        part(&mut self.needs.lock().unwrap_or_else(PoisonError::into_inner));
        Fault::internal(format!("{what} are on their way: this try does not count"))
    }
}

impl ModelBackend for LentModel<'_> {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn vocabulary(&self) -> Result<Option<Vocabulary<'_>>, Fault> {
        if !self.given.vocabulary {
            return Err(self.lacking("the token texts", |needs| needs.vocabulary = true));
        }
        Ok(self.words.as_ref().map(|(texts, content)| Vocabulary { texts, content }))
    }

    fn embeddings(&self) -> Result<Option<EmbeddingSource<'_>>, Fault> {
        if !self.given.embeddings {
            return Err(self.lacking("the embeddings", |needs| needs.embeddings = true));
        }
        Ok(match self.embeddings.clone() {
            None => None,
            Some(wire::Embeddings::File { path, tensor, sha256 }) => {
                Some(EmbeddingSource::File { path, tensor, sha256 })
            }
            Some(wire::Embeddings::Rows { rows, width, sha256 }) => {
                if rows.checked_mul(width) != Some(self.rows.len()) {
                    return Err(Fault::internal("the embeddings do not fit their shape"));
                }
                let reader = LentRows { values: self.rows, rows, width };
                Some(EmbeddingSource::Rows { reader: Box::new(reader), sha256 })
            }
        })
    }
}

struct LentRows<'a> {
    values: &'a [f32],
    rows: usize,
    width: usize,
}

impl RowReader for LentRows<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn width(&self) -> usize {
        self.width
    }

    fn read(&self, first: usize, count: usize, out: &mut Vec<f32>) -> Result<(), Fault> {
        let range = first
            .checked_mul(self.width)
            .zip(first.checked_add(count).and_then(|end| end.checked_mul(self.width)))
            .and_then(|(start, end)| self.values.get(start..end));
        let rows = range.ok_or_else(|| {
            Fault::internal(format!("there are {} rows, not {count} from {first}", self.rows))
        })?;
        out.clear();
        out.extend_from_slice(rows);
        Ok(())
    }
}
