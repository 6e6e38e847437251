//! Serves a model backend.

use super::super::abi::method;
use super::super::tensor::View;
use super::super::wire;
use super::reply::{Out, Request, Served};
use crate::case::{Case, VolumeRef};
use crate::fault::Fault;
use crate::media::{Media, Picture};
use crate::model_backend::{EmbeddingSource, ModelBackend, PictureForm};
use crate::prompt::ImageRef;
use crate::reply;
use crate::volume::{Segmentation, Volume};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) fn serve(
    model: &dyn ModelBackend,
    method: u32,
    request: &Request<'_>,
    out: Out<'_>,
) -> Result<Served, Fault> {
    match method {
        method::DESCRIBE => out.json(model.card()),
        method::VOCABULARY => match model.vocabulary()? {
            None => out.json(&None::<()>),
            Some(vocabulary) => {
                let content: Vec<u8> = vocabulary.content.iter().map(|flag| u8::from(*flag)).collect();
                out.tensor(&View::u8(&[content.len()], &content));
                out.json(&vocabulary.texts)
            }
        },
        method::EMBEDDINGS => out.json(&model.embeddings()?.map(|source| match source {
            EmbeddingSource::File { path, tensor, sha256 } => wire::Embeddings::File { path, tensor, sha256 },
            EmbeddingSource::Rows { reader, sha256 } => {
                wire::Embeddings::Rows { rows: reader.rows(), width: reader.width(), sha256 }
            }
        })),
        method::ROWS => {
            let (first, count): (usize, usize) = request.json()?;
            let Some(EmbeddingSource::Rows { reader, .. }) = model.embeddings()? else {
                return Ok(Served::Missing);
            };
            let mut rows = Vec::new();
            reader.read(first, count, &mut rows)?;
            out.tensor(&View::f32(&[count, reader.width()], &rows));
            Ok(Served::Done)
        }
        method::REPLY => {
            let (asked, sampling, media) = asked(model, request)?;
            out.json(&model.reply(&asked, &sampling.unwrap_or_default(), &media)?)
        }
        _ => Ok(Served::Missing),
    }
}

/// A request with its pictures.
///
/// # Errors
/// When it cannot be read.
pub(super) fn asked<'a>(
    model: &dyn ModelBackend,
    request: &Request<'a>,
) -> Result<(reply::Request, Option<reply::Sampling>, SentMedia<'a>), Fault> {
    let wire::Asked { request: asked, sampling, paths } = request.json()?;
    let asked = reply::Request::from(asked);
    let mut pngs = BTreeMap::new();
    if model.card().pictures != PictureForm::None {
        for image in asked.prompt.images() {
            let next = pngs.len();
            if let std::collections::btree_map::Entry::Vacant(place) = pngs.entry(image.pixels.clone()) {
                place.insert(request.u8(next)?);
            }
        }
    }
    Ok((asked, sampling.map(reply::Sampling::from), SentMedia { pngs, paths }))
}

/// Media of one request: its pictures as files, and where they lie.
pub(super) struct SentMedia<'a> {
    pngs: BTreeMap<String, &'a [u8]>,
    paths: BTreeMap<String, PathBuf>,
}

fn none<T>(what: &str) -> Result<T, Fault> {
    Err(Fault::unsupported(format!("{what} while a request is answered")))
}

impl Media for SentMedia<'_> {
    fn volume(&self, _: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        none("a model is lent no volumes, it reads the files of a prompt by their path")
    }

    fn segmentation(&self, _: &Case) -> Result<Arc<Segmentation>, Fault> {
        none("a model is lent no structures")
    }

    fn put_picture(&self, _: &Picture) -> Result<ImageRef, Fault> {
        none("nothing is drawn")
    }

    fn png(&self, image: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        self.pngs
            .get(&image.pixels)
            .map(|bytes| Arc::from(*bytes))
            .ok_or_else(|| Fault::data(format!("the request shows no picture {}", image.pixels)))
    }

    fn put_volume(&self, _: [usize; 3], _: &[f32]) -> Result<VolumeRef, Fault> {
        none("nothing is drawn")
    }

    fn path(&self, digest: &str) -> Result<PathBuf, Fault> {
        self.paths
            .get(digest)
            .cloned()
            .ok_or_else(|| Fault::data(format!("the request shows no picture or volume {digest}")))
    }
}
