//! From marks to pixels: which pixels each mark of a frame fills, strokes and rims.

use super::raster::Raster;
use situs_core::fault::Fault;
use situs_core::scene::{Colour, Mark, MarkShape, Scene};
use situs_core::space::Point;
use situs_core::structure::{Section, Structure};
use situs_core::volume::Segmentation;

/// Sizes of strokes, in pixels of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strokes {
    /// Width of a mask's outline, measured inward from its edge.
    pub outline: u32,
    /// Width of a box's lines, measured inward from its edge.
    pub box_line: u32,
    /// Radius of a dot.
    pub dot_radius: f64,
    /// White ring around a dot.
    pub dot_rim: f64,
}

/// Distance from a point's slice, in mm, within which a stack shows its dot whatever the step between frames.
const POINT_REACH_MM: f64 = 5.0;

/// A rectangle of whole pixels: columns `left..right`, rows `top..bottom`. May reach beyond the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// First column.
    pub left: i64,
    /// First row.
    pub top: i64,
    /// Column after the last.
    pub right: i64,
    /// Row after the last.
    pub bottom: i64,
}

impl Rect {
    /// This rectangle, `by` pixels larger on every side.
    #[must_use]
    pub fn grown(&self, by: i64) -> Self {
        Self { left: self.left - by, top: self.top - by, right: self.right + by, bottom: self.bottom + by }
    }

    /// Whether the two share a pixel.
    pub fn meets(&self, other: &Rect) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    /// Whether a picture position lies inside.
    pub fn holds(&self, [x, y]: [f64; 2]) -> bool {
        x >= self.left as f64 && x <= self.right as f64 && y >= self.top as f64 && y <= self.bottom as f64
    }
}

/// One mark as pixels of one frame; offsets count row by row.
#[derive(Debug, Clone)]
pub struct Ink {
    /// Position of the mark in the scene.
    pub mark: usize,
    /// Colour.
    pub colour: Colour,
    /// Form.
    pub shape: MarkShape,
    /// Letter of its plate.
    pub letter: Option<char>,
    /// Centre of the drawn form, in picture coordinates.
    pub centre: [f64; 2],
    /// Interior of a box, or the structure under a dot: no place for the mark's own letter.
    pub own_ground: Option<Rect>,
    /// Pixels filled with the colour, translucent.
    pub fill: Vec<u32>,
    /// Pixels of the solid stroke.
    pub stroke: Vec<u32>,
    /// Pixels of a dot's white ring.
    pub rim: Vec<u32>,
}

/// The marks of one frame, and the centres that letters must leave free.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// Marks that show on this frame, in the order of the scene.
    pub inks: Vec<Ink>,
    /// Picture positions of centres to keep free.
    pub centres: Vec<[f64; 2]>,
}

impl Overlay {
    /// Positions in the scene of the marks that show.
    pub fn marks(&self) -> impl Iterator<Item = usize> + '_ {
        self.inks.iter().map(|ink| ink.mark)
    }
}

/// Refuses a scene one of whose marks shows on none of its frames; `marks` are those that show, frame by frame.
///
/// # Errors
/// `Cause::Rejected`.
pub fn all_show(scene: &Scene, marks: impl IntoIterator<Item = usize>) -> Result<(), Fault> {
    let mut shown = vec![false; scene.marks.len()];
    for mark in marks {
        if let Some(shown) = shown.get_mut(mark) {
            *shown = true;
        }
    }
    if shown.contains(&false) {
        let place = if scene.stack { "on no frame" } else { "not on the slice" };
        return Err(Fault::rejected(format!("a marked structure is {place}")));
    }
    Ok(())
}

/// One frame of a scene while its marks are worked out.
pub struct FrameView<'a> {
    /// The scene.
    pub scene: &'a Scene,
    /// Pixel grid.
    pub raster: &'a Raster,
    /// Structures.
    pub segmentation: &'a Segmentation,
    /// Canonical slice index.
    pub slice: usize,
    /// Canonical slice indices of all frames.
    pub frames: &'a [usize],
    /// Stroke sizes.
    pub strokes: &'a Strokes,
}

impl FrameView<'_> {
    /// Works out all marks of the frame.
    ///
    /// # Errors
    /// `Cause::Data` for a structure that the case does not have, `Cause::Rejected` for a dot beyond the picture's edge.
    pub fn overlay(&self) -> Result<Overlay, Fault> {
        let sections = if self.scene.stack {
            Vec::new()
        } else {
            self.segmentation.sections(self.raster.axes[2], self.slice)?
        };
        let mut inks = Vec::with_capacity(self.scene.marks.len());
        for (position, mark) in self.scene.marks.iter().enumerate() {
            inks.extend(self.ink(mark, &sections)?.map(|ink| Ink { mark: position, ..ink }));
        }
        let mut centres = Vec::new();
        for name in &self.scene.keep_clear {
            let structure = self.structure(name)?;
            if self.shows(self.measured(structure)) {
                centres.extend(self.centre(structure, &sections).map(|index| self.raster.canvas.project(index)));
            }
        }
        Ok(Overlay { inks, centres })
    }

    fn ink(&self, mark: &Mark, sections: &[Section]) -> Result<Option<Ink>, Fault> {
        let structure = self.structure(&mark.structure)?;
        Ok(match mark.shape {
            MarkShape::Mask => self.mask(mark, structure),
            MarkShape::Box => self.rectangle(mark, structure, sections),
            MarkShape::Point => self.dot(mark, structure, sections)?,
        })
    }

    fn structure(&self, name: &str) -> Result<usize, Fault> {
        self.segmentation
            .find(name)
            .ok_or_else(|| Fault::data(format!("the case has no structure {name:?} to draw")))
    }

    fn measured(&self, structure: usize) -> Option<&Structure> {
        self.segmentation.measured.structures.get(structure)
    }

    /// Whether the slice cuts the structure's 3-D box.
    fn shows(&self, structure: Option<&Structure>) -> bool {
        let axis = self.raster.axes[2];
        structure
            .and_then(|structure| structure.bbox_min.zip(structure.bbox_max))
            .is_some_and(|(min, max)| (min[axis]..=max[axis]).contains(&self.slice))
    }

    /// Centre in canonical voxels: of the section on a single slice, of the whole structure in a stack.
    fn centre(&self, structure: usize, sections: &[Section]) -> Option<Point> {
        if self.scene.stack {
            return self.measured(structure)?.centroid_index;
        }
        sections.iter().find(|section| section.structure == structure).map(|section| section.centroid_index)
    }

    fn mask(&self, mark: &Mark, structure: usize) -> Option<Ink> {
        let mask = self.segmentation.masks.get(structure)?.as_ref()?;
        let area = self.raster.area(mask, self.slice)?;
        let width = self.raster.width();
        let stroke: Vec<u32> = area.outline(self.strokes.outline).offsets(width).collect();
        let fill: Vec<u32> = area.offsets(width).collect();
        let centre = mean(&fill, width);
        Some(Ink { fill, stroke, ..blank(mark, centre) })
    }

    fn rectangle(&self, mark: &Mark, structure: usize, sections: &[Section]) -> Option<Ink> {
        let (min, max) = if self.scene.stack || self.segmentation.boxes_only {
            let measured = self.measured(structure);
            if !self.shows(measured) {
                return None;
            }
            measured.and_then(|structure| structure.bbox_min.zip(structure.bbox_max))?
        } else {
            let section = sections.iter().find(|section| section.structure == structure)?;
            (section.bbox_min, section.bbox_max)
        };
        let a = self.raster.canvas.project(min.map(|index| index as f64 - 0.5));
        let b = self.raster.canvas.project(max.map(|index| index as f64 + 0.5));
        let line = i64::from(self.strokes.box_line);
        let (left, right) = whole(a[0], b[0], 2 * line + 1);
        let (top, bottom) = whole(a[1], b[1], 2 * line + 1);
        let rect = Rect { left, top, right, bottom };
        let inner = rect.grown(-line);
        let stroke = self.pixels(rect, |column, row| {
            column < inner.left || column >= inner.right || row < inner.top || row >= inner.bottom
        });
        let centre = [(left + right) as f64 / 2.0, (top + bottom) as f64 / 2.0];
        Some(Ink { stroke, own_ground: Some(rect), ..blank(mark, centre) })
    }

    fn dot(&self, mark: &Mark, structure: usize, sections: &[Section]) -> Result<Option<Ink>, Fault> {
        let Some(index) = self.centre(structure, sections) else { return Ok(None) };
        if self.scene.stack && !self.near(index[self.raster.axes[2]]) {
            return Ok(None);
        }
        let centre = self.raster.canvas.project(index);
        let reach = self.strokes.dot_radius + self.strokes.dot_rim;
        let around = Rect {
            left: (centre[0] - reach).floor() as i64,
            top: (centre[1] - reach).floor() as i64,
            right: (centre[0] + reach).ceil() as i64,
            bottom: (centre[1] + reach).ceil() as i64,
        };
        let distance = |column: i64, row: i64| {
            let (dx, dy) = (column as f64 + 0.5 - centre[0], row as f64 + 0.5 - centre[1]);
            (dx * dx + dy * dy).sqrt()
        };
        let radius = self.strokes.dot_radius;
        if centre.iter().zip([self.raster.width(), self.raster.height()]).any(|(at, side)| {
            at - radius < 0.0 || at + radius > side as f64
        }) {
            return Err(Fault::rejected("a point is cut by the edge of the picture"));
        }
        let stroke = self.pixels(around, |column, row| distance(column, row) <= radius);
        let rim = self.pixels(around, |column, row| {
            let distance = distance(column, row);
            distance > radius && distance <= reach
        });
        let area = self
            .segmentation
            .masks
            .get(structure)
            .and_then(|mask| self.raster.area(mask.as_ref()?, self.slice));
        let own_ground = area.map(|area| Rect {
            left: area.left as i64,
            top: area.top as i64,
            right: (area.left + area.width) as i64,
            bottom: (area.top + area.height) as i64,
        });
        Ok(Some(Ink { stroke, rim, own_ground, ..blank(mark, centre) }))
    }

    /// Whether a stack shows a point at this slice coordinate on the present frame: within half a step, at least
    /// [`POINT_REACH_MM`], and always on the nearest frame (the earlier of two equally near).
    fn near(&self, at: f64) -> bool {
        let spacing = self.raster.canvas.slice_spacing();
        let away = |slice: usize| (slice as f64 - at).abs() * spacing;
        if away(self.slice) <= POINT_REACH_MM.max(self.scene.step_mm / 2.0) {
            return true;
        }
        let nearest = self.frames.iter().copied().min_by(|a, b| away(*a).total_cmp(&away(*b)));
        nearest == Some(self.slice)
    }

    /// Offsets of the pixels of `rect` that lie on the picture and fulfil `wanted`.
    fn pixels(&self, rect: Rect, wanted: impl Fn(i64, i64) -> bool) -> Vec<u32> {
        let (width, height) = (self.raster.width() as i64, self.raster.height() as i64);
        let mut offsets = Vec::new();
        for row in rect.top.max(0)..rect.bottom.min(height) {
            for column in rect.left.max(0)..rect.right.min(width) {
                if wanted(column, row) {
                    offsets.push((row * width + column) as u32);
                }
            }
        }
        offsets
    }
}

fn blank(mark: &Mark, centre: [f64; 2]) -> Ink {
    Ink {
        mark: 0,
        colour: mark.colour,
        shape: mark.shape,
        letter: mark.letter,
        centre,
        own_ground: None,
        fill: Vec::new(),
        stroke: Vec::new(),
        rim: Vec::new(),
    }
}

/// Mean position of pixel centres.
fn mean(offsets: &[u32], width: usize) -> [f64; 2] {
    let count = offsets.len().max(1) as f64;
    let (x, y) = offsets.iter().fold((0.0, 0.0), |(x, y), offset| {
        let (row, column) = (*offset as usize / width, *offset as usize % width);
        (x + column as f64 + 0.5, y + row as f64 + 0.5)
    });
    [x / count, y / count]
}

/// The two coordinates in rising order, rounded to whole pixels and at least `smallest` apart.
fn whole(a: f64, b: f64, smallest: i64) -> (i64, i64) {
    let (low, high) = (a.min(b).round() as i64, a.max(b).round() as i64);
    let missing = (smallest - (high - low)).max(0);
    (low - missing / 2, high + missing - missing / 2)
}
