//! Synthetic patients: a torso in CT or a knee in MR, painted from shapes, so that every label is exact.

mod anatomy;
mod knee;
mod patient;
mod scan;
mod shape;
mod torso;

use super::totalsegmentator::LabelTable;
use anatomy::Anatomy;
use patient::Patient;
use scan::Scan;
use situs_core::prelude::*;
use situs_core::space::Affine;
use std::collections::BTreeMap;
use std::sync::OnceLock;

situs_core::component! {
    /// Synthetic torso CTs with TotalSegmentator names, or knee MRs with ten named boxes; needs no files.
    dataset "phantom";
    pub struct Phantom {
        /// Number of patients.
        pub cases: usize = 12,
        /// What is scanned: "torso" (CT with a label map) or "knee" (MR with boxes).
        pub body: Body = Body::Torso,
        /// Where the organs lie: "anatomical", "inversus" (mirrored; names keep the patient's true side) or "shuffled"
        /// (places drawn at random: a name says nothing about the place).
        pub arrangement: Arrangement = Arrangement::Anatomical,
        /// "default" (44 structures of the trunk) or "full" (all 117 of TotalSegmentator v2, with the head).
        pub preset: Preset = Preset::Default,
        /// Whether liver, a kidney, pancreas and a lung carry a tumour each.
        pub tumours: bool = false,
        /// Voxels along right, anterior, superior; the body is fitted to them. Default: by preset.
        pub shape: Option<[usize; 3]> = None,
        /// Voxel size in mm along right, anterior, superior. Default: the body's true size.
        pub spacing: Option<[f64; 3]> = None,
        /// Standard deviation of the noise, in HU or grey values.
        pub noise: f64 = 12.0,
        /// Degrees by which the grid is turned about the superior axis against the patient.
        pub oblique: f64 = 0.0,
        /// Seed of the patients; default: the run's.
        pub seed: Option<u64> = None,
    }
}

/// What is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// Torso CT.
    Torso,
    /// Knee MR.
    Knee,
}

/// Where the organs lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrangement {
    /// As in a typical patient.
    Anatomical,
    /// Mirrored: the liver on the left.
    Inversus,
    /// At random.
    Shuffled,
}

impl Arrangement {
    /// The word of configs and of the case fact `arrangement`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Anatomical => "anatomical",
            Self::Inversus => "inversus",
            Self::Shuffled => "shuffled",
        }
    }
}

/// How many structures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The trunk.
    Default,
    /// All 117 classes of TotalSegmentator v2.
    Full,
}

/// Most patients of one data set.
const MOST_CASES: usize = 100_000;
/// Most voxels of a volume: 1 GiB in f32.
const MOST_VOXELS: usize = 1 << 28;
/// Coarsest voxel in body millimetres: coarser ones would lose the adrenal glands.
const COARSEST: f64 = 4.0;
/// Part of the identity: raised when the same parameters would give other voxels.
const VERSION: u32 = 1;

#[typetag::serde(name = "phantom")]
impl DatasetSpec for Phantom {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        if self.cases == 0 || self.cases > MOST_CASES {
            return Err(Fault::config(format!("expected 1 to {MOST_CASES} patients, found {}", self.cases)).at("cases"));
        }
        if !(0.0..=500.0).contains(&self.noise) {
            return Err(Fault::config(format!("expected 0 to 500, found {}", self.noise)).at("noise"));
        }
        if !(-30.0..=30.0).contains(&self.oblique) {
            return Err(Fault::config(format!("expected -30 to 30 degrees, found {}", self.oblique)).at("oblique"));
        }
        if self.body == Body::Knee {
            self.check_knee()?;
        }
        let (shape, spacing) = self.grid()?;
        let seed = self.seed.unwrap_or(cx.seed);
        let digest = Digest::new("phantom").json(&VERSION).json(self).json(&seed).short();
        let (name, modality_text) = match self.body {
            Body::Torso => ("phantom torso CT", "CT scan of the torso"),
            Body::Knee => ("phantom knee MR", "MR scan (DESS) of a knee"),
        };
        let card = DatasetCard {
            name: name.to_owned(),
            licence: "synthetic, no rights reserved".to_owned(),
            modality_text: modality_text.to_owned(),
            digest,
        };
        let boxes = (0..self.cases).map(|_| OnceLock::new()).collect();
        Ok(Box::new(Phantoms { spec: self.clone(), card, seed, shape, spacing, boxes }))
    }
}

impl Phantom {
    fn check_knee(&self) -> Result<(), Fault> {
        if self.arrangement == Arrangement::Inversus {
            return Err(Fault::config("a mirrored knee is the other knee: `inversus` says nothing here")
                .help("use \"anatomical\" or \"shuffled\"")
                .at("arrangement"));
        }
        if self.preset == Preset::Full {
            return Err(Fault::config("`full` is a preset of the torso").at("preset"));
        }
        if self.tumours {
            return Err(Fault::config("tumours grow in the torso only").at("tumours"));
        }
        Ok(())
    }

    /// The anatomy of a patient; only knees differ, by side.
    fn anatomy(&self, left_knee: bool) -> Anatomy {
        match self.body {
            Body::Torso => torso::anatomy(self.preset == Preset::Full),
            Body::Knee => knee::anatomy(left_knee),
        }
    }

    /// Shape and spacing of the volumes.
    fn grid(&self) -> Result<([usize; 3], [f64; 3]), Fault> {
        let extent = self.anatomy(false).extent;
        if let Some(spacing) = self.spacing.filter(|spacing| spacing.iter().any(|mm| !(*mm >= 0.05 && *mm <= 20.0))) {
            return Err(Fault::config(format!("expected 0.05 to 20 mm, found {spacing:?}")).at("spacing"));
        }
        let shape = match (self.shape, self.spacing) {
            (Some(shape), _) => shape,
            // At most extent / 0.05 mm: far within usize.
            (None, Some(spacing)) => std::array::from_fn(|axis| (extent[axis] / spacing[axis]).round() as usize),
            (None, None) => match (self.body, self.preset) {
                (Body::Torso, Preset::Default) => [144, 112, 208],
                (Body::Torso, Preset::Full) => [224, 176, 440],
                (Body::Knee, _) => [160, 160, 160],
            },
        };
        let at = if self.shape.is_some() { "shape" } else { "spacing" };
        let least: [usize; 3] = extent.map(|mm| (mm / COARSEST).ceil() as usize);
        if (0..3).any(|axis| shape[axis] < least[axis]) {
            return Err(Fault::config(format!("{shape:?} voxels are too few: small structures would vanish"))
                .help(format!("at least {least:?}"))
                .at(at));
        }
        let voxels = shape.iter().try_fold(1_usize, |product, count| product.checked_mul(*count));
        if voxels.is_none_or(|voxels| voxels > MOST_VOXELS) {
            return Err(Fault::config(format!("{shape:?} are more than {MOST_VOXELS} voxels")).at(at));
        }
        let spacing = self.spacing.unwrap_or_else(|| std::array::from_fn(|axis| extent[axis] / shape[axis] as f64));
        Ok((shape, spacing))
    }
}

struct Phantoms {
    spec: Phantom,
    card: DatasetCard,
    seed: u64,
    shape: [usize; 3],
    spacing: [f64; 3],
    /// Boxes of knees, measured once.
    boxes: Vec<OnceLock<Vec<NamedBox>>>,
}

impl Phantoms {
    fn name(&self, index: usize) -> String {
        match self.spec.body {
            Body::Torso => format!("phantom-{index:04}"),
            Body::Knee => format!("knee-{index:04}"),
        }
    }

    fn draw(&self, name: &str) -> Draw {
        Draw::new(self.seed).of("phantom").of(name)
    }

    fn left_knee(&self, name: &str) -> bool {
        self.draw(name).of("side").coin()
    }

    /// Label by name.
    fn labels(&self) -> BTreeMap<String, u32> {
        match self.spec.body {
            Body::Torso => LabelTable::V2.names().into_iter().map(|(label, name)| (name, label)).collect(),
            Body::Knee => {
                (1..).zip(self.spec.anatomy(false).parts).map(|(label, part)| (part.name, label)).collect()
            }
        }
    }

    /// Name by label, of the structures that are there.
    fn names(&self) -> BTreeMap<u32, String> {
        let labels = self.labels();
        let parts = self.spec.anatomy(false).parts.into_iter().filter(|part| part.labelled);
        let mut names: BTreeMap<u32, String> =
            parts.filter_map(|part| labels.get(&part.name).map(|label| (*label, part.name.clone()))).collect();
        if self.spec.tumours {
            names.extend(scan::tumour_names().map(|(label, name)| (label, name.to_owned())));
        }
        names
    }

    fn scan(&self, name: &str) -> Scan {
        let draw = self.draw(name);
        let anatomy = self.spec.anatomy(self.left_knee(name));
        let patient = Patient::draw(anatomy, self.spec.arrangement, &draw);
        let labels = self.labels();
        Scan::new(&patient, self.shape, self.spec.tumours, &draw, |name| labels.get(name).copied().unwrap_or(0))
    }

    fn boxes(&self, index: usize, name: &str) -> Vec<NamedBox> {
        let measure = || {
            let names = self.names();
            let mut boxes: Vec<NamedBox> = (self.scan(name).boxes().into_iter())
                .filter_map(|(label, (min, max))| {
                    names.get(&label).map(|name| NamedBox { name: name.clone(), min, max })
                })
                .collect();
            boxes.sort_by(|a, b| a.name.cmp(&b.name));
            boxes
        };
        self.boxes.get(index).map(|cell| cell.get_or_init(measure).clone()).unwrap_or_default()
    }

    /// Index to RAS+ mm: the middle of the grid is the origin; turned about the superior axis where asked.
    fn affine(&self) -> Affine {
        let (sin, cos) = self.spec.oblique.to_radians().sin_cos();
        let [dx, dy, dz] = self.spacing;
        let rows = [[cos * dx, -sin * dy, 0.0], [sin * dx, cos * dy, 0.0], [0.0, 0.0, dz]];
        let middle = self.shape.map(|count| (count as f64 - 1.0) / 2.0);
        let mut affine = Affine::IDENTITY;
        for (full, row) in affine.0.iter_mut().zip(rows) {
            let offset: f64 = row.iter().zip(middle).map(|(entry, middle)| entry * middle).sum();
            *full = [row[0], row[1], row[2], -offset];
        }
        affine
    }

    fn reference(&self, name: &str, what: &str) -> VolumeRef {
        let key = format!("{name}/{what}");
        VolumeRef { id: key.clone(), source: VolumeSource::Dataset { key } }
    }

    fn image_key(&self) -> &'static str {
        match self.spec.body {
            Body::Torso => "ct",
            Body::Knee => "mr",
        }
    }
}

impl Dataset for Phantoms {
    fn card(&self) -> &DatasetCard {
        &self.card
    }

    fn len(&self) -> usize {
        self.spec.cases
    }

    fn case(&self, index: usize) -> Result<Case, Fault> {
        if index >= self.spec.cases {
            return Err(Fault::internal(format!("case {index} of {}", self.spec.cases)));
        }
        let name = self.name(index);
        let arrangement = self.spec.arrangement.word().to_owned();
        let mut facts = BTreeMap::from([("arrangement".to_owned(), arrangement)]);
        let (modality, structures) = match self.spec.body {
            Body::Torso => {
                facts.insert("region".to_owned(), "torso".to_owned());
                let volume = self.reference(&name, "labels");
                (Modality::Ct, StructureSource::LabelMap { volume, names: self.names() })
            }
            Body::Knee => {
                let side = if self.left_knee(&name) { "left" } else { "right" };
                facts.insert("region".to_owned(), "knee".to_owned());
                facts.insert("side".to_owned(), side.to_owned());
                facts.insert(
                    "modality_text".to_owned(),
                    format!("MR scan (DESS) of the {side} knee of the patient"),
                );
                (Modality::Mr, StructureSource::Boxes { boxes: self.boxes(index, &name) })
            }
        };
        let volumes = vec![self.reference(&name, self.image_key())];
        Ok(Case { cluster: name.clone(), name, modality, volumes, structures, facts })
    }

    /// `CASE/ct` (torso) or `CASE/mr` (knee): grey values; `CASE/labels`: labels.
    fn volume(&self, key: &str) -> Result<Volume, Fault> {
        let unknown = || {
            let keys = format!("CASE/{} and CASE/labels", self.image_key());
            Fault::data(format!("this phantom has no volume {key:?}")).help(format!("it has {keys}"))
        };
        let (name, what) = key.split_once('/').ok_or_else(unknown)?;
        let index = name.rsplit_once('-').and_then(|(_, digits)| digits.parse::<usize>().ok());
        if index.filter(|index| *index < self.spec.cases).is_none_or(|index| self.name(index) != name) {
            return Err(unknown());
        }
        let voxels = match what {
            "labels" => self.scan(name).labels(),
            image if image == self.image_key() => {
                self.scan(name).grey(self.spec.noise, &self.draw(name).of("noise"))
            }
            _ => return Err(unknown()),
        };
        let mut volume = Volume::new(self.shape, self.affine(), voxels);
        if what == "labels" {
            volume.names = self.names();
        }
        Ok(volume)
    }
}
