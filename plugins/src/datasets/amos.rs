//! AMOS22: fifteen abdominal organs in CT and MR.

use super::folder::{self, Gatherer};
use situs_core::prelude::*;
use situs_core::registry::{Layout, Params};
use std::path::{Path, PathBuf};

situs_core::component! {
    /// AMOS22: imagesTr/amos_NNNN.nii.gz with labelsTr (and Va); numbers below 500 are CT, the others MR.
    dataset "amos";
    pub struct Amos {
        /// Folder that holds imagesTr and labelsTr.
        pub path: PathBuf = PathBuf::new(),
        /// "ct" or "mr": only these. Default: both, each case with words of its own.
        pub modality: Option<Modality> = None,
        /// Parts to read, of "Tr" and "Va"; the labels of "Ts" are not public.
        pub parts: Vec<String> = vec!["Tr".to_owned(), "Va".to_owned()],
    }
}

/// Names as TotalSegmentator has them, where it has them.
const NAMES: [(u32, &str); 15] = [
    (1, "spleen"),
    (2, "kidney_right"),
    (3, "kidney_left"),
    (4, "gallbladder"),
    (5, "esophagus"),
    (6, "liver"),
    (7, "stomach"),
    (8, "aorta"),
    (9, "inferior_vena_cava"),
    (10, "pancreas"),
    (11, "adrenal_gland_right"),
    (12, "adrenal_gland_left"),
    (13, "duodenum"),
    (14, "urinary_bladder"),
    (15, "prostate_or_uterus"),
];
/// First number of the MR cases.
const FIRST_MR: u32 = 500;
const REGION: &str = "abdomen";

inventory::submit! {
    Layout { rank: 20, name: "AMOS (imagesTr/amos_NNNN.nii.gz)", matches }
}

fn matches(folder: &Path) -> Vec<Params> {
    folder::found("amos", folder, &[]).filter(|_| is_amos(folder)).into_iter().collect()
}

/// Whether a folder is laid out as AMOS.
pub(super) fn is_amos(folder: &Path) -> bool {
    let images = ["imagesTr", "imagesVa"].into_iter().flat_map(|part| folder::glance(&folder.join(part)));
    images.into_iter().any(|entry| number(&entry.name).is_some())
}

/// The number in `amos_0001.nii.gz`.
fn number(file: &str) -> Option<u32> {
    folder::stem(file)?.strip_prefix("amos_")?.parse().ok()
}

#[typetag::serde(name = "amos")]
impl DatasetSpec for Amos {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        let root = folder::root(&self.path, cx)?;
        let mut gatherer = Gatherer::new("amos", self, &root);
        for part in &self.parts {
            if !["Tr", "Va"].contains(&part.as_str()) {
                return Err(Fault::config(format!("unknown part {part:?}")).help("known: Tr, Va").at("parts"));
            }
            let images = root.join(format!("images{part}"));
            if !images.is_dir() {
                continue;
            }
            let labels = root.join(format!("labels{part}"));
            for entry in folder::entries(&images)?.into_iter().filter(|entry| !entry.folder) {
                let (Some(name), Some(number)) = (folder::stem(&entry.name), number(&entry.name)) else { continue };
                let modality = if number < FIRST_MR { Modality::Ct } else { Modality::Mr };
                if self.modality.is_some_and(|wanted| wanted != modality) {
                    continue;
                }
                let (name, labels, path) = (name.to_owned(), labels.clone(), entry.path);
                gatherer.add(&name.clone(), &[&path.clone()], move || load(&name, &path, &labels, modality));
            }
        }
        let words = folder::modality_text(self.modality.unwrap_or(Modality::Ct), REGION);
        gatherer.finish("AMOS", "CC BY 4.0", words, "imagesTr/amos_NNNN.nii.gz with labelsTr")
    }
}

fn load(name: &str, image: &Path, labels: &Path, modality: Modality) -> Result<Case, Fault> {
    let mut facts = folder::region_facts(REGION);
    facts.insert("modality_text".to_owned(), folder::modality_text(modality, REGION));
    Ok(Case {
        name: name.to_owned(),
        cluster: name.to_owned(),
        modality,
        volumes: vec![folder::file(format!("{name}/image"), image.to_owned())],
        structures: StructureSource::LabelMap {
            volume: folder::file(format!("{name}/labels"), folder::needed_image(labels, name)?),
            names: folder::names(&NAMES),
        },
        facts,
    })
}
