//! Squares of a tower's size that are not a picture stretched: its middle, the picture padded, or tiles.

use super::Grid;
use super::resample::{Filter, resample};
use super::tiling::{Tiling, unpadded};
use situs_core::fault::Fault;
use situs_core::media::Picture;

/// Largest ratio of the sides of a picture.
const MAX_RATIO: f64 = 200.0;

/// Most pixels of a picture on its way to a model.
const MAX_MADE: f64 = 67_108_864.0;

/// How squares are made of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pieces {
    /// One: the shorter side fits; what the longer one has too much is cut off on both ends.
    Middle,
    /// One: the longer side fits; the shorter one is filled up with the mean colour.
    Padded,
    /// Several: the picture stretched, and once more in tiles, row by row.
    Tiles(Tiling),
}

impl Pieces {
    /// The squares of `side` pixels, none of which needs to be resized any more.
    ///
    /// # Errors
    /// Bytes that do not fit the size.
    pub(super) fn of(
        &self,
        picture: &Picture,
        side: usize,
        mean: [f64; 3],
        filter: Filter,
    ) -> Result<Vec<Picture>, Fault> {
        self.bounded(picture, side)?;
        let canvas = Canvas::of(picture, filter)?;
        let squares = match self {
            Self::Middle => vec![canvas.middle(side)],
            Self::Padded => {
                let longest = canvas.width.max(canvas.height);
                let colour = mean.map(|mean| (mean * 255.0) as u8);
                vec![canvas.padded(longest, longest, colour).middle(side)]
            }
            Self::Tiles(tiling) => {
                let size = (picture.width, picture.height);
                let [rows, columns] = tiling.best(size);
                let fitted = canvas.resized(tiling.fitted(size, [rows, columns]));
                let padded = fitted.padded(columns * side, rows * side, [0; 3]);
                let tile = |tile: usize| padded.part(tile % columns * side, tile / columns * side, side);
                std::iter::once(canvas.resized((side, side))).chain((0..rows * columns).map(tile)).collect()
            }
        };
        let picture = |canvas: Canvas| Picture {
            width: canvas.width as u32,
            height: canvas.height as u32,
            rgb: canvas.rgb,
        };
        Ok(squares.into_iter().map(picture).collect())
    }

    /// Refuses what would be made larger, on the way, than anything a model takes.
    fn bounded(&self, picture: &Picture, side: usize) -> Result<(), Fault> {
        let (width, height) = (f64::from(picture.width), f64::from(picture.height));
        let (longest, shortest) = (width.max(height), width.min(height).max(1.0));
        let side = side as f64;
        let made = match self {
            Self::Middle => side * side * longest / shortest,
            Self::Padded => longest * longest,
            // Bounded where its sizes are read.
            Self::Tiles(_) => 0.0,
        };
        if made > MAX_MADE {
            let what = format!(
                "a picture of {width} x {height} would be made {made:.0} pixels large on its way to {side}"
            );
            return Err(Fault::rejected(what).help("draw smaller pictures, or less long ones"));
        }
        Ok(())
    }

    /// Rows and columns of tiles for a picture of that size (width, height).
    pub(super) fn tiles(&self, size: (u32, u32)) -> Option<[usize; 2]> {
        match self {
            Self::Tiles(tiling) => Some(tiling.best(size)),
            _ => None,
        }
    }

    /// Patches of a picture of that size (width, height), where a square has `patches` along each side; of tiles those
    /// that do not show padding alone.
    ///
    /// # Errors
    /// Sides whose ratio no model takes.
    pub(super) fn grid(&self, size: (u32, u32), patches: usize) -> Result<Grid, Fault> {
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        if width.max(height) / width.min(height) > MAX_RATIO {
            return Err(Fault::rejected(format!(
                "a picture of {width} x {height} pixels: the ratio of its sides is above {MAX_RATIO}"
            )));
        }
        let (rows, columns) = match self.tiles(size) {
            Some([rows, columns]) => unpadded(size, rows * patches, columns * patches),
            None => (patches, patches),
        };
        Ok(Grid { time: 1, rows, columns })
    }
}

/// RGB pixels, row by row.
struct Canvas {
    rgb: Vec<u8>,
    width: usize,
    height: usize,
    filter: Filter,
}

impl Canvas {
    fn of(picture: &Picture, filter: Filter) -> Result<Self, Fault> {
        let (width, height) = (picture.width as usize, picture.height as usize);
        if picture.rgb.len() != width * height * 3 {
            let what = format!("a picture of {width} x {height} with {} bytes", picture.rgb.len());
            return Err(Fault::data(what));
        }
        Ok(Self { rgb: picture.rgb.clone(), width, height, filter })
    }

    fn resized(&self, target: (usize, usize)) -> Self {
        let rgb = resample(&self.rgb, (self.width, self.height), target, self.filter);
        Self { rgb, width: target.0, height: target.1, filter: self.filter }
    }

    /// The shorter side resized to `side`, the middle of the longer one.
    fn middle(&self, side: usize) -> Self {
        let longer = |long: usize, short: usize| (side as f64 * long as f64 / short as f64) as usize;
        let target = if self.width <= self.height {
            (side, longer(self.height, self.width))
        } else {
            (longer(self.width, self.height), side)
        };
        self.resized(target).part((target.0 - side) / 2, (target.1 - side) / 2, side)
    }

    /// A square that lies within.
    fn part(&self, left: usize, top: usize, side: usize) -> Self {
        let rows = self.rgb.chunks_exact(self.width * 3).skip(top).take(side);
        let rgb = rows.flat_map(|row| &row[left * 3..(left + side) * 3]).copied().collect();
        Self { rgb, width: side, height: side, filter: self.filter }
    }

    /// In the middle of a larger one; what is left over goes right and below.
    fn padded(&self, width: usize, height: usize, colour: [u8; 3]) -> Self {
        let (left, top) = ((width - self.width) / 2, (height - self.height) / 2);
        let mut rgb = colour.repeat(width * height);
        for (row, own) in self.rgb.chunks_exact(self.width * 3).enumerate() {
            let start = ((top + row) * width + left) * 3;
            rgb[start..start + own.len()].copy_from_slice(own);
        }
        Self { rgb, width, height, filter: self.filter }
    }
}
