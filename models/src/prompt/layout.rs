//! A prompt as tokens, and where its pictures stand among them.

use super::Words;
use crate::layers::Place;
use crate::model::{Clip, Expansion, MarkTexts, Model, Run};
use crate::pixels::Grid;
use situs_core::fault::Fault;
use std::ops::Range;

/// A picture or video of a prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shown {
    /// A picture.
    Picture(Grid),
    /// A video.
    Video(Clip),
}

/// Placeholders of a run among the tokens of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    /// The tokens.
    pub(crate) tokens: Range<usize>,
    /// Which picture or video they show.
    pub(crate) shown: usize,
    /// The first of its features that is shown here.
    pub(crate) first: usize,
    run: Run,
}

/// A prompt as tokens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    /// Token ids, placeholders repeated.
    pub(crate) ids: Vec<u32>,
    /// Runs of placeholders in order.
    pub(crate) placed: Vec<Placed>,
    /// Where each token stands.
    pub(crate) places: Vec<Place>,
    /// Where the first token of the reply stands.
    pub(crate) next: u32,
}

/// Replaces the placeholders of a rendered template and splits it into tokens. `bos` is the token that opens texts, if
/// there is one: it is not added where the template has printed it.
///
/// # Errors
/// Another number of placeholders than pictures: a question that spells one, or a template that prints none.
pub(crate) fn lay_out(
    model: &dyn Model,
    words: &Words,
    texts: &MarkTexts,
    rendered: &str,
    bos: Option<&str>,
    shown: &[Shown],
) -> Result<Layout, Fault> {
    let (text, runs) = expanded(model, texts, rendered, shown)?;
    let bare = bos.is_some_and(|bos| rendered.starts_with(bos));
    let marks = model.marks();
    let merge = model.pixels().merge;
    let mut ids = Vec::new();
    let mut placed: Vec<Placed> = Vec::new();
    let mut waiting = runs.into_iter();
    for id in words.ids(&text, bare)? {
        if id != marks.image && id != marks.video {
            ids.push(id);
            continue;
        }
        let Some((shown, run)) = waiting.next() else { return Err(placeholders(shown.len())) };
        let first = match placed.last() {
            Some(last) if last.shown == shown => last.first + last.tokens.len(),
            _ => 0,
        };
        let tokens = ids.len()..ids.len() + run.grid.tokens(merge);
        ids.resize(tokens.end, id);
        placed.push(Placed { tokens, shown, first, run });
    }
    if waiting.next().is_some() {
        return Err(placeholders(shown.len()));
    }
    let (places, next) = places(ids.len(), &placed, merge);
    Ok(Layout { ids, placed, places, next })
}

/// The text with one placeholder a run, and the runs with the picture each belongs to.
fn expanded(
    model: &dyn Model,
    texts: &MarkTexts,
    rendered: &str,
    shown: &[Shown],
) -> Result<(String, Vec<(usize, Run)>), Fault> {
    let mut text = String::with_capacity(rendered.len());
    let mut runs = Vec::new();
    let mut rest = rendered;
    let mut pictures = shown.iter().enumerate();
    loop {
        let image = rest.find(&texts.image);
        let video = rest.find(&texts.video);
        let (at, is_video) = match (image, video) {
            (None, None) => break,
            (Some(image), None) => (image, false),
            (None, Some(video)) => (video, true),
            (Some(image), Some(video)) => (image.min(video), video < image),
        };
        let expansion = match (pictures.next(), is_video) {
            (Some((index, Shown::Picture(grid))), false) => {
                runs.push((index, Run { grid: *grid, interval: 1.0 }));
                None
            }
            (Some((index, Shown::Video(clip))), true) => {
                let Expansion { text, runs: own } = model.video(*clip, texts);
                runs.extend(own.into_iter().map(|run| (index, run)));
                Some(text)
            }
            _ => return Err(placeholders(shown.len())),
        };
        let mark = if is_video { &texts.video } else { &texts.image };
        text.push_str(&rest[..at]);
        text.push_str(expansion.as_deref().unwrap_or(mark));
        rest = &rest[at + mark.len()..];
    }
    if pictures.next().is_some() {
        return Err(placeholders(shown.len()));
    }
    text.push_str(rest);
    Ok((text, runs))
}

fn placeholders(pictures: usize) -> Fault {
    Fault::rejected(format!("the prompt has another number of placeholders than its {pictures} pictures"))
        .help("the question's text spells a placeholder token, or the chat template prints none for pictures")
}

/// Text stands at one position after the other; a picture's tokens share the next one in time and spread along rows and
/// columns from there, and text goes on behind the longer side.
fn places(count: usize, placed: &[Placed], merge: usize) -> (Vec<Place>, u32) {
    let mut places: Vec<Place> = Vec::with_capacity(count);
    let mut position = 0u32;
    for one in placed {
        while places.len() < one.tokens.start {
            places.push([position; 3]);
            position += 1;
        }
        let Run { grid, interval } = one.run;
        for time in 0..grid.time {
            let time = (time as f64 * interval) as u32;
            for row in 0..(grid.rows / merge) as u32 {
                for column in 0..(grid.columns / merge) as u32 {
                    places.push([position.saturating_add(time), position + row, position + column]);
                }
            }
        }
        position += (grid.rows.max(grid.columns) / merge) as u32;
    }
    while places.len() < count {
        places.push([position; 3]);
        position += 1;
    }
    let next = places.iter().flatten().copied().max().map_or(0, |highest| highest.saturating_add(1));
    (places, next)
}
