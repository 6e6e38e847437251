//! The backend around the reader: bytes in, reply out.

use crate::page::Page;
use crate::{AXIAL, marks, options, prompt};
use situs_core::media::{Media, Picture};
use situs_core::prelude::*;
use situs_core::registry::{Kind, Registry};
use situs_core::scene::{Colour, MarkShape};
use situs_plugins::backends::pixel_reader::PixelReader;
use std::path::PathBuf;
use std::sync::Arc;

/// Hands out one PNG and refuses everything else.
struct OnePng(Vec<u8>);

impl Media for OnePng {
    fn volume(&self, _: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        Err(Fault::internal("the reader looked at a volume"))
    }
    fn segmentation(&self, _: &Case) -> Result<Arc<Segmentation>, Fault> {
        Err(Fault::internal("the reader looked at the truth"))
    }
    fn put_picture(&self, _: &Picture) -> Result<ImageRef, Fault> {
        Err(Fault::internal("the reader drew a picture"))
    }
    fn png(&self, _: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        Ok(self.0.clone().into())
    }
    fn put_volume(&self, _: [usize; 3], _: &[f32]) -> Result<VolumeRef, Fault> {
        Err(Fault::internal("the reader made a volume"))
    }
    fn path(&self, _: &str) -> Result<PathBuf, Fault> {
        Err(Fault::internal("the reader opened a file"))
    }
}

fn png(page: &Page) -> Vec<u8> {
    let picture = page.picture();
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_raw(picture.width, picture.height, picture.rgb)
        .unwrap()
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

fn reply(png: Vec<u8>, template: &str) -> Result<Reply, Fault> {
    let text = prompt(&[AXIAL, &marks("red box, blue box"), template, &options("image left, image right")]);
    let image = ImageRef { pixels: String::new(), png: String::new(), width: 1, height: 1 };
    let request = Request {
        id: String::new(),
        question: String::new(),
        prompt: Prompt { parts: vec![Part::Image { image }, Part::Text { text }] },
        options: vec!["image left".into(), "image right".into()],
        trial: 0,
        draw: 1,
        truth: None,
    };
    let model = PixelReader::default().build(&BuildContext::default())?;
    model.reply(&request, &Sampling::default(), &OnePng(png))
}

const WHERE: &str = "Compare the positions on the picture along its horizontal direction. Relative to the centre of the \
    structure in the blue box, where is the centre of the structure in the red box?";

fn page() -> Page {
    Page::grey(200, 100).mark(MarkShape::Box, Colour::Red, [50, 50]).mark(
        MarkShape::Box,
        Colour::Blue,
        [150, 50],
    )
}

#[test]
fn it_answers_between_tags_and_turns_with_the_png() {
    assert_eq!(reply(png(&page()), WHERE).unwrap().text, "<answer>image left</answer>");
    assert_eq!(reply(png(&page().mirrored()), WHERE).unwrap().text, "<answer>image right</answer>");
}

#[test]
fn it_says_without_tags_that_it_cannot_tell() {
    let text = reply(png(&page()), "Which mark belongs to the liver?").unwrap().text;
    assert!(text.contains("cannot tell") && !text.contains("<answer>"), "{text}");
}

#[test]
fn bytes_that_are_no_png_are_a_fault_of_the_data() {
    let whole = png(&page());
    for bytes in [Vec::new(), b"GIF89a".to_vec(), whole[..whole.len() / 2].to_vec()] {
        assert_eq!(reply(bytes, WHERE).unwrap_err().cause, Cause::Data);
    }
}

#[test]
fn it_is_registered_and_is_shown_no_answers() {
    let registry = Registry::builtin().unwrap();
    assert!(registry.find(Kind::Model, "pixel-reader").is_ok());
    let model = PixelReader::default().build(&BuildContext::default()).unwrap();
    let card = model.card();
    assert!(!card.reads_answers && card.deterministic && card.pictures == PictureForm::Png);
}
