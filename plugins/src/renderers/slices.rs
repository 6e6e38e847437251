//! Slices and stacks as pictures: grey voxels, coloured marks, letter plates, in the view that the question states.

pub mod backdrop;
pub mod draw;
pub mod letters;
pub mod overlay;
pub mod plates;
pub mod raster;
pub mod window;

use backdrop::Backdrops;
use draw::Layer;
use letters::PlatePixel;
use overlay::{FrameView, Overlay, Strokes};
use plates::Plate;
use raster::Raster;
use rayon::prelude::*;
use situs_core::prelude::*;
use situs_core::scene::{Backdrop, Scene};
use std::sync::Arc;
use window::Shades;

situs_core::component! {
    /// Draws a slice or a stack as PNG pictures, marks burnt in, pictures before the question's text.
    renderer "slices";
    pub struct Slices {
        /// Values from black to white: auto (soft_tissue for CT, percentile for MR), percentile, { low, high } in
        /// percentiles, or for CT alone soft_tissue, mediastinum, lung, bone, brain, liver, angio or { width, level }.
        pub window: Shades = Shades::Auto,
        /// Opacity of a mask's fill, 0 to 0.9.
        pub alpha: f64 = 0.35,
        /// Width of a mask's outline in pixels, inward from its edge, 1 to 16.
        pub outline: u32 = 2,
        /// Width of a box's lines in pixels, inward from its edge, 1 to 16.
        pub box_line: u32 = 2,
        /// Radius of a point's dot in pixels, 2 to 64.
        pub dot_radius: f64 = 5.0,
        /// Width of the white ring around a dot in pixels, 0 to 16.
        pub dot_rim: f64 = 1.0,
        /// Whether a text part stands before each picture of a stack ("Frame 3:") and, where a question shows several
        /// cases, before each case ("Case 2").
        pub headings: bool = true,
        /// Most megabytes of grey slices kept for further questions of a case.
        pub cache_mb: usize = 24,
    }
}

#[typetag::serde(name = "slices")]
impl PromptRendererSpec for Slices {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn PromptRenderer>, Fault> {
        self.window.check().map_err(|fault| fault.at("window"))?;
        within("alpha", self.alpha, 0.0, 0.9)?;
        within("outline", f64::from(self.outline), 1.0, 16.0)?;
        within("box_line", f64::from(self.box_line), 1.0, 16.0)?;
        within("dot_radius", self.dot_radius, 2.0, 64.0)?;
        within("dot_rim", self.dot_rim, 0.0, 16.0)?;
        Ok(Box::new(SliceRenderer {
            window: self.window,
            alpha: self.alpha,
            strokes: Strokes {
                outline: self.outline,
                box_line: self.box_line,
                dot_radius: self.dot_radius,
                dot_rim: self.dot_rim,
            },
            headings: self.headings,
            backdrops: Backdrops::new(self.cache_mb.saturating_mul(1 << 20)),
        }))
    }
}

/// Refuses a parameter outside its range.
pub(crate) fn within(name: &str, value: f64, low: f64, high: f64) -> Result<(), Fault> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Fault::config(format!("{value} is not between {low} and {high}")).at(name))
}

/// Most marks that one scene may carry: one for each colour.
const MAX_MARKS: usize = situs_core::scene::Colour::ALL.len();
/// Longest side of a picture in pixels.
const MAX_LONG_SIDE: u32 = 4096;
/// Most frames of a stack.
const MAX_FRAMES: usize = 4096;

struct SliceRenderer {
    window: Shades,
    alpha: f64,
    strokes: Strokes,
    headings: bool,
    backdrops: Backdrops,
}

impl PromptRenderer for SliceRenderer {
    fn render(&self, cases: &[&Case], question: &Question, media: &dyn Media) -> Result<Prompt, Fault> {
        let mut parts = Vec::new();
        if let Some(scene) = question.scene.as_ref().filter(|scene| scene.backdrop != Backdrop::None) {
            check(scene)?;
            for (number, case) in cases.iter().enumerate() {
                if self.headings && cases.len() > 1 {
                    parts.push(Part::Text { text: format!("Case {}", number + 1) });
                }
                let images = self.frames(case, scene, media)?;
                for (number, image) in images.into_iter().enumerate() {
                    if self.headings && scene.stack {
                        parts.push(Part::Text { text: format!("Frame {}:", number + 1) });
                    }
                    parts.push(Part::Image { image });
                }
            }
        }
        parts.push(Part::Text { text: question.text.clone() });
        Ok(Prompt { parts })
    }
}

impl SliceRenderer {
    fn frames(&self, case: &Case, scene: &Scene, media: &dyn Media) -> Result<Vec<ImageRef>, Fault> {
        let volume = match scene.backdrop {
            Backdrop::Image => Some(media.volume(shown_volume(case)?)?),
            _ => None,
        };
        let marked = !scene.marks.is_empty() || !scene.keep_clear.is_empty();
        let segmentation = if marked || volume.is_none() { Some(media.segmentation(case)?) } else { None };
        let grid = common_grid(case, volume.as_deref(), segmentation.as_deref())?;
        let canvas = scene.view.canvas(grid.shape, grid.affine.spacing(), scene.long_side);
        let raster = Raster::new(canvas, grid.shape);
        check_frames(scene, grid.shape[raster.axes[2]])?;
        let ground = match &volume {
            Some(volume) => Some((volume, self.backdrops.bounds(volume, case.modality, self.window)?)),
            None => None,
        };
        let view = |slice: usize| {
            segmentation.as_deref().map(|segmentation| FrameView {
                scene,
                raster: &raster,
                segmentation,
                slice,
                frames: &scene.frames,
                strokes: &self.strokes,
            })
        };
        // All marks first: an item that is dropped leaves no picture behind. Their pixels are worked out a second time
        // for drawing: those of a whole stack would take tens of megabytes.
        let marked: Vec<(Vec<usize>, Vec<Plate>)> = in_order(&scene.frames, |slice| match view(*slice) {
            Some(frame) => self.marks(&frame).map(|(overlay, plates)| (overlay.marks().collect(), plates)),
            None => Ok(Default::default()),
        })?;
        overlay::all_show(scene, marked.iter().flat_map(|(marks, _)| marks.iter().copied()))?;
        let frames: Vec<_> = scene.frames.iter().zip(&marked).collect();
        in_order(&frames, |(slice, (_, plates))| {
            let overlay = view(**slice).map_or_else(|| Ok(Overlay::default()), |frame| frame.overlay())?;
            let grey: Arc<[u8]> = match ground {
                Some((volume, bounds)) => {
                    self.backdrops.slice(volume, &raster, **slice, scene.long_side, bounds)
                }
                None => vec![u8::MAX; raster.width() * raster.height()].into(),
            };
            media.put_picture(&self.picture(&grey, &raster, &overlay, plates))
        })
    }

    fn marks(&self, frame: &FrameView<'_>) -> Result<(Overlay, Vec<Plate>), Fault> {
        let (width, height) = (frame.raster.width(), frame.raster.height());
        let overlay = frame.overlay()?;
        draw::legible(&overlay, width, height)?;
        let plates = plates::place(&overlay, width, height)
            .map_err(|letter| Fault::rejected(format!("letter {letter} finds no free place")))?;
        Ok((overlay, plates))
    }

    fn picture(&self, grey: &[u8], raster: &Raster, overlay: &Overlay, plates: &[Plate]) -> Picture {
        let (width, height) = (raster.width(), raster.height());
        let mut rgb: Vec<u8> = grey.iter().flat_map(|grey| [*grey; 3]).collect();
        draw::layers(overlay, plates, width, height, |offset, layer| {
            let pixel = &mut rgb[offset * 3..offset * 3 + 3];
            let solid = match layer {
                Layer::Fill(colour) => {
                    for (below, above) in pixel.iter_mut().zip(colour.rgb()) {
                        let mixed = f64::from(*below) * (1.0 - self.alpha) + f64::from(above) * self.alpha;
                        *below = (mixed + 0.5).floor() as u8;
                    }
                    return;
                }
                Layer::Stroke(colour) => colour.rgb(),
                Layer::Ring => [u8::MAX; 3],
                Layer::Leader(colour) | Layer::Plate(PlatePixel::Rim, colour) => letters::tint(colour),
                Layer::Plate(PlatePixel::Ground, _) => letters::GROUND,
                Layer::Plate(PlatePixel::Ink, _) => letters::INK,
            };
            pixel.copy_from_slice(&solid);
        });
        Picture { width: width as u32, height: height as u32, rgb }
    }
}

/// Works on all items at once; of several faults the first in order is given.
pub(crate) fn in_order<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, Fault> + Sync,
) -> Result<Vec<R>, Fault> {
    let done: Vec<Result<R, Fault>> = items.par_iter().map(&work).collect();
    done.into_iter().collect()
}

/// The volume of a case that is shown: its first.
pub(crate) fn shown_volume(case: &Case) -> Result<&VolumeRef, Fault> {
    case.volumes.first().ok_or_else(|| Fault::data(format!("case {} has no volume to show", case.name)))
}

/// The grid of image and structures, which must be one.
pub(crate) fn common_grid(
    case: &Case,
    volume: Option<&Volume>,
    segmentation: Option<&Segmentation>,
) -> Result<Grid, Fault> {
    let grid = match (volume, segmentation) {
        (Some(volume), Some(segmentation)) if volume.grid.shape != segmentation.grid().shape => {
            return Err(Fault::data(format!(
                "case {}: the image has {:?} voxels, its structures {:?}",
                case.name,
                volume.grid.shape,
                segmentation.grid().shape
            )));
        }
        (Some(volume), _) => volume.grid,
        (None, Some(segmentation)) => *segmentation.grid(),
        (None, None) => return Err(Fault::data(format!("case {} has nothing to show", case.name))),
    };
    let spacing = grid.affine.spacing();
    if grid.is_empty() || !spacing.iter().all(|side| side.is_finite() && *side > 0.0) {
        return Err(Fault::data(format!(
            "case {}: {:?} voxels of {spacing:?} mm cannot be shown",
            case.name, grid.shape
        )));
    }
    Ok(grid)
}

/// Refuses scenes that no picture could show.
pub(crate) fn check(scene: &Scene) -> Result<(), Fault> {
    if scene.marks.len() > MAX_MARKS {
        return Err(Fault::unsupported(format!(
            "a scene with {} marks: there are {MAX_MARKS} colours",
            scene.marks.len()
        )));
    }
    if let Some(letter) =
        scene.marks.iter().filter_map(|mark| mark.letter).find(|letter| !letters::LETTERS.contains(letter))
    {
        return Err(Fault::unsupported(format!("no glyph for the letter {letter:?}: they are A to F")));
    }
    if scene.long_side == 0 || scene.long_side > MAX_LONG_SIDE {
        return Err(Fault::unsupported(format!(
            "pictures of {} pixels: 1 to {MAX_LONG_SIDE} can be drawn",
            scene.long_side
        )));
    }
    Ok(())
}

fn check_frames(scene: &Scene, slices: usize) -> Result<(), Fault> {
    if scene.frames.is_empty() || scene.frames.len() > MAX_FRAMES {
        return Err(Fault::unsupported(format!(
            "a scene of {} frames: 1 to {MAX_FRAMES} can be drawn",
            scene.frames.len()
        )));
    }
    match scene.frames.iter().find(|slice| **slice >= slices) {
        Some(slice) => Err(Fault::data(format!("slice {slice} is not among the volume's {slices}"))),
        None => Ok(()),
    }
}
