//! Media for benches that draw nothing.

use situs_core::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;

/// Lends one segmentation, if it has one, and refuses everything else.
#[derive(Default)]
pub struct NoPictures(pub Option<Arc<Segmentation>>);

fn refused<T>() -> Result<T, Fault> {
    Err(Fault::unsupported("this bench has nothing to draw"))
}

impl Media for NoPictures {
    fn volume(&self, _: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        refused()
    }

    fn segmentation(&self, _: &Case) -> Result<Arc<Segmentation>, Fault> {
        self.0.clone().map_or_else(refused, Ok)
    }

    fn put_picture(&self, _: &Picture) -> Result<ImageRef, Fault> {
        refused()
    }

    fn png(&self, _: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        refused()
    }

    fn put_volume(&self, _: [usize; 3], _: &[f32]) -> Result<VolumeRef, Fault> {
        refused()
    }

    fn path(&self, _: &str) -> Result<PathBuf, Fault> {
        refused()
    }
}
