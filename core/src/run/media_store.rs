//! Pictures and model volumes on disk, by digest: the file half of [`crate::media::Media`].

use crate::case::{VolumeRef, VolumeSource};
use crate::digest::{Digest, sha256_hex};
use crate::fault::{Fault, file_fault};
use crate::media::Picture;
use crate::prompt::ImageRef;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Longest side of a picture that is stored, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// Most bytes of PNG files kept in memory: for models in this process, which ask for a picture just after it was drawn.
const RECENT_BYTES: usize = 4 << 20;

/// The folder `media/` of a run: `<pixel digest>.png` for pictures, `<digest>.npy` for volumes made for a model.
///
/// Files are written whole under a passing name and then renamed, so a file with its final name is complete. All
/// methods may be called from many threads at once; a picture is encoded once, however many ask for it.
#[derive(Debug)]
pub struct MediaStore {
    folder: PathBuf,
    pictures: Mutex<HashMap<String, Slot>>,
    recent: Mutex<Recent>,
    passing: AtomicU64,
}

/// One picture: encoded by the first who asks, waited for by the others.
type Slot = Arc<OnceLock<Result<ImageRef, Fault>>>;

impl MediaStore {
    /// A store in `folder`, which is made when the first file is written.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, pictures: Mutex::default(), recent: Mutex::default(), passing: AtomicU64::new(0) }
    }

    /// Stores a picture and names it. The same pixels give the same name and the same PNG bytes.
    ///
    /// # Errors
    /// A picture whose bytes do not fit its size, a folder that cannot be written, a full disk.
    pub fn put_picture(&self, picture: &Picture) -> Result<ImageRef, Fault> {
        let pixels = pixel_digest(picture);
        let slot = Arc::clone(held(&self.pictures).entry(pixels.clone()).or_default());
        let stored = slot.get_or_init(|| self.write_picture(&pixels, picture)).clone();
        if stored.is_err() {
            // The next try may find room on the disk.
            let mut pictures = held(&self.pictures);
            if pictures.get(&pixels).is_some_and(|known| Arc::ptr_eq(known, &slot)) {
                pictures.remove(&pixels);
            }
        }
        stored
    }

    fn write_picture(&self, pixels: &str, picture: &Picture) -> Result<ImageRef, Fault> {
        let bytes: Arc<[u8]> = encode_png(picture)?.into();
        let path = self.folder.join(format!("{pixels}.png"));
        let present = std::fs::read(&path).is_ok_and(|present| *present == *bytes);
        if !present {
            self.write(&path, &bytes)?;
        }
        let image = ImageRef {
            pixels: pixels.to_owned(),
            png: sha256_hex(&bytes),
            width: picture.width,
            height: picture.height,
        };
        held(&self.recent).keep(pixels, bytes);
        Ok(image)
    }

    /// The PNG bytes of a stored picture.
    ///
    /// # Errors
    /// A data fault when the file is missing or is not the one that was named.
    pub fn png(&self, image: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        if let Some(bytes) = held(&self.recent).find(&image.pixels) {
            return Ok(bytes);
        }
        let path = self.folder.join(format!("{}.png", checked(&image.pixels)?));
        let bytes: Arc<[u8]> =
            std::fs::read(&path).map_err(|error| file_fault("read", &path, &error))?.into();
        let found = sha256_hex(&bytes);
        if found != image.png {
            return Err(Fault::data(format!(
                "{} has SHA-256 {found}, but {} was recorded",
                path.display(),
                image.png
            ))
            .help("the file was changed after it was written; delete it and run again"));
        }
        held(&self.recent).keep(&image.pixels, Arc::clone(&bytes));
        Ok(bytes)
    }

    /// Stores a volume made for a model as a little-endian f32 `.npy` of shape `[z, y, x]` (x fastest) and names it.
    ///
    /// # Errors
    /// A count of voxels that does not fit the shape, a folder that cannot be written, a full disk.
    pub fn put_volume(&self, shape_zyx: [usize; 3], voxels: &[f32]) -> Result<VolumeRef, Fault> {
        let expected =
            shape_zyx.iter().try_fold(1usize, |product, side| product.checked_mul(*side)).unwrap_or(0);
        if voxels.is_empty() || expected != voxels.len() {
            return Err(Fault::internal(format!(
                "a volume of shape {shape_zyx:?} cannot have {} voxels",
                voxels.len()
            )));
        }
        let bytes = npy(shape_zyx, voxels);
        let digest = Digest::new("situs-model-volume-1").add(&bytes).hex();
        let path = self.folder.join(format!("{digest}.npy"));
        let present = std::fs::metadata(&path).is_ok_and(|meta| meta.len() == bytes.len() as u64);
        if !present {
            self.write(&path, &bytes)?;
        }
        Ok(VolumeRef { id: digest, source: VolumeSource::File { path } })
    }

    /// Path of a stored picture (by pixel digest) or volume (by id).
    ///
    /// # Errors
    /// A data fault when nothing of this name is stored.
    pub fn path(&self, digest: &str) -> Result<PathBuf, Fault> {
        let digest = checked(digest)?;
        ["png", "npy"]
            .iter()
            .map(|suffix| self.folder.join(format!("{digest}.{suffix}")))
            .find(|path| path.is_file())
            .ok_or_else(|| {
                Fault::data(format!("{} holds no picture or volume {digest}", self.folder.display()))
            })
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Fault> {
        std::fs::create_dir_all(&self.folder).map_err(|error| file_fault("make", &self.folder, &error))?;
        let turn = self.passing.fetch_add(1, Ordering::Relaxed);
        let passing = self.folder.join(format!(".{}-{turn}.part", std::process::id()));
        let written = std::fs::write(&passing, bytes).and_then(|()| std::fs::rename(&passing, path));
        written.map_err(|error| {
            // A torn file would only take the room that is missing.
            let _ = std::fs::remove_file(&passing);
            file_fault("write", path, &error)
        })
    }
}

/// PNG bytes of a picture: RGB, 8 bits, no other chunks; a function of the pixels alone.
///
/// # Errors
/// A picture without pixels, with more than `MAX_SIDE` a side, or whose bytes do not fit its size.
pub fn encode_png(picture: &Picture) -> Result<Vec<u8>, Fault> {
    let Picture { width, height, rgb } = picture;
    let sides = 1..=MAX_SIDE;
    if !sides.contains(width)
        || !sides.contains(height)
        || *width as usize * *height as usize * 3 != rgb.len()
    {
        return Err(Fault::internal(format!(
            "a picture of {width} x {height} pixels with {} bytes cannot be stored",
            rgb.len()
        )));
    }
    let mut bytes = Vec::with_capacity(rgb.len() / 4);
    // Both named, so that a change of the library's defaults does not change our bytes. Level 2 takes 3 ms for a slice
    // of 512 pixels and leaves 60 % of what the fast mode leaves; the default takes 20 times as long for another 15 %.
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Level(2), FilterType::Paeth)
        .write_image(rgb, *width, *height, ExtendedColorType::Rgb8)
        .map_err(|error| Fault::internal(format!("cannot encode a picture: {error}")))?;
    Ok(bytes)
}

/// Identity of a picture: digest of width, height and RGB pixels, 64 hexadecimal digits.
pub fn pixel_digest(picture: &Picture) -> String {
    Digest::new("situs-pixels-1")
        .add(&picture.width.to_le_bytes())
        .add(&picture.height.to_le_bytes())
        .add(&picture.rgb)
        .hex()
}

/// A digest that may be used as a file name: names come from journals, which a person may edit.
fn checked(digest: &str) -> Result<&str, Fault> {
    let plain = !digest.is_empty() && digest.len() <= 64 && digest.bytes().all(|c| c.is_ascii_hexdigit());
    if plain { Ok(digest) } else { Err(Fault::data(format!("{digest:?} is not the name of a stored file"))) }
}

/// NPY format 1.0: magic, version, header length, a Python dictionary padded to 64 bytes, then the data.
fn npy(shape: [usize; 3], voxels: &[f32]) -> Vec<u8> {
    const PREAMBLE: usize = 10;
    const ALIGNMENT: usize = 64;
    let [z, y, x] = shape;
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({z}, {y}, {x}), }}");
    let padding = ALIGNMENT - (PREAMBLE + header.len() + 1) % ALIGNMENT;
    header.extend(std::iter::repeat_n(' ', padding % ALIGNMENT));
    header.push('\n');
    let mut bytes = Vec::with_capacity(PREAMBLE + header.len() + voxels.len() * 4);
    bytes.extend_from_slice(b"\x93NUMPY\x01\x00");
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(voxels.iter().flat_map(|voxel| voxel.to_le_bytes()));
    bytes
}

/// The files used last, oldest first.
#[derive(Debug, Default)]
struct Recent {
    files: VecDeque<(String, Arc<[u8]>)>,
    bytes: usize,
}

impl Recent {
    fn find(&mut self, name: &str) -> Option<Arc<[u8]>> {
        let position = self.files.iter().rposition(|(known, _)| known == name)?;
        let file = self.files.remove(position)?;
        let bytes = Arc::clone(&file.1);
        self.files.push_back(file);
        Some(bytes)
    }

    fn keep(&mut self, name: &str, bytes: Arc<[u8]>) {
        if bytes.len() > RECENT_BYTES || self.find(name).is_some() {
            return;
        }
        self.bytes += bytes.len();
        self.files.push_back((name.to_owned(), bytes));
        while self.bytes > RECENT_BYTES {
            let Some((_, oldest)) = self.files.pop_front() else { break };
            self.bytes -= oldest.len();
        }
    }
}

/// A lock whose holder panicked still guards consistent data here: every change is a single insertion or removal.
fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(width: u32, height: u32) -> Picture {
        let rgb = (0..width * height * 3).map(|byte| (byte % 251) as u8).collect();
        Picture { width, height, rgb }
    }

    fn png_files(folder: &Path) -> usize {
        std::fs::read_dir(folder)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|suffix| suffix == "png"))
            .count()
    }

    #[test]
    fn a_stored_picture_decodes_to_its_pixels() {
        let picture = gradient(37, 23);
        let decoded = image::load_from_memory(&encode_png(&picture).unwrap()).unwrap().into_rgb8();
        assert_eq!(decoded.dimensions(), (37, 23));
        assert_eq!(decoded.into_raw(), picture.rgb);
    }

    #[test]
    fn pictures_of_other_shape_are_other_pictures() {
        let (wide, high) = (gradient(6, 4), gradient(4, 6));
        assert_eq!(wide.rgb, high.rgb);
        assert_ne!(pixel_digest(&wide), pixel_digest(&high));
    }

    #[test]
    fn many_threads_store_one_file_and_get_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = MediaStore::new(folder.path().join("media"));
        let picture = gradient(64, 64);
        let names: Vec<ImageRef> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| store.put_picture(&picture).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(names.iter().all(|name| *name == names[0]));
        assert_eq!(png_files(&folder.path().join("media")), 1);
        assert_eq!(
            std::fs::read_dir(folder.path().join("media")).unwrap().count(),
            1,
            "nothing half-written"
        );
        let again = MediaStore::new(folder.path().join("media"));
        assert_eq!(again.put_picture(&picture).unwrap(), names[0], "a second run names it alike");
        let bytes = again.png(&names[0]).unwrap();
        assert_eq!(sha256_hex(&bytes), names[0].png);
        assert_eq!(std::fs::read(again.path(&names[0].pixels).unwrap()).unwrap(), *bytes);
    }

    #[test]
    fn a_file_changed_behind_our_back_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let name = MediaStore::new(folder.path().into()).put_picture(&gradient(8, 8)).unwrap();
        std::fs::write(folder.path().join(format!("{}.png", name.pixels)), b"not a picture").unwrap();
        let fault = MediaStore::new(folder.path().into()).png(&name).unwrap_err();
        assert!(fault.what.contains(&name.pixels), "{fault}");
        let mended = MediaStore::new(folder.path().into());
        assert_eq!(mended.put_picture(&gradient(8, 8)).unwrap(), name);
        assert!(MediaStore::new(folder.path().into()).png(&name).is_ok());
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = MediaStore::new(folder.path().into());
        assert!(store.path("../../etc/passwd").is_err());
        assert!(store.path("").is_err());
        let image = ImageRef { pixels: "../x".into(), png: String::new(), width: 1, height: 1 };
        assert!(store.png(&image).is_err());
    }

    #[test]
    fn a_picture_whose_bytes_do_not_fit_is_refused() {
        assert!(encode_png(&Picture { width: 3, height: 3, rgb: vec![0; 26] }).is_err());
        assert!(encode_png(&Picture { width: 0, height: 3, rgb: vec![] }).is_err());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_a_fault_and_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("media");
        std::fs::write(&path, b"a file where the folder should be").unwrap();
        let store = MediaStore::new(path.clone());
        assert!(store.put_picture(&gradient(4, 4)).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(store.put_picture(&gradient(4, 4)).is_ok());
    }

    #[test]
    fn volumes_are_npy_with_x_fastest() {
        let folder = tempfile::tempdir().unwrap();
        let store = MediaStore::new(folder.path().into());
        let voxels: Vec<f32> = (0..24).map(|value| value as f32).collect();
        let name = store.put_volume([2, 3, 4], &voxels).unwrap();
        let bytes = std::fs::read(store.path(&name.id).unwrap()).unwrap();
        // numpy.lib.format, version 1.0: data start at a multiple of 64.
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!(start % 64, 0);
        let header = std::str::from_utf8(&bytes[10..start]).unwrap();
        assert!(header.contains("'shape': (2, 3, 4)") && header.ends_with('\n'), "{header}");
        assert_eq!(bytes.len() - start, 24 * 4);
        assert_eq!(&bytes[start + 4..start + 8], &1.0f32.to_le_bytes());
        assert!(store.put_volume([2, 3, 5], &voxels).is_err());
    }
}
