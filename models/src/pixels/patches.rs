//! Pictures cut into patches.

use super::{PixelRules, resample};
use situs_core::fault::Fault;
use situs_core::media::Picture;

/// Patches along time, rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Along time: 1 for a picture.
    pub(crate) time: usize,
    /// Along rows.
    pub(crate) rows: usize,
    /// Along columns.
    pub(crate) columns: usize,
}

impl Grid {
    /// Patches in all.
    pub(crate) fn patches(self) -> usize {
        self.time * self.rows * self.columns
    }

    /// Tokens in all, where `merge x merge` patches make one.
    pub(crate) fn tokens(self, merge: usize) -> usize {
        self.time * self.frame_tokens(merge)
    }

    /// Tokens of one step of time.
    pub(crate) fn frame_tokens(self, merge: usize) -> usize {
        (self.rows / merge) * (self.columns / merge)
    }
}

/// A picture or video, cut.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Patches {
    /// `[patches, channel, time, row, column]`; patches of one token lie side by side: time, block row, block column, row
    /// in block, column in block.
    pub(crate) values: Vec<f32>,
    /// Patches along each axis; of a picture in tiles those that do not show padding alone.
    pub(crate) grid: Grid,
    /// Rows and columns of the tiles that a picture is cut into, its patches behind those of the picture as a whole.
    pub(crate) tiles: Option<[usize; 2]>,
}

/// Cuts frames of `size` (width, height), RGB row by row, at least one. Frames are resized, normalised, and the last one
/// repeated to fill the last step of time; a single frame fills its step.
///
/// # Errors
/// A picture whose bytes do not fit its size; sizes that the rules refuse.
pub(super) fn cut(frames: &[&Picture], target: (usize, usize), rules: &PixelRules) -> Result<Patches, Fault> {
    let (width, height) = target;
    let &PixelRules { patch, temporal, .. } = rules;
    let mut resized = Vec::with_capacity(frames.len());
    for frame in frames {
        let size = (frame.width as usize, frame.height as usize);
        if frame.rgb.len() != size.0 * size.1 * 3 {
            let what = format!("a picture of {} x {} with {} bytes", size.0, size.1, frame.rgb.len());
            return Err(Fault::data(what));
        }
        resized.push(resample(&frame.rgb, size, target, rules.filter()));
    }
    let levels = rules.levels();
    let grid = Grid { time: frames.len().div_ceil(temporal), rows: height / patch, columns: width / patch };
    let mut values = Vec::with_capacity(grid.patches() * 3 * temporal * patch * patch);
    each_line(grid, rules, |channel, frame, row, column| {
        if let Some(frame) = resized.get(frame).or(resized.last()) {
            let start = (row * width + column) * 3;
            let line = frame[start..start + patch * 3].iter().skip(channel).step_by(3);
            values.extend(line.map(|value| levels[channel][usize::from(*value)]));
        }
    });
    Ok(Patches { values, grid, tiles: None })
}

/// Cuts a picture that is normalised already: planes `[channel, row, column]`, as published processors hand them on.
/// Nothing where they do not have that size (width, height) or it is no whole number of patches.
pub(crate) fn cut_planes(planes: &[f32], size: (usize, usize), rules: &PixelRules) -> Option<Patches> {
    let (width, height) = size;
    let side = rules.patch * rules.merge;
    if planes.len() != width * height * 3 || width % side != 0 || height % side != 0 || rules.temporal != 1 {
        return None;
    }
    let grid = Grid { time: 1, rows: height / rules.patch, columns: width / rules.patch };
    let mut values = Vec::with_capacity(planes.len());
    each_line(grid, rules, |channel, _, row, column| {
        let start = (channel * height + row) * width + column;
        values.extend_from_slice(&planes[start..start + rules.patch]);
    });
    Some(Patches { values, grid, tiles: None })
}

/// Every line of every patch in the order of [`Patches`]: channel, frame, row and first column.
fn each_line(grid: Grid, rules: &PixelRules, mut take: impl FnMut(usize, usize, usize, usize)) {
    let &PixelRules { patch, merge, temporal, .. } = rules;
    for time in 0..grid.time {
        for block_row in 0..grid.rows / merge {
            for block_column in 0..grid.columns / merge {
                for within in 0..merge * merge {
                    let row = (block_row * merge + within / merge) * patch;
                    let column = (block_column * merge + within % merge) * patch;
                    for channel in 0..3 {
                        for frame in time * temporal..(time + 1) * temporal {
                            (row..row + patch).for_each(|row| take(channel, frame, row, column));
                        }
                    }
                }
            }
        }
    }
}
