//! From voxels to pixels: one plane of a volume sampled on the pixel grid of a view.

use situs_core::space::Canvas;
use situs_core::volume::{Mask, Volume};

/// A canvas with the voxel coordinate of every column and row worked out: all pixels of a column share one coordinate
/// along one voxel axis, all pixels of a row another.
#[derive(Debug, Clone)]
pub struct Raster {
    /// The pixel grid.
    pub canvas: Canvas,
    /// Voxel axis (0 x, 1 y, 2 z) along columns, along rows, and through the plane.
    pub axes: [usize; 3],
    shape: [usize; 3],
    /// Voxel coordinate of each column's centre.
    columns: Vec<f64>,
    /// Voxel coordinate of each row's centre.
    rows: Vec<f64>,
}

/// Pixels inside a structure, as a patch of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// First column of the patch.
    pub left: usize,
    /// First row of the patch.
    pub top: usize,
    /// Columns of the patch.
    pub width: usize,
    /// Rows of the patch.
    pub height: usize,
    /// Row by row: whether a pixel is inside.
    pub inside: Vec<bool>,
}

impl Raster {
    /// The pixel grid of a canvas over a canonical array of the given shape.
    pub fn new(canvas: Canvas, shape: [usize; 3]) -> Self {
        let view = canvas.view;
        let axes = [view.right.axis().index(), view.down.axis().index(), view.plane.through().index()];
        let columns = (0..canvas.width)
            .map(|column| canvas.locate([f64::from(column) + 0.5, 0.5], 0.0)[axes[0]])
            .collect();
        let rows =
            (0..canvas.height).map(|row| canvas.locate([0.5, f64::from(row) + 0.5], 0.0)[axes[1]]).collect();
        Self { canvas, axes, shape, columns, rows }
    }

    /// The same pixels, of some columns and rows alone; ranges beyond the picture end with it.
    #[must_use]
    pub fn cropped(&self, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> Self {
        let part = |all: &[f64], range: std::ops::Range<usize>| {
            all.iter().copied().skip(range.start).take(range.len()).collect()
        };
        Self { columns: part(&self.columns, columns), rows: part(&self.rows, rows), ..self.clone() }
    }

    /// Columns of the picture.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Rows of the picture.
    pub fn height(&self) -> usize {
        self.rows.len()
    }

    /// Values at all pixel centres, row by row, on the plane at voxel coordinate `slice` of the through-plane axis:
    /// trilinear, the outermost voxels continued outward. Voxels that are not finite count as `low`.
    pub fn sample(&self, volume: &Volume, slice: f64, low: f32) -> Vec<f32> {
        let (across, down) = (self.shape[self.axes[0]], self.shape[self.axes[1]]);
        let plane = self.plane(volume, slice, low);
        let taps: Vec<Tap> = self.columns.iter().map(|at| Tap::new(*at, across)).collect();
        let mut values = Vec::with_capacity(self.width() * self.height());
        let mut line = vec![0.0f64; across];
        for row in &self.rows {
            let tap = Tap::new(*row, down);
            let (above, below) = (&plane[tap.first * across..], &plane[tap.second * across..]);
            for ((value, a), b) in line.iter_mut().zip(above).zip(below) {
                *value = tap.blend(f64::from(*a), f64::from(*b));
            }
            values.extend(taps.iter().map(|tap| tap.blend(line[tap.first], line[tap.second]) as f32));
        }
        values
    }

    /// One plane of voxels, columns fastest.
    fn plane(&self, volume: &Volume, slice: f64, low: f32) -> Vec<f32> {
        let [column_axis, row_axis, through] = self.axes;
        let tap = Tap::new(slice, self.shape[through]);
        let strides = [1, self.shape[0], self.shape[0] * self.shape[1]];
        let value = |index: usize| {
            volume.voxels.get(index).copied().filter(|value| value.is_finite()).unwrap_or(low)
        };
        let mut plane = Vec::with_capacity(self.shape[column_axis] * self.shape[row_axis]);
        for down in 0..self.shape[row_axis] {
            let start = down * strides[row_axis];
            for across in 0..self.shape[column_axis] {
                let base = start + across * strides[column_axis];
                let first = value(base + tap.first * strides[through]);
                plane.push(if tap.weight == 0.0 {
                    first
                } else {
                    let second = value(base + tap.second * strides[through]);
                    tap.blend(f64::from(first), f64::from(second)) as f32
                });
            }
        }
        plane
    }

    /// Pixels whose nearest voxel on slice `slice` is inside the mask; `None` when there are none.
    pub fn area(&self, mask: &Mask, slice: usize) -> Option<Area> {
        let [column_axis, row_axis, through] = self.axes;
        if !(mask.min[through]..=mask.max[through]).contains(&slice) {
            return None;
        }
        let columns = nearest(&self.columns, self.shape[column_axis]);
        let rows = nearest(&self.rows, self.shape[row_axis]);
        let (left, width) = span(&columns, mask.min[column_axis], mask.max[column_axis])?;
        let (top, height) = span(&rows, mask.min[row_axis], mask.max[row_axis])?;
        let mut index = [0; 3];
        index[through] = slice;
        let mut inside = Vec::with_capacity(width * height);
        for row in &rows[top..top + height] {
            index[row_axis] = *row;
            for column in &columns[left..left + width] {
                index[column_axis] = *column;
                inside.push(mask.contains(index));
            }
        }
        inside.contains(&true).then_some(Area { left, top, width, height, inside })
    }
}

impl Area {
    /// Pixels inside, as offsets into a picture of the given width.
    pub fn offsets(&self, picture_width: usize) -> impl Iterator<Item = u32> + '_ {
        let (left, top, width) = (self.left, self.top, self.width);
        self.inside
            .iter()
            .enumerate()
            .filter(|(_, inside)| **inside)
            .map(move |(at, _)| ((top + at / width) * picture_width + left + at % width) as u32)
    }

    /// The pixels inside that are less than `thickness` pixels from the outside (beyond the patch is outside).
    #[must_use]
    pub fn outline(&self, thickness: u32) -> Area {
        let mut core = self.inside.clone();
        for layer in 0..thickness {
            // Alternating neighbourhoods keep the line equally thick along slopes.
            core = self.eroded(&core, layer % 2 == 0);
        }
        let inside = self.inside.iter().zip(&core).map(|(inside, core)| *inside && !core).collect();
        Area { inside, ..*self }
    }

    fn eroded(&self, inside: &[bool], diagonal: bool) -> Vec<bool> {
        let (width, height) = (self.width, self.height);
        let mut core = vec![false; inside.len()];
        for row in 1..height.saturating_sub(1) {
            for column in 1..width.saturating_sub(1) {
                let at = row * width + column;
                let cross = inside[at]
                    && inside[at - 1]
                    && inside[at + 1]
                    && inside[at - width]
                    && inside[at + width];
                core[at] = cross
                    && (!diagonal
                        || (inside[at - width - 1]
                            && inside[at - width + 1]
                            && inside[at + width - 1]
                            && inside[at + width + 1]));
            }
        }
        core
    }
}

/// Two neighbouring voxels and the weight of the second.
struct Tap {
    first: usize,
    second: usize,
    weight: f64,
}

impl Tap {
    fn new(at: f64, count: usize) -> Self {
        let last = count.saturating_sub(1);
        let at = at.clamp(0.0, last as f64);
        let first = (at.floor() as usize).min(last);
        Self { first, second: (first + 1).min(last), weight: at - first as f64 }
    }

    fn blend(&self, first: f64, second: f64) -> f64 {
        first * (1.0 - self.weight) + second * self.weight
    }
}

fn nearest(coordinates: &[f64], count: usize) -> Vec<usize> {
    let last = count.saturating_sub(1);
    coordinates.iter().map(|at| (at.round().max(0.0) as usize).min(last)).collect()
}

/// First position and number of the coordinates within `min..=max`; the coordinates rise or fall throughout.
fn span(coordinates: &[usize], min: usize, max: usize) -> Option<(usize, usize)> {
    let within = |at: &usize| (min..=max).contains(at);
    let first = coordinates.iter().position(within)?;
    let last = coordinates.iter().rposition(within)?;
    Some((first, last - first + 1))
}
