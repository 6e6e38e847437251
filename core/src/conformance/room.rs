//! Volumes and pictures for the kit, and one patient stored in every order of axes.

use crate::case::{Case, DatasetCard, StructureSource, VolumeRef, VolumeSource};
use crate::dataset::Dataset;
use crate::fault::{Fault, file_fault};
use crate::media::Picture;
use crate::prompt::ImageRef;
use crate::run::{MediaStore, RunMedia};
use crate::space::Affine;
use crate::structure::Grid;
use crate::volume::{Volume, VolumeStore};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of volumes that a room keeps.
const BUDGET: u64 = 1 << 30;

/// A folder that goes with its owner.
pub(super) struct Passing(PathBuf);

impl Passing {
    /// # Errors
    /// When it cannot be made.
    pub(super) fn new() -> Result<Self, Fault> {
        static TURN: AtomicU64 = AtomicU64::new(0);
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("situs-check-{}-{turn}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| file_fault("make", &path, &error))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        // What stays behind lies in the system's folder for passing files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The volumes of a data set and the pictures drawn of them.
pub(super) struct Room {
    media: RunMedia,
    _folder: Passing,
}

impl Room {
    /// # Errors
    /// When there is no room for files.
    pub(super) fn new(dataset: Arc<dyn Dataset>, mirrored: bool) -> Result<Self, Fault> {
        let folder = Passing::new()?;
        Ok(Self {
            media: RunMedia::new(
                VolumeStore::new(dataset, BUDGET, mirrored),
                MediaStore::new(folder.path().join("media")),
            ),
            _folder: folder,
        })
    }

    /// A stored picture, decoded.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(super) fn picture(&self, image: &ImageRef) -> Result<Picture, Fault> {
        let png = self.pictures.png(image)?;
        let decoded = image::load_from_memory_with_format(&png, image::ImageFormat::Png)
            .map_err(|error| Fault::data(format!("a stored picture cannot be decoded: {error}")))?
            .into_rgb8();
        let (width, height) = decoded.dimensions();
        Ok(Picture { width, height, rgb: decoded.into_raw() })
    }
}

impl Deref for Room {
    type Target = RunMedia;

    fn deref(&self) -> &RunMedia {
        &self.media
    }
}

/// Stored axis n runs along canonical axis `axes[n]`, backwards where `flips[n]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    axes: [usize; 3],
    flips: [bool; 3],
}

/// The 48 ways of storing one array, the canonical one first.
pub(super) fn orders() -> impl Iterator<Item = Order> {
    let axes = [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1], [1, 2, 0], [2, 0, 1]];
    (0..8).flat_map(move |flips| {
        axes.into_iter().map(move |axes| Order { axes, flips: [0, 1, 2].map(|axis| flips >> axis & 1 == 1) })
    })
}

/// One case of another data set, stored as NIfTI files in one order of axes.
pub(super) struct Stored {
    card: DatasetCard,
    case: Case,
    _folder: Passing,
}

impl Stored {
    /// # Errors
    /// A case without label map, and what keeps files from being written.
    pub(super) fn new(
        dataset: &dyn Dataset,
        case: &Case,
        room: &RunMedia,
        order: Order,
    ) -> Result<Self, Fault> {
        let folder = Passing::new()?;
        let stored = |volume: &VolumeRef, what: &str| -> Result<VolumeRef, Fault> {
            let path = folder.path().join(format!("{what}.nii"));
            let loaded = room.volumes.volume(volume)?;
            write_nifti(&path, &loaded, order)?;
            Ok(VolumeRef { id: volume.id.clone(), source: VolumeSource::File { path } })
        };
        let StructureSource::LabelMap { volume: labels, names } = &case.structures else {
            return Err(Fault::unsupported("the kit stores cases with a label map alone"));
        };
        let image = case.volumes.first().ok_or_else(|| Fault::data(format!("{} has no image", case.name)))?;
        let named: BTreeMap<u32, String> = match names.is_empty() {
            true => room.volumes.volume(labels)?.names.clone(),
            false => names.clone(),
        };
        let structures = StructureSource::LabelMap { volume: stored(labels, "labels")?, names: named };
        let case = Case { volumes: vec![stored(image, "image")?], structures, ..case.clone() };
        Ok(Self { card: dataset.card().clone(), case, _folder: folder })
    }
}

impl Dataset for Stored {
    fn card(&self) -> &DatasetCard {
        &self.card
    }

    fn len(&self) -> usize {
        1
    }

    fn case(&self, _: usize) -> Result<Case, Fault> {
        Ok(self.case.clone())
    }
}

/// Affine and shape of a grid stored in another order.
fn stored_grid(grid: &Grid, order: Order) -> Grid {
    let shape = order.axes.map(|axis| grid.shape[axis]);
    let mut rows = Affine::IDENTITY.0;
    let mut origin = [0.0; 3];
    for (stored, axis) in order.axes.into_iter().enumerate() {
        let sign = if order.flips[stored] { -1.0 } else { 1.0 };
        if order.flips[stored] {
            origin[axis] = grid.shape[axis] as f64 - 1.0;
        }
        for (row, from) in rows.iter_mut().zip(&grid.affine.0).take(3) {
            row[stored] = sign * from[axis];
        }
    }
    for (row, value) in rows.iter_mut().zip(grid.affine.apply(origin)) {
        row[3] = value;
    }
    Grid { shape, affine: Affine(rows) }
}

/// A NIfTI-1 file of 32-bit floats. Field offsets are those of the standard's `nifti1.h`.
fn write_nifti(path: &Path, volume: &Volume, order: Order) -> Result<(), Fault> {
    let Grid { shape, affine } = stored_grid(&volume.grid, order);
    let mut file = vec![0u8; 352];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &348i32.to_le_bytes());
    put(40, &3i16.to_le_bytes());
    for (axis, length) in shape.into_iter().chain([1; 4]).enumerate() {
        let length =
            i16::try_from(length).map_err(|_| Fault::unsupported("an axis is too long for NIfTI-1"))?;
        put(42 + 2 * axis, &length.to_le_bytes());
    }
    put(70, &16i16.to_le_bytes());
    put(72, &32i16.to_le_bytes());
    put(76, &1f32.to_le_bytes());
    for (axis, spacing) in affine.spacing().into_iter().enumerate() {
        put(80 + 4 * axis, &(spacing as f32).to_le_bytes());
    }
    put(108, &352f32.to_le_bytes());
    put(123, &[2]);
    put(254, &1i16.to_le_bytes());
    for (at, value) in affine.0.iter().take(3).flatten().enumerate() {
        put(280 + 4 * at, &(*value as f32).to_le_bytes());
    }
    put(344, b"n+1\0");
    let [nx, ny, _] = volume.grid.shape;
    file.reserve_exact(volume.voxels.len() * size_of::<f32>());
    for k in 0..shape[2] {
        for j in 0..shape[1] {
            for i in 0..shape[0] {
                let mut index = [0; 3];
                for (stored, at) in [i, j, k].into_iter().enumerate() {
                    let last = shape[stored] - 1;
                    index[order.axes[stored]] = if order.flips[stored] { last - at } else { at };
                }
                let [x, y, z] = index;
                file.extend_from_slice(&volume.voxels[x + nx * (y + ny * z)].to_le_bytes());
            }
        }
    }
    std::fs::write(path, file).map_err(|error| file_fault("write", path, &error))
}
