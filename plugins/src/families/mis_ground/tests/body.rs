//! Synthetic bodies: ellipsoids and tubes in a label map, and boxes of a knee.

use crate::families::mis_ground::MisGround;
use situs_core::prelude::*;
use situs_core::space::Affine;
use situs_core::volume::{LabelVolume, Labels};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Voxels along x (grows toward the patient's right), y (anterior), z (superior).
pub(super) const SHAPE: [usize; 3] = [90, 70, 200];
const SPACING: [f64; 3] = [4.0, 4.0, 3.0];

/// Centre and radii in voxels.
const ORGANS: [(&str, [f64; 3], [f64; 3]); 17] = [
    ("liver", [62.0, 38.0, 110.0], [16.0, 17.0, 20.0]),
    ("spleen", [20.0, 26.0, 112.0], [8.0, 9.0, 12.0]),
    ("kidney_right", [58.0, 12.0, 80.0], [6.0, 6.0, 12.0]),
    ("kidney_left", [30.0, 12.0, 84.0], [6.0, 6.0, 12.0]),
    ("stomach", [28.0, 48.0, 106.0], [11.0, 10.0, 12.0]),
    ("heart", [38.0, 44.0, 150.0], [13.0, 12.0, 13.0]),
    ("aorta", [43.0, 23.0, 115.0], [4.0, 4.0, 500.0]),
    ("lung_upper_lobe_right", [66.0, 38.0, 170.0], [11.0, 18.0, 16.0]),
    ("lung_upper_lobe_left", [14.0, 38.0, 168.0], [10.0, 18.0, 16.0]),
    ("trachea", [45.0, 37.0, 183.0], [4.0, 4.0, 12.0]),
    ("urinary_bladder", [45.0, 44.0, 25.0], [10.0, 9.0, 10.0]),
    ("colon", [72.0, 42.0, 55.0], [8.0, 10.0, 14.0]),
    ("hip_left", [24.0, 24.0, 30.0], [8.0, 8.0, 16.0]),
    ("hip_right", [66.0, 24.0, 31.0], [8.0, 8.0, 16.0]),
    ("sternum", [45.0, 62.0, 150.0], [5.0, 3.0, 20.0]),
    ("gallbladder", [47.0, 56.0, 92.0], [5.0, 5.0, 6.0]),
    ("rib_left_4", [6.0, 20.0, 150.0], [3.0, 8.0, 5.0]),
];

/// A torso as a data set would give it.
pub(super) struct Subject {
    pub(super) card: DatasetCard,
    pub(super) case: Case,
    pub(super) entry: CatalogueEntry,
    pub(super) segmentation: Arc<Segmentation>,
    pub(super) labels: Vec<u8>,
    pub(super) names: BTreeMap<u32, String>,
}

impl Media for Subject {
    fn volume(&self, _: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        Err(Fault::unsupported("no volumes"))
    }
    fn segmentation(&self, _: &Case) -> Result<Arc<Segmentation>, Fault> {
        Ok(self.segmentation.clone())
    }
    fn put_picture(&self, _: &Picture) -> Result<ImageRef, Fault> {
        Err(Fault::unsupported("no pictures"))
    }
    fn png(&self, _: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        Err(Fault::unsupported("no pictures"))
    }
    fn put_volume(&self, _: [usize; 3], _: &[f32]) -> Result<VolumeRef, Fault> {
        Err(Fault::unsupported("no volumes"))
    }
    fn path(&self, _: &str) -> Result<PathBuf, Fault> {
        Err(Fault::unsupported("no files"))
    }
}

impl Subject {
    fn of(
        case: Case,
        segmentation: Segmentation,
        labels: Vec<u8>,
        names: BTreeMap<u32, String>,
    ) -> Self {
        let entry = CatalogueEntry {
            case: case.name.clone(),
            cluster: case.cluster.clone(),
            modality: case.modality,
            volume_id: "irrelevant".to_owned(),
            grid: *segmentation.grid(),
            measured: segmentation.measured.clone(),
        };
        let card = DatasetCard {
            name: "test".to_owned(),
            licence: String::new(),
            modality_text: "CT scan of the torso".to_owned(),
            digest: String::new(),
        };
        Self { card, case, entry, segmentation: Arc::new(segmentation), labels, names }
    }

    /// A CT of a torso, turned about the head-feet axis by an angle.
    pub(super) fn torso(degrees: f64) -> Self {
        let [nx, ny, nz] = SHAPE;
        let mut labels = vec![0_u8; nx * ny * nz];
        for (organ, (_, centre, radii)) in ORGANS.iter().enumerate() {
            for (voxel, label) in labels.iter_mut().enumerate() {
                let at = [voxel % nx, voxel / nx % ny, voxel / (nx * ny)];
                let inside: f64 =
                    (0..3).map(|axis| ((at[axis] as f64 - centre[axis]) / radii[axis]).powi(2)).sum();
                if inside <= 1.0 && *label == 0 && (30..190).contains(&at[2]) | (organ != 6) {
                    *label = organ as u8 + 1;
                }
            }
        }
        let (sin, cos) = degrees.to_radians().sin_cos();
        let [x, y, z] = SPACING;
        let affine = Affine([
            [x * cos, -y * sin, 0.0, -180.0],
            [x * sin, y * cos, 0.0, -140.0],
            [0.0, 0.0, z, -300.0],
            [0.0, 0.0, 0.0, 1.0],
        ]);
        let grid = Grid { shape: SHAPE, affine };
        let names: BTreeMap<u32, String> =
            (1_u32..).zip(ORGANS.iter().map(|(name, _, _)| (*name).to_owned())).collect();
        let map = LabelVolume {
            grid,
            labels: Labels::U8(labels.clone()),
            names: BTreeMap::new(),
            warnings: Vec::new(),
        };
        let segmentation = Segmentation::from_labels(&map.view(), Some(&names)).unwrap();
        Self::of(plain_case("torso-1", Modality::Ct), segmentation, labels, names)
    }

    /// The 108 structures of a real, oblique CT at full size, where the test data are at hand.
    pub(super) fn real() -> Option<Self> {
        let data = std::env::var_os("SITUS_TEST_DATA").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
            PathBuf::from,
        );
        let map = data.join("ts-s0327-masks/labels_merged.nii.gz");
        let names = data.join("label-maps/totalsegmentator_v2_total.json");
        if !map.exists() || !names.exists() {
            eprintln!("skipped: no {} (set SITUS_TEST_DATA)", map.display());
            return None;
        }
        let names: BTreeMap<u32, String> =
            serde_json::from_str(&std::fs::read_to_string(names).unwrap()).unwrap();
        let mut reader = situs_core::volume::LabelReader::default();
        let segmentation = Segmentation::from_labels(&reader.read(&map).unwrap(), Some(&names)).unwrap();
        Some(Self::of(plain_case("s0327", Modality::Ct), segmentation, Vec::new(), names))
    }

    /// A right knee of boxes, sagittal slices along x.
    pub(super) fn knee() -> Self {
        let grid =
            Grid { shape: [160, 200, 200], affine: Affine::scaled([0.7, 0.7, 0.7], [0.0, 0.0, 0.0]) };
        let boxes = [
            ("femur", [20, 60, 110], [140, 140, 190]),
            ("tibia", [22, 55, 5], [138, 135, 80]),
            ("patella", [50, 165, 95], [110, 190, 140]),
            ("lateral_meniscus", [110, 60, 84], [150, 120, 98]),
            ("medial_meniscus", [10, 62, 84], [50, 122, 98]),
            ("patellar_tendon", [60, 150, 40], [100, 165, 90]),
        ]
        .map(|(name, min, max)| NamedBox { name: name.to_owned(), min, max });
        let segmentation = Segmentation::from_boxes(&grid, &boxes).unwrap();
        let mut case = plain_case("knee-1", Modality::Mr);
        case.structures = StructureSource::Boxes { boxes: boxes.to_vec() };
        let knee = "MR scan (DESS) of the right knee of the patient";
        case.facts = [("side", "right"), ("region", "knee"), ("modality_text", knee)]
            .map(|(fact, value)| (fact.to_owned(), value.to_owned()))
            .into();
        Self::of(case, segmentation, Vec::new(), BTreeMap::new())
    }

    /// The same subject in a mirror, sides of names exchanged, as a store shows it.
    pub(super) fn mirrored(&self) -> Self {
        let mut case = self.case.clone();
        case.facts.insert("mirrored".to_owned(), "yes".to_owned());
        Self::of(case, self.segmentation.mirrored(), Vec::new(), BTreeMap::new())
    }

    pub(super) fn ask(&self, spec: &MisGround, seed: u64) -> (Vec<Question>, Reasons) {
        let family = spec.build(&BuildContext::default()).unwrap();
        let catalogue = Catalogue::default();
        let replies = Replies::default();
        let cx = AskContext {
            card: &self.card,
            case: &self.case,
            entry: &self.entry,
            catalogue: &catalogue,
            seed,
            replies: &replies,
            media: self,
        };
        match family.ask(&cx).unwrap() {
            Asked::Questions { questions, left_out } => (questions, left_out),
            Asked::Needs(_) => panic!("the family asks nobody"),
        }
    }
}

fn plain_case(name: &str, modality: Modality) -> Case {
    Case {
        name: name.to_owned(),
        cluster: name.to_owned(),
        modality,
        volumes: Vec::new(),
        structures: StructureSource::None,
        facts: BTreeMap::new(),
    }
}
