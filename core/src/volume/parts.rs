//! Connected parts, found on runs of voxels instead of voxels.

use super::mask::{Mask, PlaneMask};

/// How a structure falls into connected parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connected {
    /// Number of parts.
    pub(crate) parts: u64,
    /// Voxels of the largest one.
    pub(crate) largest: u64,
}

/// A run of voxels in a row: first, after the last.
type Run = (u32, u32);

/// Disjoint sets of runs, each with its number of voxels.
#[derive(Default)]
struct Parts {
    parent: Vec<u32>,
    voxels: Vec<u64>,
}

impl Parts {
    fn add(&mut self, voxels: u64) {
        self.parent.push(self.parent.len() as u32);
        self.voxels.push(voxels);
    }

    fn root(&mut self, mut node: usize) -> usize {
        while self.parent[node] as usize != node {
            self.parent[node] = self.parent[self.parent[node] as usize];
            node = self.parent[node] as usize;
        }
        node
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if a != b {
            let (keep, lose) = if self.voxels[a] >= self.voxels[b] { (a, b) } else { (b, a) };
            self.parent[lose] = keep as u32;
            self.voxels[keep] += self.voxels[lose];
        }
    }

    fn connected(&self) -> Connected {
        let roots = self.parent.iter().enumerate().filter(|(node, parent)| *node == **parent as usize);
        Connected { parts: roots.count() as u64, largest: self.voxels.iter().copied().max().unwrap_or(0) }
    }

    /// Joins the runs of two neighbouring rows that touch, corners included. `a` and `b` are the numbers of their
    /// first runs.
    fn join_rows(&mut self, (a, first): (usize, &[Run]), (b, second): (usize, &[Run])) {
        let (mut i, mut j) = (0, 0);
        while let (Some(one), Some(two)) = (first.get(i), second.get(j)) {
            // The runs end one after their last voxel, so an equal end and start touch at a corner.
            if one.0 <= two.1 && two.0 <= one.1 {
                self.join(a + i, b + j);
            }
            if one.1 < two.1 {
                i += 1;
            } else {
                j += 1;
            }
        }
    }
}

/// Runs by row, in the order of rows.
#[derive(Default)]
struct Rows {
    runs: Vec<Run>,
    /// Number of the first run of each row.
    starts: Vec<usize>,
}

impl Rows {
    /// Adds a run; rows come in ascending order.
    fn push(&mut self, row: usize, run: Run) {
        if self.starts.len() <= row {
            self.starts.resize(row + 1, self.runs.len());
        }
        self.runs.push(run);
    }

    fn row(&self, row: usize) -> (usize, &[Run]) {
        let start = self.starts.get(row).copied().unwrap_or(self.runs.len());
        let end = self.starts.get(row + 1).copied().unwrap_or(self.runs.len());
        (start, &self.runs[start..end])
    }
}

/// The 8-connected parts of a slice.
pub(crate) fn connected_in_plane(plane: &PlaneMask) -> Connected {
    let mut rows = Rows::default();
    let mut parts = Parts::default();
    plane.for_each_run(|row, start, end| {
        rows.push(row, (start as u32, end as u32));
        parts.add((end - start) as u64);
    });
    for row in 1..rows.starts.len() {
        parts.join_rows(rows.row(row - 1), rows.row(row));
    }
    parts.connected()
}

/// The 26-connected parts of a mask.
pub(crate) fn connected(mask: &Mask) -> Connected {
    let height = mask.max[1] - mask.min[1] + 1;
    let depth = mask.max[2] - mask.min[2] + 1;
    let mut rows = Rows::default();
    let mut parts = Parts::default();
    mask.for_each_run(|y, z, start, end| {
        let row = (y - mask.min[1]) + height * (z - mask.min[2]);
        rows.push(row, ((start - mask.min[0]) as u32, (end - mask.min[0]) as u32));
        parts.add((end - start) as u64);
    });
    for z in 0..depth {
        for y in 0..height {
            let here = rows.row(y + height * z);
            if here.1.is_empty() {
                continue;
            }
            if y > 0 {
                parts.join_rows(rows.row(y - 1 + height * z), here);
            }
            if z > 0 {
                for before in y.saturating_sub(1)..(y + 2).min(height) {
                    parts.join_rows(rows.row(before + height * (z - 1)), here);
                }
            }
        }
    }
    parts.connected()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask_of(voxels: &[[usize; 3]]) -> Mask {
        let mut mask = Mask::over([0, 0, 0], [9, 5, 5]);
        for [x, y, z] in voxels {
            mask.set_run(*y, *z, *x, x + 1);
        }
        mask
    }

    /// Flood fill over all 26 neighbours, the plain way.
    fn flood(mask: &Mask) -> Connected {
        let mut todo: Vec<[i64; 3]> = Vec::new();
        mask.for_each_run(|y, z, start, end| {
            todo.extend((start..end).map(|x| [x as i64, y as i64, z as i64]));
        });
        let mut left: std::collections::BTreeSet<[i64; 3]> = todo.into_iter().collect();
        let (mut parts, mut largest) = (0, 0);
        while let Some(seed) = left.pop_first() {
            let (mut stack, mut size) = (vec![seed], 0);
            while let Some([x, y, z]) = stack.pop() {
                size += 1;
                for step in 0..27i64 {
                    let step = [step % 3 - 1, step / 3 % 3 - 1, step / 9 - 1];
                    let next = [x + step[0], y + step[1], z + step[2]];
                    if left.remove(&next) {
                        stack.push(next);
                    }
                }
            }
            parts += 1;
            largest = largest.max(size);
        }
        Connected { parts, largest }
    }

    #[test]
    fn corners_connect() {
        let found = |voxels: &[[usize; 3]]| {
            let Connected { parts, largest } = connected(&mask_of(voxels));
            (parts, largest)
        };
        assert_eq!(found(&[[1, 1, 1], [2, 2, 2], [3, 1, 3]]), (1, 3));
        assert_eq!(found(&[[1, 1, 1], [3, 1, 1], [1, 3, 1]]), (3, 1));
        assert_eq!(found(&[[1, 1, 1], [2, 1, 1], [4, 1, 1], [3, 0, 2]]), (1, 4));
        assert_eq!(found(&[]), (0, 0));
    }

    #[test]
    fn parts_agree_with_a_flood_fill() {
        for seed in 0..60u64 {
            let draw = crate::digest::Draw::new(seed);
            let mut mask = Mask::over([2, 1, 3], [11, 6, 8]);
            for z in 3..=8 {
                for y in 1..=6 {
                    for x in 2..=11 {
                        if draw.of(x).of(y).of(z).below(100) < 8 + (seed as usize) % 25 {
                            mask.set_run(y, z, x, x + 1);
                        }
                    }
                }
            }
            assert_eq!(connected(&mask), flood(&mask), "seed {seed}");
            for axis in 0..3 {
                let index = mask.min[axis] + 2;
                let Some(plane) = mask.plane(axis, index) else { panic!("slice inside the box") };
                let mut slice = Mask::over(mask.min, mask.max);
                mask.for_each_run(|y, z, start, end| {
                    for x in start..end {
                        if [x, y, z][axis] == index {
                            slice.set_run(y, z, x, x + 1);
                        }
                    }
                });
                assert_eq!(connected_in_plane(&plane), flood(&slice), "seed {seed}");
            }
        }
    }
}
