//! Solid shapes in millimetres and the grid they are painted on.

use situs_core::space::Point;

/// A solid in body millimetres (x right, y anterior, z superior).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// Axis-aligned ellipsoid.
    Ellipsoid { centre: Point, radii: Point },
    /// Rounded box: a superellipsoid of exponent 4.
    Block { centre: Point, radii: Point },
    /// Capsules along a polyline.
    Tube { path: Vec<Point>, radius: f64 },
}

pub(super) fn ellipsoid(centre: Point, radii: Point) -> Shape {
    Shape::Ellipsoid { centre, radii }
}

pub(super) fn block(centre: Point, radii: Point) -> Shape {
    Shape::Block { centre, radii }
}

pub(super) fn tube(radius: f64, path: &[Point]) -> Shape {
    Shape::Tube { path: path.to_vec(), radius }
}

/// Smallest and largest corner.
pub(super) type Bounds = (Point, Point);

/// Moves points: `to + scale * (point - from)`, axis by axis; a negative scale mirrors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placing {
    pub(super) from: Point,
    pub(super) scale: Point,
    pub(super) to: Point,
}

impl Placing {
    fn point(&self, point: &Point) -> Point {
        std::array::from_fn(|axis| self.to[axis] + self.scale[axis] * (point[axis] - self.from[axis]))
    }

    fn radii(&self, radii: &Point) -> Point {
        std::array::from_fn(|axis| radii[axis] * self.scale[axis].abs())
    }
}

impl Shape {
    /// The shape moved; tubes keep at least `thinnest` mm of radius where they had it.
    pub(super) fn placed(&self, placing: &Placing, thinnest: f64) -> Shape {
        match self {
            Shape::Ellipsoid { centre, radii } => {
                Shape::Ellipsoid { centre: placing.point(centre), radii: placing.radii(radii) }
            }
            Shape::Block { centre, radii } => {
                Shape::Block { centre: placing.point(centre), radii: placing.radii(radii) }
            }
            Shape::Tube { path, radius } => {
                let scale = placing.scale.iter().map(|scale| scale.abs()).product::<f64>().cbrt();
                Shape::Tube {
                    path: path.iter().map(|point| placing.point(point)).collect(),
                    radius: (radius * scale).max(radius.min(thinnest)),
                }
            }
        }
    }

    /// Corners of the box around the shape.
    pub(super) fn bounds(&self) -> Bounds {
        match self {
            Shape::Ellipsoid { centre, radii } | Shape::Block { centre, radii } => (
                std::array::from_fn(|axis| centre[axis] - radii[axis]),
                std::array::from_fn(|axis| centre[axis] + radii[axis]),
            ),
            Shape::Tube { path, radius } => path.iter().fold(EMPTY, |bounds, point| {
                join(bounds, (point.map(|value| value - radius), point.map(|value| value + radius)))
            }),
        }
    }

    /// Solids to paint one after another: each segment of a tube is one, so that its box stays small.
    fn solids(&self) -> Vec<Solid> {
        match self {
            Shape::Ellipsoid { centre, radii } => vec![Solid::Power { centre: *centre, radii: *radii, power: 2 }],
            Shape::Block { centre, radii } => vec![Solid::Power { centre: *centre, radii: *radii, power: 4 }],
            Shape::Tube { path, radius } => path
                .windows(2)
                .filter_map(|pair| match pair {
                    [a, b] => Some(Solid::Capsule { a: *a, b: *b, radius: *radius }),
                    _ => None,
                })
                .collect(),
        }
    }
}

const EMPTY: Bounds = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);

fn join(a: Bounds, b: Bounds) -> Bounds {
    (
        std::array::from_fn(|axis| a.0[axis].min(b.0[axis])),
        std::array::from_fn(|axis| a.1[axis].max(b.1[axis])),
    )
}

/// Box around several shapes; `None` when there are none.
pub(super) fn bounds_of(shapes: &[Shape]) -> Option<Bounds> {
    (!shapes.is_empty()).then(|| shapes.iter().fold(EMPTY, |bounds, shape| join(bounds, shape.bounds())))
}

enum Solid {
    Power { centre: Point, radii: Point, power: i32 },
    Capsule { a: Point, b: Point, radius: f64 },
}

impl Solid {
    fn bounds(&self) -> Bounds {
        match self {
            Solid::Power { centre, radii, .. } => Shape::Ellipsoid { centre: *centre, radii: *radii }.bounds(),
            Solid::Capsule { a, b, radius } => Shape::Tube { path: vec![*a, *b], radius: *radius }.bounds(),
        }
    }

    fn contains(&self, point: Point) -> bool {
        match self {
            Solid::Power { centre, radii, power } => {
                let sum: f64 =
                    (0..3).map(|axis| ((point[axis] - centre[axis]) / radii[axis]).powi(*power)).sum();
                sum <= 1.0
            }
            Solid::Capsule { a, b, radius } => {
                let along: Point = std::array::from_fn(|axis| b[axis] - a[axis]);
                let from: Point = std::array::from_fn(|axis| point[axis] - a[axis]);
                let length: f64 = along.iter().map(|value| value * value).sum();
                let dot: f64 = along.iter().zip(from).map(|(along, from)| along * from).sum();
                let share = if length > 0.0 { (dot / length).clamp(0.0, 1.0) } else { 0.0 };
                let distance: f64 =
                    along.iter().zip(from).map(|(along, from)| (from - share * along).powi(2)).sum();
                distance <= radius * radius
            }
        }
    }
}

/// Grid of tissue codes, canonical RAS+; the body frame has x and y zero in the middle and z zero at the bottom.
pub(super) struct Canvas {
    pub(super) shape: [usize; 3],
    /// Body millimetres a voxel spans.
    pub(super) spacing: Point,
    /// Tissue codes, x fastest.
    pub(super) codes: Vec<u16>,
}

impl Canvas {
    pub(super) fn new(shape: [usize; 3], spacing: Point, code: u16) -> Self {
        Self { shape, spacing, codes: vec![code; shape.iter().product()] }
    }

    /// Body position of the middle of voxel 0 along an axis.
    fn origin(&self, axis: usize) -> f64 {
        let half = if axis == 2 { 0.0 } else { self.shape[axis] as f64 * self.spacing[axis] / 2.0 };
        0.5 * self.spacing[axis] - half
    }

    /// Body position of a voxel's middle along one axis.
    pub(super) fn position(&self, axis: usize, index: usize) -> f64 {
        self.origin(axis) + index as f64 * self.spacing[axis]
    }

    /// Body position of a voxel by its place in `codes`.
    pub(super) fn place(&self, offset: usize) -> Point {
        let [nx, ny, _] = self.shape;
        let index = [offset % nx, offset / nx % ny, offset / (nx * ny)];
        std::array::from_fn(|axis| self.position(axis, index[axis]))
    }

    /// Voxels whose middle lies between two positions, as a half-open range.
    fn span(&self, axis: usize, low: f64, high: f64) -> std::ops::Range<usize> {
        let count = self.shape[axis] as f64;
        let index = |position: f64| (position - self.origin(axis)) / self.spacing[axis];
        let start = index(low).ceil().clamp(0.0, count);
        let end = (index(high).floor() + 1.0).clamp(start, count);
        start as usize..end as usize
    }

    /// Writes `code` into every voxel of the shape whose present code `may` accepts.
    pub(super) fn paint(&mut self, shape: &Shape, code: u16, may: impl Fn(u16) -> bool) {
        let [nx, ny, _] = self.shape;
        for solid in shape.solids() {
            let (low, high) = solid.bounds();
            let [xs, ys, zs] = std::array::from_fn(|axis| self.span(axis, low[axis], high[axis]));
            for k in zs {
                let z = self.position(2, k);
                for j in ys.clone() {
                    let y = self.position(1, j);
                    let row = nx * (j + ny * k);
                    for i in xs.clone() {
                        let inside = solid.contains([self.position(0, i), y, z]);
                        if let Some(voxel) = self.codes.get_mut(row + i).filter(|voxel| inside && may(**voxel)) {
                            *voxel = code;
                        }
                    }
                }
            }
        }
    }
}
