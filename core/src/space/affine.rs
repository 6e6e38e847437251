//! Voxel index to world millimetres, axis codes and the canonical RAS+ orientation.

use super::{Direction, Point};
use nalgebra::{Matrix3, Vector3};
use serde::{Deserialize, Serialize};

/// A 4 x 4 matrix, row-major, that takes a voxel index (i, j, k) to RAS+ millimetres.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Affine(pub [[f64; 4]; 4]);

/// Which way each stored axis points: `axes[i]` is the world axis of stored axis i (`None` for an axis of length
/// zero) and whether the index runs against it. As nibabel's `io_orientation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orientation {
    /// Per stored axis: world axis 0..3 and whether the index falls while the coordinate grows.
    pub axes: [Option<(usize, bool)>; 3],
}

impl Orientation {
    /// Axis codes such as `"RAS"`; `"?"` for an axis without direction.
    pub fn codes(&self) -> String {
        self.axes
            .iter()
            .map(|axis| match axis {
                Some((world, flipped)) => {
                    let sign = if *flipped { -1.0 } else { 1.0 };
                    Direction::along(super::BodyAxis::ALL[*world], sign).letter()
                }
                None => '?',
            })
            .collect()
    }
}

impl Affine {
    /// No rotation, 1 mm voxels, origin at voxel 0.
    pub const IDENTITY: Affine =
        Affine([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]);

    /// Axis-aligned RAS+ with the given spacing and the world position of voxel (0, 0, 0), all in mm.
    pub fn scaled(spacing: Point, origin: Point) -> Self {
        let mut rows = Self::IDENTITY.0;
        for axis in 0..3 {
            rows[axis][axis] = spacing[axis];
            rows[axis][3] = origin[axis];
        }
        Affine(rows)
    }

    /// World position in mm of a voxel index.
    pub fn apply(&self, index: Point) -> Point {
        std::array::from_fn(|row| {
            let r = &self.0[row];
            r[0] * index[0] + r[1] * index[1] + r[2] * index[2] + r[3]
        })
    }

    /// World vector in mm of a step in index space.
    pub fn apply_vector(&self, step: Point) -> Point {
        std::array::from_fn(|row| {
            let r = &self.0[row];
            r[0] * step[0] + r[1] * step[1] + r[2] * step[2]
        })
    }

    /// Voxel index of a world position, or `None` when the matrix is singular.
    pub fn invert(&self, world: Point) -> Option<Point> {
        let inverse = self.linear().try_inverse()?;
        let offset = Vector3::new(world[0] - self.0[0][3], world[1] - self.0[1][3], world[2] - self.0[2][3]);
        let index = inverse * offset;
        Some([index[0], index[1], index[2]])
    }

    /// Norms of the three columns, in mm.
    pub fn spacing(&self) -> Point {
        let linear = self.linear();
        std::array::from_fn(|column| linear.column(column).norm())
    }

    /// Volume of one voxel in mm3: |det|.
    pub fn voxel_volume(&self) -> f64 {
        self.linear().determinant().abs()
    }

    /// The 3 x 3 part.
    pub fn linear(&self) -> Matrix3<f64> {
        Matrix3::from_fn(|row, column| self.0[row][column])
    }

    /// All entries finite and the matrix invertible.
    pub fn is_regular(&self) -> bool {
        self.0.iter().flatten().all(|value| value.is_finite()) && self.voxel_volume() > 1e-12
    }

    /// Largest |cosine| between two columns: 0 for a rotation, above 0 for shear.
    pub fn shear(&self) -> f64 {
        let linear = self.linear();
        let spacing = self.spacing();
        let mut largest: f64 = 0.0;
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let product = spacing[a] * spacing[b];
            if product > 0.0 {
                largest = largest.max((linear.column(a).dot(&linear.column(b)) / product).abs());
            }
        }
        largest
    }

    /// Angle in degrees between the stored axes and the world axes they are nearest to: the largest of the three.
    pub fn obliquity(&self) -> f64 {
        let linear = self.linear();
        let spacing = self.spacing();
        let mut worst: f64 = 0.0;
        for (column, norm) in spacing.iter().enumerate() {
            if *norm > 0.0 {
                let best = linear.column(column).iter().fold(0.0_f64, |best, value| best.max(value.abs()));
                worst = worst.max((best / norm).clamp(0.0, 1.0).acos().to_degrees());
            }
        }
        worst
    }

    /// Stored axes against world axes, by the rule of nibabel 5.4: polar projection to the nearest rotation, then the
    /// stored axis that is clearest first, each to the largest entry of its column that is still free.
    ///
    /// No axis has a direction when an entry is not finite or the norms overflow.
    pub fn orientation(&self) -> Orientation {
        let mut axes = [None; 3];
        let Some(mut rotation) = self.nearest_rotation() else { return Orientation { axes } };
        let clearest = |column: usize| rotation.column(column).amax();
        let mut order = [0, 1, 2];
        order.sort_by(|a, b| clearest(*b).total_cmp(&clearest(*a)));
        for column in order {
            let row = rotation.column(column).icamax();
            let value = rotation[(row, column)];
            if value.abs() > 1e-9 {
                axes[column] = Some((row, value < 0.0));
                rotation.row_mut(row).fill(0.0);
            }
        }
        Orientation { axes }
    }

    /// The rotation or reflection nearest to the linear part with unit columns, of lower rank when that is singular.
    fn nearest_rotation(&self) -> Option<Matrix3<f64>> {
        let mut normalised = self.linear();
        for (column, norm) in self.spacing().into_iter().enumerate() {
            let norm = if norm == 0.0 { 1.0 } else { norm };
            normalised.column_mut(column).scale_mut(1.0 / norm);
        }
        // The decomposition would iterate for ever over values that are no numbers.
        if !(normalised.iter().all(|value| value.is_finite()) && self.spacing().iter().all(|n| n.is_finite()))
        {
            return None;
        }
        let svd = normalised.svd(true, true);
        let (u, v_t) = (svd.u?, svd.v_t?);
        let keep = svd.singular_values.max() * 3.0 * f64::EPSILON;
        let mut nearest = Matrix3::zeros();
        for (position, value) in svd.singular_values.iter().enumerate() {
            if *value > keep {
                nearest += u.column(position) * v_t.row(position);
            }
        }
        Some(nearest)
    }

    /// The affine after permuting and flipping stored axes into RAS+ (no resampling), with the permuted shape.
    /// Axes without direction keep their place among those left over.
    pub fn canonical(&self, shape: [usize; 3]) -> (Affine, [usize; 3], [(usize, bool); 3]) {
        let source = self.canonical_axes();
        let mut rows = [[0.0; 4]; 4];
        rows[3][3] = 1.0;
        let mut origin_index = [0.0; 3];
        for (world, (stored, flipped)) in source.iter().enumerate() {
            let sign = if *flipped { -1.0 } else { 1.0 };
            if *flipped {
                origin_index[*stored] = shape[*stored] as f64 - 1.0;
            }
            for (row, from) in rows.iter_mut().zip(&self.0).take(3) {
                row[world] = sign * from[*stored];
            }
        }
        let origin = self.apply(origin_index);
        for (row, value) in rows.iter_mut().zip(origin) {
            row[3] = value;
        }
        (Affine(rows), source.map(|(stored, _)| shape[stored]), source)
    }

    /// For each canonical axis: the stored axis it comes from and whether it is flipped.
    pub fn canonical_axes(&self) -> [(usize, bool); 3] {
        let orientation = self.orientation();
        let mut source: [Option<(usize, bool)>; 3] = [None; 3];
        for (stored, axis) in orientation.axes.iter().enumerate() {
            if let Some((world, flipped)) = axis {
                source[*world] = Some((stored, *flipped));
            }
        }
        let mut unused = (0..3).filter(|stored| orientation.axes[*stored].is_none());
        source.map(|axis| axis.unwrap_or_else(|| (unused.next().unwrap_or(0), false)))
    }
}
