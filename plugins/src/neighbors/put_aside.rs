//! Unfinished tables, put aside next to where the finished one will be.

use super::table_file::replace;
use serde::{Deserialize, Serialize};
use situs_core::digest::sha256_hex;
use situs_core::fault::{Fault, file_fault};
use situs_kernels::neighbors::Build;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Version of the format.
const FORMAT: &str = "situs-neighbors-part-1";

/// Longest first line that is read.
const MAX_HEADER_BYTES: usize = 4096;

/// The first line, as JSON; the candidates follow as little-endian 64-bit numbers.
#[derive(Serialize, Deserialize, PartialEq)]
struct Header {
    format: String,
    /// Identity of embeddings, tokenizer, content and k.
    job: String,
    bands_done: usize,
    entries: usize,
    /// SHA-256 of the candidates.
    sha256: String,
}

/// Where an unfinished table waits.
pub(super) fn place(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Puts a build aside.
pub(super) fn put_aside(out: &Path, job: &str, build: &Build<'_>) -> Result<(), Fault> {
    let state = build.state();
    let bytes: Vec<u8> = state.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    let header = Header {
        format: FORMAT.to_owned(),
        job: job.to_owned(),
        bands_done: build.bands_done(),
        entries: state.len(),
        sha256: sha256_hex(&bytes),
    };
    let header = serde_json::to_string(&header).map_err(|error| Fault::internal(error.to_string()))?;
    replace(&place(out), |file| {
        file.write_all(header.as_bytes())?;
        file.write_all(b"\n")?;
        file.write_all(&bytes)
    })
}

/// Takes up a build where it was put aside. Whether there was anything to take up.
///
/// # Errors
/// A file of another job, damaged or cut short; the build then begins anew.
pub(super) fn take_up(out: &Path, job: &str, build: &mut Build<'_>) -> Result<bool, Fault> {
    let path = place(out);
    let unusable = |why: &str| Err(Fault::data(format!("{}: {why}", path.display())));
    let entries = build.state().len();
    let size = match std::fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(file_fault("read", &path, &error)),
    };
    if size > (entries * 8 + MAX_HEADER_BYTES) as u64 {
        return unusable("larger than this table can need");
    }
    let bytes = std::fs::read(&path).map_err(|error| file_fault("read", &path, &error))?;
    let end = bytes.iter().take(MAX_HEADER_BYTES).position(|&byte| byte == b'\n');
    let Some((line, rest)) = end.and_then(|end| bytes.split_at_checked(end)) else {
        return unusable("not an unfinished table");
    };
    let body = rest.get(1..).unwrap_or_default();
    let Ok(header) = serde_json::from_slice::<Header>(line) else {
        return unusable("not an unfinished table");
    };
    if header.format != FORMAT || header.job != job || header.entries != entries {
        return unusable("the unfinished table of another model, tokenizer or k");
    }
    if header.sha256 != sha256_hex(body) {
        return unusable("damaged or cut short");
    }
    let state: Vec<u64> = body.as_chunks().0.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect();
    match build.resume(header.bands_done, &state) {
        Ok(()) => Ok(true),
        Err(fault) => unusable(&fault.to_string()),
    }
}
