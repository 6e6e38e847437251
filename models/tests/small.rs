//! The small model as a backend: what it takes, what it refuses, and that its replies depend on the picture alone.

#![allow(clippy::unwrap_used)]

use image::{ImageFormat, RgbImage};
use serde_json::json;
use situs_core::model_backend::EmbeddingSource;
use situs_core::prelude::*;
use situs_core::registry::Registry;
use situs_models as _;
use std::path::PathBuf;
use std::sync::Arc;

/// One flat picture a grey value.
struct Flat;

impl Media for Flat {
    fn volume(&self, _: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        Err(Fault::unsupported("no volumes"))
    }

    fn segmentation(&self, _: &Case) -> Result<Arc<Segmentation>, Fault> {
        Err(Fault::unsupported("no segmentations"))
    }

    fn put_picture(&self, _: &Picture) -> Result<ImageRef, Fault> {
        Err(Fault::unsupported("nothing is kept"))
    }

    fn png(&self, image: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        let grey: u8 = image.pixels.parse().map_err(|_| Fault::data("no grey value"))?;
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = RgbImage::from_fn(image.width, image.height, |x, y| {
            let marked = (100..130).contains(&x) && (200..230).contains(&y);
            image::Rgb(if marked { [235, 30, 30] } else { [grey; 3] })
        });
        picture.write_to(&mut bytes, ImageFormat::Png).map_err(|error| Fault::internal(error.to_string()))?;
        Ok(bytes.into_inner().into())
    }

    fn put_volume(&self, _: [usize; 3], _: &[f32]) -> Result<VolumeRef, Fault> {
        Err(Fault::unsupported("nothing is kept"))
    }

    fn path(&self, _: &str) -> Result<PathBuf, Fault> {
        Err(Fault::unsupported("nothing is kept"))
    }
}

fn small(pictures: bool) -> Box<dyn ModelBackend> {
    let params = json!({"use": "small", "pictures": pictures});
    let registry = Registry::builtin().unwrap();
    registry
        .build::<dyn ModelBackend>(params.as_object().unwrap(), &BuildContext::default())
        .unwrap()
        .component
}

fn request(greys: &[u8], text: &str) -> Request {
    let picture = |grey: &u8| Part::Image {
        image: ImageRef { pixels: grey.to_string(), png: String::new(), width: 512, height: 384 },
    };
    let mut parts: Vec<Part> = greys.iter().map(picture).collect();
    parts.push(Part::Text { text: text.to_owned() });
    Request {
        id: String::new(),
        question: String::new(),
        prompt: Prompt { parts },
        options: Vec::new(),
        trial: 0,
        draw: 0,
        truth: None,
    }
}

const TEXT: &str = "Compare the positions on the picture along its vertical direction. Relative to the centre of the \
    structure under the red overlay, where is the centre of the structure under the blue overlay? Think step by step.";

/// The logits of the first `count` greedy steps.
fn steps(session: &mut dyn Session, request: &Request, count: usize) -> Vec<Vec<f32>> {
    let slot = session.admit(request, &Flat).unwrap();
    let mut all = Vec::new();
    for _ in 0..count {
        let row = {
            let logits = session.logits(&[slot]).unwrap();
            let mut scratch = Vec::new();
            logits.on_host(&mut scratch).unwrap().row(0).unwrap().to_vec()
        };
        session.push(slot, likeliest(&row)).unwrap();
        all.push(row);
    }
    session.cancel(slot);
    all
}

fn likeliest(row: &[f32]) -> u32 {
    (0..).zip(row).max_by(|a, b| a.1.total_cmp(b.1)).map(|(token, _)| token).unwrap()
}

#[test]
fn a_sequence_is_the_same_alone_and_in_company() {
    let model = small(true);
    let mut session = model.session().unwrap();
    let alone = steps(session.as_mut(), &request(&[40], TEXT), 4);
    let company: Vec<u32> = [10, 90, 200]
        .iter()
        .map(|grey| session.admit(&request(&[*grey], "other words"), &Flat).unwrap())
        .collect();
    let slot = session.admit(&request(&[40], TEXT), &Flat).unwrap();
    let mut live = company.clone();
    live.push(slot);
    for expected in &alone {
        let mut scratch = Vec::new();
        let rows = session.logits(&live).unwrap();
        let row = rows.on_host(&mut scratch).unwrap().row(3).unwrap().to_vec();
        assert_eq!(&row, expected);
        for one in &live {
            session.push(*one, likeliest(&row)).unwrap();
        }
    }
}

#[test]
fn what_was_read_before_is_not_forgotten_from_step_to_step() {
    use candle_core::{DType, Device, Tensor};
    use candle_nn::{VarBuilder, VarMap};
    use situs_models::small::{Memory, Network, Places, Vocabulary};
    let vb = VarBuilder::from_varmap(&VarMap::new(), DType::F32, &Device::Cpu);
    let network = Network::new(&vb, Vocabulary::embedded().len()).unwrap();
    let sight = network.look(None, 1).unwrap();
    let words = [7u32, 90, 1, 33, 5];
    let tensor = |values: &[u32]| Tensor::from_vec(values.to_vec(), (1, values.len()), &Device::Cpu).unwrap();
    let whole = network
        .read(
            &tensor(&words),
            &tensor(&[20, 21, 22, 23, 24]),
            Places::Seen(&sight, None),
            &mut Memory::default(),
        )
        .unwrap();
    let mut memory = Memory::default();
    network.read(&tensor(&words[..2]), &tensor(&[20, 21]), Places::Seen(&sight, None), &mut memory).unwrap();
    for (at, word) in words.iter().enumerate().skip(2) {
        let step = network
            .read(&tensor(&[*word]), &tensor(&[20 + at as u32]), Places::Seen(&sight, None), &mut memory)
            .unwrap();
        let apart = (step.hidden - whole.hidden.narrow(1, at, 1).unwrap()).unwrap().abs().unwrap();
        let apart: f32 = apart.max_all().unwrap().to_scalar().unwrap();
        assert!(apart < 1e-5, "word {at}: {apart}");
    }
}

#[test]
fn the_picture_reaches_the_logits_unless_it_is_told_not_to_look() {
    for looks in [true, false] {
        let model = small(looks);
        let mut session = model.session().unwrap();
        let dark = steps(session.as_mut(), &request(&[0], TEXT), 1);
        let bright = steps(session.as_mut(), &request(&[250], TEXT), 1);
        assert_eq!(dark != bright, looks);
        assert_eq!(steps(session.as_mut(), &request(&[0], TEXT), 1), dark);
    }
}

#[test]
fn two_pictures_and_too_long_a_prompt_are_refused_with_the_limit() {
    let model = small(true);
    let mut session = model.session().unwrap();
    let two = session.admit(&request(&[1, 2], TEXT), &Flat).unwrap_err();
    assert!(two.what.contains("2 pictures; small takes 1"), "{two}");
    let long = session.admit(&request(&[1], &"word ".repeat(400)), &Flat).unwrap_err();
    assert!(long.what.contains("401 tokens; small reads 160"), "{long}");
}

#[test]
fn words_outside_the_vocabulary_are_read_as_unknown() {
    let model = small(true);
    let mut session = model.session().unwrap();
    let spleen = steps(session.as_mut(), &request(&[1], "Which mark belongs to the spleen?"), 1);
    let kidney = steps(session.as_mut(), &request(&[1], "Which mark belongs to the kidney?"), 1);
    assert_eq!(spleen, kidney);
}

#[test]
fn the_vocabulary_and_the_embeddings_have_a_row_for_every_token() {
    let model = small(true);
    let vocabulary = model.vocabulary().unwrap().unwrap();
    assert_eq!(vocabulary.texts.len(), vocabulary.content.len());
    assert!(!vocabulary.content[0] && vocabulary.content[vocabulary.texts.len() - 1]);
    let Some(EmbeddingSource::Rows { reader, sha256 }) = model.embeddings().unwrap() else { panic!() };
    assert_eq!((reader.rows(), sha256.len()), (vocabulary.texts.len(), 64));
    let mut row = Vec::new();
    reader.read(reader.rows() - 1, 1, &mut row).unwrap();
    assert_eq!(row.len(), reader.width());
    assert!(row.iter().any(|value| *value != 0.0));
    assert!(reader.read(reader.rows(), 1, &mut row).is_err());
}
