//! A prompt as tokens, and where its pictures stand among them.

use super::Words;
use crate::layers::Place;
use crate::model::{Ahead, Clip, Counting, Expansion, MarkTexts, Model, Run};
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

/// A rendered template as the published processor hands it to the tokenizer.
pub(crate) struct Dressed {
    /// The text.
    pub(crate) text: String,
    /// Whether it holds the tokens that the tokenizer would put around it.
    pub(crate) bare: bool,
}

/// A prompt as tokens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    /// Token ids, placeholders repeated.
    pub(crate) ids: Vec<u32>,
    /// Runs of placeholders in order.
    pub(crate) placed: Vec<Placed>,
    /// For each token, the tokens whose block it shares: all of a block see each other, itself at least.
    pub(crate) blocks: Vec<Range<usize>>,
    /// Where each token stands.
    pub(crate) places: Vec<Place>,
    /// Where the first token of the reply stands.
    pub(crate) next: u32,
}

impl Layout {
    /// The end of a part of the prompt that starts at a token and holds about `count`, and no half of a block.
    pub(crate) fn part_end(&self, start: usize, count: usize) -> usize {
        let end = start.saturating_add(count.max(1)).min(self.ids.len());
        end.checked_sub(1).and_then(|last| self.blocks.get(last)).map_or(end, |block| block.end.max(end))
    }
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
    rendered: String,
    bos: Option<&str>,
    shown: &[Shown],
) -> Result<Layout, Fault> {
    let Dressed { text, bare } = model.dress(rendered, texts, bos);
    let (text, runs) = expanded(model, texts, &text, shown)?;
    let marks = model.marks();
    let merge = model.pixels().merge;
    let mut ids = Vec::new();
    let mut placed: Vec<Placed> = Vec::new();
    let mut waiting = runs.into_iter();
    for id in words.ids(&text, bare)? {
        if id != marks.image && Some(id) != marks.video {
            ids.push(id);
            continue;
        }
        let Some((shown, run)) = waiting.next() else { return Err(placeholders(shown.len())) };
        let first = match placed.last() {
            Some(last) if last.shown == shown => last.first + last.tokens.len(),
            _ => 0,
        };
        let tokens = ids.len()..ids.len() + model.tokens(run.grid);
        ids.resize(tokens.end, id);
        placed.push(Placed { tokens, shown, first, run });
    }
    if waiting.next().is_some() {
        return Err(placeholders(shown.len()));
    }
    let (places, next) = match model.counting() {
        Counting::Spread => places(ids.len(), &placed, merge),
        Counting::Plain { first } => {
            let next = first.saturating_add(u32::try_from(ids.len()).unwrap_or(u32::MAX));
            ((first..next).map(|place| [place; 3]).collect(), next)
        }
    };
    let blocks = blocks(ids.len(), &placed, model.ahead());
    Ok(Layout { ids, placed, blocks, places, next })
}

fn blocks(count: usize, placed: &[Placed], ahead: Ahead) -> Vec<Range<usize>> {
    let mut blocks: Vec<Range<usize>> = match ahead {
        Ahead::WholePrompt => vec![0..count; count],
        _ => (0..count).map(|token| token..token + 1).collect(),
    };
    if ahead == Ahead::WithinPictures {
        for one in placed {
            for block in blocks.iter_mut().skip(one.tokens.start).take(one.tokens.len()) {
                *block = one.tokens.clone();
            }
        }
    }
    blocks
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
    let printed = model.printed(texts);
    loop {
        let image = rest.find(printed);
        let video = texts.video.as_ref().and_then(|video| rest.find(video));
        let (at, is_video) = match (image, video) {
            (None, None) => break,
            (Some(image), None) => (image, false),
            (None, Some(video)) => (video, true),
            (Some(image), Some(video)) => (image.min(video), video < image),
        };
        let expansion = match (pictures.next(), is_video) {
            (Some((index, Shown::Picture(grid))), false) => {
                runs.push((index, Run { grid: *grid, interval: 1.0 }));
                model.picture(texts)
            }
            (Some((index, Shown::Video(clip))), true) => {
                let Expansion { text, runs: own } = model.video(*clip, texts);
                runs.extend(own.into_iter().map(|run| (index, run)));
                text
            }
            _ => return Err(placeholders(shown.len())),
        };
        let mark = texts.video.as_deref().filter(|_| is_video).unwrap_or(printed);
        text.push_str(&rest[..at]);
        text.push_str(&expansion);
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
