//! What the engine lends to components that look at voxels and pictures.

use crate::case::{Case, VolumeRef};
use crate::fault::Fault;
use crate::prompt::ImageRef;
use crate::structure::OtherPatients;
use crate::volume::{Segmentation, Volume};
use std::path::PathBuf;
use std::sync::Arc;

/// A drawn picture: 8-bit RGB, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `height * width * 3` bytes.
    pub rgb: Vec<u8>,
}

/// Volumes, segmentations and pictures by name. Shared by all threads.
pub trait Media: Sync {
    /// A volume in canonical RAS+, loaded once for all who wait.
    fn volume(&self, volume: &VolumeRef) -> Result<Arc<Volume>, Fault>;

    /// The structures of a case on its image grid.
    fn segmentation(&self, case: &Case) -> Result<Arc<Segmentation>, Fault>;

    /// Stores a picture and names it; the same pixels give the same name and the same PNG bytes.
    fn put_picture(&self, picture: &Picture) -> Result<ImageRef, Fault>;

    /// The PNG bytes of a stored picture.
    fn png(&self, image: &ImageRef) -> Result<Arc<[u8]>, Fault>;

    /// Stores a volume made for a model and names it: a little-endian f32 `.npy` of shape `[z, y, x]`.
    fn put_volume(&self, shape_zyx: [usize; 3], voxels: &[f32]) -> Result<VolumeRef, Fault>;

    /// Path of a stored picture or volume, for programs that read files.
    fn path(&self, digest: &str) -> Result<PathBuf, Fault>;

    /// Measurements of the patients that a question, named by its id, does not show: never the one asked about.
    ///
    /// # Errors
    /// Unsupported by default; a question that is not planned.
    fn other_patients(&self, question: &str) -> Result<OtherPatients, Fault> {
        Err(Fault::unsupported(format!(
            "nothing is known here of the patients that question {question} does not show"
        )))
    }
}
