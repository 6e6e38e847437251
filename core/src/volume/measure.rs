//! One pass over a label map to everything that is measured of its structures, in exact integers.

use super::LabelSlice;
use super::runs::{LabelWord, all_zero, for_each_run};
use crate::fault::Fault;
use crate::space::Point;
use crate::structure::{Grid, Structure};
use std::collections::HashMap;

/// Labels below this are counted in a table, larger ones in a hash map, so that ids near 2^32 cost no memory.
pub(crate) const TABLE_LABELS: u32 = 4096;

/// More distinct labels than this are no label map: an image given by mistake has one per grey value.
pub const MAX_STRUCTURES: usize = 65_536;

/// Longest axis that is measured; keeps every sum of indices inside 64 bits.
pub const MAX_AXIS: usize = 1 << 20;

/// Exact sums over the voxels of one structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Voxels inside.
    pub voxels: u64,
    /// Sums of the voxel indices along x, y, z.
    pub sum: [u64; 3],
    /// Smallest index inside; meaningless when `voxels` is 0.
    pub min: [u32; 3],
    /// Largest index inside, inclusive.
    pub max: [u32; 3],
    /// Voxels in the outermost layer of the array.
    pub border: u64,
    /// Whether a mask held more than one value beside 0; never set for a label of a map.
    pub mixed: bool,
}

impl Default for Tally {
    fn default() -> Self {
        Self { voxels: 0, sum: [0; 3], min: [u32::MAX; 3], max: [0; 3], border: 0, mixed: false }
    }
}

/// A row of voxels along x, and where it lies in its array.
#[derive(Clone, Copy)]
pub(crate) struct RowPlace {
    /// Length.
    nx: usize,
    y: usize,
    z: usize,
    /// Whether all of it lies in the outermost layer.
    outermost: bool,
}

impl RowPlace {
    pub(crate) fn new(shape: [usize; 3], y: usize, z: usize) -> Self {
        let [nx, ny, nz] = shape;
        Self { nx, y, z, outermost: y == 0 || z == 0 || y + 1 == ny || z + 1 == nz }
    }
}

impl Tally {
    /// Adds the voxels `start..end` of a row; `start < end`.
    #[inline]
    pub(crate) fn add_run(&mut self, row: RowPlace, start: usize, end: usize) {
        let count = (end - start) as u64;
        self.voxels += count;
        // First plus last is even when their count is odd, so the halving is exact.
        self.sum[0] += count * (start + end - 1) as u64 / 2;
        self.sum[1] += count * row.y as u64;
        self.sum[2] += count * row.z as u64;
        let (low, high) = ([start, row.y, row.z], [end - 1, row.y, row.z]);
        for axis in 0..3 {
            self.min[axis] = self.min[axis].min(low[axis] as u32);
            self.max[axis] = self.max[axis].max(high[axis] as u32);
        }
        self.border += if row.outermost {
            count
        } else {
            let both_ends_are_one_voxel = row.nx == 1;
            u64::from(start == 0) + u64::from(end == row.nx && !both_ends_are_one_voxel)
        };
    }

    /// Smallest and largest index inside, inclusive; `None` when empty.
    pub fn bounds(&self) -> Option<([usize; 3], [usize; 3])> {
        (self.voxels > 0)
            .then(|| (self.min.map(|index| index as usize), self.max.map(|index| index as usize)))
    }

    /// The measurements in world units.
    pub fn structure(&self, name: &str, label: Option<u32>, grid: &Grid) -> Structure {
        let centroid_index: Option<Point> =
            (self.voxels > 0).then(|| self.sum.map(|sum| sum as f64 / self.voxels as f64));
        let bounds = self.bounds();
        let middle =
            bounds.map(|(min, max)| std::array::from_fn(|axis| (min[axis] + max[axis]) as f64 / 2.0));
        Structure {
            name: name.to_owned(),
            label,
            voxels: self.voxels,
            volume_ml: self.voxels as f64 * grid.affine.voxel_volume() / 1000.0,
            centroid_index,
            centroid_ras_mm: centroid_index.map(|index| grid.affine.apply(index)),
            bbox_min: bounds.map(|(min, _)| min),
            bbox_max: bounds.map(|(_, max)| max),
            bbox_center_ras_mm: middle.map(|index| grid.affine.apply(index)),
            touches_border: self.border > 0,
            border_voxels: self.border,
        }
    }
}

/// Tallies of a label map, ascending label, background (0) left out, absent labels left out.
///
/// # Errors
/// Data: more than [`MAX_STRUCTURES`] distinct labels, an axis above [`MAX_AXIS`], an array that is not the grid's
/// size.
pub fn measure_labels(grid: &Grid, labels: LabelSlice<'_>) -> Result<Vec<(u32, Tally)>, Fault> {
    let shape = checked_shape(grid, labels.len())?;
    match labels {
        LabelSlice::U8(labels) => tally_rows(labels, shape),
        LabelSlice::U16(labels) => tally_rows(labels, shape),
        LabelSlice::U32(labels) => tally_rows(labels, shape),
    }
}

/// The tally of a binary mask: every label but 0 is inside.
///
/// # Errors
/// Data: an axis above [`MAX_AXIS`], an array that is not the grid's size.
pub fn measure_mask(grid: &Grid, labels: LabelSlice<'_>) -> Result<Tally, Fault> {
    let shape = checked_shape(grid, labels.len())?;
    Ok(match labels {
        LabelSlice::U8(labels) => tally_inside(labels, shape),
        LabelSlice::U16(labels) => tally_inside(labels, shape),
        LabelSlice::U32(labels) => tally_inside(labels, shape),
    })
}

impl LabelSlice<'_> {
    /// Number of voxels.
    pub fn len(&self) -> usize {
        match self {
            LabelSlice::U8(labels) => labels.len(),
            LabelSlice::U16(labels) => labels.len(),
            LabelSlice::U32(labels) => labels.len(),
        }
    }

    /// Whether there are no voxels.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The grid's shape, if an array of `voxels` fills it and it can be measured.
fn checked_shape(grid: &Grid, voxels: usize) -> Result<[usize; 3], Fault> {
    let [nx, ny, nz] = grid.shape;
    if let Some(long) = grid.shape.iter().find(|length| **length > MAX_AXIS) {
        let what = format!("an axis of {long} voxels; at most {MAX_AXIS} can be measured");
        return Err(Fault::data(what));
    }
    if nx.checked_mul(ny).and_then(|plane| plane.checked_mul(nz)) != Some(voxels) {
        return Err(Fault::data(format!("{voxels} voxels do not fill a grid of {nx} x {ny} x {nz}")));
    }
    Ok(grid.shape)
}

fn tally_inside<T: LabelWord>(labels: &[T], shape: [usize; 3]) -> Tally {
    let [nx, ny, _] = shape;
    let mut tally = Tally::default();
    if labels.is_empty() {
        return tally;
    }
    let mut inside = T::ZERO;
    for (z, slice) in labels.chunks_exact(nx * ny).enumerate() {
        // A mask is mostly empty slices, and its slices mostly empty rows.
        if all_zero(slice) {
            continue;
        }
        for (y, row) in slice.chunks_exact(nx).enumerate() {
            if all_zero(row) {
                continue;
            }
            let place = RowPlace::new(shape, y, z);
            for_each_run(row, |label, start, end| {
                if label != T::ZERO {
                    tally.mixed |= inside != T::ZERO && inside != label;
                    inside = label;
                    tally.add_run(place, start, end);
                }
            });
        }
    }
    tally
}

fn tally_rows<T: LabelWord>(labels: &[T], shape: [usize; 3]) -> Result<Vec<(u32, Tally)>, Fault> {
    let [nx, ny, _] = shape;
    let mut tallies = Tallies::default();
    if labels.is_empty() {
        return Ok(Vec::new());
    }
    for (z, slice) in labels.chunks_exact(nx * ny).enumerate() {
        for (y, row) in slice.chunks_exact(nx).enumerate() {
            let place = RowPlace::new(shape, y, z);
            for_each_run(row, |label, start, end| {
                if label != T::ZERO {
                    tallies.of(label.into()).add_run(place, start, end);
                }
            });
            if tallies.sparse.len() > MAX_STRUCTURES {
                let what =
                    format!("more than {MAX_STRUCTURES} different labels: an image rather than a label map");
                return Err(Fault::data(what).help("give the segmentation, not the image"));
            }
        }
    }
    Ok(tallies.sorted())
}

/// Tallies by label: a table for small ids, a hash map for the others.
#[derive(Default)]
struct Tallies {
    table: Vec<Tally>,
    sparse: HashMap<u32, Tally>,
}

impl Tallies {
    #[inline]
    fn of(&mut self, label: u32) -> &mut Tally {
        if label >= TABLE_LABELS {
            return self.sparse.entry(label).or_default();
        }
        let at = label as usize;
        if at >= self.table.len() {
            self.table.resize(at + 1, Tally::default());
        }
        &mut self.table[at]
    }

    fn sorted(self) -> Vec<(u32, Tally)> {
        let small = (0u32..).zip(self.table).filter(|(_, tally)| tally.voxels > 0);
        let mut large: Vec<_> = self.sparse.into_iter().collect();
        large.sort_unstable_by_key(|(label, _)| *label);
        small.chain(large).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Affine;

    fn grid(shape: [usize; 3]) -> Grid {
        Grid { shape, affine: Affine::scaled([2.0, 3.0, 4.0], [10.0, 20.0, 30.0]) }
    }

    #[test]
    fn a_small_map_is_measured_as_by_hand() {
        // Label 9 fills x 1..3 of the row y = 1, z = 1 in 4 x 3 x 3 voxels and one corner.
        let mut labels = vec![0u8; 36];
        labels[1 + 4 * (1 + 3)] = 9;
        labels[2 + 4 * (1 + 3)] = 9;
        labels[3 + 4 * (2 + 3 * 2)] = 9;
        let tallies = measure_labels(&grid([4, 3, 3]), LabelSlice::U8(&labels)).unwrap();
        let [(9, tally)] = tallies[..] else { panic!("{tallies:?}") };
        assert_eq!(tally.voxels, 3);
        assert_eq!(tally.sum, [6, 4, 4]);
        assert_eq!(tally.bounds(), Some(([1, 1, 1], [3, 2, 2])));
        assert_eq!(tally.border, 1);
        let structure = tally.structure("x", Some(9), &grid([4, 3, 3]));
        assert_eq!(structure.volume_ml, 3.0 * 24.0 / 1000.0);
        assert_eq!(structure.centroid_index, Some([2.0, 4.0 / 3.0, 4.0 / 3.0]));
        assert_eq!(structure.bbox_center_ras_mm, Some([14.0, 24.5, 36.0]));
    }

    #[test]
    fn ids_near_two_to_the_32_cost_no_table() {
        let labels = vec![0, u32::MAX, u32::MAX, 5, 4095, 4096, 0, 1_000_000_007];
        let tallies = measure_labels(&grid([8, 1, 1]), LabelSlice::U32(&labels)).unwrap();
        let counts: Vec<_> = tallies.iter().map(|(label, tally)| (*label, tally.voxels)).collect();
        assert_eq!(counts, [(5, 1), (4095, 1), (4096, 1), (1_000_000_007, 1), (u32::MAX, 2)]);
    }

    #[test]
    fn an_image_given_as_label_map_is_refused() {
        let labels: Vec<u32> = (0..70_000).map(|i| 10_000 + i).collect();
        let fault = measure_labels(&grid([70_000, 1, 1]), LabelSlice::U32(&labels)).unwrap_err();
        assert!(fault.what.contains("65536 different labels"), "{fault}");
    }

    #[test]
    fn a_voxel_on_an_axis_of_length_one_is_one_border_voxel() {
        let tally = measure_mask(&grid([1, 3, 3]), LabelSlice::U8(&[1; 9])).unwrap();
        assert_eq!((tally.voxels, tally.border), (9, 9));
        let tally = measure_mask(&grid([3, 3, 3]), LabelSlice::U8(&[1; 27])).unwrap();
        assert_eq!((tally.voxels, tally.border), (27, 26));
    }

    #[test]
    fn a_mask_with_several_values_is_marked() {
        assert!(!measure_mask(&grid([4, 1, 1]), LabelSlice::U8(&[0, 255, 0, 255])).unwrap().mixed);
        assert!(measure_mask(&grid([4, 1, 1]), LabelSlice::U8(&[0, 1, 0, 2])).unwrap().mixed);
    }

    #[test]
    fn an_empty_array_has_no_structures() {
        assert_eq!(measure_labels(&grid([0, 4, 4]), LabelSlice::U8(&[])).unwrap(), []);
        assert!(measure_labels(&grid([2, 4, 4]), LabelSlice::U8(&[])).is_err());
    }
}
