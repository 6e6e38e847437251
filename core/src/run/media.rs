//! Volumes and pictures of a run behind one door.

use super::media_store::MediaStore;
use super::population::Population;
use crate::case::{Case, VolumeRef};
use crate::fault::Fault;
use crate::media::{Media, Picture};
use crate::prompt::ImageRef;
use crate::structure::OtherPatients;
use crate::volume::{Segmentation, Volume, VolumeStore};
use std::path::PathBuf;
use std::sync::Arc;

/// The volume store of a data set and the picture store of a run folder.
pub struct RunMedia {
    /// Voxels.
    pub volumes: Arc<VolumeStore>,
    /// Pictures.
    pub pictures: Arc<MediaStore>,
    population: Option<Arc<Population>>,
}

impl RunMedia {
    /// Volumes and pictures, with nothing known of other patients.
    pub fn new(volumes: VolumeStore, pictures: MediaStore) -> Self {
        Self { volumes: Arc::new(volumes), pictures: Arc::new(pictures), population: None }
    }

    /// Volumes and pictures of a run, and its patients for those who read of them in books.
    pub(super) fn of_run(
        volumes: &Arc<VolumeStore>,
        pictures: &Arc<MediaStore>,
        population: &Arc<Population>,
    ) -> Self {
        Self {
            volumes: Arc::clone(volumes),
            pictures: Arc::clone(pictures),
            population: Some(Arc::clone(population)),
        }
    }
}

impl Media for RunMedia {
    fn volume(&self, volume: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        self.volumes.volume(volume)
    }

    fn segmentation(&self, case: &Case) -> Result<Arc<Segmentation>, Fault> {
        self.volumes.segmentation(case)
    }

    fn put_picture(&self, picture: &Picture) -> Result<ImageRef, Fault> {
        self.pictures.put_picture(picture)
    }

    fn png(&self, image: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        self.pictures.png(image)
    }

    fn put_volume(&self, shape_zyx: [usize; 3], voxels: &[f32]) -> Result<VolumeRef, Fault> {
        self.pictures.put_volume(shape_zyx, voxels)
    }

    fn path(&self, digest: &str) -> Result<PathBuf, Fault> {
        self.pictures.path(digest)
    }

    fn other_patients(&self, question: &str) -> Result<OtherPatients, Fault> {
        match &self.population {
            Some(population) => population.others(question),
            None => Err(Fault::unsupported("nothing is known here of other patients")),
        }
    }
}
