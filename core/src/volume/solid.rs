//! The three tools of SpatialMed (section 3.2, equations 1 to 4) on masked structures: volume, box, distance. Each exists
//! in voxels and in the world, and every definition has a name of its own, because they differ.

use super::mask::{Mask, for_each_bit_run};
use crate::space::Point;
use crate::structure::{Grid, Structure};

/// Grids turned farther than this against the world get boxes that are measured along the world's axes, in degrees.
pub const OBLIQUE_DEGREES: f64 = 5.0;

/// Equation 1 as printed: voxels times the spacings of the header, in cm³. `spacing` in mm.
///
/// [`Structure::volume_ml`] takes |det A| instead; both agree for every affine without shear.
pub fn volume_by_spacing_cm3(voxels: u64, spacing: Point) -> f64 {
    voxels as f64 * spacing.iter().product::<f64>() / 1000.0
}

/// The smallest box of voxels around a structure, canonical RAS+ indices, both ends inclusive (equation 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoxelBox {
    /// Smallest index inside.
    pub min: [usize; 3],
    /// Largest index inside.
    pub max: [usize; 3],
}

impl VoxelBox {
    /// The box of a structure; `None` for an empty one.
    pub fn of(structure: &Structure) -> Option<Self> {
        Some(Self { min: structure.bbox_min?, max: structure.bbox_max? })
    }

    /// Voxels along each axis, from outer face to outer face: max - min + 1.
    pub fn voxels(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.max[axis].saturating_sub(self.min[axis]) + 1)
    }

    /// Size as the paper's samples have it: max - min, so that one voxel is 0 long.
    pub fn index_difference(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.max[axis].saturating_sub(self.min[axis]))
    }

    /// Middle of the box in voxel indices (equation 3).
    pub fn centre_index(&self) -> Point {
        std::array::from_fn(|axis| (self.min[axis] + self.max[axis]) as f64 / 2.0)
    }

    /// Middle of the box in RAS+ mm.
    pub fn centre_mm(&self, grid: &Grid) -> Point {
        grid.affine.apply(self.centre_index())
    }

    /// Size in mm along the grid's axes, from outer face to outer face.
    pub fn size_mm(&self, grid: &Grid) -> Point {
        let (voxels, spacing) = (self.voxels(), grid.affine.spacing());
        std::array::from_fn(|axis| voxels[axis] as f64 * spacing[axis])
    }
}

/// The smallest box along the world's axes around a structure, outer faces, RAS+ mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorldBox {
    /// Corner with the smallest coordinates.
    pub min: Point,
    /// Corner with the largest coordinates.
    pub max: Point,
}

impl WorldBox {
    /// The box around all voxels of a mask, whatever way the grid is turned: every voxel counts with all its corners.
    pub fn of(mask: &Mask, grid: &Grid) -> Self {
        let (mut min, mut max) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        // Along a run the world coordinates change monotonically: its ends decide.
        mask.for_each_run(|y, z, start, end| {
            for x in [start, end - 1] {
                let world = grid.affine.apply([x as f64, y as f64, z as f64]);
                for axis in 0..3 {
                    min[axis] = min[axis].min(world[axis]);
                    max[axis] = max[axis].max(world[axis]);
                }
            }
        });
        // From the centre of a voxel to its outermost corner.
        let half: Point =
            std::array::from_fn(|row| (0..3).map(|column| grid.affine.0[row][column].abs() / 2.0).sum());
        Self {
            min: std::array::from_fn(|axis| min[axis] - half[axis]),
            max: std::array::from_fn(|axis| max[axis] + half[axis]),
        }
    }

    /// Size in mm along right-left, anterior-posterior, superior-inferior.
    pub fn size_mm(&self) -> Point {
        std::array::from_fn(|axis| self.max[axis] - self.min[axis])
    }

    /// Middle in RAS+ mm.
    pub fn centre_mm(&self) -> Point {
        std::array::from_fn(|axis| (self.min[axis] + self.max[axis]) / 2.0)
    }
}

/// Euclidean distance (equation 4), in the unit of the points.
pub fn distance(a: Point, b: Point) -> f64 {
    (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f64>().sqrt()
}

/// Equation 4 as printed: distance of the box centres in voxel indices, without spacing.
pub fn box_centre_distance_voxels(a: &VoxelBox, b: &VoxelBox) -> f64 {
    distance(a.centre_index(), b.centre_index())
}

/// Distance of the box centres in mm, through the affine.
pub fn box_centre_distance_mm(a: &VoxelBox, b: &VoxelBox, grid: &Grid) -> f64 {
    distance(a.centre_mm(grid), b.centre_mm(grid))
}

/// Distance of the centroids in mm; `None` when one structure is empty.
pub fn centroid_distance_mm(a: &Structure, b: &Structure) -> Option<f64> {
    Some(distance(a.centroid_ras_mm?, b.centroid_ras_mm?))
}

/// Shortest distance in mm between the surfaces of two structures, each taken as the solid of its voxels: 0 where they
/// touch or overlap. `spacing` in mm along the grid's axes, which must be at right angles.
pub fn surface_distance_mm(a: &Mask, b: &Mask, spacing: Point) -> f64 {
    let mut rows_a = rows(a, b, spacing);
    let rows_b = rows(b, a, spacing);
    // Rows near the other's box first: the bound gets tight early.
    rows_a.sort_by(|one, other| {
        one.bound.total_cmp(&other.bound).then((one.z, one.y).cmp(&(other.z, other.y)))
    });
    let by_slice = slices(&rows_b, b);
    let mut best = f64::INFINITY;
    for row in &rows_a {
        if row.bound >= best {
            break;
        }
        best = nearest(row, &by_slice, b.min[2], spacing, best);
        if best == 0.0 {
            break;
        }
    }
    best.sqrt()
}

/// The runs of one row along x.
struct RowRuns {
    y: usize,
    z: usize,
    runs: Vec<(usize, usize)>,
    /// Squared distance to the other structure's box: a lower bound.
    bound: f64,
}

fn rows(of: &Mask, other: &Mask, spacing: Point) -> Vec<RowRuns> {
    let mut rows = Vec::new();
    for z in of.min[2]..=of.max[2] {
        for y in of.min[1]..=of.max[1] {
            let mut runs = Vec::new();
            for_each_bit_run(of.row(y, z), |start, end| runs.push((of.min[0] + start, of.min[0] + end)));
            let (Some(first), Some(last)) = (runs.first(), runs.last()) else { continue };
            let spans = [(first.0, last.1 - 1), (y, y), (z, z)];
            let bound = (0..3)
                .map(|axis| {
                    let (low, high) = spans[axis];
                    squared_gap(low, high, other.min[axis], other.max[axis], spacing[axis])
                })
                .sum();
            rows.push(RowRuns { y, z, runs, bound });
        }
    }
    rows
}

/// Rows by slice, each slice in order of y.
fn slices<'a>(rows: &'a [RowRuns], of: &Mask) -> Vec<Vec<&'a RowRuns>> {
    let mut slices: Vec<Vec<&RowRuns>> = (of.min[2]..=of.max[2]).map(|_| Vec::new()).collect();
    for row in rows {
        slices[row.z - of.min[2]].push(row);
    }
    slices
}

/// The smaller of `best` and the squared distance of a row to the nearest row of the other structure.
fn nearest(row: &RowRuns, slices: &[Vec<&RowRuns>], first_z: usize, spacing: Point, mut best: f64) -> f64 {
    // Slices outward from the row's own height.
    let own = row.z.clamp(first_z, first_z + slices.len() - 1);
    let mut order: Vec<usize> = (0..slices.len()).collect();
    order.sort_by_key(|slice| (slice + first_z).abs_diff(own));
    for slice in order {
        let z = slice + first_z;
        let gap_z = squared_gap(row.z, row.z, z, z, spacing[2]);
        if gap_z >= best {
            break;
        }
        for other in &slices[slice] {
            let plane = gap_z + squared_gap(row.y, row.y, other.y, other.y, spacing[1]);
            if plane >= best || other.bound >= best {
                continue;
            }
            best = best.min(plane + run_gap(&row.runs, &other.runs, spacing[0]));
        }
    }
    best
}

/// Smallest squared distance of two lists of runs along x, both ascending.
fn run_gap(a: &[(usize, usize)], b: &[(usize, usize)], spacing: f64) -> f64 {
    let (mut i, mut j, mut best) = (0, 0, f64::INFINITY);
    while let (Some(one), Some(other)) = (a.get(i), b.get(j)) {
        best = best.min(squared_gap(one.0, one.1 - 1, other.0, other.1 - 1, spacing));
        if best == 0.0 {
            break;
        }
        if one.1 < other.1 { i += 1 } else { j += 1 }
    }
    best
}

/// Squared gap in mm between two spans of voxels, both ends inclusive: 0 where they touch or overlap.
fn squared_gap(a_low: usize, a_high: usize, b_low: usize, b_high: usize, spacing: f64) -> f64 {
    let between = if a_low > b_high {
        a_low - b_high - 1
    } else if b_low > a_high {
        b_low - a_high - 1
    } else {
        0
    };
    (between as f64 * spacing).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Draw;
    use crate::space::Affine;

    fn mask(min: [usize; 3], max: [usize; 3]) -> Mask {
        Mask::filled(min, max)
    }

    fn speckled(min: [usize; 3], max: [usize; 3], draw: &Draw) -> Mask {
        let mut mask = Mask::over(min, max);
        for z in min[2]..=max[2] {
            for y in min[1]..=max[1] {
                for x in min[0]..=max[0] {
                    if draw.of(x).of(y).of(z).unit() < 0.05 {
                        mask.set_run(y, z, x, x + 1);
                    }
                }
            }
        }
        mask.set_run(min[1], min[2], min[0], min[0] + 1);
        mask
    }

    fn brute_force(a: &Mask, b: &Mask, spacing: Point) -> f64 {
        let voxels = |mask: &Mask| {
            let mut list = Vec::new();
            mask.for_each_run(|y, z, start, end| list.extend((start..end).map(|x| [x, y, z])));
            list
        };
        let (a, b) = (voxels(a), voxels(b));
        let gap = |one: &[usize; 3], other: &[usize; 3]| {
            (0..3)
                .map(|axis| {
                    let apart = one[axis].abs_diff(other[axis]).saturating_sub(1);
                    (apart as f64 * spacing[axis]).powi(2)
                })
                .sum::<f64>()
        };
        a.iter()
            .flat_map(|one| b.iter().map(move |other| gap(one, other)))
            .fold(f64::INFINITY, f64::min)
            .sqrt()
    }

    #[test]
    fn the_printed_equations_and_their_world_forms_are_told_apart() {
        let grid = Grid { shape: [100; 3], affine: Affine::scaled([0.5, 2.0, 5.0], [0.0; 3]) };
        let a = VoxelBox { min: [10, 20, 30], max: [19, 20, 33] };
        let b = VoxelBox { min: [10, 50, 30], max: [19, 50, 73] };
        assert_eq!((a.voxels(), a.index_difference()), ([10, 1, 4], [9, 0, 3]));
        assert_eq!(a.size_mm(&grid), [5.0, 2.0, 20.0]);
        assert_eq!(a.centre_index(), [14.5, 20.0, 31.5]);
        // 30 rows and 20 slices apart.
        assert_eq!(box_centre_distance_voxels(&a, &b), (900.0f64 + 400.0).sqrt());
        assert_eq!(box_centre_distance_mm(&a, &b, &grid), (3600.0f64 + 10_000.0).sqrt());
        assert_eq!(volume_by_spacing_cm3(400, grid.affine.spacing()), 2.0);
    }

    #[test]
    fn touching_solids_have_no_gap_and_the_gap_is_counted_between_faces() {
        let a = mask([0, 0, 0], [4, 4, 4]);
        assert_eq!(surface_distance_mm(&a, &mask([5, 0, 0], [6, 4, 4]), [2.0; 3]), 0.0);
        assert_eq!(surface_distance_mm(&a, &mask([2, 2, 2], [9, 9, 9]), [2.0; 3]), 0.0);
        assert_eq!(surface_distance_mm(&a, &mask([8, 0, 0], [9, 4, 4]), [2.0; 3]), 6.0);
        // Three voxels of 1 mm across and four of 1 mm down lie between the edges.
        assert_eq!(surface_distance_mm(&a, &mask([8, 9, 0], [9, 9, 4]), [1.0; 3]), 5.0);
    }

    #[test]
    fn the_search_finds_what_looking_at_every_pair_of_voxels_finds() {
        let root = Draw::new(3);
        for turn in 0..12 {
            let draw = root.of(turn);
            let a = speckled([0, 0, 0], [70, 8, 9], &draw.of("a"));
            let low = [draw.of("x").below(90), draw.of("y").below(14), draw.of("z").below(14)];
            let b = speckled(low, [low[0] + 20, low[1] + 7, low[2] + 5], &draw.of("b"));
            let spacing = [0.7, 1.5, 3.0];
            let found = surface_distance_mm(&a, &b, spacing);
            assert!((found - brute_force(&a, &b, spacing)).abs() < 1e-9, "turn {turn}: {found}");
            assert_eq!(found, surface_distance_mm(&b, &a, spacing));
        }
    }

    #[test]
    fn a_turned_grid_does_not_change_the_world_box_of_a_turned_block() {
        let mask = mask([0, 0, 0], [9, 19, 4]);
        let straight = Grid { shape: [30; 3], affine: Affine::scaled([1.0, 1.0, 2.0], [0.0; 3]) };
        assert_eq!(WorldBox::of(&mask, &straight).size_mm(), [10.0, 20.0, 10.0]);
        let (sin, cos) = 30f64.to_radians().sin_cos();
        let mut turned = straight;
        turned.affine.0[0] = [cos, -sin, 0.0, 0.0];
        turned.affine.0[1] = [sin, cos, 0.0, 0.0];
        let size = WorldBox::of(&mask, &turned).size_mm();
        let expected = [10.0 * cos + 20.0 * sin, 10.0 * sin + 20.0 * cos, 10.0];
        assert!((0..3).all(|axis| (size[axis] - expected[axis]).abs() < 1e-9), "{size:?}");
    }
}
