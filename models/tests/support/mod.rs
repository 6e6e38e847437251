//! Checkpoints, pictures and prompts for tests.
#![allow(dead_code, reason = "each test file uses its own part")]

use serde_json::{Value, json};
use situs_core::digest::sha256_hex;
use situs_core::media::{Media, Picture};
use situs_core::prelude::*;
use situs_core::registry::{Params, Registry};
use situs_core::run::{encode_png, pixel_digest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use situs_models as _;

/// A committed checkpoint.
pub fn fixture(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(family)
}

/// A copy of a committed checkpoint that may be changed, without its reference.
pub fn copied(family: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture(family)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

/// Changes a JSON file of a checkpoint.
pub fn change(folder: &Path, file: &str, change: impl FnOnce(&mut Value)) {
    let path = folder.join(file);
    let mut value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(&path, value.to_string()).unwrap();
}

/// The backend `candle` with these parameters on top of the folder.
pub fn built(folder: &Path, more: Value) -> Result<Box<dyn ModelBackend>, Fault> {
    let mut params: Params = json!({ "use": "candle", "dir": folder }).as_object().unwrap().clone();
    params.extend(more.as_object().unwrap().clone());
    let built = Registry::builtin().unwrap().build::<dyn ModelBackend>(&params, &BuildContext::default());
    built.map(|built| built.component)
}

/// Pictures in memory.
#[derive(Default)]
pub struct Album(Mutex<BTreeMap<String, Arc<[u8]>>>);

impl Album {
    /// A picture of stripes; other `shade`, other picture.
    pub fn stripes(&self, width: u32, height: u32, shade: u8) -> ImageRef {
        let rgb = (0..height)
            .flat_map(|y| (0..width).flat_map(move |x| [(x * 5 + y) as u8, shade, (y * 3) as u8 ^ shade]))
            .collect();
        self.put_picture(&Picture { width, height, rgb }).unwrap()
    }
}

impl Media for Album {
    fn volume(&self, _: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        Err(Fault::unsupported("no volumes"))
    }

    fn segmentation(&self, _: &Case) -> Result<Arc<Segmentation>, Fault> {
        Err(Fault::unsupported("no segmentations"))
    }

    fn put_picture(&self, picture: &Picture) -> Result<ImageRef, Fault> {
        let png = encode_png(picture)?;
        let image = ImageRef {
            pixels: pixel_digest(picture),
            png: sha256_hex(&png),
            width: picture.width,
            height: picture.height,
        };
        self.0.lock().unwrap().insert(image.pixels.clone(), png.into());
        Ok(image)
    }

    fn png(&self, image: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        Ok(Arc::clone(&self.0.lock().unwrap()[&image.pixels]))
    }

    fn put_volume(&self, _: [usize; 3], _: &[f32]) -> Result<VolumeRef, Fault> {
        Err(Fault::unsupported("no volumes"))
    }

    fn path(&self, _: &str) -> Result<PathBuf, Fault> {
        Err(Fault::unsupported("no files"))
    }
}

/// A request with pictures in front of a question.
pub fn request(images: &[ImageRef], text: &str) -> Request {
    let mut parts: Vec<Part> = images.iter().map(|image| Part::Image { image: image.clone() }).collect();
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

/// Logits of every step of a greedy reply of at most `steps` tokens, and the reply.
pub fn greedy(
    session: &mut dyn Session,
    request: &Request,
    media: &dyn Media,
    steps: usize,
) -> (Vec<Vec<f32>>, Reply) {
    let slot = session.admit(request, media).unwrap();
    let mut seen = Vec::new();
    for _ in 0..steps {
        let row = row(session, slot);
        let token = best(&row);
        seen.push(row);
        if session.push(slot, token).unwrap() == Flow::Stop {
            break;
        }
    }
    (seen, session.finish(slot).unwrap())
}

/// Logits of one slot.
pub fn row(session: &mut dyn Session, slot: SlotId) -> Vec<f32> {
    let logits = session.logits(&[slot]).unwrap();
    let mut scratch = Vec::new();
    logits.on_host(&mut scratch).unwrap().row(0).unwrap().to_vec()
}

/// The token with the highest logit.
pub fn best(row: &[f32]) -> u32 {
    row.iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1)).unwrap().0 as u32
}
