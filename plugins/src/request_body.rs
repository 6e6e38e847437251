//! Bodies of requests: JSON with pictures in base64, encoded while they are sent.
//!
//! A body names its pictures and holds none: with dozens of requests in flight, each with dozens of slices, copies of
//! them would be most of a run's memory.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use situs_core::prelude::{Fault, ImageRef, Media};
use std::io::Read;
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
    Picture { image: ImageRef, png_bytes: usize },
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
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
        let png_bytes = media.png(image)?.len();
        self.before.push(Piece::Text(std::mem::take(&mut self.tail)));
        self.before.push(Piece::Picture { image: image.clone(), png_bytes });
        Ok(())
    }

    /// The whole body, when it is text alone.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        self.before.is_empty().then_some(self.tail.as_slice())
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.before.iter().map(Piece::len).sum::<usize>() + self.tail.len()
    }

    /// Reads the body from its start.
    pub(crate) fn reader<'a>(&'a self, media: &'a dyn Media) -> BodyReader<'a> {
        BodyReader { body: self, media, piece: 0, at: 0, png: None, digits: String::new(), sent: 0 }
    }
}

/// Gives the pieces of a body one after the other.
pub(crate) struct BodyReader<'a> {
    body: &'a RequestBody,
    media: &'a dyn Media,
    /// Piece being read; the tail comes after the last.
    piece: usize,
    /// Bytes of the piece that were taken: of its text, or of its PNG file.
    at: usize,
    png: Option<Arc<[u8]>>,
    /// Base64 digits of a part of the picture, and how many of them were given.
    digits: String,
    sent: usize,
}

impl BodyReader<'_> {
    /// Encodes the next part of a picture; `false` at its end.
    fn encode(&mut self, image: &ImageRef, png_bytes: usize) -> std::io::Result<bool> {
        let png = match &self.png {
            Some(png) => png,
            None => self.png.insert(self.media.png(image).map_err(std::io::Error::other)?),
        };
        if png.len() != png_bytes {
            return Err(std::io::Error::other(format!("picture {} was replaced", image.pixels)));
        }
        let part = png.get(self.at..(self.at + ENCODED_TOGETHER).min(png.len())).unwrap_or_default();
        self.at += part.len();
        self.sent = 0;
        self.digits.clear();
        STANDARD.encode_string(part, &mut self.digits);
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
                assert_eq!(read.len(), body.len(), "{length} bytes in steps of {step}");
                let texts: Vec<String> = serde_json::from_slice(&read).unwrap();
                assert_eq!(STANDARD.decode(&texts[0]).unwrap(), *Lengths.png(&picture(length)).unwrap());
                assert_eq!(STANDARD.decode(&texts[1]).unwrap(), *Lengths.png(&picture(7)).unwrap());
            }
        }
    }

    #[test]
    fn a_picture_that_cannot_be_read_is_a_fault_before_anything_is_sent() {
        let missing = ImageRef { pixels: "gone".to_owned(), ..picture(1) };
        assert!(RequestBody::default().picture(&missing, &Lengths).is_err());
    }
}
