//! Where the scans lie.

use super::case_name::CaseName;
use situs_core::fault::Fault;
use std::path::{Path, PathBuf};

/// Folders that may hold the folders of patients.
const BASES: [&str; 10] = [
    "valid_fixed",
    "dataset/valid_fixed",
    "train_fixed",
    "dataset/train_fixed",
    "valid",
    "dataset/valid",
    "train",
    "dataset/train",
    "dataset",
    "",
];

/// The scans below a folder.
#[derive(Debug)]
pub(super) struct Scans {
    root: PathBuf,
    bases: Vec<PathBuf>,
}

impl Scans {
    pub(super) fn new(root: &Path) -> Self {
        let bases = BASES.iter().map(|base| root.join(base)).filter(|base| base.is_dir()).collect();
        Self { root: root.to_owned(), bases }
    }

    /// Folders of CT-RATE's own names that are there.
    pub(super) fn bases(root: &Path) -> impl Iterator<Item = PathBuf> {
        let named = BASES.iter().filter(|base| base.contains("valid") || base.contains("train"));
        named.map(|base| root.join(base)).filter(|base| base.is_dir()).collect::<Vec<_>>().into_iter()
    }

    /// The file of a case: in the patient's and scan's folders, or flat.
    pub(super) fn find(&self, name: &CaseName) -> Option<PathBuf> {
        let nested = Path::new(&name.patient()).join(name.scan());
        self.bases
            .iter()
            .flat_map(|base| [base.join(&nested), base.clone()])
            .flat_map(|folder| [folder.join(name.file()), folder.join(format!("{}.nii", name.stem()))])
            .find(|path| path.is_file())
    }

    /// The file of a case.
    ///
    /// # Errors
    /// Data, saying where it was looked for.
    pub(super) fn needed(&self, name: &CaseName) -> Result<PathBuf, Fault> {
        self.find(name).ok_or_else(|| {
            Fault::data(format!("no scan {name} below {}", self.root.display())).help(format!(
                "put it at {}_fixed/{}/{}/{name}",
                name.split(),
                name.patient(),
                name.scan()
            ))
        })
    }
}
