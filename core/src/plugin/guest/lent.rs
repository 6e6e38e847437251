//! Stands in for the host's media: gives what came with the call and remembers what was missing.

use super::super::tensor::View;
use super::super::wire::Wanted;
use super::kept::Shelf;
use super::reply::Out;
use crate::case::{Case, VolumeRef, VolumeSource};
use crate::fault::Fault;
use crate::media::{Media, Picture};
use crate::prompt::ImageRef;
use crate::volume::{Segmentation, Volume};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Media of one `ask` or `render`.
#[derive(Default)]
pub(super) struct LentMedia {
    shelf: Shelf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wanted: Wanted,
    drawn: Vec<Drawn>,
}

enum Drawn {
    Picture(Picture),
    Volume([usize; 3], Vec<f32>),
}

impl LentMedia {
    pub(super) fn new(shelf: Shelf) -> Self {
        Self { shelf, state: Mutex::default() }
    }

    /// What was missing, if anything was.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        let mut wanted = self.state().wanted.clone();
        wanted.keep = true;
        Some(wanted).filter(|wanted| !wanted.is_empty())
    }

    /// Gives what was drawn, in the order of its numbers.
    pub(super) fn give_drawn(&self, out: Out<'_>) {
        for drawn in &self.state().drawn {
            match drawn {
                Drawn::Picture(picture) => {
                    let sides = [picture.height as usize, picture.width as usize, 3];
                    out.tensor(&View::u8(&sides, &picture.rgb));
                }
                Drawn::Volume(sides, voxels) => out.tensor(&View::f32(sides, voxels)),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn missing(what: &str, name: &str) -> Fault {
    Fault::internal(format!("{what} {name:?} is on its way: this try does not count"))
}

impl Media for LentMedia {
    fn volume(&self, volume: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        if let Some(known) = self.shelf.volumes.get(&volume.id) {
            return known.clone();
        }
        let mut state = self.state();
        if !state.wanted.volumes.contains(&volume.id) {
            state.wanted.volumes.push(volume.id.clone());
        }
        Err(missing("volume", &volume.id))
    }

    fn segmentation(&self, case: &Case) -> Result<Arc<Segmentation>, Fault> {
        if let Some(known) = self.shelf.segmentations.get(&case.name) {
            return known.clone();
        }
        let mut state = self.state();
        if !state.wanted.segmentations.contains(&case.name) {
            state.wanted.segmentations.push(case.name.clone());
        }
        Err(missing("the segmentation of", &case.name))
    }

    fn put_picture(&self, picture: &Picture) -> Result<ImageRef, Fault> {
        let expected = (picture.width as usize).checked_mul(picture.height as usize);
        let expected = expected.and_then(|pixels| pixels.checked_mul(3));
        if picture.rgb.is_empty() || expected != Some(picture.rgb.len()) {
            return Err(Fault::internal(format!(
                "a picture of {} x {} pixels with {} bytes cannot be stored",
                picture.width,
                picture.height,
                picture.rgb.len()
            )));
        }
        let mut state = self.state();
        let known =
            state.drawn.iter().position(|drawn| matches!(drawn, Drawn::Picture(same) if same == picture));
        let number = known.unwrap_or_else(|| {
            state.drawn.push(Drawn::Picture(picture.clone()));
            state.drawn.len() - 1
        });
        let name = format!("#{number}");
        Ok(ImageRef { pixels: name.clone(), png: name, width: picture.width, height: picture.height })
    }

    fn png(&self, image: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        Err(Fault::unsupported(format!("picture {} has no file while it is drawn", image.pixels)))
    }

    fn put_volume(&self, shape_zyx: [usize; 3], voxels: &[f32]) -> Result<VolumeRef, Fault> {
        let expected = shape_zyx.iter().try_fold(1usize, |product, side| product.checked_mul(*side));
        if voxels.is_empty() || expected != Some(voxels.len()) {
            return Err(Fault::internal(format!(
                "a volume of shape {shape_zyx:?} cannot have {} voxels",
                voxels.len()
            )));
        }
        let mut state = self.state();
        state.drawn.push(Drawn::Volume(shape_zyx, voxels.to_vec()));
        let name = format!("#{}", state.drawn.len() - 1);
        Ok(VolumeRef { id: name.clone(), source: VolumeSource::Dataset { key: name } })
    }

    fn path(&self, digest: &str) -> Result<PathBuf, Fault> {
        Err(Fault::unsupported(format!("{digest} has no file while a prompt is drawn")))
    }
}
