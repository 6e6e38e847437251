//! The stages of a case.

use super::Compared;
use super::difference::Difference;
use super::reference::{Recorded, Reference};
use crate::layers::{KvCache, broken, floats};
use crate::model::{Clip, Sight};
use crate::native::Native;
use crate::pixels::{Grid, Patches, cut_planes};
use crate::prompt::{Layout, Shown};
use candle_core::Tensor;
use serde_json::Map;
use situs_core::fault::Fault;
use std::sync::Arc;

/// Largest difference of features of pictures.
const FEATURES: f64 = 1e-4;
/// Largest difference of hidden states and logits.
const LOGITS: f64 = 5e-4;
/// Grey levels by which resized pictures may differ.
const GREY_LEVELS: f64 = 2.0;
/// Margin of the reference's best token from which on the choice has to be the same.
const MARGIN: f64 = 0.01;

/// Compares all stages of a case.
pub(super) fn compare(native: &Native, reference: &Reference) -> Result<Vec<Compared>, Fault> {
    let name = &reference.name;
    let seen = patches(native, reference)?;
    let mut compared = Vec::new();
    let rendered = match &reference.prompt {
        Some(prompt) => prompt.clone(),
        None => native.render(&reference.messages, &Map::new())?,
    };
    let shown: Vec<Shown> = seen
        .iter()
        .map(|patches| match reference.frames.is_empty() {
            true => Shown::Picture(patches.grid),
            false => {
                Shown::Video(Clip { grid: patches.grid, frames: reference.frames.len(), fps: reference.fps })
            }
        })
        .collect();
    let layout = native.lay_out(rendered, &shown)?;
    let mut ids = Difference::new(name, "ids", 0.0);
    if let Some(expected) = reference.input("input_ids")? {
        let ours: Vec<f32> = layout.ids.iter().map(|id| *id as f32).collect();
        ids.add(&ours, &expected);
    }
    compared.push(ids.done());
    compared.push(pixels(native, reference, &seen)?);
    let (vision, sights) = vision(native, reference, &seen)?;
    compared.push(vision);
    compared.push(positions(reference, &layout)?);
    compared.extend(language(native, reference, &layout, &sights)?);
    Ok(compared)
}

/// Our patches of all pictures, or of the video.
fn patches(native: &Native, reference: &Reference) -> Result<Vec<Patches>, Fault> {
    let rules = native.model.pixels();
    if reference.frames.is_empty() {
        return reference.pictures.iter().map(|picture| rules.picture(picture)).collect();
    }
    Ok(vec![rules.video(&reference.frames.iter().collect::<Vec<_>>())?])
}

fn names(reference: &Reference) -> (&'static str, &'static str) {
    if reference.frames.is_empty() {
        ("pixel_values", "image_grid_thw")
    } else {
        ("pixel_values_videos", "video_grid_thw")
    }
}

fn pixels(native: &Native, reference: &Reference, seen: &[Patches]) -> Result<Compared, Fault> {
    let rules = native.model.pixels();
    let pictures = reference.pictures.iter().map(|picture| (picture, 1));
    let frames = reference.frames.first().map(|frame| (frame, reference.frames.len()));
    let resized = pictures
        .chain(frames)
        .any(|(picture, frames)| rules.resizes((picture.width, picture.height), frames));
    let tolerance = if resized { GREY_LEVELS / 255.0 / rules.least_deviation() } else { 0.0 };
    let mut difference = Difference::new(&reference.name, "pixels", tolerance);
    let (values, grids) = names(reference);
    if let Some(expected) = reference.input(grids)? {
        let ours = seen.iter().flat_map(|patches| {
            let Grid { time, rows, columns } = patches.grid;
            [time as f64, rows as f64, columns as f64]
        });
        if !ours.eq(expected.values.iter().copied()) {
            difference.unfit();
        }
    }
    if let Some(expected) = given(native, reference, values)? {
        let ours: Vec<f32> = seen.iter().flat_map(|patches| patches.values.iter().copied()).collect();
        difference.add(&ours, &expected);
    }
    Ok(difference.done())
}

/// The reference's pixels, cut into patches where it holds whole pictures.
fn given(native: &Native, reference: &Reference, name: &str) -> Result<Option<Recorded>, Fault> {
    let Some(found) = reference.input(name)? else { return Ok(None) };
    let [.., 3, height, width] = found.shape.as_slice() else { return Ok(Some(found)) };
    let size = (*width, *height);
    let mut values = Vec::with_capacity(found.values.len());
    for picture in found.values.chunks_exact((3 * width * height).max(1)) {
        let planes: Vec<f32> = picture.iter().map(|value| *value as f32).collect();
        let Some(patches) = cut_planes(&planes, size, native.model.pixels()) else { return Ok(Some(found)) };
        values.extend(patches.values.into_iter().map(f64::from));
    }
    let count = values.len();
    Ok(Some(Recorded { values, rows: 1, width: count, shape: vec![count] }))
}

/// Features of the reference's own pixels, and ours for the stages behind.
fn vision(
    native: &Native,
    reference: &Reference,
    seen: &[Patches],
) -> Result<(Compared, Vec<Arc<Sight>>), Fault> {
    let mut difference = Difference::new(&reference.name, "vision", FEATURES);
    let total: usize = seen.iter().map(|patches| patches.values.len()).sum();
    let given = given(native, reference, names(reference).0)?.filter(|given| given.values.len() == total);
    let mut sights = Vec::with_capacity(seen.len());
    let mut first = 0;
    for patches in seen {
        let own = first..first + patches.values.len();
        first = own.end;
        let theirs = given.as_ref().and_then(|given| given.values.get(own));
        let values = theirs.map(|values| values.iter().map(|value| *value as f32).collect());
        let patches = Patches { values: values.unwrap_or_else(|| patches.values.clone()), ..*patches };
        sights.push(Arc::new(native.model.see(&patches)?));
    }
    // All features first, then those of each depth, picture by picture.
    let depths = sights.first().map_or(0, |sight| sight.lifts.len());
    let features = sights.iter().map(|sight| &sight.features);
    let lifts = (0..depths).flat_map(|depth| sights.iter().filter_map(move |sight| sight.lifts.get(depth)));
    if let Some(expected) = reference.output("vision_0")?.filter(|_| sights.len() > 1) {
        let all: usize = features.clone().map(Tensor::elem_count).sum();
        if expected.values.len() == all {
            // One tensor for all pictures.
            let ours = Tensor::cat(&features.collect::<Vec<_>>(), 0).map_err(broken)?;
            add(&mut difference, &ours, &expected)?;
            return Ok((difference.done(), sights));
        }
    }
    for (index, ours) in features.chain(lifts).enumerate() {
        if let Some(expected) = reference.output(&format!("vision_{index}"))? {
            add(&mut difference, ours, &expected)?;
        }
    }
    Ok((difference.done(), sights))
}

fn positions(reference: &Reference, layout: &Layout) -> Result<Compared, Fault> {
    let mut difference = Difference::new(&reference.name, "positions", 0.0);
    if let Some(expected) = reference.output("position_ids")? {
        let ours: Vec<f32> =
            (0..3).flat_map(|axis| layout.places.iter().map(move |place| place[axis] as f32)).collect();
        // Some references put a plain count in front of the three axes.
        let behind = expected.rows.saturating_sub(3) * expected.width;
        let values = expected.values.get(behind..).unwrap_or_default().to_vec();
        let (rows, width) = (expected.rows.min(3), expected.width);
        difference.add(&ours, &Recorded { values, rows, width, shape: vec![rows, width] });
    }
    Ok(difference.done())
}

/// The largest magnitude of the reference's logits.
pub(super) fn largest_logit(reference: &Reference) -> Result<Option<f64>, Fault> {
    let mut largest = None;
    for name in ["prefill_logits", "step_logits"] {
        for value in reference.output(name)?.iter().flat_map(|found| &found.values) {
            largest = Some(largest.unwrap_or(0.0f64).max(value.abs()));
        }
    }
    Ok(largest.filter(|largest| *largest > 0.0))
}

/// Hidden states, logits of the prompt, and logits of the reply step by step.
fn language(
    native: &Native,
    reference: &Reference,
    layout: &Layout,
    sights: &[Arc<Sight>],
) -> Result<Vec<Compared>, Fault> {
    let decoder = native.model.decoder();
    let sight = |index: usize| sights.get(index).cloned();
    let mut hidden = Difference::new(&reference.name, "hidden", LOGITS);
    let mut prefill = Difference::new(&reference.name, "prefill", LOGITS);
    let mut steps = Difference::new(&reference.name, "steps", LOGITS);
    let mut trace = Vec::new();
    let count = layout.ids.len();
    let states = native.take_in(layout, 0..count, &sight, &mut decoder.cache(), Some(&mut trace))?;
    for (index, ours) in trace.iter().enumerate() {
        if let Some(expected) = reference.output(&format!("hidden_{index}"))? {
            add(&mut hidden, ours, &expected)?;
        }
    }
    if let Some(expected) = reference.output("prefill_logits")? {
        prefill.add(&decoder.logits(&states)?, &expected);
    }
    if let (Some(tokens), Some(expected)) =
        (reference.output("generated_ids")?, reference.output("step_logits")?)
    {
        let mut cache = decoder.cache();
        // No block whose tokens see each other is parted.
        let middle = layout.part_end(0, count / 2);
        let middle = if middle < count { middle } else { 0 };
        if middle > 0 {
            native.take_in(layout, 0..middle, &sight, &mut cache, None)?;
        }
        let state = native.take_in(layout, middle..count, &sight, &mut cache, None)?;
        let ours = replies(native, layout, &mut cache, &state, &tokens, expected.rows)?;
        steps.add(&ours, &expected);
        if !same_choices(&ours, &expected) {
            steps.unfit();
        }
    }
    Ok(vec![hidden.done(), prefill.done(), steps.done()])
}

/// Logits of each step when the reference's tokens are pushed.
fn replies(
    native: &Native,
    layout: &Layout,
    cache: &mut KvCache,
    state: &Tensor,
    tokens: &Recorded,
    steps: usize,
) -> Result<Vec<f32>, Fault> {
    let decoder = native.model.decoder();
    let mut logits = decoder.logits(state)?;
    for (step, token) in (0u32..).zip(&tokens.values).take(steps.saturating_sub(1)) {
        let state = native.step(&[*token as u32], &[[layout.next + step; 3]], vec![cache])?;
        logits.extend(decoder.logits(&state)?);
    }
    Ok(logits)
}

/// Whether the best token is the same in every step in which the reference is sure of it.
fn same_choices(ours: &[f32], expected: &Recorded) -> bool {
    ours.chunks_exact(expected.width).zip(expected.values.chunks_exact(expected.width)).all(
        |(ours, theirs)| {
            let ours: Vec<f64> = ours.iter().map(|value| f64::from(*value)).collect();
            let (best, margin) = best(theirs);
            margin <= MARGIN || self::best(&ours).0 == best
        },
    )
}

/// The highest number's place, and how far the second is below it.
fn best(values: &[f64]) -> (usize, f64) {
    let (mut best, mut highest, mut second) = (0, f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (index, value) in values.iter().enumerate() {
        if *value > highest {
            (best, second, highest) = (index, highest, *value);
        } else if *value > second {
            second = *value;
        }
    }
    (best, highest - second)
}

fn add(difference: &mut Difference, ours: &Tensor, expected: &Recorded) -> Result<(), Fault> {
    floats(ours, |ours| {
        difference.add(ours, expected);
        Ok(())
    })
    .map_err(broken)
}
