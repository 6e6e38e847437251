//! A whole volume for models that take one: resized, windowed to 0..1, marks burnt in at full intensity.

use super::slices::backdrop::Backdrops;
use super::slices::draw::{self, Layer};
use super::slices::letters::PlatePixel;
use super::slices::overlay::{self, FrameView, Overlay, Strokes};
use super::slices::raster::Raster;
use super::slices::window::Shades;
use super::slices::{check, common_grid, in_order, plates, shown_volume, within};
use situs_core::prelude::*;
use situs_core::scene::{Backdrop, Colour, Scene};
use situs_core::space::Canvas;
use situs_core::volume::Bounds;

/// Shape that a 3-D model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VolumePreset {
    /// M3D-LaMed: 32 x 256 x 256.
    M3d,
    /// Med3DVLM: 128 x 256 x 256.
    Med3dvlm,
}

impl VolumePreset {
    /// Depth, rows, columns.
    pub fn shape(self) -> [usize; 3] {
        match self {
            Self::M3d => [32, 256, 256],
            Self::Med3dvlm => [128, 256, 256],
        }
    }
}

/// What a 3-D model is handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hand {
    /// An array of the model's shape, values 0 to 1.
    Array,
    /// The data set's own NIfTI file, untouched; for models that load and scale by themselves.
    File,
}

situs_core::component! {
    /// Hands the whole volume to a 3-D model: trilinear resize, values 0 to 1, marks as outlines of value 1.
    ///
    /// Depth runs with the frames of the question's view, rows with its screen downward, columns with its screen to the
    /// right, so that whatever a question says of frames and screen holds for the array; a text part in front says that the
    /// frames come as one volume. Questions about single slices, white pages and coloured marks are dropped.
    renderer "volume";
    pub struct VolumeInput {
        /// Model whose shape is taken: m3d (32 x 256 x 256) or med3dvlm (128 x 256 x 256).
        pub preset: VolumePreset = VolumePreset::M3d,
        /// "array" (resized, values 0 to 1) or "file" (the path of the data set's NIfTI file, for backends that read it).
        pub hand: Hand = Hand::Array,
        /// Depth, rows, columns instead of the preset's.
        pub shape: Option<[usize; 3]> = None,
        /// Whether marks are burnt in; false hands over the same volume without them.
        pub marks: bool = true,
        /// Values shown as 0 and 1: as in the renderer `slices`.
        pub window: Shades = Shades::Auto,
        /// Width of outlines and box lines in voxels, 1 to 16.
        pub outline: u32 = 1,
        /// Radius of a point's dot in voxels, 2 to 64.
        pub dot_radius: f64 = 3.0,
    }
}

/// Most voxels of a volume made for a model.
const MAX_VOXELS: usize = 1 << 28;
/// Longest row or column.
const MAX_SIDE: usize = 4096;

#[typetag::serde(name = "volume")]
impl PromptRendererSpec for VolumeInput {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn PromptRenderer>, Fault> {
        self.window.check().map_err(|fault| fault.at("window"))?;
        within("outline", f64::from(self.outline), 1.0, 16.0)?;
        within("dot_radius", self.dot_radius, 2.0, 64.0)?;
        let shape = self.shape.unwrap_or(self.preset.shape());
        let voxels = shape.iter().try_fold(1usize, |product, side| product.checked_mul(*side));
        if !voxels.is_some_and(|voxels| (1..=MAX_VOXELS).contains(&voxels))
            || shape.iter().any(|side| *side > MAX_SIDE)
        {
            return Err(Fault::config(format!(
                "{shape:?} is not a depth, rows and columns of 1 to {MAX_SIDE} with at most {MAX_VOXELS} voxels"
            ))
            .at("shape"));
        }
        Ok(Box::new(VolumeRenderer {
            shape,
            hand: self.hand,
            marks: self.marks,
            window: self.window,
            strokes: Strokes {
                outline: self.outline,
                box_line: self.outline,
                dot_radius: self.dot_radius,
                dot_rim: 0.0,
            },
            ranges: Backdrops::new(0),
        }))
    }
}

struct VolumeRenderer {
    shape: [usize; 3],
    hand: Hand,
    marks: bool,
    window: Shades,
    strokes: Strokes,
    ranges: Backdrops,
}

impl PromptRenderer for VolumeRenderer {
    fn render(&self, cases: &[&Case], question: &Question, media: &dyn Media) -> Result<Prompt, Fault> {
        let mut parts = Vec::new();
        if let Some(scene) = question.scene.as_ref().filter(|scene| scene.backdrop != Backdrop::None) {
            self.answerable(scene, &question.text)?;
            parts.push(Part::Text { text: self.lead(cases, scene) });
            let states_scale = question.facet("scale_statement") == "on";
            for (number, case) in cases.iter().enumerate() {
                let heading = (cases.len() > 1).then(|| format!("Case {}", number + 1));
                let scale = if states_scale { Some(self.scale(case, scene, media)?) } else { None };
                let text = [heading, scale].into_iter().flatten().collect::<Vec<_>>().join("\n");
                if !text.is_empty() {
                    parts.push(Part::Text { text });
                }
                let volume = match self.hand {
                    Hand::Array => media.put_volume(self.shape, &self.voxels(case, scene, media)?)?,
                    Hand::File => file_of(case)?,
                };
                parts.push(Part::Volume { volume });
            }
        }
        parts.push(Part::Text { text: question.text.clone() });
        Ok(Prompt { parts })
    }
}

/// The file of a case's image.
fn file_of(case: &Case) -> Result<VolumeRef, Fault> {
    let volume = shown_volume(case)?;
    match volume.source {
        VolumeSource::File { .. } => Ok(volume.clone()),
        VolumeSource::Dataset { .. } => Err(Fault::unsupported(format!(
            "case {} has no file: its data set makes the voxels by itself",
            case.name
        ))
        .help("set hand = \"array\"")),
    }
}

/// One plane of the array: where it lies in the volume, and the slice whose masks it shows.
struct Sheet {
    at: f64,
    slice: usize,
}

impl VolumeRenderer {
    /// Refuses scenes whose question a grey volume cannot carry.
    fn answerable(&self, scene: &Scene, text: &str) -> Result<(), Fault> {
        check(scene)?;
        if !scene.stack {
            return Err(Fault::rejected("a question about one slice cannot be shown as a volume"));
        }
        if scene.backdrop == Backdrop::White {
            return Err(Fault::rejected("a white page cannot be shown as a volume"));
        }
        let says = |words: &[&str]| {
            text.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
        };
        if !self.marks && !scene.marks.is_empty() && says(&["mark", "marks", "marked"]) {
            return Err(Fault::rejected("the text speaks of marks, and this volume carries none"));
        }
        let colours = Colour::ALL.map(Colour::word);
        let by_colour = scene.marks.len() > 1 && scene.marks.iter().any(|mark| mark.letter.is_none());
        if self.marks && (by_colour || !scene.marks.is_empty() && says(&colours)) {
            return Err(Fault::rejected("a grey volume shows no colours, and the marks are told by them"));
        }
        Ok(())
    }

    /// Size of a voxel as handed over, along right-left, anterior-posterior, superior-inferior.
    fn scale(&self, case: &Case, scene: &Scene, media: &dyn Media) -> Result<String, Fault> {
        let volume = media.volume(shown_volume(case)?)?;
        let mut sides = volume.grid.affine.spacing();
        if self.hand == Hand::Array {
            let directions = [scene.view.frame, scene.view.down, scene.view.right];
            for (direction, count) in directions.into_iter().zip(self.shape) {
                let axis = direction.axis().index();
                sides[axis] *= volume.grid.shape[axis] as f64 / count as f64;
            }
        }
        let [x, y, z] = sides.map(|side| format!("{side:.3}"));
        Ok(format!("Voxel size: {x} x {y} x {z} mm (right-left x anterior-posterior x superior-inferior)."))
    }

    /// What the frames of the question's text are here.
    fn lead(&self, cases: &[&Case], scene: &Scene) -> String {
        let modality = cases.first().map_or("", |case| case.modality.word());
        if self.hand == Hand::File {
            return format!("You are given one {modality} volume as a file instead of separate frames.");
        }
        let [depth, ..] = self.shape;
        format!(
            "You are given one {modality} volume instead of separate frames: {depth} {} planes, in the order of the frames, \
             spread evenly over the whole scan.",
            scene.view.plane
        )
    }

    /// The array, depth by depth, row by row.
    fn voxels(&self, case: &Case, scene: &Scene, media: &dyn Media) -> Result<Vec<f32>, Fault> {
        let marked = self.marks && !scene.marks.is_empty();
        let volume = match scene.backdrop {
            Backdrop::Image => Some(media.volume(shown_volume(case)?)?),
            _ => None,
        };
        let segmentation = if marked || volume.is_none() { Some(media.segmentation(case)?) } else { None };
        let grid = common_grid(case, volume.as_deref(), segmentation.as_deref())?;
        let raster = Raster::new(self.canvas(scene, &grid), grid.shape);
        let sheets = self.sheets(scene, grid.shape[raster.axes[2]], raster.axes[2])?;
        let bounds = match &volume {
            Some(volume) => Some(self.ranges.bounds(volume, case.modality, self.window)?),
            None => None,
        };
        let shown = Scene {
            frames: sheets.iter().map(|sheet| sheet.slice).collect(),
            step_mm: grid.shape[raster.axes[2]] as f64 * raster.canvas.slice_spacing() / sheets.len() as f64,
            ..scene.clone()
        };
        let planes = in_order(&sheets, |sheet| {
                let mut plane = match (&volume, bounds) {
                    (Some(volume), Some(bounds)) => shaded(&raster, volume, sheet.at, bounds),
                    _ => vec![0.0; raster.width() * raster.height()],
                };
                let mut overlay = Overlay::default();
                if let Some(segmentation) = segmentation.as_deref().filter(|_| marked) {
                    let frame = FrameView {
                        scene: &shown,
                        raster: &raster,
                        segmentation,
                        slice: sheet.slice,
                        frames: &shown.frames,
                        strokes: &self.strokes,
                    };
                    overlay = burn(&frame, &mut plane)?;
                }
                Ok((plane, overlay))
        })?;
        if marked {
            overlay::all_show(&shown, planes.iter().flat_map(|(_, overlay)| overlay.marks()))?;
        }
        let mut voxels = Vec::with_capacity(self.shape.iter().product());
        planes.into_iter().for_each(|(plane, _)| voxels.extend(plane));
        Ok(voxels)
    }

    /// A canvas whose pixels stretch the volume's faces to the model's rows and columns.
    fn canvas(&self, scene: &Scene, grid: &Grid) -> Canvas {
        let [_, rows, columns] = self.shape;
        let (column_axis, row_axis) = (scene.view.right.axis().index(), scene.view.down.axis().index());
        let mut spacing = grid.affine.spacing();
        spacing[column_axis] = columns as f64 / grid.shape[column_axis] as f64;
        spacing[row_axis] = rows as f64 / grid.shape[row_axis] as f64;
        scene.view.canvas(grid.shape, spacing, rows.max(columns) as u32)
    }

    /// The planes in frame order, from outer face to outer face.
    fn sheets(&self, scene: &Scene, slices: usize, axis: usize) -> Result<Vec<Sheet>, Fault> {
        if scene.view.frame.axis().index() != axis {
            return Err(Fault::data(format!(
                "frames of {} slices cannot run toward {}",
                scene.view.plane,
                scene.view.frame.word()
            )));
        }
        let depth = self.shape[0];
        Ok((0..depth)
            .map(|position| {
                let along = (position as f64 + 0.5) / depth as f64 * slices as f64 - 0.5;
                let last = slices as f64 - 1.0;
                let at = if scene.view.frame.sign() > 0.0 { along } else { last - along };
                Sheet { at, slice: at.round().clamp(0.0, last) as usize }
            })
            .collect())
    }
}

fn shaded(raster: &Raster, volume: &Volume, at: f64, bounds: Bounds) -> Vec<f32> {
    let share = |value: f32| ((f64::from(value) - bounds.black) / bounds.width).clamp(0.0, 1.0) as f32;
    raster.sample(volume, at, bounds.black as f32).into_iter().map(share).collect()
}

/// Draws the marks of one plane at full intensity; fills are left out, so that what is marked stays to be seen.
fn burn(frame: &FrameView<'_>, plane: &mut [f32]) -> Result<Overlay, Fault> {
    let (width, height) = (frame.raster.width(), frame.raster.height());
    let overlay = frame.overlay()?;
    draw::legible(&overlay, width, height)?;
    let plates = plates::place(&overlay, width, height)
        .map_err(|letter| Fault::rejected(format!("letter {letter} finds no free place")))?;
    draw::layers(&overlay, &plates, width, height, |offset, layer| match layer {
        Layer::Fill(_) | Layer::Ring => {}
        Layer::Plate(PlatePixel::Ground, _) => plane[offset] = 0.0,
        _ => plane[offset] = 1.0,
    });
    Ok(overlay)
}
