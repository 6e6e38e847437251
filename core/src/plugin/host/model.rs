//! A model backend on the other side.

use super::super::abi::{self, method};
use super::super::tensor::{Owned, View};
use super::super::wire;
use super::collector::{Collector, Limits, MAX_TENSOR_BYTES};
use super::handle::{Called, Handle};
use super::session::{ForeignSession, MAX_VOCABULARY};
use crate::fault::Fault;
use crate::media::Media;
use crate::model_backend::{
    EmbeddingSource, ModelBackend, ModelCard, PictureForm, RowReader, Session, Vocabulary,
};
use crate::prompt::{ImageRef, Prompt};
use crate::reply::{Reply, Request, Sampling};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

pub(super) struct ForeignModel {
    handle: Handle,
    card: ModelCard,
    vocabulary: OnceLock<Option<Words>>,
}

struct Words {
    texts: Vec<String>,
    content: Vec<bool>,
}

impl ForeignModel {
    /// # Errors
    /// When it does not say what it is, or wants the right answers, which never cross.
    pub(super) fn new(handle: Handle) -> Result<Self, Fault> {
        let mut collector = Collector::new(Limits::JSON);
        let mut card: ModelCard = handle.must((method::DESCRIBE, "describe"), &[], &[], &mut collector)?;
        if card.reads_answers {
            return Err(Fault::unsupported(format!(
                "{} reads answers, and right answers never leave this program",
                card.name
            )));
        }
        if !handle.shared() {
            card.parallel = 1;
        }
        Ok(Self { handle, card, vocabulary: OnceLock::new() })
    }

    fn words(&self) -> Result<Option<Words>, Fault> {
        let row = self.handle.row();
        let mut collector = Collector::new(Limits::tensors(1, MAX_VOCABULARY));
        let texts: Option<Option<Vec<String>>> =
            self.handle.ask((method::VOCABULARY, "vocabulary"), &[], &[], &mut collector)?;
        let Some(texts) = texts.flatten() else { return Ok(None) };
        if texts.len() > MAX_VOCABULARY {
            return Err(row.broken(&format!("vocabulary gave {} tokens", texts.len())));
        }
        let content = match collector.take_tensors().pop() {
            None => vec![true; texts.len()],
            Some(Owned::U8(_, flags)) if flags.len() == texts.len() => {
                flags.into_iter().map(|flag| flag != 0).collect()
            }
            Some(other) => {
                return Err(row.broken(&format!(
                    "vocabulary gave {} for {} tokens",
                    other.describe(),
                    texts.len()
                )));
            }
        };
        Ok(Some(Words { texts, content }))
    }
}

impl ModelBackend for ForeignModel {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn vocabulary(&self) -> Result<Option<Vocabulary<'_>>, Fault> {
        let words = match self.vocabulary.get() {
            Some(words) => words,
            None => {
                let words = self.words()?;
                self.vocabulary.get_or_init(|| words)
            }
        };
        Ok(words.as_ref().map(|words| Vocabulary { texts: &words.texts, content: &words.content }))
    }

    fn embeddings(&self) -> Result<Option<EmbeddingSource<'_>>, Fault> {
        let mut collector = Collector::new(Limits::JSON);
        let said: Option<Option<wire::Embeddings>> =
            self.handle.ask((method::EMBEDDINGS, "embeddings"), &[], &[], &mut collector)?;
        Ok(said.flatten().map(|said| match said {
            wire::Embeddings::File { path, tensor, sha256 } => EmbeddingSource::File { path, tensor, sha256 },
            wire::Embeddings::Rows { rows, width, sha256 } => EmbeddingSource::Rows {
                reader: Box::new(ForeignRows { handle: &self.handle, rows, width }),
                sha256,
            },
        }))
    }

    fn reply(&self, request: &Request, sampling: &Sampling, media: &dyn Media) -> Result<Reply, Fault> {
        let asked = Message::new(&self.handle, &self.card, request, Some(sampling), media)?;
        let mut collector = Collector::new(Limits::JSON);
        let reply: Option<Reply> =
            self.handle.ask((method::REPLY, "reply"), &asked.json, &asked.views(), &mut collector)?;
        reply.ok_or_else(|| Fault::unsupported(format!("{} answers step by step only", self.card.name)))
    }

    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        let mut collector = Collector::new(Limits { child: true, ..Limits::JSON });
        let called = self.handle.call((method::SESSION, "session"), &[], &[], &mut collector);
        // Whatever came is ours to free, also when the call failed.
        let child = collector.take_child().map(|child| self.handle.child(child));
        match (called?, child) {
            (Called::Done, Some(child)) => Ok(Box::new(ForeignSession::new(child, &self.card))),
            (Called::Done, None) => Err(self.handle.row().broken("session gave no child handle")),
            (Called::Missing, _) => {
                Err(Fault::unsupported(format!("{} gives whole answers only, no logits", self.card.name)))
            }
        }
    }
}

struct ForeignRows<'a> {
    handle: &'a Handle,
    rows: usize,
    width: usize,
}

impl RowReader for ForeignRows<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn width(&self) -> usize {
        self.width
    }

    fn read(&self, first: usize, count: usize, out: &mut Vec<f32>) -> Result<(), Fault> {
        let row = self.handle.row();
        let request = wire::write(&(first, count))?;
        let mut collector = Collector::new(Limits::tensors(1, MAX_TENSOR_BYTES));
        if self.handle.call((method::ROWS, "rows"), &request, &[], &mut collector)? == Called::Missing {
            return Err(self.handle.missing("rows"));
        }
        match collector.one_tensor("rows").map_err(|fault| row.broken(&fault.what))? {
            Owned::F32(shape, values) if *shape.sides() == [count, self.width] => {
                out.clear();
                out.extend_from_slice(&values);
                Ok(())
            }
            other => Err(row.broken(&format!(
                "rows gave {}, expected f32 [{count}, {}]",
                other.describe(),
                self.width
            ))),
        }
    }
}

/// A request to a model with its pictures, in the form that the model takes.
pub(super) struct Message {
    pub(super) json: Vec<u8>,
    pictures: Vec<Pixels>,
}

enum Pixels {
    Png(Arc<[u8]>),
    Rgb([usize; 3], Vec<u8>),
}

impl Message {
    /// # Errors
    /// Pictures that cannot be read.
    pub(super) fn new(
        handle: &Handle,
        card: &ModelCard,
        request: &Request,
        sampling: Option<&Sampling>,
        media: &dyn Media,
    ) -> Result<Self, Fault> {
        let form = match card.pictures {
            PictureForm::Pixels if handle.row().flags & abi::PNG != 0 => PictureForm::Png,
            form => form,
        };
        let pictures = match form {
            PictureForm::None => Vec::new(),
            PictureForm::Png | PictureForm::Pixels => distinct(&request.prompt)
                .map(|image| {
                    let png = media.png(image)?;
                    if form == PictureForm::Png { Ok(Pixels::Png(png)) } else { decoded(&png) }
                })
                .collect::<Result<_, Fault>>()?,
        };
        let digests = distinct(&request.prompt).map(|image| &image.pixels);
        let digests = digests.chain(request.prompt.volumes().map(|volume| &volume.id));
        let paths: BTreeMap<_, _> =
            digests.filter_map(|digest| media.path(digest).ok().map(|path| (digest.clone(), path))).collect();
        let json = wire::write(&wire::Asked {
            request: request.into(),
            sampling: sampling.map(wire::Sampling::from),
            paths,
        })?;
        Ok(Self { json, pictures })
    }

    pub(super) fn views(&self) -> Vec<View<'_>> {
        self.pictures
            .iter()
            .map(|picture| match picture {
                Pixels::Png(bytes) => View::u8(&[bytes.len()], bytes),
                Pixels::Rgb(sides, rgb) => View::u8(sides, rgb),
            })
            .collect()
    }
}

/// The pictures of a prompt, each once.
pub(in super::super) fn distinct(prompt: &Prompt) -> impl Iterator<Item = &ImageRef> {
    let mut seen = std::collections::BTreeSet::new();
    prompt.images().filter(move |image| seen.insert(image.pixels.as_str()))
}

fn decoded(png: &[u8]) -> Result<Pixels, Fault> {
    let decoded = image::load_from_memory_with_format(png, image::ImageFormat::Png)
        .map_err(|error| Fault::data(format!("a stored picture cannot be decoded: {error}")))?
        .into_rgb8();
    let (width, height) = decoded.dimensions();
    Ok(Pixels::Rgb([height as usize, width as usize, 3], decoded.into_raw()))
}
