//! The embedding matrix in a safetensors file.

use super::mapped::map;
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use situs_core::digest::{sha256_hex, sha256_of};
use situs_core::fault::Fault;
use situs_core::run::Progress;
use situs_kernels::neighbors::{Element, Embeddings};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes that are read for a step of progress.
const BLOCK: usize = 1 << 20;

/// Most names that an error lists.
const NAMES_SHOWN: usize = 12;

/// A two-dimensional tensor of f32, f16 or bf16 in a mapped safetensors file: one row a token.
pub struct EmbeddingFile {
    path: PathBuf,
    tensor: String,
    map: Mmap,
    element: Element,
    rows: usize,
    width: usize,
    bytes: Range<usize>,
    sha256: OnceLock<String>,
}

impl EmbeddingFile {
    /// Maps the file and finds the tensor.
    ///
    /// # Errors
    /// A file that is missing, damaged or cut short, no tensor of that name, another number type or shape.
    pub fn open(path: &Path, tensor: &str) -> Result<Self, Fault> {
        let map = map(path)?;
        let parsed = parse(path, &map)?;
        let place = format!("{}: {tensor}", path.display());
        let view = parsed.tensor(tensor).map_err(|_| {
            let mut names = parsed.names();
            names.sort_unstable();
            Fault::data(format!("{}: no tensor '{tensor}'", path.display()))
                .help(format!("it holds {}", listed(&names)))
        })?;
        let element = match view.dtype() {
            Dtype::F32 => Element::F32,
            Dtype::F16 => Element::F16,
            Dtype::BF16 => Element::Bf16,
            other => {
                let what = format!("{place}: numbers of type {other:?}; f32, f16 or bf16 are read");
                return Err(Fault::unsupported(what));
            }
        };
        let &[rows, width] = view.shape() else {
            let what = format!("{place}: shape {:?}; an embedding matrix has two dimensions", view.shape());
            return Err(Fault::data(what));
        };
        let start = view.data().as_ptr().addr() - map.as_ptr().addr();
        let bytes = start..start + view.data().len();
        let tensor = tensor.to_owned();
        let file =
            Self { path: path.to_owned(), tensor, map, element, rows, width, bytes, sha256: OnceLock::new() };
        file.embeddings()?;
        Ok(file)
    }

    /// The matrix.
    ///
    /// # Errors
    /// A shape beyond what is read.
    pub fn embeddings(&self) -> Result<Embeddings<'_>, Fault> {
        Embeddings::new(self.tensor_bytes(), self.element, self.rows, self.width)
            .map_err(|fault| Fault::data(format!("{}: {}: {fault}", self.path.display(), self.tensor)))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Name of the tensor.
    pub fn tensor(&self) -> &str {
        &self.tensor
    }

    /// SHA-256 of the tensor's bytes; the first call reads them all.
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| sha256_hex(self.tensor_bytes()))
    }

    /// Reads the bytes for [`EmbeddingFile::sha256`] with progress, MiB by MiB, unless `stop` is set. Whether all were read.
    pub fn hash(&self, progress: &dyn Progress, stop: &AtomicBool) -> bool {
        if self.sha256.get().is_some() {
            return true;
        }
        let bytes = self.tensor_bytes();
        progress.stage("hashing", bytes.len().div_ceil(BLOCK) as u64);
        let Ok(sha256) = sha256_of(Watched { bytes, progress, stop }) else { return false };
        self.sha256.get_or_init(|| sha256);
        true
    }

    fn tensor_bytes(&self) -> &[u8] {
        self.map.get(self.bytes.clone()).unwrap_or_default()
    }
}

/// Bytes whose reading is shown and can be stopped.
struct Watched<'a> {
    bytes: &'a [u8],
    progress: &'a dyn Progress,
    stop: &'a AtomicBool,
}

impl Read for Watched<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("stopped"));
        }
        let most = out.len().min(BLOCK);
        let read = self.bytes.read(out.get_mut(..most).unwrap_or_default())?;
        self.progress.advance(u64::from(read > 0));
        Ok(read)
    }
}

/// Reads the header of a safetensors file; it must describe exactly the bytes that follow.
pub(super) fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>, Fault> {
    SafeTensors::deserialize(bytes).map_err(|error| damaged(path, &error))
}

/// What is wrong with a safetensors file.
pub(super) fn damaged(path: &Path, error: &safetensors::SafeTensorError) -> Fault {
    use safetensors::SafeTensorError::{HeaderTooSmall, InvalidHeaderLength, MetadataIncompleteBuffer};
    let fault = Fault::data(format!("{}: not a safetensors file, or damaged: {error}", path.display()));
    match error {
        HeaderTooSmall | InvalidHeaderLength | MetadataIncompleteBuffer => {
            fault.help("its size is not what its header says: an incomplete download or copy?")
        }
        _ => fault,
    }
}

/// Some names, and how many more there are.
pub(super) fn listed(names: &[&str]) -> String {
    match names.len() {
        0 => "no tensors".to_owned(),
        count if count > NAMES_SHOWN => {
            format!("{} and {} more", names[..NAMES_SHOWN].join(", "), count - NAMES_SHOWN)
        }
        _ => names.join(", "),
    }
}
