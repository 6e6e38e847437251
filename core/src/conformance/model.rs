//! Laws of model backends: those that need no server and no weights of a kind the kit cannot know.

use super::room::Passing;
use super::{Law, Not, Sheet, broken, same, skipped};
use crate::case::{Case, VolumeRef};
use crate::fault::{Cause, Fault};
use crate::media::{Media, Picture};
use crate::model_backend::{Flow, ModelBackend, SAMPLING_FIELDS, Session, SlotId};
use crate::prompt::{ImageRef, Prompt};
use crate::reply::{Request, Sampling};
use crate::run::MediaStore;
use crate::volume::{Segmentation, Volume};
use std::path::PathBuf;
use std::sync::Arc;

/// Largest difference of two logits that should be the same, as a share of the largest one.
const TOLERANCE: f32 = 1e-3;
/// Steps of a decoded sequence.
const STEPS: usize = 4;

pub(super) fn check(sheet: &mut Sheet<'_>) {
    sheet.law("the card says what it is, and says it again", card);
    sheet.law("vocabulary and embeddings agree in size and are the same each time", tables);
    sheet.law("a deterministic model gives the same reply to the same request", replies);
    sheet.law("a model without steps refuses a session, one with steps gives finite logits", steps);
    sheet.law("sequences side by side decode as they do alone", side_by_side);
    sheet.law("a slot that is finished or cancelled is gone", gone);
}

/// Pictures alone.
struct Pictures {
    store: MediaStore,
    _folder: Passing,
}

impl Pictures {
    fn new() -> Result<Self, Fault> {
        let folder = Passing::new()?;
        Ok(Self { store: MediaStore::new(folder.path().join("media")), _folder: folder })
    }
}

impl Media for Pictures {
    fn volume(&self, volume: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        Err(Fault::unsupported(format!("the kit shows models no volume {}", volume.id)))
    }

    fn segmentation(&self, case: &Case) -> Result<Arc<Segmentation>, Fault> {
        Err(Fault::unsupported(format!("the kit shows models no structures of {}", case.name)))
    }

    fn put_picture(&self, picture: &Picture) -> Result<ImageRef, Fault> {
        self.store.put_picture(picture)
    }

    fn png(&self, image: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        self.store.png(image)
    }

    fn put_volume(&self, shape_zyx: [usize; 3], voxels: &[f32]) -> Result<VolumeRef, Fault> {
        self.store.put_volume(shape_zyx, voxels)
    }

    fn path(&self, digest: &str) -> Result<PathBuf, Fault> {
        self.store.path(digest)
    }
}

fn request(number: u64) -> Request {
    Request {
        id: format!("conformance-{number}"),
        question: format!("conformance-{number}"),
        prompt: Prompt::text(format!("Statement {number}: the liver is on the right. True or false?")),
        options: vec!["true".to_owned(), "false".to_owned()],
        trial: 0,
        draw: 0x9E37_79B9_7F4A_7C15u64.wrapping_mul(number + 1),
        truth: None,
    }
}

/// The model; one that is handed answers, or asks a server, is not the kit's to ask.
fn model(sheet: &Sheet<'_>) -> Result<Box<dyn ModelBackend>, Not> {
    let model = sheet.build::<dyn ModelBackend>()?;
    match (model.card().reads_answers, model.card().deterministic || model.card().stepwise) {
        (true, _) => skipped("it reads answers, and the kit has none to give"),
        (_, false) => skipped("it asks somebody else, who may answer differently each time"),
        _ => Ok(model),
    }
}

fn card(sheet: &Sheet<'_>) -> Law {
    let (one, other) = (sheet.build::<dyn ModelBackend>()?, sheet.build::<dyn ModelBackend>()?);
    same("cards", one.card(), other.card())?;
    let card = one.card();
    if card.name.is_empty() || card.digest.is_empty() {
        return broken("the card lacks name or digest");
    }
    if let Some(field) = card.honours.iter().find(|field| !SAMPLING_FIELDS.contains(&field.as_str())) {
        return broken(format!("it honours `{field}`, which is no sampling field"));
    }
    if card.stepwise && card.slots == 0 { broken("it answers step by step in no slots") } else { Ok(()) }
}

fn tables(sheet: &Sheet<'_>) -> Law {
    let model = model(sheet)?;
    let Some(vocabulary) = model.vocabulary()? else { return skipped("it has no vocabulary") };
    same("texts and content flags", &vocabulary.texts.len(), &vocabulary.content.len())?;
    if let Some(crate::model_backend::EmbeddingSource::Rows { reader, .. }) = model.embeddings()? {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        reader.read(0, reader.rows().min(8), &mut one)?;
        reader.read(0, reader.rows().min(8), &mut other)?;
        same("rows", &one, &other)?;
        same("values", &one.len(), &(reader.rows().min(8) * reader.width()))?;
        if reader.rows() < vocabulary.texts.len() {
            return broken(format!(
                "{} rows of embeddings for {} tokens",
                reader.rows(),
                vocabulary.texts.len()
            ));
        }
    }
    Ok(())
}

fn replies(sheet: &Sheet<'_>) -> Law {
    let model = model(sheet)?;
    if model.card().stepwise || !model.card().deterministic {
        return skipped("it answers step by step, or differently each time");
    }
    let media = Pictures::new()?;
    for number in 0..4 {
        let once = || model.reply(&request(number), &Sampling::default(), &media);
        match (once(), once()) {
            (Err(fault), _) if fault.cause == Cause::Unsupported || fault.cause == Cause::Data => {
                return skipped(format!("it cannot answer the kit's question: {fault}"));
            }
            (one, other) => same("replies", &one?, &other?)?,
        }
    }
    Ok(())
}

fn steps(sheet: &Sheet<'_>) -> Law {
    let model = model(sheet)?;
    if !model.card().stepwise {
        return match model.session() {
            Ok(_) => broken("its card says that it has no steps"),
            Err(fault) if fault.cause == Cause::Unsupported => Ok(()),
            Err(fault) => Err(fault.into()),
        };
    }
    let media = Pictures::new()?;
    decode(model.session()?.as_mut(), &[1], &media).map(|_| ())
}

/// Logits and tokens of some sequences decoded greedily side by side.
fn decode(session: &mut dyn Session, numbers: &[u64], media: &dyn Media) -> Result<Vec<Vec<f32>>, Not> {
    let admitted = numbers.iter().map(|number| session.admit(&request(*number), media));
    let mut live: Vec<(usize, SlotId)> =
        admitted.collect::<Result<Vec<_>, Fault>>()?.into_iter().enumerate().collect();
    let mut seen = vec![Vec::new(); numbers.len()];
    for _ in 0..STEPS {
        if live.is_empty() {
            break;
        }
        let slots: Vec<SlotId> = live.iter().map(|(_, slot)| *slot).collect();
        let mut tokens = Vec::new();
        {
            let logits = session.logits(&slots)?;
            same("rows of logits", &logits.rows, &slots.len())?;
            let mut scratch = Vec::new();
            let host = logits.on_host(&mut scratch)?;
            for (row, (number, _)) in live.iter().enumerate() {
                let row = host.row(row)?;
                let best = (0..row.len())
                    .filter(|at| row[*at].is_finite())
                    .max_by(|a, b| row[*a].total_cmp(&row[*b]).then(b.cmp(a)));
                let Some(best) = best else { return broken("a row without a finite logit") };
                if row.iter().any(|logit| logit.is_nan() || *logit == f32::INFINITY) {
                    return broken("a logit is not a number, or infinite");
                }
                seen[*number].extend_from_slice(row);
                tokens.push(best as u32);
            }
        }
        let mut going = Vec::new();
        for ((number, slot), token) in live.into_iter().zip(tokens) {
            match session.push(slot, token)? {
                Flow::Continue => going.push((number, slot)),
                Flow::Stop => {
                    session.finish(slot)?;
                }
            }
        }
        live = going;
    }
    for (_, slot) in live {
        session.finish(slot)?;
    }
    Ok(seen)
}

fn side_by_side(sheet: &Sheet<'_>) -> Law {
    let model = model(sheet)?;
    if !model.card().stepwise || model.card().slots < 2 {
        return skipped("it decodes one sequence at a time");
    }
    let media = Pictures::new()?;
    let together = decode(model.session()?.as_mut(), &[1, 2], &media)?;
    for (number, together) in [1, 2].into_iter().zip(together) {
        let alone = decode(model.session()?.as_mut(), &[number], &media)?.concat();
        same("values", &alone.len(), &together.len())?;
        let most = alone.iter().fold(1f32, |most, value| most.max(value.abs()));
        let apart = alone.iter().zip(&together).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        if apart > TOLERANCE * most {
            return broken(format!("logits differ by {apart}, the largest is {most}"));
        }
    }
    Ok(())
}

fn gone(sheet: &Sheet<'_>) -> Law {
    let model = model(sheet)?;
    if !model.card().stepwise {
        return skipped("it has no steps");
    }
    let media = Pictures::new()?;
    let mut session = model.session()?;
    for finish in [true, false] {
        let slot = session.admit(&request(3), &media)?;
        if finish {
            session.finish(slot)?;
        } else {
            session.cancel(slot);
        }
        if session.push(slot, 0).is_ok() || session.logits(&[slot]).is_ok() || session.finish(slot).is_ok() {
            return broken(format!("slot {slot} is still there"));
        }
    }
    Ok(())
}
