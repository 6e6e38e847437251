//! Recorded inputs and outputs.

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use serde_json::Value;
use situs_core::fault::{Fault, file_fault};
use situs_core::media::Picture;
use std::path::{Path, PathBuf};

/// Largest file of a reference that is read, in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// One case.
pub(super) struct Reference {
    /// Name.
    pub(super) name: String,
    /// Messages for the chat template.
    pub(super) messages: Value,
    /// What takes the place of a rendered template where there are no messages.
    pub(super) prompt: Option<String>,
    /// Pictures in order.
    pub(super) pictures: Vec<Picture>,
    /// Frames of the video, if there is one.
    pub(super) frames: Vec<Picture>,
    /// Frames a second.
    pub(super) fps: f64,
    inputs: Vec<u8>,
    outputs: Vec<u8>,
    place: PathBuf,
}

#[derive(Deserialize)]
struct Case {
    messages: Value,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    images: Vec<String>,
    #[serde(default)]
    video_frames: Vec<String>,
    #[serde(default)]
    video_fps: Option<f64>,
}

/// Numbers of a tensor, the last dimension apart.
pub(super) struct Recorded {
    /// Row by row.
    pub(super) values: Vec<f64>,
    /// Rows.
    pub(super) rows: usize,
    /// Numbers of a row.
    pub(super) width: usize,
    /// All dimensions, the slowest first.
    pub(super) shape: Vec<usize>,
}

impl Reference {
    /// All cases of a folder, by name.
    ///
    /// # Errors
    /// No such folder, no case in it, damaged files.
    pub(super) fn all(folder: &Path) -> Result<Vec<Self>, Fault> {
        let missing = || {
            Fault::data(format!("{}: no reference", folder.display()))
                .help("name one with --reference; models/tests/make_reference.py makes them")
        };
        if !folder.is_dir() {
            return Err(missing());
        }
        let entries = std::fs::read_dir(folder).map_err(|error| file_fault("read", folder, &error))?;
        let mut places: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.join("case.json").is_file())
            .collect();
        places.sort();
        if places.is_empty() {
            return Err(missing());
        }
        places.iter().map(|place| Self::read(place, &folder.join("images"))).collect()
    }

    fn read(place: &Path, images: &Path) -> Result<Self, Fault> {
        let path = place.join("case.json");
        let case: Case = serde_json::from_slice(&whole(&path)?)
            .map_err(|error| Fault::data(format!("{}: {error}", path.display())))?;
        let pictures = |names: &[String]| -> Result<Vec<Picture>, Fault> {
            names.iter().map(|name| picture(&images.join(name))).collect()
        };
        Ok(Self {
            name: place.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            pictures: pictures(&case.images)?,
            frames: pictures(&case.video_frames)?,
            fps: case.video_fps.filter(|fps| *fps > 0.0).unwrap_or(2.0),
            prompt: case.prompt.filter(|_| case.messages.is_null()),
            messages: case.messages,
            inputs: whole(&place.join("inputs.safetensors"))?,
            outputs: whole(&place.join("outputs.safetensors"))?,
            place: place.to_owned(),
        })
    }

    /// What went into the model under that name.
    ///
    /// # Errors
    /// A damaged file, a type of number that is not read.
    pub(super) fn input(&self, name: &str) -> Result<Option<Recorded>, Fault> {
        self.tensor(&self.inputs, "inputs.safetensors", name)
    }

    /// What came out of it.
    ///
    /// # Errors
    /// As [`Self::input`].
    pub(super) fn output(&self, name: &str) -> Result<Option<Recorded>, Fault> {
        self.tensor(&self.outputs, "outputs.safetensors", name)
    }

    fn tensor(&self, bytes: &[u8], file: &str, name: &str) -> Result<Option<Recorded>, Fault> {
        let place = self.place.join(file);
        let parsed = SafeTensors::deserialize(bytes)
            .map_err(|error| Fault::data(format!("{}: {error}", place.display())))?;
        let Ok(view) = parsed.tensor(name) else { return Ok(None) };
        let data = view.data();
        let values: Vec<f64> = match view.dtype() {
            Dtype::F32 => {
                data.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()
            }
            Dtype::I64 => data.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes) as f64).collect(),
            other => {
                let what = format!("{}: '{name}' holds {other:?}; F32 and I64 are read", place.display());
                return Err(Fault::unsupported(what));
            }
        };
        let width = view.shape().last().copied().unwrap_or(1).max(1);
        let shape = view.shape().to_vec();
        Ok(Some(Recorded { rows: values.len() / width, width, values, shape }))
    }
}

fn whole(path: &Path) -> Result<Vec<u8>, Fault> {
    let size = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
    if size > MAX_BYTES {
        let what = format!("{}: {size} bytes; at most {MAX_BYTES} are read", path.display());
        return Err(Fault::data(what));
    }
    std::fs::read(path).map_err(|error| file_fault("read", path, &error))
}

fn picture(path: &Path) -> Result<Picture, Fault> {
    let decoded = image::load_from_memory_with_format(&whole(path)?, image::ImageFormat::Png)
        .map_err(|error| Fault::data(format!("{}: {error}", path.display())))?
        .into_rgb8();
    Ok(Picture { width: decoded.width(), height: decoded.height(), rgb: decoded.into_raw() })
}
