//! Unfinished tables, put aside next to where the finished one will be. Read and written panel by panel, so that a build
//! needs no second copy of its candidates.

use super::table_file::replace;
use serde::{Deserialize, Serialize};
use situs_core::digest::Digest;
use situs_core::fault::{Fault, file_fault};
use situs_kernels::neighbors::{Build, BuildFault};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Version of the format.
const FORMAT: &str = "situs-neighbors-part-2";

/// Longest first line that is read.
const MAX_HEADER_BYTES: u64 = 4096;

/// The first line, as JSON; the candidates follow as little-endian 64-bit numbers.
#[derive(Serialize, Deserialize, PartialEq)]
struct Header {
    format: String,
    /// Identity of embeddings, tokenizer, content and k.
    job: String,
    bands_done: usize,
    entries: usize,
    /// Digest of the candidates, panel by panel.
    digest: String,
}

/// Where an unfinished table waits.
pub(super) fn place(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn new_digest() -> Digest {
    Digest::new(FORMAT)
}

/// Writes the bytes of some candidates into a buffer.
fn encode(panel: &[u64], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend(panel.iter().flat_map(|entry| entry.to_le_bytes()));
}

/// Puts a build aside.
pub(super) fn put_aside(out: &Path, job: &str, build: &Build<'_>) -> Result<(), Fault> {
    let mut digest = new_digest();
    let mut bytes = Vec::new();
    build.visit(|panel| {
        encode(panel, &mut bytes);
        digest.add(&bytes);
        Ok::<(), Fault>(())
    })?;
    let header = Header {
        format: FORMAT.to_owned(),
        job: job.to_owned(),
        bands_done: build.bands_done(),
        entries: build.entries(),
        digest: digest.hex(),
    };
    let header = serde_json::to_string(&header).map_err(|error| Fault::internal(error.to_string()))?;
    replace(&place(out), |file| {
        file.write_all(header.as_bytes())?;
        file.write_all(b"\n")?;
        build.visit(|panel| {
            encode(panel, &mut bytes);
            file.write_all(&bytes)
        })
    })
}

/// Why a build was not taken up.
struct Unusable(String);

impl From<BuildFault> for Unusable {
    fn from(fault: BuildFault) -> Self {
        Self(fault.to_string())
    }
}

/// Takes up a build where it was put aside. Whether there was anything to take up.
///
/// # Errors
/// A file of another job, damaged or cut short; the build then begins anew.
pub(super) fn take_up(out: &Path, job: &str, build: &mut Build<'_>) -> Result<bool, Fault> {
    let path = place(out);
    let unusable = |why: &str| Err(Fault::data(format!("{}: {why}", path.display())));
    let failed = |error: std::io::Error| file_fault("read", &path, &error);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    let size = file.metadata().map_err(failed)?.len();
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut line = Vec::new();
    (&mut file).take(MAX_HEADER_BYTES).read_until(b'\n', &mut line).map_err(failed)?;
    let Ok(header) = serde_json::from_slice::<Header>(&line) else {
        return unusable("not an unfinished table");
    };
    let entries = build.entries();
    if header.format != FORMAT || header.job != job || header.entries != entries {
        return unusable("the unfinished table of another model, tokenizer or k");
    }
    if size != (line.len() + entries * 8) as u64 {
        return unusable("damaged or cut short");
    }
    let mut digest = new_digest();
    let mut bytes = Vec::new();
    let mut left = entries;
    let taken = build.resume(header.bands_done, |panel| {
        bytes.resize(panel.len() * 8, 0);
        file.read_exact(&mut bytes).map_err(|error| Unusable(error.to_string()))?;
        digest.add(&bytes);
        for (entry, bytes) in panel.iter_mut().zip(bytes.as_chunks().0) {
            *entry = u64::from_le_bytes(*bytes);
        }
        left -= panel.len();
        // The last panel: nothing is taken up that is not what was put aside.
        if left == 0 && digest.hex() != header.digest {
            return Err(Unusable("damaged or cut short".to_owned()));
        }
        Ok(())
    });
    match taken {
        Ok(()) => Ok(true),
        Err(Unusable(why)) => unusable(&why),
    }
}
