//! The volumes and segmentations of a run, loaded once for all who wait and held within a byte budget.

use super::cache::Cache;
use super::maker::VolumeMaker;
use super::names::swap_sides;
use super::sources::LabelSource;
use super::{LabelReader, LabelView, LabelVolume, Labels, Segmentation, Volume, read_header};
use crate::case::{Case, VolumeRef, VolumeSource};
use crate::fault::Fault;
use crate::structure::Grid;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Volumes and segmentations by name, shared by all threads.
///
/// With `mirrored`, everything downstream sees another patient, with all organs on the other side: voxels and
/// structures are mirrored along the canonical x axis (the affine stays), and side words in names and facts swap.
pub struct VolumeStore {
    maker: Box<dyn VolumeMaker>,
    mirrored: bool,
    cache: Cache<Key, Held>,
    /// Grids of volumes that have no file whose header could be read: they stay known after the voxels are dropped.
    grids: Mutex<HashMap<VolumeRef, Grid>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Volume(VolumeRef),
    /// By case name, unique within the data set.
    Segmentation(String),
}

#[derive(Clone)]
enum Held {
    Volume(Arc<Volume>),
    Segmentation(Arc<Segmentation>),
}

impl VolumeStore {
    /// An empty store over files and what `maker` makes, for example a data set. `budget_bytes` bounds what is held for
    /// later; the volume loaded last is always held, and what callers hold is theirs.
    pub fn new(maker: impl VolumeMaker + 'static, budget_bytes: u64, mirrored: bool) -> Self {
        Self { maker: Box::new(maker), mirrored, cache: Cache::new(budget_bytes), grids: Mutex::default() }
    }

    /// Whether everything is seen in a mirror.
    pub fn mirrored(&self) -> bool {
        self.mirrored
    }

    /// Bytes held.
    pub fn held_bytes(&self) -> u64 {
        self.cache.held()
    }

    /// Gives the memory back: nothing is held until it is asked for again.
    pub fn clear(&self) {
        self.cache.clear();
    }

    /// A volume in canonical RAS+, as this store shows it.
    ///
    /// # Errors
    /// Those of the reader or the maker; the next call tries again.
    pub fn volume(&self, volume: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        let key = Key::Volume(volume.clone());
        let held = self.cache.get(&key, || {
            let mut loaded = match &volume.source {
                VolumeSource::File { path } => Volume::read(path)?,
                VolumeSource::Dataset { key } => self.maker.make(key)?,
            };
            check_filled(&loaded).map_err(|fault| fault.within(&volume.id))?;
            if self.mirrored {
                mirror(&mut loaded);
            }
            let bytes = (loaded.voxels.len() * size_of::<f32>()) as u64;
            Ok((Held::Volume(Arc::new(loaded)), bytes))
        })?;
        match held {
            Held::Volume(volume) => Ok(volume),
            Held::Segmentation(_) => Err(Fault::internal("a segmentation was held as a volume")),
        }
    }

    /// The structures of a case on its image's grid, as this store shows them. `case` is the data set's own: side words
    /// are swapped here.
    ///
    /// # Errors
    /// Those of [`Segmentation::load`]; the next call tries again.
    pub fn segmentation(&self, case: &Case) -> Result<Arc<Segmentation>, Fault> {
        let key = Key::Segmentation(case.name.clone());
        let held = self.cache.get(&key, || {
            let image = case.volumes.first().map(|image| self.grid(image)).transpose()?;
            let mut source = StoreLabels { maker: &*self.maker, reader: LabelReader::new(), held: None };
            let mut loaded = Segmentation::load(case, image.as_ref(), &mut source)?;
            if self.mirrored {
                loaded = loaded.mirrored();
            }
            let bytes = loaded.bytes() as u64;
            Ok((Held::Segmentation(Arc::new(loaded)), bytes))
        })?;
        match held {
            Held::Segmentation(segmentation) => Ok(segmentation),
            Held::Volume(_) => Err(Fault::internal("a volume was held as a segmentation")),
        }
    }

    /// A case with the facts that hold of what this store shows: in a mirror, side words swap (`side = "right"` becomes
    /// `"left"`), and the fact `mirrored` is `"yes"`. Names of structures stay those of the files, as [`VolumeStore::segmentation`] wants them.
    pub fn seen(&self, case: &Case) -> Case {
        let mut seen = case.clone();
        if self.mirrored {
            seen.facts.values_mut().for_each(|fact| *fact = swap_sides(fact));
            seen.facts.insert("mirrored".to_owned(), "yes".to_owned());
        }
        seen
    }

    fn grids(&self) -> MutexGuard<'_, HashMap<VolumeRef, Grid>> {
        // Every change is one insertion.
        self.grids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The grid of an image; of a file only the header is read.
    fn grid(&self, image: &VolumeRef) -> Result<Grid, Fault> {
        match &image.source {
            VolumeSource::File { path } => Ok(read_header(path)?.canonical().0),
            VolumeSource::Dataset { .. } => {
                if let Some(grid) = self.grids().get(image) {
                    return Ok(*grid);
                }
                let grid = self.volume(image)?.grid;
                self.grids().insert(image.clone(), grid);
                Ok(grid)
            }
        }
    }
}

/// Label maps from files or made.
struct StoreLabels<'a> {
    maker: &'a dyn VolumeMaker,
    reader: LabelReader,
    held: Option<LabelVolume>,
}

impl LabelSource for StoreLabels<'_> {
    fn labels(&mut self, volume: &VolumeRef) -> Result<LabelView<'_>, Fault> {
        match &volume.source {
            VolumeSource::File { .. } => self.reader.labels(volume),
            VolumeSource::Dataset { key } => {
                let whole = self.maker.make(key).and_then(LabelVolume::from_whole_numbers);
                let labels = whole.map_err(|fault| fault.within(&volume.id))?;
                Ok(self.held.insert(labels).view())
            }
        }
    }
}

impl LabelVolume {
    /// A label map that came as whole numbers, in the smallest of u8, u16 and u32 that holds its labels.
    ///
    /// # Errors
    /// Data: a value that is fractional, negative, not finite or above `u32::MAX`, or an array that is not the grid's
    /// size.
    pub fn from_whole_numbers(volume: Volume) -> Result<Self, Fault> {
        check_filled(&volume)?;
        // 2^32 itself is the first f32 that no label can be; below it every whole f32 is one.
        let label = |value: &f32| *value >= 0.0 && *value < 4_294_967_296.0 && value.fract() == 0.0;
        if let Some(at) = volume.voxels.iter().position(|value| !label(value)) {
            let value = volume.voxels[at];
            return Err(Fault::data(format!("this is no label map: voxel {at} is {value}"))
                .help("labels are whole numbers from 0 to 4294967295"));
        }
        let largest = volume.voxels.iter().fold(0.0f32, |largest, value| largest.max(*value));
        let labels = if largest <= f32::from(u8::MAX) {
            Labels::U8(volume.voxels.iter().map(|value| *value as u8).collect())
        } else if largest <= f32::from(u16::MAX) {
            Labels::U16(volume.voxels.iter().map(|value| *value as u16).collect())
        } else {
            Labels::U32(volume.voxels.iter().map(|value| *value as u32).collect())
        };
        Ok(Self { grid: volume.grid, labels, names: volume.names, warnings: volume.warnings })
    }
}

/// A volume made by a plug-in may claim a shape that its voxels do not fill.
fn check_filled(volume: &Volume) -> Result<(), Fault> {
    let [nx, ny, nz] = volume.grid.shape;
    let claimed = nx.checked_mul(ny).and_then(|plane| plane.checked_mul(nz));
    if claimed == Some(volume.voxels.len()) {
        return Ok(());
    }
    Err(Fault::data(format!("{} voxels do not fill a grid of {nx} x {ny} x {nz}", volume.voxels.len())))
}

fn mirror(volume: &mut Volume) {
    volume.voxels.chunks_exact_mut(volume.grid.shape[0].max(1)).for_each(<[f32]>::reverse);
    volume.names.values_mut().for_each(|name| *name = swap_sides(name));
}
