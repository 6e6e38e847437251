//! Axial slices as the pipelines of published models prepare them: so many, evenly spread, one window a colour channel,
//! resized as the model wants. Questions about a whole scan alone: what a question marks cannot be shown.
//!
//! The presets follow what CT-SpatialVQA's released scripts do for each model, with three differences: slices run from
//! the feet up in the radiological view, whatever the file's storage order; pictures are PNG, not JPEG; and no slice is
//! dropped because a prompt got long.

use super::slices::raster::Raster;
use super::slices::{common_grid, in_order, shown_volume};
use super::uniform_slices;
use image::RgbImage;
use image::imageops::{FilterType, resize};
use situs_core::prelude::*;
use situs_core::space::{Plane, Preset, View};

/// A model whose pipeline is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlicesFor {
    /// MedGemma 1.5 4B: 85 slices of 896 x 896 pixels, three windows.
    Medgemma,
    /// Lingshu 7B, which MedEvalKit runs: 32 slices of native size, three windows.
    Lingshu,
    /// VILA-M3 8B without its expert models: the middle slice.
    VilaM3,
}

impl SlicesFor {
    fn frames(self) -> usize {
        match self {
            Self::Medgemma => 85,
            Self::Lingshu => 32,
            Self::VilaM3 => 1,
        }
    }

    /// Value of black and of white by colour channel, in Hounsfield units.
    fn windows(self) -> [[f64; 2]; 3] {
        let soft = [-135.0, 215.0];
        match self {
            Self::Medgemma => [[-1225.0, 1025.0], soft, [0.0, 80.0]],
            Self::Lingshu => [[-1024.0, 1024.0], soft, [0.0, 80.0]],
            // Its scripts leave the window to the loader of the model's own library: soft tissue.
            Self::VilaM3 => [[-160.0, 240.0]; 3],
        }
    }

    /// Columns and rows; `None`: those of the scan.
    fn size(self) -> Option<[u32; 2]> {
        match self {
            Self::Medgemma => Some([896, 896]),
            Self::Lingshu | Self::VilaM3 => None,
        }
    }

    /// Text before the pictures, heading of each, text after them; `{n}` and `{question}` are filled in.
    fn words(self) -> [&'static str; 3] {
        match self {
            Self::Medgemma | Self::Lingshu => [
                "You read CT scans. The following pictures are axial slices of one chest CT, from bottom to top.",
                "SLICE {n}",
                "{question}\n\nAnswer from what the slices show. Give your reason in a sentence, then the final answer.",
            ],
            Self::VilaM3 => ["", "", "{question}\n\nGive the answer alone, as short as it can be."],
        }
    }
}

situs_core::component! {
    /// Evenly spread axial slices with one window a colour channel, resized, as a named model's pipeline does.
    renderer "model-slices";
    pub struct ModelSlices {
        /// Model whose pipeline is followed: medgemma, lingshu or vila-m3. The fields below change one part of it each.
        pub model: SlicesFor = SlicesFor::Lingshu,
        /// Number of slices; 1 shows the middle one.
        pub frames: Option<usize> = None,
        /// Value of black and of white in Hounsfield units for red, green and blue: `[[-1024, 1024], [-135, 215], [0, 80]]`.
        pub windows: Option<[[f64; 2]; 3]> = None,
        /// Columns and rows of a picture, the slice stretched to them; `[0, 0]`: those of the scan.
        pub size: Option<[u32; 2]> = None,
        /// Text before the pictures; empty: none.
        pub before: Option<String> = None,
        /// Text after each picture, with {n} for its number from 1; empty: none.
        pub heading: Option<String> = None,
        /// Text after the pictures; {question} stands for the question, and must be in it.
        pub after: Option<String> = None,
    }
}

/// Most slices of a prompt.
const MOST_FRAMES: usize = 4096;
/// Longest side of a picture.
const LONGEST_SIDE: u32 = 4096;
/// Stands for the question's text.
const QUESTION: &str = "{question}";

#[typetag::serde(name = "model-slices")]
impl PromptRendererSpec for ModelSlices {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn PromptRenderer>, Fault> {
        let frames = self.frames.unwrap_or(self.model.frames());
        if !(1..=MOST_FRAMES).contains(&frames) {
            return Err(Fault::config(format!("expected 1 to {MOST_FRAMES}, found {frames}")).at("frames"));
        }
        let windows = self.windows.unwrap_or(self.model.windows());
        if let Some([low, high]) = windows.iter().find(|[low, high]| !(low < high && (high - low).is_finite())) {
            return Err(Fault::config(format!("a window from {low} to {high} shows nothing")).at("windows"));
        }
        let size = match self.size {
            None => self.model.size(),
            Some([0, 0]) => None,
            Some(size) => Some(size),
        };
        if let Some([columns, rows]) =
            size.filter(|sides| sides.iter().any(|side| *side == 0 || *side > LONGEST_SIDE))
        {
            return Err(Fault::config(format!("pictures of {columns} x {rows} pixels: sides of 1 to {LONGEST_SIDE}"))
                .at("size"));
        }
        let [before, heading, after] = self.model.words();
        let words = |own: &Option<String>, preset: &str| own.clone().unwrap_or_else(|| preset.to_owned());
        let after = words(&self.after, after);
        if !after.contains(QUESTION) {
            return Err(Fault::config(format!("the question is missing: write {QUESTION} where it belongs"))
                .at("after"));
        }
        Ok(Box::new(Renderer {
            frames,
            windows,
            size,
            before: words(&self.before, before),
            heading: words(&self.heading, heading),
            after,
        }))
    }
}

struct Renderer {
    frames: usize,
    windows: [[f64; 2]; 3],
    size: Option<[u32; 2]>,
    before: String,
    heading: String,
    after: String,
}

impl PromptRenderer for Renderer {
    fn render(&self, cases: &[&Case], question: &Question, media: &dyn Media) -> Result<Prompt, Fault> {
        unmarked(question)?;
        let [case] = cases else {
            return Err(Fault::unsupported(format!("{} cases: these pipelines show one scan", cases.len())));
        };
        let mut parts = Vec::new();
        let say = |parts: &mut Vec<Part>, text: String| {
            if !text.is_empty() {
                parts.push(Part::Text { text });
            }
        };
        say(&mut parts, self.before.clone());
        for (image, number) in self.pictures(case, media)?.into_iter().zip(1..) {
            parts.push(Part::Image { image });
            say(&mut parts, self.heading.replace("{n}", &number.to_string()));
        }
        say(&mut parts, self.after.replace(QUESTION, &question.text));
        Ok(Prompt { parts })
    }
}

/// Refuses questions that speak of marks.
pub(super) fn unmarked(question: &Question) -> Result<(), Fault> {
    if question.scene.as_ref().is_some_and(|scene| !scene.marks.is_empty()) {
        return Err(Fault::rejected("a model's own pipeline draws no marks"));
    }
    Ok(())
}

impl Renderer {
    fn pictures(&self, case: &Case, media: &dyn Media) -> Result<Vec<ImageRef>, Fault> {
        if case.modality != Modality::Ct {
            return Err(Fault::unsupported(format!("{}: windows in Hounsfield units need a CT", case.name)));
        }
        let volume = media.volume(shown_volume(case)?)?;
        let grid = common_grid(case, Some(&volume), None)?;
        let raster = Raster::new(pixel_a_voxel(Preset::StandardRadiological.view(Plane::Axial), &grid)?, grid.shape);
        let slices = uniform_slices(grid.shape[2], self.frames);
        in_order(&slices, |slice| {
            let values = raster.sample(&volume, *slice as f64, self.windows[0][0] as f32);
            let rgb: Vec<u8> =
                values.iter().flat_map(|value| self.windows.map(|window| shade(*value, window))).collect();
            media.put_picture(&self.sized(Picture {
                width: raster.width() as u32,
                height: raster.height() as u32,
                rgb,
            })?)
        })
    }

    /// Stretched to the wanted size, bilinear, averaging where it shrinks: what PIL does.
    fn sized(&self, picture: Picture) -> Result<Picture, Fault> {
        let Some([width, height]) = self.size.filter(|size| *size != [picture.width, picture.height]) else {
            return Ok(picture);
        };
        let image = RgbImage::from_raw(picture.width, picture.height, picture.rgb)
            .ok_or_else(|| Fault::internal("a slice has another number of pixels than its sides say"))?;
        Ok(Picture { width, height, rgb: resize(&image, width, height, FilterType::Triangle).into_raw() })
    }
}

/// Clipped, scaled to 0..255, halves to the even neighbour, as numpy rounds.
fn shade(value: f32, [low, high]: [f64; 2]) -> u8 {
    (((f64::from(value).clamp(low, high) - low) / (high - low)) * 255.0).round_ties_even() as u8
}

/// A canvas with one pixel a voxel, whatever the voxel size.
fn pixel_a_voxel(view: View, grid: &Grid) -> Result<situs_core::space::Canvas, Fault> {
    let longest = grid.shape[0].max(grid.shape[1]);
    match u32::try_from(longest) {
        Ok(side) if side <= LONGEST_SIDE => Ok(view.canvas(grid.shape, [1.0; 3], side)),
        _ => Err(Fault::unsupported(format!("slices of {longest} pixels: at most {LONGEST_SIDE} are drawn"))),
    }
}
