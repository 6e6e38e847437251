//! A view is three world directions: where the screen's right, the screen's bottom and later frames point.
//!
//! Everything a question may say about a picture follows from them; no word is ever taken from an array index.

use super::{BodyAxis, Direction, Point};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Anatomical plane of a slice, named by the body axis it is perpendicular to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// Perpendicular to superior-inferior.
    Axial,
    /// Perpendicular to anterior-posterior.
    Coronal,
    /// Perpendicular to right-left.
    Sagittal,
}

impl Plane {
    /// All three.
    pub const ALL: [Plane; 3] = [Self::Axial, Self::Coronal, Self::Sagittal];

    /// The body axis along which slices follow each other.
    pub fn through(self) -> BodyAxis {
        match self {
            Self::Axial => BodyAxis::SuperiorInferior,
            Self::Coronal => BodyAxis::AnteriorPosterior,
            Self::Sagittal => BodyAxis::RightLeft,
        }
    }

    /// Lower-case word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Axial => "axial",
            Self::Coronal => "coronal",
            Self::Sagittal => "sagittal",
        }
    }
}

impl fmt::Display for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How a volume is put on the screen. The array presets say what an image library shows when it is handed a slice of
/// a RAS+ array, or of an array whose first voxel is the RAS-most one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Viewer faces the patient: the patient's right is on screen left.
    StandardRadiological,
    /// The patient's right is on screen right.
    StandardNeurological,
    /// RAS+ array, first remaining axis down, second across.
    RasPlusRaw,
    /// RAS+ array, first remaining axis across, second down.
    RasPlusTransposed,
    /// Array whose voxel (0, 0, 0) is the RAS-most, first remaining axis down, second across.
    RasFirstRaw,
    /// Array whose voxel (0, 0, 0) is the RAS-most, first remaining axis across, second down.
    RasFirstTransposed,
}

impl Preset {
    /// All six.
    pub const ALL: [Preset; 6] = [
        Self::StandardRadiological,
        Self::StandardNeurological,
        Self::RasPlusRaw,
        Self::RasPlusTransposed,
        Self::RasFirstRaw,
        Self::RasFirstTransposed,
    ];

    /// Name as in configs and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::StandardRadiological => "standard_radiological",
            Self::StandardNeurological => "standard_neurological",
            Self::RasPlusRaw => "ras_plus_raw",
            Self::RasPlusTransposed => "ras_plus_transposed",
            Self::RasFirstRaw => "ras_first_raw",
            Self::RasFirstTransposed => "ras_first_transposed",
        }
    }

    /// Whether it is a clinical display rather than raw storage.
    pub fn is_standard(self) -> bool {
        matches!(self, Self::StandardRadiological | Self::StandardNeurological)
    }

    /// The three world directions of this preset in one plane.
    pub fn view(self, plane: Plane) -> View {
        use Direction::{Anterior as A, Inferior as I, Left as L, Posterior as P, Right as R, Superior as S};
        let (right, down, frame) = match (self, plane) {
            (Self::StandardRadiological, Plane::Axial) => (L, P, S),
            (Self::StandardRadiological, Plane::Coronal) => (L, I, P),
            (Self::StandardNeurological, Plane::Axial) => (R, P, S),
            (Self::StandardNeurological, Plane::Coronal) => (R, I, P),
            (Self::StandardRadiological | Self::StandardNeurological, Plane::Sagittal) => (P, I, L),
            (Self::RasPlusRaw, Plane::Axial) => (A, R, S),
            (Self::RasPlusRaw, Plane::Coronal) => (S, R, A),
            (Self::RasPlusRaw, Plane::Sagittal) => (S, A, R),
            (Self::RasPlusTransposed, Plane::Axial) => (R, A, S),
            (Self::RasPlusTransposed, Plane::Coronal) => (R, S, A),
            (Self::RasPlusTransposed, Plane::Sagittal) => (A, S, R),
            (Self::RasFirstRaw, Plane::Axial) => (P, L, I),
            (Self::RasFirstRaw, Plane::Coronal) => (I, L, P),
            (Self::RasFirstRaw, Plane::Sagittal) => (I, P, L),
            (Self::RasFirstTransposed, Plane::Axial) => (L, P, I),
            (Self::RasFirstTransposed, Plane::Coronal) => (L, I, P),
            (Self::RasFirstTransposed, Plane::Sagittal) => (P, I, L),
        };
        View { preset: self, plane, right, down, frame }
    }
}

/// Where the screen's right, the screen's bottom and later frames point in the patient's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct View {
    /// The preset it came from.
    pub preset: Preset,
    /// Plane of the slices.
    pub plane: Plane,
    /// World direction of the screen's right edge.
    pub right: Direction,
    /// World direction of the screen's bottom edge.
    pub down: Direction,
    /// World direction of later frames.
    pub frame: Direction,
}

impl View {
    /// World direction of the screen's left edge.
    pub fn left(&self) -> Direction {
        self.right.opposite()
    }

    /// World direction of the screen's top edge.
    pub fn up(&self) -> Direction {
        self.down.opposite()
    }

    /// The same view with another frame order.
    #[must_use]
    pub fn with_frame(mut self, frame: Direction) -> Self {
        self.frame = frame;
        self
    }

    /// The in-plane pixel grid of this view over a canonical RAS+ array.
    ///
    /// `shape` and `spacing` are those of the canonical array (x, y, z; mm); `long_side` is the longer picture side in
    /// pixels. Pixels are square; the picture covers the array's outer faces.
    pub fn canvas(&self, shape: [usize; 3], spacing: Point, long_side: u32) -> Canvas {
        let column_axis = self.right.axis().index();
        let row_axis = self.down.axis().index();
        let extent = |axis: usize| shape[axis] as f64 * spacing[axis];
        let mm_per_pixel = extent(column_axis).max(extent(row_axis)) / f64::from(long_side.max(1));
        let pixels = |axis: usize| ((extent(axis) / mm_per_pixel).round() as u32).max(1);
        Canvas {
            view: *self,
            width: pixels(column_axis),
            height: pixels(row_axis),
            mm_per_pixel,
            shape,
            spacing,
        }
    }
}

/// Pixel grid of a view over a canonical RAS+ array: turns voxel indices into picture coordinates and back.
///
/// Picture coordinates are continuous, in pixels, (0, 0) at the outer corner of the top left pixel, so the centre of
/// pixel (c, r) is (c + 0.5, r + 0.5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Canvas {
    /// The view shown.
    pub view: View,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Side of a pixel in mm.
    pub mm_per_pixel: f64,
    shape: [usize; 3],
    spacing: Point,
}

impl Canvas {
    /// Picture position (column, row) of a canonical voxel index (voxel centres at integers).
    pub fn project(&self, index: Point) -> [f64; 2] {
        [
            self.along(self.view.right, index, f64::from(self.width)),
            self.along(self.view.down, index, f64::from(self.height)),
        ]
    }

    /// Canonical voxel index of a picture position on the slice `slice` (index along the through-plane axis).
    pub fn locate(&self, position: [f64; 2], slice: f64) -> Point {
        let mut index = [slice; 3];
        for (direction, value, size) in [
            (self.view.right, position[0], f64::from(self.width)),
            (self.view.down, position[1], f64::from(self.height)),
        ] {
            let axis = direction.axis().index();
            let count = self.shape[axis] as f64;
            let along = value / size * count;
            index[axis] = if direction.sign() > 0.0 { along - 0.5 } else { count - along - 0.5 };
        }
        index
    }

    /// Length in pixels of `mm` millimetres.
    pub fn pixels(&self, mm: f64) -> f64 {
        mm / self.mm_per_pixel
    }

    /// Area of one pixel in mm2.
    pub fn pixel_area(&self) -> f64 {
        self.mm_per_pixel * self.mm_per_pixel
    }

    /// Spacing in mm of the canonical array along its through-plane axis.
    pub fn slice_spacing(&self) -> f64 {
        self.spacing[self.view.plane.through().index()]
    }

    fn along(&self, direction: Direction, index: Point, size: f64) -> f64 {
        let axis = direction.axis().index();
        let count = self.shape[axis] as f64;
        let from_start = (index[axis] + 0.5) / count;
        size * if direction.sign() > 0.0 { from_start } else { 1.0 - from_start }
    }
}
