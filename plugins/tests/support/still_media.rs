//! Pictures handed out as they were put in; nothing is drawn and nothing is stored.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use situs_core::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// PNG bytes by pixel digest.
#[derive(Default)]
pub struct StillMedia {
    pngs: BTreeMap<String, Arc<[u8]>>,
    /// Where pictures are said to lie; empty: `/media`.
    pub folder: PathBuf,
}

impl StillMedia {
    /// Adds bytes under a name; returns the part that shows them.
    pub fn show(&mut self, name: &str, bytes: &[u8]) -> Part {
        self.pngs.insert(name.to_owned(), bytes.into());
        Part::Image {
            image: ImageRef { pixels: name.to_owned(), png: format!("png-of-{name}"), width: 1, height: 1 },
        }
    }
}

impl Media for StillMedia {
    fn volume(&self, volume: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        Err(Fault::unsupported(format!("no volume {}", volume.id)))
    }

    fn segmentation(&self, case: &Case) -> Result<Arc<Segmentation>, Fault> {
        Err(Fault::unsupported(format!("no segmentation of {}", case.name)))
    }

    fn put_picture(&self, _: &Picture) -> Result<ImageRef, Fault> {
        Err(Fault::unsupported("nothing is stored"))
    }

    fn png(&self, image: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        self.pngs
            .get(&image.pixels)
            .cloned()
            .ok_or_else(|| Fault::data(format!("no picture {}", image.pixels)))
    }

    fn put_volume(&self, _: [usize; 3], _: &[f32]) -> Result<VolumeRef, Fault> {
        Err(Fault::unsupported("nothing is stored"))
    }

    fn path(&self, digest: &str) -> Result<PathBuf, Fault> {
        let folder = if self.folder.as_os_str().is_empty() { Path::new("/media") } else { &self.folder };
        Ok(folder.join(format!("{digest}.png")))
    }
}

/// A request with this prompt and these options.
pub fn request(prompt: Prompt, options: &[&str], draw: u64) -> Request {
    Request {
        id: "request-1".to_owned(),
        question: "question-1".to_owned(),
        prompt,
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        trial: 0,
        draw,
        truth: None,
    }
}

/// Builds a backend through the registry.
pub fn backend(params: serde_json::Value) -> Result<Box<dyn ModelBackend>, Fault> {
    backend_at(params, &BuildContext::default())
}

/// Builds a backend whose relative paths start at the context's folder.
pub fn backend_at(params: serde_json::Value, cx: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
    let serde_json::Value::Object(params) = params else { panic!("parameters are a table") };
    let registry = situs_core::registry::Registry::builtin().expect("no name is taken twice");
    registry.build::<dyn ModelBackend>(&params, cx).map(|built| built.component)
}

/// The fault of a backend that is refused.
pub fn refused(params: serde_json::Value) -> Fault {
    match backend(params) {
        Ok(backend) => panic!("{} was built", backend.card().name),
        Err(fault) => fault,
    }
}
