//! KiTS19, 21 and 23: kidneys with tumours and cysts in CT.

use super::folder::{self, Entry, Gatherer};
use situs_core::prelude::*;
use situs_core::registry::{Layout, Params};
use std::path::{Path, PathBuf};

situs_core::component! {
    /// KiTS: case_NNNNN/imaging.nii.gz with segmentation.nii.gz; both kidneys are one structure.
    dataset "kits";
    pub struct Kits {
        /// Folder that holds the case_NNNNN folders.
        pub path: PathBuf = PathBuf::new(),
    }
}

/// Cysts are labelled from KiTS21 on.
const NAMES: [(u32, &str); 3] = [(1, "kidney"), (2, "kidney_tumor"), (3, "kidney_cyst")];
const REGION: &str = "abdomen";

inventory::submit! {
    Layout { rank: 20, name: "KiTS (case_NNNNN/imaging.nii.gz)", matches }
}

fn matches(folder: &Path) -> Vec<Params> {
    let fits = cases(folder::glance(folder)).iter().any(|case| folder::image(&case.path, "imaging").is_some());
    folder::found("kits", folder, &[]).filter(|_| fits).into_iter().collect()
}

fn cases(entries: Vec<Entry>) -> Vec<Entry> {
    let is_case = |name: &str| {
        name.strip_prefix("case_")
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    entries.into_iter().filter(|entry| entry.folder && is_case(&entry.name)).collect()
}

#[typetag::serde(name = "kits")]
impl DatasetSpec for Kits {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        let root = folder::root(&self.path, cx)?;
        let mut gatherer = Gatherer::new("kits", self, &root);
        for case in cases(folder::entries(&root)?) {
            let known = case.path.join("imaging.nii.gz");
            gatherer.add(&case.name.clone(), &[&known], move || load(&case.name, &case.path));
        }
        let words = folder::modality_text(Modality::Ct, REGION);
        gatherer.finish("KiTS", "CC BY-NC-SA 4.0", words, "folders case_NNNNN with imaging.nii.gz")
    }
}

fn load(name: &str, folder: &Path) -> Result<Case, Fault> {
    let labels = folder::needed_image(folder, "segmentation")
        .map_err(|fault| fault.help("cases of the test set have no structures"))?;
    Ok(Case {
        name: name.to_owned(),
        cluster: name.to_owned(),
        modality: Modality::Ct,
        volumes: vec![folder::file(format!("{name}/imaging"), folder::needed_image(folder, "imaging")?)],
        structures: StructureSource::LabelMap {
            volume: folder::file(format!("{name}/segmentation"), labels),
            names: folder::names(&NAMES),
        },
        facts: folder::region_facts(REGION),
    })
}
