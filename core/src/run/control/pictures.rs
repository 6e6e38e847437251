//! What controls do to the pictures and volumes of a prompt.

use super::cannot;
use super::options::moving;
use crate::case::{Case, VolumeRef};
use crate::config::Control;
use crate::digest::Draw;
use crate::fault::Fault;
use crate::media::{Media, Picture};
use crate::prompt::{ImageRef, Part, Prompt};
use crate::question::Question;
use crate::structure::OtherPatients;
use crate::volume::{Segmentation, Volume};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Grey level of blank pictures: neither the black of air nor the white of bone.
const GREY: u8 = 128;

/// Whether a part is something to look at.
pub(super) fn is_shown(part: &Part) -> bool {
    !matches!(part, Part::Text { .. })
}

/// The prompt without pictures and volumes, and without the headings that stand directly before them ("Frame 3:").
///
/// # Errors
/// Rejected where nothing is shown.
pub(super) fn without(prompt: &Prompt, question: &Question) -> Result<Prompt, Fault> {
    if !prompt.parts.iter().any(is_shown) {
        return Err(cannot(Control::NoImage, "the question shows nothing"));
    }
    let next = prompt.parts.iter().skip(1).map(Some).chain([None]);
    let is_heading = |part: &Part, next: Option<&Part>| {
        matches!(part, Part::Text { text } if !text.contains(&question.text)) && next.is_some_and(is_shown)
    };
    let parts = prompt
        .parts
        .iter()
        .zip(next)
        .filter(|(part, next)| !is_shown(part) && !is_heading(part, *next))
        .map(|(part, _)| part.clone())
        .collect();
    Ok(Prompt { parts })
}

/// The prompt with its pictures and volumes in place of another's, one for one; `None` where their numbers differ.
pub(super) fn exchanged(prompt: &Prompt, other: &Prompt) -> Option<Prompt> {
    let images = |prompt: &Prompt| prompt.images().count();
    let volumes = |prompt: &Prompt| prompt.volumes().count();
    if images(prompt) != images(other) || volumes(prompt) != volumes(other) {
        return None;
    }
    let (mut pictures, mut arrays) = (other.images(), other.volumes());
    let parts = prompt
        .parts
        .iter()
        .map(|part| match part {
            Part::Text { .. } => Some(part.clone()),
            Part::Image { .. } => Some(Part::Image { image: pictures.next()?.clone() }),
            Part::Volume { .. } => Some(Part::Volume { volume: arrays.next()?.clone() }),
        })
        .collect::<Option<_>>()?;
    Some(Prompt { parts })
}

/// The prompt with the pictures of each stack in another order; headings stay where they are. Pictures are of one stack
/// when their headings differ in numbers alone.
///
/// # Errors
/// Rejected where no stack has two different pictures.
pub(super) fn out_of_order(prompt: &Prompt, draw: &Draw) -> Result<Prompt, Fault> {
    let mut stacks: BTreeMap<String, Vec<(usize, &ImageRef)>> = BTreeMap::new();
    let mut heading = "";
    for (place, part) in prompt.parts.iter().enumerate() {
        match part {
            Part::Text { text } => heading = text,
            Part::Image { image } => stacks.entry(without_digits(heading)).or_default().push((place, image)),
            Part::Volume { .. } => {}
        }
    }
    let mut parts = prompt.parts.clone();
    for (heading, stack) in &stacks {
        let order = moving(&draw.of(heading), stack.len());
        for ((place, _), from) in stack.iter().zip(order) {
            parts[*place] = Part::Image { image: stack[from].1.clone() };
        }
    }
    if parts == prompt.parts {
        return Err(cannot(Control::ShuffledSlices, "no stack of two or more slices"));
    }
    Ok(Prompt { parts })
}

fn without_digits(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

/// What a renderer puts on record passes through here, changed.
pub(super) struct Tampering<'a> {
    pub(super) media: &'a dyn Media,
    pub(super) tamper: Tamper,
}

/// How.
pub(super) enum Tamper {
    /// Grey pictures, volumes of zeros.
    Blank,
    /// The planes of a volume along its first axis in another order; pictures as they are.
    Planes(Draw),
}

impl Media for Tampering<'_> {
    fn volume(&self, volume: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        self.media.volume(volume)
    }

    fn segmentation(&self, case: &Case) -> Result<Arc<Segmentation>, Fault> {
        self.media.segmentation(case)
    }

    fn put_picture(&self, picture: &Picture) -> Result<ImageRef, Fault> {
        match self.tamper {
            Tamper::Planes(_) => self.media.put_picture(picture),
            Tamper::Blank => {
                let rgb = vec![GREY; picture.rgb.len()];
                self.media.put_picture(&Picture { width: picture.width, height: picture.height, rgb })
            }
        }
    }

    fn png(&self, image: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        self.media.png(image)
    }

    fn put_volume(&self, shape_zyx: [usize; 3], voxels: &[f32]) -> Result<VolumeRef, Fault> {
        let changed: Vec<f32> = match &self.tamper {
            Tamper::Blank => vec![0.0; voxels.len()],
            Tamper::Planes(draw) => {
                let planes: Vec<&[f32]> =
                    voxels.chunks((voxels.len() / shape_zyx[0].max(1)).max(1)).collect();
                moving(draw, planes.len()).into_iter().flat_map(|from| planes[from]).copied().collect()
            }
        };
        self.media.put_volume(shape_zyx, &changed)
    }

    fn path(&self, digest: &str) -> Result<PathBuf, Fault> {
        self.media.path(digest)
    }

    fn other_patients(&self, question: &str) -> Result<OtherPatients, Fault> {
        self.media.other_patients(question)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Part {
        Part::Text { text: text.to_owned() }
    }

    fn image(name: &str) -> Part {
        Part::Image { image: ImageRef { pixels: name.to_owned(), png: name.to_owned(), width: 4, height: 4 } }
    }

    fn stack() -> Prompt {
        let parts = vec![text("Frame 1:"), image("a"), text("Frame 2:"), image("b"), text("Which way?")];
        Prompt { parts }
    }

    fn asked() -> Question {
        serde_json::from_value(serde_json::json!({
            "id": "q", "cases": ["c"], "template": "T", "cell": "c", "bundle": "", "structures": [],
            "text": "Which way?", "options": [], "truth": "", "chance": 0.0,
            "facets": {}, "scene": null, "evidence": {"positions": [], "relation": ""},
        }))
        .unwrap()
    }

    #[test]
    fn pictures_go_with_their_headings_and_nothing_else_goes() {
        assert_eq!(without(&stack(), &asked()).unwrap().parts, [text("Which way?")]);
        let below = Prompt { parts: vec![text("Look. Which way?"), image("a")] };
        assert_eq!(without(&below, &asked()).unwrap().parts, [text("Look. Which way?")]);
        assert!(without(&Prompt::text("Which way?"), &asked()).is_err());
    }

    #[test]
    fn slices_change_places_under_headings_that_stay() {
        let draw = Draw::new(1);
        let moved = out_of_order(&stack(), &draw).unwrap();
        let expected = [text("Frame 1:"), image("b"), text("Frame 2:"), image("a"), text("Which way?")];
        assert_eq!(moved.parts, expected);
        let single =
            Prompt { parts: vec![text("Axial:"), image("a"), text("Coronal:"), image("b"), text("?")] };
        assert!(out_of_order(&single, &draw).is_err(), "views of different planes are no stack");
    }

    #[test]
    fn pictures_are_exchanged_one_for_one() {
        let other = Prompt { parts: vec![image("x"), image("y"), text("Another question")] };
        let expected = [text("Frame 1:"), image("x"), text("Frame 2:"), image("y"), text("Which way?")];
        assert_eq!(exchanged(&stack(), &other).unwrap().parts, expected);
        assert!(exchanged(&stack(), &Prompt { parts: vec![image("x")] }).is_none());
    }
}
