//! Volumes that lie in no file.

use super::Volume;
use crate::fault::Fault;
use std::sync::Arc;

/// Makes volumes by key: what a [`VolumeSource::Dataset`](crate::case::VolumeSource) stands for.
pub trait VolumeMaker: Send + Sync {
    /// The volume of a key in canonical RAS+. Label maps come as whole numbers.
    ///
    /// # Errors
    /// Unsupported for a key that it does not know, and whatever making the volume runs into.
    fn make(&self, key: &str) -> Result<Volume, Fault>;
}

impl<M: VolumeMaker + ?Sized> VolumeMaker for Arc<M> {
    fn make(&self, key: &str) -> Result<Volume, Fault> {
        (**self).make(key)
    }
}
