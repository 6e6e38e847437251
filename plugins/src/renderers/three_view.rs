//! Axial, coronal and sagittal pictures with a stated scale: crops around the structures asked about, or evenly spread
//! slices that no mask has chosen.

use super::slices::backdrop::Backdrops;
use super::slices::raster::Raster;
use super::slices::window::Shades;
use super::slices::{common_grid, in_order, shown_volume, within};
use situs_core::prelude::*;
use situs_core::scene::Backdrop;
use situs_core::space::{Canvas, Plane, Preset, View};
use situs_core::volume::{Window, WindowPreset};

/// What the pictures show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Views {
    /// Slices over the whole scan, chosen by no mask.
    Honest,
    /// Crops around the structures asked about: where to look is told, as in the paper.
    Crop,
}

/// Which slice of a structure is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Through {
    /// The one through the centre of its box.
    Centre,
    /// The one in which it is largest.
    Largest,
}

situs_core::component! {
    /// Axial, coronal and sagittal pictures with their scale: evenly spread slices (honest) or crops around the structures asked about.
    renderer "three-view";
    pub struct ThreeView {
        /// "honest" (slices over the whole scan, no mask used) or "crop" (planes through each structure, cropped around all
        /// of them: masks tell where to look).
        pub views: Views = Views::Honest,
        /// Slices per plane of the honest views.
        pub slices: usize = 9,
        /// Slice of a structure in crops: "centre" (of its box) or "largest" (area).
        pub slice: Through = Through::Centre,
        /// Room around the structures in crops, on each side as a share of their box.
        pub margin: f64 = 0.2,
        /// Smallest side of a crop, in mm.
        pub least_mm: f64 = 64.0,
        /// Longer picture side in pixels.
        pub long_side: u32 = 512,
        /// Values from black to white, as in the renderer `slices`; auto shows lungs in a lung window.
        pub window: Shades = Shades::Auto,
        /// Which way the planes are turned.
        pub preset: Preset = Preset::StandardRadiological,
    }
}

/// Longest side of a picture in pixels.
const MAX_LONG_SIDE: u32 = 4096;
/// Most slices per plane.
const MAX_SLICES: usize = 256;
/// Grey slices kept for the next question of a case, in bytes, for each of two windows.
const KEPT_BYTES: usize = 16 << 20;
/// Longest side of the whole plane on whose pixel grid a crop lies.
const MAX_GRID_SIDE: f64 = 65_536.0;

#[typetag::serde(name = "three-view")]
impl PromptRendererSpec for ThreeView {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn PromptRenderer>, Fault> {
        self.window.check().map_err(|fault| fault.at("window"))?;
        within("slices", self.slices as f64, 1.0, MAX_SLICES as f64)?;
        within("margin", self.margin, 0.0, 10.0)?;
        within("least_mm", self.least_mm, 1.0, 2000.0)?;
        within("long_side", f64::from(self.long_side), 16.0, f64::from(MAX_LONG_SIDE))?;
        Ok(Box::new(ThreeViewRenderer { spec: self.clone(), usual: Backdrops::new(KEPT_BYTES), lung: Backdrops::new(KEPT_BYTES) }))
    }
}

struct ThreeViewRenderer {
    spec: ThreeView,
    /// Grey ranges and slices, kept by window: one store holds those of one window.
    usual: Backdrops,
    lung: Backdrops,
}

/// One picture to be drawn.
struct Shot {
    plane: Plane,
    slice: usize,
}

/// The pictures of one case.
struct Shots {
    /// Plane by plane: pixel grid of the picture.
    rasters: Vec<(Plane, Raster)>,
    shots: Vec<Shot>,
}

impl PromptRenderer for ThreeViewRenderer {
    fn render(&self, cases: &[&Case], question: &Question, media: &dyn Media) -> Result<Prompt, Fault> {
        let question_part = Part::Text { text: question.text.clone() };
        if question.scene.as_ref().is_some_and(|scene| scene.backdrop == Backdrop::None) {
            return Ok(Prompt { parts: vec![question_part] });
        }
        let mut parts = Vec::new();
        for (number, case) in cases.iter().enumerate() {
            let heading = (cases.len() > 1).then(|| format!("Case {}", number + 1));
            parts.extend(self.case_parts(case, question, heading.as_deref(), media)?);
        }
        parts.push(question_part);
        Ok(Prompt { parts })
    }
}

impl ThreeViewRenderer {
    fn case_parts(
        &self,
        case: &Case,
        question: &Question,
        heading: Option<&str>,
        media: &dyn Media,
    ) -> Result<Vec<Part>, Fault> {
        let volume = media.volume(shown_volume(case)?)?;
        let shots = match self.spec.views {
            Views::Honest => self.honest(case, &volume)?,
            Views::Crop => self.crops(case, question, &volume, media)?,
        };
        let lungs = !question.structures.is_empty()
            && question.structures.iter().all(|name| name.to_lowercase().starts_with("lung"));
        let (kept, shades) = self.window(case, lungs);
        let bounds = kept.bounds(&volume, case.modality, shades)?;
        let pictures = in_order(&shots.shots, |shot| {
            let raster = shots.raster(shot.plane)?;
            let rgb: Vec<u8> = match self.spec.views {
                // The same for every question of a case.
                Views::Honest => kept
                    .slice(&volume, raster, shot.slice, self.spec.long_side, bounds)
                    .iter()
                    .flat_map(|grey| [*grey; 3])
                    .collect(),
                Views::Crop => raster
                    .sample(&volume, shot.slice as f64, bounds.black as f32)
                    .into_iter()
                    .flat_map(|value| [bounds.grey(value); 3])
                    .collect(),
            };
            media.put_picture(&Picture { width: raster.width() as u32, height: raster.height() as u32, rgb })
        })?;
        let mut parts = vec![Part::Text { text: self.lead(case, question, heading, &shots) }];
        for (shot, image) in shots.shots.iter().zip(pictures) {
            parts.push(Part::Text { text: shots.label(shot, heading) });
            parts.push(Part::Image { image });
        }
        Ok(parts)
    }

    /// The store of one window and the window: lungs alone have their own.
    fn window(&self, case: &Case, lungs: bool) -> (&Backdrops, Shades) {
        if lungs && self.spec.window == Shades::Auto && case.modality == Modality::Ct {
            return (&self.lung, Shades::Set(Window::Preset(WindowPreset::Lung)));
        }
        (&self.usual, self.spec.window)
    }

    fn view(&self, plane: Plane) -> View {
        self.spec.preset.view(plane)
    }

    /// Evenly spread slices in the order of the view's frames.
    fn honest(&self, case: &Case, volume: &Volume) -> Result<Shots, Fault> {
        let grid = common_grid(case, Some(volume), None)?;
        let mut rasters = Vec::new();
        let mut shots = Vec::new();
        for plane in Plane::ALL {
            let view = self.view(plane);
            let canvas = view.canvas(grid.shape, grid.affine.spacing(), self.spec.long_side);
            rasters.push((plane, Raster::new(canvas, grid.shape)));
            let count = grid.shape[plane.through().index()];
            let taken = self.spec.slices.min(count);
            let mut slices: Vec<usize> = (0..taken)
                .map(|place| ((place as f64 + 0.5) / taken as f64 * count as f64) as usize)
                .map(|slice| slice.min(count - 1))
                .collect();
            if view.frame.sign() < 0.0 {
                slices.reverse();
            }
            shots.extend(slices.into_iter().map(|slice| Shot { plane, slice }));
        }
        Ok(Shots { rasters, shots })
    }

    /// Three planes through each structure, all cropped to the box around all structures.
    fn crops(
        &self,
        case: &Case,
        question: &Question,
        volume: &Volume,
        media: &dyn Media,
    ) -> Result<Shots, Fault> {
        let segmentation = media.segmentation(case)?;
        let grid = common_grid(case, Some(volume), Some(&segmentation))?;
        let mut boxes = Vec::new();
        for name in &question.structures {
            let place = segmentation.find(name);
            let bounds = place.and_then(|place| {
                let structure = segmentation.measured.structures.get(place)?;
                Some((place, structure.bbox_min?, structure.bbox_max?))
            });
            boxes.push(bounds.ok_or_else(|| {
                Fault::data(format!("case {} has no {name} to crop around", case.name))
                    .help("set views = \"honest\" for questions of other structures")
            })?);
        }
        if boxes.is_empty() {
            return Err(Fault::unsupported("a crop needs structures, and this question names none")
                .help("set views = \"honest\""));
        }
        let low = std::array::from_fn(|axis| boxes.iter().map(|(_, min, _)| min[axis]).min().unwrap_or(0));
        let high = std::array::from_fn(|axis| boxes.iter().map(|(.., max)| max[axis]).max().unwrap_or(0));
        let rasters = Plane::ALL
            .into_iter()
            .map(|plane| (plane, self.cropped(self.view(plane), &grid, low, high)))
            .collect();
        let mut shots: Vec<Shot> = Vec::new();
        for (place, min, max) in &boxes {
            for plane in Plane::ALL {
                let axis = plane.through().index();
                let slice = match self.spec.slice {
                    Through::Centre => (min[axis] + max[axis]) / 2,
                    Through::Largest => segmentation
                        .profile(*place, axis)
                        .into_iter()
                        .max_by_key(|(slice, area, _)| (*area, std::cmp::Reverse(*slice)))
                        .map_or((min[axis] + max[axis]) / 2, |(slice, ..)| slice),
                };
                if !shots.iter().any(|shot| shot.plane == plane && shot.slice == slice) {
                    shots.push(Shot { plane, slice });
                }
            }
        }
        Ok(Shots { rasters, shots })
    }

    /// The pixels of a plane around a box of voxels, both ends inclusive.
    fn cropped(&self, view: View, grid: &Grid, low: [usize; 3], high: [usize; 3]) -> Raster {
        let spacing = grid.affine.spacing();
        let axes = [view.right.axis().index(), view.down.axis().index()];
        let spans = axes.map(|axis| {
            let count = grid.shape[axis] as f64;
            self.span(low[axis] as f64, high[axis] as f64 + 1.0, count, spacing[axis])
        });
        let longest =
            (0..2).map(|side| (spans[side].1 - spans[side].0) * spacing[axes[side]]).fold(0.0, f64::max);
        let mm_per_pixel = longest / f64::from(self.spec.long_side);
        let whole = axes.map(|axis| grid.shape[axis] as f64 * spacing[axis]).into_iter().fold(0.0, f64::max);
        let side = (whole / mm_per_pixel).round().clamp(1.0, MAX_GRID_SIDE) as u32;
        let canvas = view.canvas(grid.shape, spacing, side);
        let [columns, rows] = pixel_ranges(&canvas, axes, spans);
        Raster::new(canvas, grid.shape).cropped(columns, rows)
    }

    /// The crop along one axis in voxels from outer face to outer face: margin, smallest side, kept inside the scan.
    fn span(&self, low: f64, high: f64, count: f64, spacing: f64) -> (f64, f64) {
        let length = ((high - low) * (1.0 + 2.0 * self.spec.margin)).max(self.spec.least_mm / spacing).min(count);
        let start = ((low + high - length) / 2.0).clamp(0.0, count - length);
        (start, start + length)
    }

    fn lead(&self, case: &Case, question: &Question, heading: Option<&str>, shots: &Shots) -> String {
        let noun = match question.facets.get("modality_text") {
            Some(text) => text.clone(),
            None => format!("{} scan", case.modality.word()),
        };
        let lists: Vec<String> = Plane::ALL
            .into_iter()
            .map(|plane| {
                let count = shots.shots.iter().filter(|shot| shot.plane == plane).count();
                format!("{count} {plane}")
            })
            .collect();
        let count = shots.shots.len();
        let start = heading.map(|heading| format!("{heading}: ")).unwrap_or_default();
        let mut blocks =
            vec![format!("{start}You are given {count} views of one {noun}: {}.", lists.join(", "))];
        blocks.push(self.edges());
        if self.spec.views == Views::Honest {
            let order: Vec<String> = Plane::ALL
                .into_iter()
                .map(|plane| format!("{plane} views toward {}", side(self.view(plane).frame)))
                .collect();
            blocks.push(format!("They are spread evenly over the scan, in order: {}.", order.join(", ")));
        }
        if question.facet("scale_statement") != "off" {
            let scales: Vec<String> = shots
                .rasters
                .iter()
                .map(|(plane, raster)| {
                    format!("{} view: one pixel is {:.3} mm.", title(*plane), raster.canvas.mm_per_pixel)
                })
                .collect();
            blocks.push(scales.join(" "));
        }
        blocks.join("\n")
    }

    /// Where the left edge of each plane's pictures lies, planes that agree together.
    fn edges(&self) -> String {
        let mut sides: Vec<(Vec<String>, String)> = Vec::new();
        for plane in Plane::ALL {
            let view = self.view(plane);
            let told = format!(
                "the left edge of the image is toward {} and the top edge toward {}",
                side(view.left()),
                side(view.up())
            );
            match sides.iter_mut().find(|(_, known)| *known == told) {
                Some((planes, _)) => planes.push(plane.word().to_owned()),
                None => sides.push((vec![plane.word().to_owned()], told)),
            }
        }
        let sentences: Vec<String> = sides
            .into_iter()
            .map(|(planes, told)| {
                let planes = planes.join(" and ");
                let mut letters = planes.chars();
                let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
                format!("{first}{} views: {told}.", letters.as_str())
            })
            .collect();
        sentences.join(" ")
    }
}

impl Shots {
    fn raster(&self, plane: Plane) -> Result<&Raster, Fault> {
        let found = self.rasters.iter().find(|(own, _)| *own == plane);
        found.map(|(_, raster)| raster).ok_or_else(|| Fault::internal(format!("no {plane} pixel grid")))
    }

    /// "Case 1, axial view 2 of 9:".
    fn label(&self, shot: &Shot, heading: Option<&str>) -> String {
        let of_plane: Vec<usize> =
            self.shots.iter().filter(|other| other.plane == shot.plane).map(|other| other.slice).collect();
        let number = of_plane.iter().position(|slice| *slice == shot.slice).unwrap_or(0) + 1;
        let view = match of_plane.len() {
            1 => format!("{} view", shot.plane),
            count => format!("{} view {number} of {count}", shot.plane),
        };
        match heading {
            Some(heading) => format!("{heading}, {view}:"),
            None => {
                let mut letters = view.chars();
                let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
                format!("{first}{}:", letters.as_str())
            }
        }
    }
}

fn title(plane: Plane) -> &'static str {
    match plane {
        Plane::Axial => "Axial",
        Plane::Coronal => "Coronal",
        Plane::Sagittal => "Sagittal",
    }
}

fn side(direction: situs_core::space::Direction) -> &'static str {
    use situs_core::space::Direction as D;
    match direction {
        D::Right => "the patient's right side",
        D::Left => "the patient's left side",
        D::Anterior => "the patient's front",
        D::Posterior => "the patient's back",
        D::Superior => "the patient's head",
        D::Inferior => "the patient's feet",
    }
}

/// Columns and rows of a canvas between voxel faces.
fn pixel_ranges(
    canvas: &Canvas,
    axes: [usize; 2],
    spans: [(f64, f64); 2],
) -> [std::ops::Range<usize>; 2] {
    let corner = |pick: fn((f64, f64)) -> f64| {
        let mut index = [0.0; 3];
        for (axis, span) in axes.into_iter().zip(spans) {
            // Faces lie half a voxel from centres.
            index[axis] = pick(span) - 0.5;
        }
        canvas.project(index)
    };
    let (one, other) = (corner(|(start, _)| start), corner(|(_, end)| end));
    let counts = [canvas.width, canvas.height];
    std::array::from_fn(|side| {
        let (start, end) = (one[side].min(other[side]), one[side].max(other[side]));
        let start = (start.round().max(0.0) as usize).min(counts[side] as usize - 1);
        let end = (end.round().max(0.0) as usize).clamp(start + 1, counts[side] as usize);
        start..end
    })
}
