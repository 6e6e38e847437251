//! One structure's voxels as bits inside its bounding box.

use super::measure::{RowPlace, Tally};
use crate::digest::Digest;

/// Bits in a word of a row.
const WORD: usize = 64;

/// One structure's voxels, packed to bits inside its bounding box; every row along x begins a new 64-bit word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Smallest index inside, canonical RAS+.
    pub min: [usize; 3],
    /// Largest index inside, inclusive.
    pub max: [usize; 3],
    bits: Vec<u64>,
}

impl Mask {
    /// An empty mask over a box, both ends inclusive; `min <= max` on every axis.
    pub(crate) fn over(min: [usize; 3], max: [usize; 3]) -> Self {
        let [nx, ny, nz] = extent(min, max);
        Self { min, max, bits: vec![0; nx.div_ceil(WORD) * ny * nz] }
    }

    /// A mask from the words of [`Mask::words`]; `None` when the ends are out of order or the words do not fit them.
    pub(crate) fn from_words(min: [usize; 3], max: [usize; 3], words: Vec<u64>) -> Option<Self> {
        let ordered = (0..3).all(|axis| min[axis] <= max[axis] && max[axis] < usize::MAX);
        let bytes = ordered.then(|| Self::bytes_over(min, max)).flatten()?;
        (bytes == words.len().checked_mul(8)?).then_some(Self { min, max, bits: words })
    }

    /// The words of all rows, x fastest, then y, then z.
    #[cfg(feature = "engine")]
    pub(crate) fn words(&self) -> &[u64] {
        &self.bits
    }

    /// A box with every voxel inside, both ends inclusive; `min <= max` on every axis.
    pub(crate) fn filled(min: [usize; 3], max: [usize; 3]) -> Self {
        let mut mask = Self::over(min, max);
        for z in min[2]..=max[2] {
            for y in min[1]..=max[1] {
                mask.set_run(y, z, min[0], max[0] + 1);
            }
        }
        mask
    }

    /// Bytes that a mask over a box takes; `None` when they overflow.
    pub(crate) fn bytes_over(min: [usize; 3], max: [usize; 3]) -> Option<usize> {
        let [nx, ny, nz] = extent(min, max);
        nx.div_ceil(WORD).checked_mul(8)?.checked_mul(ny)?.checked_mul(nz)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bits.len() * 8
    }

    /// Whether a voxel is inside.
    pub fn contains(&self, index: [usize; 3]) -> bool {
        if (0..3).any(|axis| index[axis] < self.min[axis] || index[axis] > self.max[axis]) {
            return false;
        }
        let bit = index[0] - self.min[0];
        self.row(index[1], index[2]).get(bit / WORD).is_some_and(|word| word >> (bit % WORD) & 1 == 1)
    }

    /// Marks the voxels `start..end` of a row as inside; they must lie in the box.
    pub(crate) fn set_run(&mut self, y: usize, z: usize, start: usize, end: usize) {
        let (first, last) = (start - self.min[0], end - self.min[0]);
        let words = self.row_range(y, z);
        set_bits(&mut self.bits[words], first, last);
    }

    /// Words of a row inside the box, lowest x in the lowest bit; empty outside the box.
    pub(crate) fn row(&self, y: usize, z: usize) -> &[u64] {
        let inside = y >= self.min[1] && y <= self.max[1] && z >= self.min[2] && z <= self.max[2];
        if inside { &self.bits[self.row_range(y, z)] } else { &[] }
    }

    fn row_range(&self, y: usize, z: usize) -> std::ops::Range<usize> {
        let [nx, ny, _] = extent(self.min, self.max);
        let words = nx.div_ceil(WORD);
        let first = words * ((y - self.min[1]) + ny * (z - self.min[2]));
        first..first + words
    }

    /// Visits the runs of voxels inside along x, x fastest, then y, then z: y, z, first x, x after the last.
    pub fn for_each_run(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        for z in self.min[2]..=self.max[2] {
            for y in self.min[1]..=self.max[1] {
                for_each_bit_run(self.row(y, z), |start, end| {
                    visit(y, z, self.min[0] + start, self.min[0] + end);
                });
            }
        }
    }

    /// Measures the mask in an array of the given shape.
    pub(crate) fn tally(&self, shape: [usize; 3]) -> Tally {
        let mut tally = Tally::default();
        self.for_each_run(|y, z, start, end| tally.add_run(RowPlace::new(shape, y, z), start, end));
        tally
    }

    /// The voxels of one slice. `axis` is the through-plane axis; `None` when the slice misses the box.
    pub fn plane(&self, axis: usize, index: usize) -> Option<PlaneMask> {
        if axis > 2 || index < self.min[axis] || index > self.max[axis] {
            return None;
        }
        let (across, down) = if axis == 0 { (1, 2) } else { (0, 3 - axis) };
        let size = extent(self.min, self.max);
        let mut plane = PlaneMask::empty([self.min[across], self.min[down]], size[across], size[down]);
        match axis {
            0 => {
                let bit = index - self.min[0];
                for z in 0..size[2] {
                    for y in 0..size[1] {
                        let word = self.row(self.min[1] + y, self.min[2] + z)[bit / WORD];
                        if word >> (bit % WORD) & 1 == 1 {
                            plane.row_mut(z)[y / WORD] |= 1 << (y % WORD);
                        }
                    }
                }
            }
            1 => {
                for z in 0..size[2] {
                    plane.row_mut(z).copy_from_slice(self.row(index, self.min[2] + z));
                }
            }
            _ => {
                for y in 0..size[1] {
                    plane.row_mut(y).copy_from_slice(self.row(self.min[1] + y, index));
                }
            }
        }
        Some(plane)
    }

    /// Number of voxels shared with another mask on the same grid, looking only where the boxes meet and inside
    /// `within` (both ends inclusive).
    pub(crate) fn shared(&self, other: &Mask, within: ([usize; 3], [usize; 3])) -> u64 {
        let Some((low, high)) =
            meet((self.min, self.max), (other.min, other.max)).and_then(|both| meet(both, within))
        else {
            return 0;
        };
        let mut shared = 0;
        for z in low[2]..=high[2] {
            for y in low[1]..=high[1] {
                let (mine, theirs) = (self.row(y, z), other.row(y, z));
                for x in (low[0]..=high[0]).step_by(WORD) {
                    let kept = (high[0] + 1 - x).min(WORD);
                    let both = word_at(mine, x - self.min[0]) & word_at(theirs, x - other.min[0]);
                    shared += u64::from((both & (u64::MAX >> (WORD - kept))).count_ones());
                }
            }
        }
        shared
    }

    /// Adds the mask to those `seen` so far, a mask over the whole array, and returns the box of rows where it meets
    /// them.
    pub(crate) fn merge_into(&self, seen: &mut Mask) -> Option<([usize; 3], [usize; 3])> {
        let mut met: Option<([usize; 3], [usize; 3])> = None;
        let offset = self.min[0] - seen.min[0];
        for z in self.min[2]..=self.max[2] {
            for y in self.min[1]..=self.max[1] {
                let range = seen.row_range(y, z);
                let row = &mut seen.bits[range];
                let mut clash = false;
                for (place, &word) in self.row(y, z).iter().enumerate() {
                    let bit = offset + place * WORD;
                    clash |= word_at(row, bit) & word != 0;
                    or_at(row, bit, word);
                }
                if clash {
                    let here = ([self.min[0], y, z], [self.max[0], y, z]);
                    met = Some(met.map_or(here, |(low, high)| {
                        let low = std::array::from_fn(|axis| low[axis].min(here.0[axis]));
                        (low, std::array::from_fn(|axis| high[axis].max(here.1[axis])))
                    }));
                }
            }
        }
        met
    }

    /// Adds box and voxels to a digest.
    pub(crate) fn add_to(&self, digest: &mut Digest) {
        digest.json(&self.min).json(&self.max);
        let bytes: Vec<u8> = self.bits.iter().flat_map(|word| word.to_le_bytes()).collect();
        digest.add(&bytes);
    }

    /// The mask seen in a mirror across x, in an array of `nx` voxels along x.
    pub(crate) fn mirrored(&self, nx: usize) -> Mask {
        let (mut min, mut max) = (self.min, self.max);
        (min[0], max[0]) = (nx - 1 - self.max[0], nx - 1 - self.min[0]);
        let mut mask = Mask::over(min, max);
        self.for_each_run(|y, z, start, end| mask.set_run(y, z, nx - end, nx - start));
        mask
    }

    /// Voxels per slice along an axis and the sums of their indices, for every slice of the box.
    pub(crate) fn profile(&self, axis: usize) -> Vec<(u64, [u64; 3])> {
        let size = extent(self.min, self.max);
        let mut slices = vec![(0u64, [0u64; 3]); size[axis]];
        if axis > 0 {
            self.for_each_run(|y, z, start, end| {
                let place = [y, z][axis - 1];
                let (count, sum) = &mut slices[place - self.min[axis]];
                let run = (end - start) as u64;
                *count += run;
                sum[0] += run * (start + end - 1) as u64 / 2;
                sum[1] += run * y as u64;
                sum[2] += run * z as u64;
            });
            return slices;
        }
        // Along x a run spans slices: note where runs begin and end, then sum up from left to right.
        let mut steps = vec![[0i64; 3]; size[0] + 1];
        self.for_each_run(|y, z, start, end| {
            for (at, sign) in [(start, 1), (end, -1)] {
                let step = &mut steps[at - self.min[0]];
                step[0] += sign;
                step[1] += sign * y as i64;
                step[2] += sign * z as i64;
            }
        });
        let mut level = [0i64; 3];
        for (offset, slice) in slices.iter_mut().enumerate() {
            for (value, step) in level.iter_mut().zip(steps[offset]) {
                *value += step;
            }
            let [count, y, z] = level.map(i64::unsigned_abs);
            *slice = (count, [count * (self.min[0] + offset) as u64, y, z]);
        }
        slices
    }
}

/// The voxels of one structure within one slice, as bits inside its box.
///
/// The two in-plane axes are those left when the through-plane axis is taken from x, y, z: the first runs across
/// (column), the second down (row).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaneMask {
    /// Smallest canonical index across and down.
    pub origin: [usize; 2],
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    words: usize,
    bits: Vec<u64>,
}

impl PlaneMask {
    fn empty(origin: [usize; 2], width: usize, height: usize) -> Self {
        let words = width.div_ceil(WORD);
        Self { origin, width, height, words, bits: vec![0; words * height] }
    }

    fn row_mut(&mut self, row: usize) -> &mut [u64] {
        &mut self.bits[row * self.words..(row + 1) * self.words]
    }

    /// Whether the voxel at canonical in-plane index (across, down) is inside.
    pub fn contains(&self, [across, down]: [usize; 2]) -> bool {
        let (Some(column), Some(row)) =
            (across.checked_sub(self.origin[0]), down.checked_sub(self.origin[1]))
        else {
            return false;
        };
        column < self.width
            && row < self.height
            && self.bits[row * self.words + column / WORD] >> (column % WORD) & 1 == 1
    }

    /// Visits the runs of voxels inside, row by row: row, first column, column after the last, all counted from
    /// `origin`.
    pub fn for_each_run(&self, mut visit: impl FnMut(usize, usize, usize)) {
        for (row, words) in self.bits.chunks_exact(self.words).enumerate() {
            for_each_bit_run(words, |start, end| visit(row, start, end));
        }
    }
}

/// Where two boxes meet, both ends inclusive.
pub(crate) fn meet(
    a: ([usize; 3], [usize; 3]),
    b: ([usize; 3], [usize; 3]),
) -> Option<([usize; 3], [usize; 3])> {
    let low = std::array::from_fn(|axis| a.0[axis].max(b.0[axis]));
    let high: [usize; 3] = std::array::from_fn(|axis| a.1[axis].min(b.1[axis]));
    low.iter().zip(&high).all(|(low, high)| low <= high).then_some((low, high))
}

/// Voxels along each axis of a box.
fn extent(min: [usize; 3], max: [usize; 3]) -> [usize; 3] {
    std::array::from_fn(|axis| max[axis] - min[axis] + 1)
}

/// Sets the bits `first..last` of a row.
pub(crate) fn set_bits(row: &mut [u64], first: usize, last: usize) {
    let mut bit = first;
    while bit < last {
        let offset = bit % WORD;
        let count = (last - bit).min(WORD - offset);
        row[bit / WORD] |= (u64::MAX >> (WORD - count)) << offset;
        bit += count;
    }
}

/// 64 bits of a row from any bit on; 0 beyond its end.
pub(crate) fn word_at(row: &[u64], bit: usize) -> u64 {
    let (word, offset) = (bit / WORD, bit % WORD);
    let low = row.get(word).copied().unwrap_or(0) >> offset;
    let high = row.get(word + 1).copied().unwrap_or(0);
    if offset == 0 { low } else { low | high << (WORD - offset) }
}

/// Sets the bits of `word` in a row, from any bit on; bits beyond its end are dropped.
fn or_at(row: &mut [u64], bit: usize, word: u64) {
    let (place, offset) = (bit / WORD, bit % WORD);
    if let Some(low) = row.get_mut(place) {
        *low |= word << offset;
    }
    if offset > 0
        && let Some(high) = row.get_mut(place + 1)
    {
        *high |= word >> (WORD - offset);
    }
}

/// Visits the runs of set bits: first, after the last.
pub(crate) fn for_each_bit_run(row: &[u64], mut visit: impl FnMut(usize, usize)) {
    // Start of a run that reaches the end of the word before.
    let mut open: Option<usize> = None;
    for (place, &word) in row.iter().enumerate() {
        let base = place * WORD;
        let mut at = 0;
        while at < WORD {
            let rest = word >> at;
            match open {
                Some(start) => {
                    let ones = rest.trailing_ones() as usize;
                    if at + ones >= WORD {
                        break;
                    }
                    at += ones;
                    visit(start, base + at);
                    open = None;
                }
                None if rest == 0 => break,
                None => {
                    at += rest.trailing_zeros() as usize;
                    open = Some(base + at);
                }
            }
        }
    }
    if let Some(start) = open {
        visit(start, row.len() * WORD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speckled(min: [usize; 3], max: [usize; 3], seed: usize) -> Mask {
        let mut mask = Mask::over(min, max);
        for z in min[2]..=max[2] {
            for y in min[1]..=max[1] {
                for x in min[0]..=max[0] {
                    if (x * 31 + y * 17 + z * 7 + seed) % 5 < 3 {
                        mask.set_run(y, z, x, x + 1);
                    }
                }
            }
        }
        mask
    }

    fn voxels(mask: &Mask) -> Vec<[usize; 3]> {
        let mut inside = Vec::new();
        for z in 0..20 {
            for y in 0..20 {
                for x in 0..200 {
                    if mask.contains([x, y, z]) {
                        inside.push([x, y, z]);
                    }
                }
            }
        }
        inside
    }

    #[test]
    fn runs_of_bits_tile_what_was_set() {
        let mut row = [0u64; 4];
        let runs = [(0, 3), (10, 64), (65, 66), (100, 256)];
        for (start, end) in runs {
            set_bits(&mut row, start, end);
        }
        let mut found = Vec::new();
        for_each_bit_run(&row, |start, end| found.push((start, end)));
        assert_eq!(found, runs);
        set_bits(&mut row, 3, 10);
        set_bits(&mut row, 64, 65);
        found.clear();
        for_each_bit_run(&row, |start, end| found.push((start, end)));
        assert_eq!(found, [(0, 66), (100, 256)]);
    }

    #[test]
    fn a_mask_gives_back_the_voxels_that_were_put_in() {
        let mask = speckled([3, 2, 1], [140, 7, 9], 0);
        let inside = voxels(&mask);
        let expected = (1..=9).flat_map(|z| (2..=7).flat_map(move |y| (3..=140).map(move |x| [x, y, z])));
        let expected: Vec<_> = expected.filter(|[x, y, z]| (x * 31 + y * 17 + z * 7) % 5 < 3).collect();
        assert_eq!(inside, expected);
        let tally = mask.tally([200, 20, 20]);
        assert_eq!(tally.voxels as usize, inside.len());
        for axis in 0..3 {
            assert_eq!(tally.sum[axis] as usize, inside.iter().map(|voxel| voxel[axis]).sum::<usize>());
        }
    }

    #[test]
    fn shared_voxels_are_counted_whatever_the_offsets_of_the_boxes() {
        let a = speckled([3, 2, 1], [140, 7, 9], 0);
        for (min, max) in [([0, 0, 0], [199, 19, 19]), ([70, 5, 3], [71, 6, 4]), ([77, 1, 0], [190, 6, 5])] {
            let b = speckled(min, max, 1);
            let expected = voxels(&a).iter().filter(|voxel| b.contains(**voxel)).count();
            let everywhere = ([0; 3], [199, 19, 19]);
            assert_eq!(a.shared(&b, everywhere) as usize, expected);
            assert_eq!(b.shared(&a, everywhere) as usize, expected);
        }
        let apart = speckled([141, 2, 1], [150, 7, 9], 0);
        assert_eq!(a.shared(&apart, ([0; 3], [199, 19, 19])), 0);
    }

    #[test]
    fn planes_and_profiles_agree_with_the_voxels() {
        let mask = speckled([3, 2, 1], [140, 7, 9], 2);
        let inside = voxels(&mask);
        for axis in 0..3 {
            let (across, down) = [(1, 2), (0, 2), (0, 1)][axis];
            let profile = mask.profile(axis);
            for index in 0..150 {
                let expected: Vec<_> = inside.iter().filter(|voxel| voxel[axis] == index).collect();
                let Some(plane) = mask.plane(axis, index) else {
                    assert!(expected.is_empty());
                    continue;
                };
                let mut found = 0;
                plane.for_each_run(|_, start, end| found += end - start);
                assert_eq!(found, expected.len());
                assert!(expected.iter().all(|voxel| plane.contains([voxel[across], voxel[down]])));
                let (count, sum) = profile[index - mask.min[axis]];
                assert_eq!(count as usize, expected.len());
                for along in 0..3 {
                    let total: usize = expected.iter().map(|voxel| voxel[along]).sum();
                    assert_eq!(sum[along] as usize, total);
                }
            }
        }
    }

    #[test]
    fn a_mirrored_mask_swaps_the_ends_of_x() {
        let mask = speckled([3, 2, 1], [140, 7, 9], 4);
        let mirrored = mask.mirrored(200);
        let mut expected: Vec<_> = voxels(&mask).iter().map(|[x, y, z]| [199 - x, *y, *z]).collect();
        expected.sort_by_key(|[x, y, z]| [*z, *y, *x]);
        assert_eq!(voxels(&mirrored), expected);
        assert_eq!(mirrored.mirrored(200), mask);
    }
}
