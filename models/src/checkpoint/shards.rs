//! Which tensor lies where in the safetensors files of a folder.

use super::{mapped::map, read_text};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use situs_core::digest::Digest;
use situs_core::fault::{Fault, file_fault};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Bytes at each end of a shard that go into its identity.
const IDENTIFYING_BYTES: usize = 64 << 10;

/// All tensors of a folder.
pub(super) struct Shards {
    files: Vec<Arc<File>>,
    tensors: BTreeMap<String, Placed>,
}

/// A mapped file.
pub(super) struct File {
    path: PathBuf,
    map: Mmap,
}

impl File {
    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }
}

/// A tensor in a mapped file.
pub(super) struct Placed {
    /// The file.
    pub(super) file: Arc<File>,
    /// Its bytes within the file.
    pub(super) bytes: Range<usize>,
    /// Type of its numbers.
    pub(super) dtype: Dtype,
    /// Dimensions, the slowest first.
    pub(super) shape: Vec<usize>,
}

impl Placed {
    /// The file's path.
    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }
}

impl Shards {
    /// Maps `model.safetensors`, or the files that `model.safetensors.index.json` names, or every safetensors file.
    ///
    /// # Errors
    /// Missing, damaged or cut-short files by name; an index that leaves the folder or names a tensor that its file
    /// lacks; one name in two files.
    pub(super) fn open(folder: &Path) -> Result<Self, Fault> {
        let index = folder.join("model.safetensors.index.json");
        let indexed = if index.is_file() { Some(read_index(folder, &index)?) } else { None };
        let mut paths: Vec<PathBuf> = match &indexed {
            Some(names) => names.values().map(|file| folder.join(file)).collect(),
            None => safetensors_files(folder)?,
        };
        paths.sort();
        paths.dedup();
        let mut shards = Self { files: Vec::new(), tensors: BTreeMap::new() };
        for path in paths {
            if !path.is_file() {
                return Err(Fault::data(format!("{}: missing", path.display()))
                    .help(format!("{} names it: an incomplete download?", index.display())));
            }
            shards.add(path)?;
        }
        for (name, file) in indexed.into_iter().flatten() {
            let held = shards.tensors.get(&name).is_some_and(|placed| placed.path() == folder.join(&file));
            if !held {
                let what = format!("{}: no tensor '{name}'", folder.join(&file).display());
                return Err(
                    Fault::data(what).help("the index says so: files of two checkpoints in one folder?")
                );
            }
        }
        Ok(shards)
    }

    /// A tensor by name.
    pub(super) fn find(&self, name: &str) -> Option<&Placed> {
        self.tensors.get(name)
    }

    /// Adds names, shapes and places of all tensors, and both ends of every file.
    pub(super) fn digest(&self, digest: &mut Digest) {
        for (name, placed) in &self.tensors {
            digest.text(name).json(&placed.shape).text(&format!("{:?}", placed.dtype));
            digest.json(&(placed.bytes.start, placed.bytes.end));
        }
        for file in &self.files {
            let bytes = file.bytes();
            let ends = IDENTIFYING_BYTES.min(bytes.len());
            digest.json(&bytes.len()).add(&bytes[..ends]).add(&bytes[bytes.len() - ends..]);
        }
    }

    fn add(&mut self, path: PathBuf) -> Result<(), Fault> {
        let map = map(&path)?;
        let place = path.display().to_string();
        let damaged = |error: safetensors::SafeTensorError| {
            Fault::data(format!("{place}: not a safetensors file, or damaged: {error}"))
                .help("its size is not what its header says: an incomplete download or copy?")
        };
        let parsed = SafeTensors::deserialize(&map).map_err(damaged)?;
        let mut found = Vec::new();
        for (name, view) in parsed.iter() {
            let start = view.data().as_ptr().addr() - map.as_ptr().addr();
            let bytes = start..start + view.data().len();
            found.push((name.to_owned(), bytes, view.dtype(), view.shape().to_vec()));
        }
        let file = Arc::new(File { path, map });
        for (name, bytes, dtype, shape) in found {
            let placed = Placed { file: Arc::clone(&file), bytes, dtype, shape };
            if let Some(other) = self.tensors.insert(name.clone(), placed) {
                let what =
                    format!("{} and {} both hold '{name}'", other.path().display(), file.path.display());
                return Err(Fault::data(what).help("files of two checkpoints in one folder?"));
            }
        }
        self.files.push(file);
        Ok(())
    }
}

fn safetensors_files(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let single = folder.join("model.safetensors");
    if single.is_file() {
        return Ok(vec![single]);
    }
    let entries = std::fs::read_dir(folder).map_err(|error| file_fault("read", folder, &error))?;
    let files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "safetensors"))
        .collect();
    if files.is_empty() {
        return Err(Fault::data(format!("{}: no .safetensors file", folder.display())));
    }
    Ok(files)
}

fn read_index(folder: &Path, index: &Path) -> Result<BTreeMap<String, PathBuf>, Fault> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, PathBuf>,
    }
    let read: Index = serde_json::from_str(&read_text(index)?)
        .map_err(|error| Fault::data(format!("{}: {error}", index.display())))?;
    for (name, file) in &read.weight_map {
        let mut parts = file.components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            let what = format!("{}: the index puts '{name}' into '{}'", folder.display(), file.display());
            return Err(Fault::data(what).help("files of a checkpoint lie in its folder"));
        }
    }
    Ok(read.weight_map)
}
