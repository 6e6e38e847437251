//! BraTS: brain tumours in skull-stripped MR of four sequences, 2021 and later releases.

use super::folder::{self, Entry, Gatherer};
use situs_core::prelude::*;
use situs_core::registry::{Layout, Params};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

situs_core::component! {
    /// BraTS: brain MR of four sequences with tumour labels as annotated and the regions composed of them.
    dataset "brats";
    pub struct Brats {
        /// Folder that holds the BraTS* folders.
        pub path: PathBuf = PathBuf::new(),
        /// Sequence shown: "t1", "t1c", "t2" or "flair". The others follow it in the case.
        pub sequence: Sequence = Sequence::T1c,
        /// "annotated" (necrotic core, edema, enhancing tumor, apart from each other), "regions" (whole tumor, tumor core,
        /// enhancing tumor, each within the one before) or "all" of them.
        pub structures: Tumour = Tumour::All,
    }
}

/// Which structures of a tumour there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tumour {
    /// The labels as annotated.
    Annotated,
    /// What the challenge scores: all labels, all but the edema, the enhancing tumor.
    Regions,
    /// Both.
    All,
}

/// MR sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sequence {
    /// T1-weighted.
    T1,
    /// T1-weighted with contrast agent.
    T1c,
    /// T2-weighted.
    T2,
    /// T2-weighted with suppressed fluid.
    Flair,
}

impl Sequence {
    const ALL: [Self; 4] = [Self::T1, Self::T1c, Self::T2, Self::Flair];

    /// File name endings: until 2021 with "_", from 2023 on with "-".
    fn endings(self) -> [&'static str; 2] {
        match self {
            Self::T1 => ["_t1", "-t1n"],
            Self::T1c => ["_t1ce", "-t1c"],
            Self::T2 => ["_t2", "-t2w"],
            Self::Flair => ["_flair", "-t2f"],
        }
    }
}

/// Labels of the annotation: necrotic core and edema; the enhancing tumor's own, 4, was renamed 3 in 2023, and no
/// release uses both.
const NECROTIC: u32 = 1;
const EDEMA: u32 = 2;
const ENHANCING_2021: u32 = 4;
const ENHANCING_2023: u32 = 3;

/// A structure with the labels that it is composed of.
type Region = (&'static str, Vec<u32>);

/// The structures of a release, by name of its enhancing tumor's label.
fn regions(structures: Tumour, enhancing: u32) -> Vec<Region> {
    let annotated = [("necrotic_tumor_core", vec![NECROTIC]), ("peritumoral_edema", vec![EDEMA])];
    let both = ("enhancing_tumor", vec![enhancing]);
    let composed =
        [("tumor_core", vec![NECROTIC, enhancing]), ("whole_tumor", vec![NECROTIC, EDEMA, enhancing])];
    let mut regions = vec![both];
    if structures != Tumour::Regions {
        regions.extend(annotated);
    }
    if structures != Tumour::Annotated {
        regions.extend(composed);
    }
    regions.sort();
    regions
}
const REGION: &str = "brain";

inventory::submit! {
    Layout { rank: 20, name: "BraTS (BraTS*/BraTS*_seg.nii.gz)", matches }
}

fn matches(folder: &Path) -> Vec<Params> {
    let fits = cases(folder::glance(folder)).iter().any(|case| image(case, Sequence::T1c).is_some());
    folder::found("brats", folder, &[]).filter(|_| fits).into_iter().collect()
}

fn cases(entries: Vec<Entry>) -> Vec<Entry> {
    entries.into_iter().filter(|entry| entry.folder && entry.name.starts_with("BraTS")).collect()
}

fn image(case: &Entry, sequence: Sequence) -> Option<PathBuf> {
    sequence.endings().iter().find_map(|ending| folder::image(&case.path, &format!("{}{ending}", case.name)))
}

#[typetag::serde(name = "brats")]
impl DatasetSpec for Brats {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        let root = folder::root(&self.path, cx)?;
        let mut gatherer = Gatherer::new("brats", self, &root);
        let mut annotations = BTreeMap::new();
        for case in cases(folder::entries(&root)?) {
            let known = image(&case, self.sequence).unwrap_or_else(|| case.path.clone());
            let annotation = Annotation::of(&case);
            if let Some(annotation) = &annotation {
                annotations.insert(case.name.clone(), annotation.clone());
            }
            let spec = self.clone();
            gatherer.add(&case.name.clone(), &[&known], move || spec.load(&case, annotation.as_ref()));
        }
        gatherer.makes(move |key| {
            let (case, structure) = key.split_once('/')?;
            let annotation = annotations.get(case)?;
            let (_, labels) = regions(Tumour::All, annotation.enhancing)
                .into_iter()
                .find(|(name, _)| *name == structure)?;
            Some(composed(&annotation.path, &labels))
        });
        let words = folder::modality_text(Modality::Mr, REGION);
        gatherer.finish(
            "BraTS",
            "see the challenge's terms",
            words,
            "folders BraTS* with four sequences each",
        )
    }
}

/// The label map of a case.
#[derive(Debug, Clone)]
struct Annotation {
    path: PathBuf,
    /// Label of the enhancing tumor.
    enhancing: u32,
}

impl Annotation {
    fn of(case: &Entry) -> Option<Self> {
        let find = |ending: &str, enhancing: u32| {
            let path = folder::image(&case.path, &format!("{}{ending}", case.name))?;
            Some(Self { path, enhancing })
        };
        find("_seg", ENHANCING_2021).or_else(|| find("-seg", ENHANCING_2023))
    }
}

/// The voxels of some labels as a mask.
fn composed(annotation: &Path, labels: &[u32]) -> Result<Volume, Fault> {
    let mut volume = Volume::read(annotation)?;
    if let Some(odd) = volume.voxels.iter().find(|value| !(value.fract() == 0.0 && **value >= 0.0)) {
        return Err(Fault::data(format!("{} is no label map: it holds {odd}", annotation.display())));
    }
    let inside = |value: f32| labels.iter().any(|label| value == *label as f32);
    volume.voxels.iter_mut().for_each(|value| *value = f32::from(u8::from(inside(*value))));
    Ok(volume)
}

impl Brats {
    fn load(&self, case: &Entry, annotation: Option<&Annotation>) -> Result<Case, Fault> {
        let (name, shown) = (&case.name, self.sequence);
        let missing = |what: &str| Fault::data(format!("{} has no {what}", case.path.display()));
        let annotation =
            annotation.ok_or_else(|| missing(&format!("{name}_seg.nii.gz or {name}-seg.nii.gz")))?;
        let first = image(case, shown)
            .ok_or_else(|| missing(&format!("sequence {}", shown.endings().join(" or "))))?;
        let others = Sequence::ALL.into_iter().filter(|own| *own != shown);
        let images = std::iter::once((shown, first))
            .chain(others.filter_map(|sequence| Some((sequence, image(case, sequence)?))));
        let volumes = images
            .map(|(sequence, path)| folder::file(format!("{name}/{sequence:?}").to_lowercase(), path))
            .collect();
        Ok(Case {
            name: name.clone(),
            cluster: patient(name).to_owned(),
            modality: Modality::Mr,
            volumes,
            structures: self.structures(name, annotation),
            facts: folder::region_facts(REGION),
        })
    }

    fn structures(&self, case: &str, annotation: &Annotation) -> StructureSource {
        let regions = regions(self.structures, annotation.enhancing);
        if self.structures == Tumour::Annotated {
            let names = regions
                .into_iter()
                .flat_map(|(name, labels)| labels.into_iter().map(move |label| (label, name.to_owned())))
                .collect();
            let volume = folder::file(format!("{case}/seg"), annotation.path.clone());
            return StructureSource::LabelMap { volume, names };
        }
        let masks = regions
            .into_iter()
            .map(|(name, labels)| NamedMask {
                name: name.to_owned(),
                label: <[u32; 1]>::try_from(labels).ok().map(|[label]| label),
                volume: folder::made(format!("{case}/{name}")),
            })
            .collect();
        StructureSource::Masks { masks }
    }
}

/// From 2023 on names end in the number of the patient's scan: BraTS-GLI-00000-000.
fn patient(case: &str) -> &str {
    match case.rsplit_once('-') {
        Some((patient, scan)) if scan.len() == 3 && patient.matches('-').count() == 2 => patient,
        _ => case,
    }
}
