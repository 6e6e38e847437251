//! A reader of pictures without any knowledge of medicine: it measures where marks lie in the PNG and does what the
//! prompt's words say. A picture that is turned, or a truth that is, makes it wrong.
//!
//! [`answer`] is everything it knows and everything it does: text and pixels in, one of the printed options out.

mod decide;
mod glyphs;
mod marks;
mod text;

use situs_core::media::Picture;
use situs_core::prelude::*;

situs_core::component! {
    /// Finds the marks in the pictures and answers from pixels and prompt text alone; says so when they do not suffice.
    model "pixel-reader";
    pub struct PixelReader {}
}

/// Raised whenever the same prompt may get another answer.
const VERSION: &str = "2";
/// Longest picture side that is decoded, in pixels.
const MAX_SIDE: u32 = 16_384;
/// What is replied when pixels do not decide: words that no reading rule takes for an answer.
const CANNOT_TELL: &str = "I cannot tell from the marks in the picture alone.";

#[typetag::serde(name = "pixel-reader")]
impl ModelBackendSpec for PixelReader {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        let digest = Digest::new("pixel-reader").text(VERSION).short();
        let card = ModelCard { pictures: PictureForm::Png, ..ModelCard::baseline("pixel-reader", digest) };
        Ok(Box::new(Reader { card }))
    }
}

struct Reader {
    card: ModelCard,
}

impl ModelBackend for Reader {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, _: &Sampling, media: &dyn Media) -> Result<Reply, Fault> {
        let frames: Vec<Picture> = request
            .prompt
            .images()
            .map(|image| decode(&media.png(image)?))
            .collect::<Result<_, Fault>>()?;
        let chosen = answer(&request.prompt.joined_text(), &frames);
        Ok(Reply::text(match chosen {
            Some(option) => format!("<answer>{option}</answer>"),
            None => CANNOT_TELL.to_owned(),
        }))
    }
}

/// The option that the marks in `frames` make right, as printed in `text`.
///
/// `None` when marks alone do not decide: no picture, a structure that is named but not marked, body directions of which
/// the text says nothing, names and planes, marks that are asked for and not there, centres that coincide.
pub fn answer(text: &str, frames: &[Picture]) -> Option<String> {
    let prompt = text::Prompt::read(text)?;
    if prompt.pictures.is_some_and(|expected| expected != frames.len()) {
        return None;
    }
    let seen = marks::find(frames, prompt.shape);
    let longer_side = frames.iter().map(|frame| frame.width.max(frame.height)).max()?;
    decide::choose(&prompt, &seen, longer_side).map(str::to_owned)
}

/// Pixels of a PNG file.
fn decode(png: &[u8]) -> Result<Picture, Fault> {
    let damaged = |error: image::ImageError| Fault::data(format!("a picture of the prompt is no PNG: {error}"));
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(png), image::ImageFormat::Png);
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    reader.limits(limits);
    let rgb = reader.decode().map_err(damaged)?.into_rgb8();
    Ok(Picture { width: rgb.width(), height: rgb.height(), rgb: rgb.into_raw() })
}
