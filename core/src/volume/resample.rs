//! Resampling for pictures: trilinear values, nearest labels. Measurements never come from resampled voxels.

use super::{LabelVolume, Labels, Volume};
use crate::fault::Fault;
use crate::space::{Affine, Point};
use crate::structure::Grid;

/// Voxels of one resampled volume: larger ones are refused.
pub const MAX_RESAMPLED_VOXELS: usize = 1 << 31;

/// The grid with a new spacing along the same axes: the first voxel centres coincide and no centre lies beyond the last
/// one, so there are `floor((n - 1) * s / t) + 1` voxels along an axis of `n` voxels.
///
/// `spacing` is x, y, z in mm.
///
/// # Errors
/// When a spacing is not above zero or the grid would be too large.
pub fn respaced(grid: &Grid, spacing: Point) -> Result<Grid, Fault> {
    if let Some(wrong) = spacing.iter().find(|length| !(length.is_finite() && **length > 0.0)) {
        return Err(Fault::config(format!("a spacing of {wrong} mm is not above zero")));
    }
    let stored = grid.affine.spacing();
    let mut shape = [0; 3];
    let mut rows = grid.affine.0;
    for axis in 0..3 {
        let last = (grid.shape[axis].max(1) - 1) as f64 * stored[axis] / spacing[axis];
        // Ratios such as 3 / 1.5 come from f32 headers; a last voxel missed by rounding alone is kept.
        shape[axis] = (last + END_TOLERANCE).floor() as usize + 1;
        for row in rows.iter_mut().take(3) {
            row[axis] *= spacing[axis] / stored[axis];
        }
    }
    let voxels = shape.iter().try_fold(1_usize, |product, length| product.checked_mul(*length));
    if voxels.is_none_or(|voxels| voxels > MAX_RESAMPLED_VOXELS) {
        return Err(Fault::config(format!("{spacing:?} mm would give {shape:?} voxels, which is too many")));
    }
    Ok(Grid { shape, affine: Affine(rows) })
}

/// Share of a voxel by which the last centre may lie outside.
const END_TOLERANCE: f64 = 1e-6;

/// The volume with a new spacing (x, y, z in mm) on the grid of [`respaced`], trilinear.
///
/// # Errors
/// As [`respaced`].
pub fn resample(volume: &Volume, spacing: Point) -> Result<Volume, Fault> {
    let grid = respaced(&volume.grid, spacing)?;
    let stored = volume.grid.affine.spacing();
    let axes = std::array::from_fn(|axis| {
        let step = spacing[axis] / stored[axis];
        Axis::sampled(grid.shape[axis], volume.grid.shape[axis], |index| index as f64 * step)
    });
    let voxels = interpolate(volume, &axes);
    Ok(Volume { grid, voxels, names: volume.names.clone(), warnings: volume.warnings.clone() })
}

/// The volume stretched to `shape_zyx` voxels, trilinear; the result is `[z, y, x]`, x fastest, z from inferior to
/// superior, for models that take a fixed number of voxels.
///
/// Both grids cover the same box, outer face to outer face (voxel-centre aligned, `align_corners = false` elsewhere):
/// new index i samples the old index `(i + 0.5) * n / m - 0.5`, held at the outermost centres. Nothing is averaged when
/// the grid gets coarser.
///
/// # Errors
/// When a length is zero or the grid would be too large.
pub fn resize_trilinear(volume: &Volume, shape_zyx: [usize; 3]) -> Result<Vec<f32>, Fault> {
    let [nz, ny, nx] = shape_zyx;
    let shape = [nx, ny, nz];
    let voxels = shape.iter().try_fold(1_usize, |product, length| product.checked_mul(*length));
    if voxels.is_none_or(|voxels| voxels == 0 || voxels > MAX_RESAMPLED_VOXELS) {
        return Err(Fault::config(format!("a volume of {shape_zyx:?} voxels (z, y, x) cannot be made")));
    }
    let axes = std::array::from_fn(|axis| {
        let ratio = volume.grid.shape[axis] as f64 / shape[axis] as f64;
        Axis::sampled(shape[axis], volume.grid.shape[axis], |index| (index as f64 + 0.5) * ratio - 0.5)
    });
    Ok(interpolate(volume, &axes))
}

/// Trilinear value at a canonical index (x, y, z), which may lie between voxels. Outside, the nearest point inside
/// counts; an index that is NaN counts as 0. An empty volume gives 0.
pub fn sample_trilinear(volume: &Volume, index: Point) -> f32 {
    let axes: [Axis; 3] =
        std::array::from_fn(|axis| Axis::sampled(1, volume.grid.shape[axis], |_| index[axis]));
    interpolate(volume, &axes).first().copied().unwrap_or(0.0)
}

/// Label at a canonical index (x, y, z): that of the nearest voxel centre along each axis, a tie going to the higher
/// index. Outside, the nearest voxel inside counts. An empty volume gives 0.
pub fn sample_nearest(labels: &LabelVolume, index: Point) -> u32 {
    let [nx, ny, nz] = labels.grid.shape;
    if labels.grid.is_empty() {
        return 0;
    }
    let [i, j, k] = std::array::from_fn(|axis| nearest(index[axis], labels.grid.shape[axis]));
    debug_assert!(i < nx && j < ny && k < nz);
    let at = i + nx * (j + ny * k);
    match &labels.labels {
        Labels::U8(labels) => labels.get(at).copied().map(u32::from),
        Labels::U16(labels) => labels.get(at).copied().map(u32::from),
        Labels::U32(labels) => labels.get(at).copied(),
    }
    .unwrap_or(0)
}

/// The label map with a new spacing on the grid of [`respaced`], by [`sample_nearest`]'s rule; no label is made up.
///
/// # Errors
/// As [`respaced`].
pub fn resample_nearest(labels: &LabelVolume, spacing: Point) -> Result<LabelVolume, Fault> {
    let grid = respaced(&labels.grid, spacing)?;
    let stored = labels.grid.affine.spacing();
    let axes: [Vec<usize>; 3] = std::array::from_fn(|axis| {
        let step = spacing[axis] / stored[axis];
        (0..grid.shape[axis]).map(|index| nearest(index as f64 * step, labels.grid.shape[axis])).collect()
    });
    let shape = labels.grid.shape;
    let resampled = match &labels.labels {
        Labels::U8(stored) => Labels::U8(picked(stored, shape, &axes)),
        Labels::U16(stored) => Labels::U16(picked(stored, shape, &axes)),
        Labels::U32(stored) => Labels::U32(picked(stored, shape, &axes)),
    };
    Ok(LabelVolume {
        grid,
        labels: resampled,
        names: labels.names.clone(),
        warnings: labels.warnings.clone(),
    })
}

fn picked<T: Copy>(stored: &[T], [nx, ny, _]: [usize; 3], axes: &[Vec<usize>; 3]) -> Vec<T> {
    let [xs, ys, zs] = axes;
    let mut picked = Vec::with_capacity(xs.len() * ys.len() * zs.len());
    for k in zs {
        for j in ys {
            let row = nx * (j + ny * k);
            picked.extend(xs.iter().filter_map(|i| stored.get(row + i)).copied());
        }
    }
    picked
}

fn nearest(position: f64, length: usize) -> usize {
    ((position + 0.5).floor().max(0.0) as usize).min(length.saturating_sub(1))
}

/// Per sample along one axis: lower voxel, upper voxel, weight of the upper one.
struct Axis(Vec<(usize, usize, f64)>);

impl Axis {
    fn sampled(samples: usize, length: usize, position: impl Fn(usize) -> f64) -> Self {
        let last = length.saturating_sub(1);
        Self(
            (0..samples)
                .map(|index| {
                    // `max` takes 0 for NaN.
                    let at = position(index).max(0.0).min(last as f64);
                    let lower = (at as usize).min(last);
                    (lower, (lower + 1).min(last), at - lower as f64)
                })
                .collect(),
        )
    }
}

fn interpolate(volume: &Volume, [xs, ys, zs]: &[Axis; 3]) -> Vec<f32> {
    if volume.voxels.len() != volume.grid.len() || volume.grid.is_empty() {
        return vec![0.0; xs.0.len() * ys.0.len() * zs.0.len()];
    }
    let [nx, ny, _] = volume.grid.shape;
    let row = |j: usize, k: usize| {
        let start = nx * (j + ny * k);
        &volume.voxels[start..start + nx]
    };
    let mut out = Vec::with_capacity(xs.0.len() * ys.0.len() * zs.0.len());
    for (z0, z1, wz) in &zs.0 {
        for (y0, y1, wy) in &ys.0 {
            let rows = [row(*y0, *z0), row(*y1, *z0), row(*y0, *z1), row(*y1, *z1)];
            out.extend(xs.0.iter().map(|(x0, x1, wx)| {
                let [a, b, c, d] = rows.map(|row| between(f64::from(row[*x0]), f64::from(row[*x1]), *wx));
                between(between(a, b, *wy), between(c, d, *wy), *wz) as f32
            }));
        }
    }
    out
}

/// `a` at weight 0 and `b` at weight 1; a weight of 0 or 1 keeps the other end out even where it is not finite.
fn between(a: f64, b: f64, weight: f64) -> f64 {
    if weight == 0.0 {
        a
    } else if weight == 1.0 {
        b
    } else {
        a + (b - a) * weight
    }
}
