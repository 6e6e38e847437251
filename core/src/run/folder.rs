//! The run folder: one lock, and files that are whole or absent.

use crate::digest::sha256_of;
use crate::fault::{Fault, file_fault};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A locked run folder. The lock is the operating system's and goes with the process, however it ends.
pub struct RunFolder {
    path: PathBuf,
    _lock: File,
}

impl RunFolder {
    /// Opens or makes a folder and locks it.
    ///
    /// # Errors
    /// A config fault when another run holds it; a fault when it cannot be made.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        std::fs::create_dir_all(path).map_err(|error| file_fault("make", path, &error))?;
        let lock_path = path.join(".lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|error| file_fault("open", &lock_path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(Fault::config(format!("another run is using {}", path.display()))
                    .help("wait for it, or choose another folder with --output"))
            }
            Err(TryLockError::Error(error)) => Err(file_fault("lock", &lock_path, &error)),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Writes a file under another name, flushes it to disk and renames it, so that a reader never sees half of it.
///
/// # Errors
/// When the disk is full or the folder is not writable.
pub fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), Fault> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let result = (|| {
        let mut file = std::io::BufWriter::new(File::create(&part)?);
        write(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        std::fs::rename(&part, path)
    })();
    result.map_err(|error: std::io::Error| {
        let _ = std::fs::remove_file(&part);
        // What went wrong while the content was made is not the file's fault.
        match error.downcast::<Fault>() {
            Ok(fault) => fault,
            Err(error) => file_fault("write", path, &error),
        }
    })
}

/// [`write_whole`] for JSON, indented, with a final line feed.
///
/// # Errors
/// As [`write_whole`].
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), Fault> {
    write_whole(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        out.write_all(b"\n")
    })
}

/// Reads a JSON file that this program wrote.
///
/// # Errors
/// A data fault with the file and the place in it.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Fault> {
    let bytes = std::fs::read(path).map_err(|error| file_fault("read", path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| Fault::data(format!("{}: {error}", path.display())))
}

/// SHA-256 of a file.
///
/// # Errors
/// When it cannot be read.
pub fn file_sha256(path: &Path) -> Result<String, Fault> {
    File::open(path).and_then(sha256_of).map_err(|error| file_fault("read", path, &error))
}
