//! BraTS: brain tumours in skull-stripped MR of four sequences, 2021 and later releases.

use super::folder::{self, Entry, Gatherer};
use situs_core::prelude::*;
use situs_core::registry::{Layout, Params};
use std::path::{Path, PathBuf};

situs_core::component! {
    /// BraTS: brain MR of four sequences with tumour labels as annotated (no derived whole or core tumour).
    dataset "brats";
    pub struct Brats {
        /// Folder that holds the BraTS* folders.
        pub path: PathBuf = PathBuf::new(),
        /// Sequence shown: "t1", "t1c", "t2" or "flair". The others follow it in the case.
        pub sequence: Sequence = Sequence::T1c,
    }
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

/// Label 4 was renamed 3 in 2023; no release uses both.
const NAMES_2021: [(u32, &str); 3] =
    [(1, "necrotic_tumor_core"), (2, "peritumoral_edema"), (4, "enhancing_tumor")];
const NAMES_2023: [(u32, &str); 3] =
    [(1, "necrotic_tumor_core"), (2, "peritumoral_edema"), (3, "enhancing_tumor")];
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
        for case in cases(folder::entries(&root)?) {
            let known = image(&case, self.sequence).unwrap_or_else(|| case.path.clone());
            let sequence = self.sequence;
            gatherer.add(&case.name.clone(), &[&known], move || load(&case, sequence));
        }
        let words = folder::modality_text(Modality::Mr, REGION);
        gatherer.finish("BraTS", "see the challenge's terms", words, "folders BraTS* with four sequences each")
    }
}

fn load(case: &Entry, shown: Sequence) -> Result<Case, Fault> {
    let name = &case.name;
    let missing = |what: &str| Fault::data(format!("{} has no {what}", case.path.display()));
    let [old, new] = ["_seg", "-seg"].map(|ending| folder::image(&case.path, &format!("{name}{ending}")));
    let names = if old.is_some() { folder::names(&NAMES_2021) } else { folder::names(&NAMES_2023) };
    let labels = old.or(new).ok_or_else(|| missing(&format!("{name}_seg.nii.gz or {name}-seg.nii.gz")))?;
    let first = image(case, shown).ok_or_else(|| missing(&format!("sequence {}", shown.endings().join(" or "))))?;
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
        structures: StructureSource::LabelMap { volume: folder::file(format!("{name}/seg"), labels), names },
        facts: folder::region_facts(REGION),
    })
}

/// From 2023 on names end in the number of the patient's scan: BraTS-GLI-00000-000.
fn patient(case: &str) -> &str {
    match case.rsplit_once('-') {
        Some((patient, scan)) if scan.len() == 3 && patient.matches('-').count() == 2 => patient,
        _ => case,
    }
}
