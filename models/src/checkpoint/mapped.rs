//! Weight files as memory: pages are read when they are first used, and shared with other processes.

use memmap2::Mmap;
use situs_core::fault::{Fault, file_fault};
use std::fs::File;
use std::path::Path;

/// Maps a whole file for reading.
///
/// # Errors
/// When it cannot be opened or mapped.
#[allow(unsafe_code, reason = "a mapping cannot be made without; this is the only place that makes one")]
pub(super) fn map(path: &Path) -> Result<Mmap, Fault> {
    let open = || {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("not a file"));
        }
        // SAFETY: the mapping is private and read-only, and its bytes are only ever read as plain numbers and checked
        // text, for which any bit pattern is valid. Should another program change the file meanwhile, numbers change;
        // should it cut the file short, the system ends this process, as it would any reader of a mapping.
        unsafe { Mmap::map(&file) }
    };
    open().map_err(|error| file_fault("map", path, &error))
}
