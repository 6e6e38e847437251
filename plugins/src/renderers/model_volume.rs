//! Whole volumes as the pipelines of published 3-D models prepare them: voxel size, crop or stretch, range of values.
//!
//! The presets follow what CT-SpatialVQA's released scripts do for each model. Where those feed the array as it was
//! stored, this renderer gives a stated order: rows toward posterior and columns toward left, planes from the feet up
//! (LPS), but for Merlin, whose pipeline asks for RAS.

use super::model_slices::unmarked;
use super::slices::{common_grid, shown_volume};
use situs_core::prelude::*;
use situs_core::volume::resize_trilinear;

/// A model whose pipeline is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeFor {
    /// CT-CHAT: 1.5 x 0.75 x 0.75 mm, 240 x 480 x 480 by centre crop or pad, -1000..1000 HU to -1..1.
    CtChat,
    /// Merlin: 3 x 1.5 x 1.5 mm, 160 x 224 x 224 by centre crop or pad, -1000..1000 HU to 0..1.
    Merlin,
    /// Med3DVLM: stretched to 128 x 256 x 256, smallest to largest value to 0..1.
    Med3dvlm,
    /// M3D-LaMed: stretched to 32 x 256 x 256, smallest to largest value to 0..1.
    M3d,
    /// RadFM: stretched to 128 x 512 x 512, -1024..1024 HU to 0..1.
    Radfm,
}

/// How a scan gets the model's shape.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fit {
    /// Stretched.
    Stretch,
    /// Resampled to a voxel size (z, y, x in mm), then cropped or padded about its centre.
    Crop([f64; 3]),
}

/// Which values become the ends of the range.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Values {
    /// These, in Hounsfield units; what lies beyond is clipped.
    Clip(f64, f64),
    /// The smallest and the largest of the scan.
    MinMax,
}

struct Pipeline {
    /// Planes, rows, columns.
    shape: [usize; 3],
    fit: Fit,
    values: Values,
    /// What the smallest and the largest value become.
    range: [f64; 2],
    /// Whether rows run toward anterior and columns toward right.
    ras: bool,
    words: &'static str,
}

impl VolumeFor {
    fn pipeline(self) -> Pipeline {
        let unit = [0.0, 1.0];
        match self {
            Self::CtChat => Pipeline {
                shape: [240, 480, 480],
                fit: Fit::Crop([1.5, 0.75, 0.75]),
                values: Values::Clip(-1000.0, 1000.0),
                range: [-1.0, 1.0],
                ras: false,
                words: QUESTION,
            },
            Self::Merlin => Pipeline {
                shape: [160, 224, 224],
                fit: Fit::Crop([3.0, 1.5, 1.5]),
                values: Values::Clip(-1000.0, 1000.0),
                range: unit,
                ras: true,
                words: "Use this CT to answer in as few words as possible, without any preamble.\nQuestion: {question}\nAnswer:",
            },
            Self::Med3dvlm => Pipeline {
                shape: [128, 256, 256],
                fit: Fit::Stretch,
                values: Values::MinMax,
                range: unit,
                ras: false,
                words: QUESTION,
            },
            Self::M3d => Pipeline { shape: [32, 256, 256], ..Self::Med3dvlm.pipeline() },
            Self::Radfm => Pipeline {
                shape: [128, 512, 512],
                values: Values::Clip(-1024.0, 1024.0),
                ..Self::Med3dvlm.pipeline()
            },
        }
    }
}

situs_core::component! {
    /// The whole CT as a named 3-D model's pipeline prepares it: resampled, cropped or stretched, scaled.
    renderer "model-volume";
    pub struct ModelVolume {
        /// Model whose pipeline is followed: ct-chat, merlin, med3dvlm, m3d or radfm.
        pub model: VolumeFor = VolumeFor::M3d,
        /// Text after the volume; {question} stands for the question, and must be in it. Default: the model's.
        pub after: Option<String> = None,
        /// Whether the volume is handed over; false sends the words alone, as CT-SpatialVQA's script for CT-CHAT does.
        pub volume: bool = true,
    }
}

/// Stands for the question's text.
const QUESTION: &str = "{question}";
/// Most voxels of a scan on its way to a model's shape.
const MOST_VOXELS: f64 = (1u64 << 30) as f64;

#[typetag::serde(name = "model-volume")]
impl PromptRendererSpec for ModelVolume {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn PromptRenderer>, Fault> {
        let pipeline = self.model.pipeline();
        let after = self.after.clone().unwrap_or_else(|| pipeline.words.to_owned());
        if !after.contains(QUESTION) {
            return Err(Fault::config(format!("the question is missing: write {QUESTION} where it belongs"))
                .at("after"));
        }
        Ok(Box::new(Renderer { pipeline, after, volume: self.volume }))
    }
}

struct Renderer {
    pipeline: Pipeline,
    after: String,
    volume: bool,
}

impl PromptRenderer for Renderer {
    fn render(&self, cases: &[&Case], question: &Question, media: &dyn Media) -> Result<Prompt, Fault> {
        unmarked(question)?;
        let mut parts = Vec::new();
        if self.volume {
            let [case] = cases else {
                return Err(Fault::unsupported(format!("{} cases: these pipelines show one scan", cases.len())));
            };
            let voxels = self.voxels(case, media)?;
            parts.push(Part::Volume { volume: media.put_volume(self.pipeline.shape, &voxels)? });
        }
        parts.push(Part::Text { text: self.after.replace(QUESTION, &question.text) });
        Ok(Prompt { parts })
    }
}

impl Renderer {
    /// The array, plane by plane, row by row.
    fn voxels(&self, case: &Case, media: &dyn Media) -> Result<Vec<f32>, Fault> {
        let Pipeline { shape, fit, values, range: [bottom, top], ras, .. } = self.pipeline;
        if matches!(values, Values::Clip(..)) && case.modality != Modality::Ct {
            return Err(Fault::unsupported(format!("{}: a range in Hounsfield units needs a CT", case.name)));
        }
        let volume = media.volume(shown_volume(case)?)?;
        let grid = common_grid(case, Some(&volume), None)?;
        let (low, high) = match values {
            Values::Clip(low, high) => (low, high),
            Values::MinMax => ends(&volume.voxels),
        };
        let width = if high > low { high - low } else { 1.0 };
        let scale = |value: f32| {
            let value = if value.is_finite() { f64::from(value) } else { low };
            (bottom + (value.clamp(low, high) - low) / width * (top - bottom)) as f32
        };
        let (stretched, from) = match fit {
            Fit::Stretch => (resize_trilinear(&volume, shape)?, shape),
            Fit::Crop(spacing) => {
                let own = grid.affine.spacing();
                let wanted = [0, 1, 2].map(|place| {
                    let axis = 2 - place;
                    (grid.shape[axis] as f64 * own[axis] / spacing[place]).floor().max(1.0)
                });
                if wanted.iter().product::<f64>() > MOST_VOXELS {
                    return Err(Fault::data(format!("{}: {own:?} mm voxels make a scan of {wanted:?}", case.name)));
                }
                let wanted = wanted.map(|count| count as usize);
                (resize_trilinear(&volume, wanted)?, wanted)
            }
        };
        Ok(framed(&stretched, from, shape, ras, scale, bottom as f32))
    }
}

fn ends(voxels: &[f32]) -> (f64, f64) {
    let finite = || voxels.iter().copied().filter(|value| value.is_finite());
    let low = finite().fold(f32::INFINITY, f32::min);
    let high = finite().fold(f32::NEG_INFINITY, f32::max);
    if low <= high { (f64::from(low), f64::from(high)) } else { (0.0, 1.0) }
}

/// Cut or padded about the centre to `shape`, in the wanted order: the source is `[z, y, x]` in RAS.
fn framed(
    source: &[f32],
    from: [usize; 3],
    shape: [usize; 3],
    ras: bool,
    scale: impl Fn(f32) -> f32,
    pad: f32,
) -> Vec<f32> {
    // Where a wanted index lies in the source along one axis; outside there is padding.
    let at = |axis: usize, index: usize| {
        let flipped = axis > 0 && !ras;
        let index = if flipped { shape[axis] - 1 - index } else { index };
        let (own, wanted) = (from[axis], shape[axis]);
        if own >= wanted {
            Some(index + (own - wanted) / 2)
        } else {
            index.checked_sub((wanted - own) / 2).filter(|index| *index < own)
        }
    };
    let columns: Vec<Option<usize>> = (0..shape[2]).map(|column| at(2, column)).collect();
    let mut voxels = Vec::with_capacity(shape.iter().product());
    for plane in 0..shape[0] {
        for row in 0..shape[1] {
            let start = at(0, plane).zip(at(1, row)).map(|(z, y)| (z * from[1] + y) * from[2]);
            voxels.extend(columns.iter().map(|column| {
                let value = start.zip(*column).and_then(|(start, column)| source.get(start + column));
                value.map_or(pad, |value| scale(*value))
            }));
        }
    }
    voxels
}
