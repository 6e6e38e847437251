//! Grey slices kept for the next question of the same case.

use super::raster::Raster;
use super::window::Shades;
use situs_core::case::Modality;
use situs_core::fault::Fault;
use situs_core::space::View;
use situs_core::volume::{Bounds, Volume};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Which slice, how large.
#[derive(Debug, Clone, Copy, PartialEq)]
struct SliceKey {
    view: View,
    slice: usize,
    long_side: u32,
}

/// Grey slices and grey ranges of the volumes used last, within a budget of bytes.
///
/// Entries belong to a volume in memory, not to its name: a name may stand for other voxels in another arm.
#[derive(Debug)]
pub struct Backdrops {
    budget: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Oldest use first.
    slices: Vec<(Weak<Volume>, SliceKey, Arc<[u8]>)>,
    bounds: Vec<(Weak<Volume>, Bounds)>,
}

/// Volumes whose grey range is remembered.
const BOUNDS_KEPT: usize = 64;

impl Backdrops {
    /// An empty store of at most `budget` bytes.
    pub fn new(budget: usize) -> Self {
        Self { budget, kept: Mutex::default() }
    }

    /// Black and white of a volume under `shades`, which must be the same at every call.
    ///
    /// # Errors
    /// A window without width.
    pub fn bounds(&self, volume: &Arc<Volume>, modality: Modality, shades: Shades) -> Result<Bounds, Fault> {
        let known = self.lock().bounds.iter().find(|(owner, _)| is_of(owner, volume)).map(|(_, bounds)| *bounds);
        if let Some(bounds) = known {
            return Ok(bounds);
        }
        let bounds = shades.bounds(modality, volume)?;
        let mut kept = self.lock();
        kept.bounds.retain(|(owner, _)| owner.strong_count() > 0);
        if kept.bounds.len() >= BOUNDS_KEPT {
            kept.bounds.remove(0);
        }
        kept.bounds.push((Arc::downgrade(volume), bounds));
        Ok(bounds)
    }

    /// One grey slice, row by row. Drawn outside the lock: two threads may draw the same slice once each.
    pub fn slice(
        &self,
        volume: &Arc<Volume>,
        raster: &Raster,
        slice: usize,
        long_side: u32,
        bounds: Bounds,
    ) -> Arc<[u8]> {
        let key = SliceKey { view: raster.canvas.view, slice, long_side };
        if let Some(grey) = self.find(volume, key) {
            return grey;
        }
        let values = raster.sample(volume, slice as f64, bounds.black as f32);
        let grey: Arc<[u8]> = values.into_iter().map(|value| bounds.grey(value)).collect();
        self.keep(volume, key, &grey);
        grey
    }

    fn find(&self, volume: &Arc<Volume>, key: SliceKey) -> Option<Arc<[u8]>> {
        let mut kept = self.lock();
        let position =
            kept.slices.iter().rposition(|(owner, known, _)| *known == key && is_of(owner, volume))?;
        let entry = kept.slices.remove(position);
        let grey = Arc::clone(&entry.2);
        kept.slices.push(entry);
        Some(grey)
    }

    fn keep(&self, volume: &Arc<Volume>, key: SliceKey, grey: &Arc<[u8]>) {
        if grey.len() > self.budget || self.find(volume, key).is_some() {
            return;
        }
        let mut kept = self.lock();
        kept.slices.retain(|(owner, ..)| owner.strong_count() > 0);
        kept.slices.push((Arc::downgrade(volume), key, Arc::clone(grey)));
        let bytes: usize = kept.slices.iter().map(|(.., grey)| grey.len()).sum();
        let mut surplus = bytes.saturating_sub(self.budget);
        let mut oldest = 0;
        while surplus > 0 && oldest < kept.slices.len() {
            surplus = surplus.saturating_sub(kept.slices[oldest].2.len());
            oldest += 1;
        }
        kept.slices.drain(..oldest);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_of(owner: &Weak<Volume>, volume: &Arc<Volume>) -> bool {
    std::ptr::eq(owner.as_ptr(), Arc::as_ptr(volume))
}
