//! Bodies of requests: JSON with pictures in base64, read and encoded while they are sent.
//!
//! A body names its pictures and holds none, and their files are read a part at a time: with dozens of requests in
//! flight, each with dozens of slices, whole files would be most of a run's memory.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use situs_core::digest::FileDigest;
use situs_core::prelude::{Fault, ImageRef, Media};
use std::fs::File;
use std::io::{Error, Read};
use std::sync::Arc;

/// Bytes of a PNG file encoded at a time; a multiple of 3, so that no padding falls between two parts.
const ENCODED_TOGETHER: usize = 3 << 13;

/// A request body in pieces.
#[derive(Default)]
pub(crate) struct RequestBody {
    before: Vec<Piece>,
    tail: Vec<u8>,
}

enum Piece {
    Text(Vec<u8>),
    Picture { image: ImageRef, png_bytes: u64 },
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Picture { png_bytes, .. } => png_bytes.div_ceil(3) * 4,
        }
    }
}

impl RequestBody {
    /// Appends plain text.
    pub(crate) fn raw(&mut self, text: &str) {
        self.tail.extend_from_slice(text.as_bytes());
    }

    /// Appends a value as JSON.
    pub(crate) fn json(&mut self, value: &(impl serde::Serialize + ?Sized)) -> Result<(), Fault> {
        serde_json::to_writer(&mut self.tail, value)
            .map_err(|error| Fault::internal(format!("cannot write a request as JSON: {error}")))
    }

    /// Appends the base64 digits of a picture's PNG file.
    ///
    /// # Errors
    /// When the picture cannot be read.
    pub(crate) fn picture(&mut self, image: &ImageRef, media: &dyn Media) -> Result<(), Fault> {
        let png_bytes = PngBytes::open(image, media)?.len();
        self.before.push(Piece::Text(std::mem::take(&mut self.tail)));
        self.before.push(Piece::Picture { image: image.clone(), png_bytes });
        Ok(())
    }

    /// The whole body, when it is text alone.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        self.before.is_empty().then_some(self.tail.as_slice())
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.before.iter().map(Piece::len).sum::<u64>() + self.tail.len() as u64
    }

    /// Reads the body from its start.
    pub(crate) fn reader<'a>(&'a self, media: &'a dyn Media) -> BodyReader<'a> {
        BodyReader {
            body: self,
            media,
            piece: 0,
            at: 0,
            png: None,
            part: Vec::new(),
            digits: String::new(),
            sent: 0,
        }
    }
}

/// A PNG file while it is read: from the disk where the store has it as a file, else as the store gives it.
enum PngBytes {
    File { file: File, length: u64, digest: FileDigest, expected: String },
    Whole { bytes: Arc<[u8]>, at: usize },
}

impl PngBytes {
    fn open(image: &ImageRef, media: &dyn Media) -> Result<Self, Fault> {
        let opened = media.path(&image.pixels).ok().and_then(|path| {
            let file = File::open(path).ok()?;
            let length = file.metadata().ok()?.len();
            Some(Self::File { file, length, digest: FileDigest::default(), expected: image.png.clone() })
        });
        match opened {
            Some(opened) => Ok(opened),
            None => Ok(Self::Whole { bytes: media.png(image)?, at: 0 }),
        }
    }

    fn len(&self) -> u64 {
        match self {
            Self::File { length, .. } => *length,
            Self::Whole { bytes, .. } => bytes.len() as u64,
        }
    }

    /// The next bytes into `part`, empty at the end.
    ///
    /// # Errors
    /// At the end of a file that is not the one that was stored, so that a request with other pixels is never complete.
    fn next(&mut self, part: &mut Vec<u8>) -> std::io::Result<()> {
        part.clear();
        match self {
            Self::File { file, digest, expected, .. } => {
                file.by_ref().take(ENCODED_TOGETHER as u64).read_to_end(part)?;
                digest.add(part);
                if part.len() < ENCODED_TOGETHER && digest.hex() != *expected {
                    return Err(Error::other("the PNG file was changed after it was written"));
                }
            }
            Self::Whole { bytes, at } => {
                let rest = bytes.get(*at..).unwrap_or_default();
                part.extend_from_slice(&rest[..rest.len().min(ENCODED_TOGETHER)]);
                *at += part.len();
            }
        }
        Ok(())
    }
}

/// Gives the pieces of a body one after the other.
pub(crate) struct BodyReader<'a> {
    body: &'a RequestBody,
    media: &'a dyn Media,
    /// Piece being read; the tail comes after the last.
    piece: usize,
    /// Bytes of the piece's text that were given.
    at: usize,
    png: Option<PngBytes>,
    /// A part of the picture, its base64 digits, and how many of them were given.
    part: Vec<u8>,
    digits: String,
    sent: usize,
}

impl BodyReader<'_> {
    /// Encodes the next part of a picture; `false` at its end.
    fn encode(&mut self, image: &ImageRef, png_bytes: u64) -> std::io::Result<bool> {
        let png = match &mut self.png {
            Some(png) => png,
            None => self.png.insert(PngBytes::open(image, self.media).map_err(Error::other)?),
        };
        if png.len() != png_bytes {
            return Err(Error::other(format!("picture {} was replaced", image.pixels)));
        }
        png.next(&mut self.part)?;
        self.sent = 0;
        self.digits.clear();
        STANDARD.encode_string(&self.part, &mut self.digits);
        Ok(!self.digits.is_empty())
    }

    fn next_piece(&mut self) {
        (self.piece, self.at, self.sent, self.png) = (self.piece + 1, 0, 0, None);
        self.digits.clear();
    }
}

impl Read for BodyReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let body = self.body;
        loop {
            let mut left = match body.before.get(self.piece) {
                Some(Piece::Picture { image, png_bytes }) => {
                    if self.sent == self.digits.len() && !self.encode(image, *png_bytes)? {
                        self.next_piece();
                        continue;
                    }
                    let read = (&self.digits.as_bytes()[self.sent..]).read(out)?;
                    self.sent += read;
                    return Ok(read);
                }
                Some(Piece::Text(text)) => text.get(self.at..).unwrap_or_default(),
                None => body.tail.get(self.at..).unwrap_or_default(),
            };
            let read = left.read(out)?;
            self.at += read;
            if read > 0 || self.piece >= body.before.len() {
                return Ok(read);
            }
            self.next_piece();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use situs_core::media::Picture;
    use situs_core::prelude::{Case, VolumeRef};
    use situs_core::volume::{Segmentation, Volume};
    use std::path::PathBuf;

    /// Pictures named by their length, filled with a running number.
    struct Lengths;

    impl Media for Lengths {
        fn volume(&self, _: &VolumeRef) -> Result<Arc<Volume>, Fault> {
            Err(Fault::internal("no volumes here"))
        }
        fn segmentation(&self, _: &Case) -> Result<Arc<Segmentation>, Fault> {
            Err(Fault::internal("no segmentations here"))
        }
        fn put_picture(&self, _: &Picture) -> Result<ImageRef, Fault> {
            Err(Fault::internal("nothing is stored here"))
        }
        fn png(&self, image: &ImageRef) -> Result<Arc<[u8]>, Fault> {
            let length: usize = image.pixels.parse().map_err(|_| Fault::data("no such picture"))?;
            Ok((0..length).map(|byte| byte as u8).collect())
        }
        fn put_volume(&self, _: [usize; 3], _: &[f32]) -> Result<VolumeRef, Fault> {
            Err(Fault::internal("nothing is stored here"))
        }
        fn path(&self, _: &str) -> Result<PathBuf, Fault> {
            Err(Fault::internal("nothing is stored here"))
        }
    }

    fn picture(length: usize) -> ImageRef {
        ImageRef { pixels: length.to_string(), png: String::new(), width: 1, height: 1 }
    }

    #[test]
    fn what_is_read_is_as_long_as_announced_and_decodes_to_the_files() {
        // Around one and two parts, and around the padding of base64.
        for length in [0, 1, 2, 3, 4, 100, ENCODED_TOGETHER - 1, ENCODED_TOGETHER, 2 * ENCODED_TOGETHER + 1] {
            let mut body = RequestBody::default();
            body.raw("[\"");
            body.picture(&picture(length), &Lengths).unwrap();
            body.raw("\",\"");
            body.picture(&picture(7), &Lengths).unwrap();
            body.raw("\"]");
            assert!(body.text().is_none());
            for step in [1, 7, 4096, 1 << 20] {
                if step == 1 && length > 1000 {
                    continue;
                }
                let (mut read, mut part) = (Vec::new(), vec![0; step]);
                let mut reader = body.reader(&Lengths);
                loop {
                    match reader.read(&mut part).unwrap() {
                        0 => break,
                        count => read.extend_from_slice(&part[..count]),
                    }
                }
                assert_eq!(read.len() as u64, body.len(), "{length} bytes in steps of {step}");
                let texts: Vec<String> = serde_json::from_slice(&read).unwrap();
                assert_eq!(STANDARD.decode(&texts[0]).unwrap(), *Lengths.png(&picture(length)).unwrap());
                assert_eq!(STANDARD.decode(&texts[1]).unwrap(), *Lengths.png(&picture(7)).unwrap());
            }
        }
    }

    /// One picture as a file, as the store of a run has it.
    struct OneFile(PathBuf);

    impl Media for OneFile {
        fn volume(&self, volume: &VolumeRef) -> Result<Arc<Volume>, Fault> {
            Lengths.volume(volume)
        }
        fn segmentation(&self, case: &Case) -> Result<Arc<Segmentation>, Fault> {
            Lengths.segmentation(case)
        }
        fn put_picture(&self, picture: &Picture) -> Result<ImageRef, Fault> {
            Lengths.put_picture(picture)
        }
        fn png(&self, _: &ImageRef) -> Result<Arc<[u8]>, Fault> {
            Err(Fault::internal("the file is there"))
        }
        fn put_volume(&self, shape: [usize; 3], voxels: &[f32]) -> Result<VolumeRef, Fault> {
            Lengths.put_volume(shape, voxels)
        }
        fn path(&self, _: &str) -> Result<PathBuf, Fault> {
            Ok(self.0.clone())
        }
    }

    #[test]
    fn files_are_sent_as_they_were_stored_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 5, ENCODED_TOGETHER - 1, ENCODED_TOGETHER, 2 * ENCODED_TOGETHER + 1] {
            let media = OneFile(folder.path().join(length.to_string()));
            let bytes = Lengths.png(&picture(length)).unwrap();
            std::fs::write(&media.0, &bytes).unwrap();
            let image = ImageRef { png: situs_core::digest::sha256_hex(&bytes), ..picture(length) };
            let mut body = RequestBody::default();
            body.picture(&image, &media).unwrap();
            let mut sent = String::new();
            body.reader(&media).read_to_string(&mut sent).unwrap();
            assert_eq!(sent.len() as u64, body.len());
            assert_eq!(STANDARD.decode(&sent).unwrap(), *bytes);

            let changed = ImageRef { png: "another".to_owned(), ..image };
            let mut body = RequestBody::default();
            body.picture(&changed, &media).unwrap();
            let error = body.reader(&media).read_to_end(&mut Vec::new()).unwrap_err();
            assert!(error.to_string().contains("changed"), "{error}");
        }
    }

    #[test]
    fn a_picture_that_cannot_be_read_is_a_fault_before_anything_is_sent() {
        let missing = ImageRef { pixels: "gone".to_owned(), ..picture(1) };
        assert!(RequestBody::default().picture(&missing, &Lengths).is_err());
    }
}
