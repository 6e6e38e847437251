//! Laws of renderers.

use super::room::{Room, Stored, orders};
use super::{Kit, Law, Not, Sheet, broken, first_room, same, skipped};
use crate::case::Case;
use crate::dataset::Dataset;
use crate::fault::Cause;
use crate::media::{Media as _, Picture};
use crate::prompt::{Part, Prompt};
use crate::prompt_renderer::PromptRenderer;
use crate::question::{Evidence, Question};
use crate::run::RunMedia;
use crate::scene::{Backdrop, Scene};
use crate::space::{Plane, Preset};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longer side of the pictures that the kit asks for, in pixels.
const LONG_SIDE: u32 = 96;
/// Grey levels by which a mirrored pixel may differ: sums in another order round differently.
const TOLERANCE: u8 = 2;

pub(super) fn check(sheet: &mut Sheet<'_>, kit: &Kit) {
    sheet.law("the same question gives the same prompt, also from a second renderer", |sheet| {
        let (case, room) = first_room(kit)?;
        for plane in Plane::ALL {
            let one = drawn(sheet, &case, &room, plane)?;
            same("prompts", &one, &drawn(sheet, &case, &room, plane)?)?;
        }
        Ok(())
    });
    sheet.law("the question's text stands in the prompt, pictures before it", |sheet| {
        let (case, room) = first_room(kit)?;
        text_last(&drawn(sheet, &case, &room, Plane::Axial)?, &question(&case, &room, Plane::Axial, false)?)
    });
    sheet.law("pictures are stored under their name and have the size that is named", |sheet| {
        let (case, room) = first_room(kit)?;
        for image in pictured(&drawn(sheet, &case, &room, Plane::Coronal)?)? {
            let picture = room.picture(image)?;
            same("sizes", &(image.width, image.height), &(picture.width, picture.height))?;
            same("names", &image.pixels, &crate::run::pixel_digest(&picture))?;
        }
        Ok(())
    });
    sheet.law("every storage order of one patient gives the same pictures", |sheet| stored(sheet, kit));
    sheet.law("a mirrored patient gives mirrored pictures", |sheet| mirrored(sheet, kit));
}

/// A question about nothing that shows the middle slice of a plane, or a stack of three, as a radiologist sees them.
fn question(case: &Case, room: &RunMedia, plane: Plane, stack: bool) -> Result<Question, Not> {
    let Some(image) = case.volumes.first() else { return skipped("the case has no image") };
    let slice = room.volume(image)?.grid.shape[plane.through().index()] / 2;
    let scene = Scene {
        view: Preset::StandardRadiological.view(plane),
        frames: if stack { vec![slice, slice + 2, slice + 4] } else { vec![slice] },
        stack,
        step_mm: if stack { 2.0 } else { 0.0 },
        long_side: LONG_SIDE,
        backdrop: Backdrop::Image,
        marks: Vec::new(),
        keep_clear: Vec::new(),
    };
    Ok(Question {
        id: format!("conformance-{plane}"),
        volumes: Vec::new(),
        cases: vec![case.name.clone()],
        cluster: case.cluster.clone(),
        template: "conformance".to_owned(),
        cell: "conformance".to_owned(),
        bundle: "conformance".to_owned(),
        structures: Vec::new(),
        text: "Is this a slice through a patient?".to_owned(),
        options: vec!["yes".to_owned(), "no".to_owned()],
        truth: "yes".to_owned(),
        chance: 0.5,
        facets: BTreeMap::new(),
        scene: Some(scene),
        evidence: Evidence::default(),
        private: serde_json::Value::Null,
    })
}

fn drawn(sheet: &Sheet<'_>, case: &Case, room: &RunMedia, plane: Plane) -> Result<Prompt, Not> {
    let renderer = sheet.build::<dyn PromptRenderer>()?;
    let draw = |stack| Ok(renderer.render(&[case], &question(case, room, plane, stack)?, room));
    // A slice, or for renderers of volumes a stack.
    let tried: Result<_, Not> = draw(false);
    match tried? {
        Err(fault) if fault.cause != Cause::Internal => draw(true)?
            .map_err(|fault| Not::Skipped(format!("it draws neither a slice nor a stack: {fault}"))),
        other => Ok(other?),
    }
}

fn text_last(prompt: &Prompt, question: &Question) -> Law {
    let text = prompt
        .parts
        .iter()
        .position(|part| matches!(part, Part::Text { text } if text.contains(&question.text)));
    let Some(text) = text else { return broken("no part holds the question's text") };
    match prompt.parts[text..].iter().any(|part| !matches!(part, Part::Text { .. })) {
        true => broken("a picture or volume comes after the question's text"),
        false => Ok(()),
    }
}

fn pictured(prompt: &Prompt) -> Result<Vec<&crate::prompt::ImageRef>, Not> {
    let images: Vec<_> = prompt.images().collect();
    if images.is_empty() { skipped("it draws no picture of a plain scene") } else { Ok(images) }
}

fn stored(sheet: &Sheet<'_>, kit: &Kit) -> Law {
    let (case, room) = first_room(kit)?;
    let mut expected: Option<Vec<Prompt>> = None;
    for order in orders().take(kit.orders) {
        let stored = Arc::new(Stored::new(kit.dataset.as_ref(), &case, &room, order)?);
        let own = Room::new(Arc::clone(&stored) as Arc<dyn Dataset>, false)?;
        let case = stored.case(0)?;
        let prompts: Vec<Prompt> = [Plane::Axial, Plane::Sagittal]
            .map(|plane| drawn(sheet, &case, &own, plane))
            .into_iter()
            .collect::<Result<_, _>>()?;
        pictured(&prompts[0])?;
        match &expected {
            None => expected = Some(prompts),
            Some(expected) if *expected == prompts => {}
            Some(_) => return broken(format!("{order:?} gives other pictures")),
        }
    }
    Ok(())
}

/// Pictures of the plane asked about are mirrored. A renderer may show further planes, told apart by their size; one along
/// the body shows no left and right, and has its frames in the other order.
fn mirrored(sheet: &Sheet<'_>, kit: &Kit) -> Law {
    let (case, room) = first_room(kit)?;
    let twin = Room::new(Arc::clone(&kit.dataset), true)?;
    for plane in [Plane::Axial, Plane::Coronal] {
        let one = drawn(sheet, &case, &room, plane)?;
        let other = drawn(sheet, &twin.volumes.seen(&case), &twin, plane)?;
        let (one, other) = (pictured(&one)?, pictured(&other)?);
        same("number of pictures", &one.len(), &other.len())?;
        let mut turned: BTreeMap<(u32, u32), Vec<bool>> = BTreeMap::new();
        for (one, other) in one.into_iter().zip(other) {
            let size = turned.entry((one.width, one.height)).or_default();
            size.push(is_mirrored(&room.picture(one)?, &twin.picture(other)?));
        }
        let whole = turned.values().filter(|size| size.iter().all(|turned| *turned)).count();
        if whole < turned.len().min(2) {
            return broken(format!(
                "the {plane} picture of the mirrored patient is not the mirrored picture"
            ));
        }
    }
    Ok(())
}

fn is_mirrored(one: &Picture, other: &Picture) -> bool {
    let width = one.width as usize * 3;
    (one.width, one.height) == (other.width, other.height)
        && one.rgb.chunks_exact(width.max(1)).zip(other.rgb.chunks_exact(width.max(1))).all(
            |(row, across)| {
                let across = across.as_chunks::<3>().0.iter().rev();
                row.as_chunks::<3>()
                    .0
                    .iter()
                    .zip(across)
                    .all(|(a, b)| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= TOLERANCE))
            },
        )
}
