//! From a path to a checked header and the bytes of the voxels: one file or a pair, plain or gzip by content.

use super::fields::{self, Fields};
use super::gzip;
use super::header::Header;
use super::label_table;
use crate::fault::{Fault, file_fault};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes between header and voxels that are searched for label names; what lies behind is ignored.
const MAX_EXTENSION_BYTES: u64 = 1 << 24;

/// Buffers that may be used for one file after another.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    compressed: Vec<u8>,
    /// File content up to the end of the voxels at least.
    pub(crate) content: Vec<u8>,
}

/// Where the voxels of all volumes lie in [`Buffers::content`].
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) header: Header,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Reads only the header (and label names) of a NIfTI file: `.nii`, `.hdr` or `.img`, gzip or not.
///
/// # Errors
/// When the file cannot be read or its header contradicts itself.
pub fn read_header(path: &Path) -> Result<Header, Fault> {
    let (file, _) = header_path(path);
    let opened = Opened::open(&file)?;
    let start = if opened.gzip {
        header_from(MultiGzDecoder::new(BufReader::new(opened.file)))
    } else {
        header_from(BufReader::new(opened.file))
    };
    start.map_err(|fault| fault.within(file.display()))
}

/// Reads header and voxels of all volumes into `buffers`.
///
/// # Errors
/// As [`read_header`], and when the voxels are missing, cut or damaged.
pub(crate) fn load(path: &Path, buffers: &mut Buffers) -> Result<Loaded, Fault> {
    let (file, image) = header_path(path);
    let opened = Opened::open(&file)?;
    if !opened.gzip {
        let header =
            header_from(BufReader::new(&opened.file)).map_err(|fault| fault.within(file.display()))?;
        return if header.two_files {
            load_image(header, &image_path(&file, image)?, buffers)
        } else {
            load_plain(header, opened, buffers).map_err(|fault| fault.within(file.display()))
        };
    }
    opened.read_all(&file, &mut buffers.compressed)?;
    let header = header_from(MultiGzDecoder::new(buffers.compressed.as_slice()))
        .map_err(|fault| fault.within(file.display()))?;
    if header.two_files {
        return load_image(header, &image_path(&file, image)?, buffers);
    }
    load_gzip(header, buffers).map_err(|fault| fault.within(file.display()))
}

fn load_image(header: Header, image: &Path, buffers: &mut Buffers) -> Result<Loaded, Fault> {
    let opened = Opened::open(image)?;
    if opened.gzip {
        opened.read_all(image, &mut buffers.compressed)?;
        load_gzip(header, buffers)
    } else {
        load_plain(header, opened, buffers)
    }
    .map_err(|fault| fault.within(image.display()))
}

fn load_gzip(header: Header, buffers: &mut Buffers) -> Result<Loaded, Fault> {
    let end = header.vox_offset + header.data_bytes();
    gzip::inflate(&buffers.compressed, end, &mut buffers.content)?;
    placed(header.vox_offset, end, header)
}

/// Reads the voxels alone, so that they start the buffer.
fn load_plain(header: Header, mut opened: Opened, buffers: &mut Buffers) -> Result<Loaded, Fault> {
    let bytes = header.data_bytes();
    let end = header.vox_offset + bytes;
    if end > opened.length {
        return Err(Fault::data(format!(
            "the file has {} bytes, but the header asks for {end}",
            opened.length
        ))
        .help("the file is cut or its dimensions are wrong"));
    }
    let unread = |error: std::io::Error| Fault::data(format!("cannot read the voxels: {error}"));
    opened.file.seek(SeekFrom::Start(header.vox_offset)).map_err(unread)?;
    buffers.content.clear();
    opened.file.take(bytes).read_to_end(&mut buffers.content).map_err(unread)?;
    if (buffers.content.len() as u64) < bytes {
        return Err(Fault::data(format!("the file ended after {} bytes of voxels", buffers.content.len())));
    }
    placed(0, bytes, header)
}

fn placed(start: u64, end: u64, header: Header) -> Result<Loaded, Fault> {
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) => Ok(Loaded { header, start, end }),
        _ => Err(Fault::data(format!("{end} bytes do not fit into the memory of this machine"))),
    }
}

/// Reads and checks a header, with the label names behind it.
fn header_from(mut reader: impl Read) -> Result<Header, Fault> {
    let mut bytes = Vec::with_capacity(fields::NIFTI2_BYTES);
    let fetch = |until: usize, bytes: &mut Vec<u8>, reader: &mut dyn Read| {
        let missing = until.saturating_sub(bytes.len()) as u64;
        reader.take(missing).read_to_end(bytes).map_err(|error| gzip::damaged(1, &error))
    };
    fetch(4, &mut bytes, &mut reader)?;
    let length = fields::header_bytes(&bytes);
    fetch(length, &mut bytes, &mut reader)?;
    let mut header = Header::checked(&Fields::parse(&bytes)?)?;

    let area = if header.two_files { MAX_EXTENSION_BYTES } else { header.vox_offset - length as u64 };
    let mut extensions = Vec::new();
    // The header stands already; damage behind it is found when the voxels are read.
    let _ = reader.take(area.min(MAX_EXTENSION_BYTES)).read_to_end(&mut extensions);
    header.names = label_table::names(&extensions, header.big_endian);
    Ok(header)
}

/// A regular file, at its start.
struct Opened {
    file: File,
    length: u64,
    gzip: bool,
}

impl Opened {
    fn open(path: &Path) -> Result<Self, Fault> {
        let fault = |error: std::io::Error| file_fault("read", path, &error);
        // Asked before opening: opening a pipe would wait for its other end.
        let metadata = std::fs::metadata(path).map_err(fault)?;
        if !metadata.is_file() {
            return Err(Fault::data(format!("{} is not a file", path.display())));
        }
        let mut file = File::open(path).map_err(fault)?;
        let mut start = Vec::new();
        Read::by_ref(&mut file).take(2).read_to_end(&mut start).map_err(fault)?;
        file.seek(SeekFrom::Start(0)).map_err(fault)?;
        Ok(Self { file, length: metadata.len(), gzip: gzip::is_gzip(&start) })
    }

    fn read_all(mut self, path: &Path, bytes: &mut Vec<u8>) -> Result<(), Fault> {
        bytes.clear();
        bytes.reserve(usize::try_from(self.length).unwrap_or(0));
        self.file.read_to_end(bytes).map(|_| ()).map_err(|error| file_fault("read", path, &error))
    }
}

/// The path without `.gz`, in any case.
fn without_gz(path: &Path) -> PathBuf {
    match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("gz") => path.with_extension(""),
        _ => path.to_owned(),
    }
}

/// The file with the header, and the image file where that one was named.
fn header_path(path: &Path) -> (PathBuf, Option<PathBuf>) {
    let stem = without_gz(path);
    if stem.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("img")) {
        (sibling(&stem, "hdr").unwrap_or_else(|| stem.with_extension("hdr")), Some(path.to_owned()))
    } else {
        (path.to_owned(), None)
    }
}

fn image_path(header: &Path, named: Option<PathBuf>) -> Result<PathBuf, Fault> {
    let stem = without_gz(header);
    named.or_else(|| sibling(&stem, "img")).ok_or_else(|| {
        let image = stem.with_extension("img");
        Fault::data(format!("{}: the voxels are in a second file that is missing", header.display()))
            .help(format!("put {} or {}.gz beside it", image.display(), image.display()))
    })
}

/// An existing file of the same stem, plain before compressed.
fn sibling(stem: &Path, extension: &str) -> Option<PathBuf> {
    let upper = extension.to_ascii_uppercase();
    [extension.to_owned(), format!("{extension}.gz"), upper.clone(), format!("{upper}.GZ")]
        .into_iter()
        .map(|extension| stem.with_extension(extension))
        .find(|candidate| candidate.is_file())
}
