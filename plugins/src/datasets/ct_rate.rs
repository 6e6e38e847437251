//! CT-RATE: chest CTs with reports, and the question-answer pairs that CT-SpatialVQA made from the reports.
//!
//! Tables lead, folders follow: the cases are those of the question file (without one, of the reports), and a case whose
//! scan is not on disk is a damaged case, named and counted. Spacing and Hounsfield units come from the metadata table,
//! because the headers of the first release hold neither.

pub mod case_name;
mod metadata;
pub mod pairs;
mod reports;
mod scans;
mod tables;

use super::folder::{self, Gatherer};
use super::phantom::Phantom;
use case_name::CaseName;
use metadata::{Metadata, Settings};
use pairs::{CasePairs, Pair};
use reports::Report;
use scans::Scans;
use situs_core::prelude::*;
use situs_core::registry::{Layout, Params};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

situs_core::component! {
    /// CT-RATE chest CTs with reports and, where there are any, CT-SpatialVQA's question-answer pairs.
    dataset "ct-rate";
    pub struct CtRate {
        /// Folder of CT-RATE, or the one that holds its tables and valid_fixed (or valid).
        pub path: PathBuf = PathBuf::new(),
        /// Question file: spatial_qa_filtered_full.json, .._nifti.jsonl or .._with_categories.json. Default: the one of
        /// these found in `path`, that with categories first.
        pub pairs: Option<PathBuf> = None,
        /// Metadata table (VolumeName, XYSpacing, ZSpacing, RescaleSlope, RescaleIntercept). Default: found in `path`.
        pub metadata: Option<PathBuf> = None,
        /// Reports (VolumeName, Findings_EN, Impressions_EN as CSV, or the JSON of the benchmark's authors). Default: found
        /// in `path`. Only question writing and review look at them.
        pub reports: Option<PathBuf> = None,
        /// Whether stored values become Hounsfield units by the table's slope and intercept: "auto" (yes, but not for files
        /// under a folder called *_fixed, which hold them already), "table" or "file".
        pub rescale: Rescale = Rescale::Auto,
        /// Further reconstructions of a scan: "mark" (asked about, with the facet repeat = yes) or "drop".
        pub repeats: Repeats = Repeats::Mark,
        /// Synthetic patients in place of scans: one a patient, for trying things out.
        pub phantoms: bool = false,
    }
}

/// Where Hounsfield units come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rescale {
    /// From the table, unless the file lies under a folder called `*_fixed`.
    Auto,
    /// From the table.
    Table,
    /// The file holds them.
    File,
}

/// What becomes of further reconstructions of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repeats {
    /// They stay, marked.
    Mark,
    /// Only the first one of each scan stays.
    Drop,
}

/// Facts of a case under these names. `pairs` is JSON: a list of [`Pair`].
pub const PAIRS_FACT: &str = "pairs";
/// The report's section Findings.
pub const FINDINGS_FACT: &str = "findings";
/// The report's section Impressions.
pub const IMPRESSIONS_FACT: &str = "impressions";
/// `yes` for further reconstructions of a scan that is in the set already.
pub const REPEAT_FACT: &str = "repeat";

/// Voxels of a synthetic patient: as coarse as they may be.
const PHANTOM_SHAPE: [usize; 3] = [94, 73, 125];

inventory::submit! {
    Layout { rank: 10, name: "CT-RATE (valid_fixed/valid_N/valid_N_a/valid_N_a_1.nii.gz)", matches }
}

fn matches(folder: &Path) -> Vec<Params> {
    let known = tables::find(folder, &tables::PAIRS).is_some()
        || tables::find(folder, &tables::METADATA).is_some() && Scans::bases(folder).next().is_some();
    if known { folder::found("ct-rate", folder, &[]).into_iter().collect() } else { Vec::new() }
}

#[typetag::serde(name = "ct-rate")]
impl DatasetSpec for CtRate {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        let root = folder::root(&self.path, cx)?;
        let table = |named: &Option<PathBuf>, known: &[&str]| match named {
            Some(path) => Some(cx.path(path)),
            None => tables::find(&root, known),
        };
        // Where the tables lie is no part of the data set's identity; what they say is.
        let mut gatherer = Gatherer::new(
            "ct-rate",
            &Self { pairs: None, metadata: None, reports: None, ..self.clone() },
            &root,
        );
        let pairs = match table(&self.pairs, &tables::PAIRS) {
            Some(path) => Some(pairs::read(&path).map_err(|fault| fault.at("pairs"))?),
            None => None,
        };
        let metadata = match table(&self.metadata, &tables::METADATA) {
            Some(path) => Some(Arc::new(Metadata::read(&path).map_err(|fault| fault.at("metadata"))?)),
            None => None,
        };
        let reports = match table(&self.reports, &tables::REPORTS) {
            Some(path) => reports::read(&path).map_err(|fault| fault.at("reports"))?,
            None => BTreeMap::new(),
        };
        let cases = self.cases(pairs, &reports)?;
        let scans = Arc::new(Scans::new(&root));
        let patients: BTreeSet<String> = cases.iter().map(|case| case.name.patient()).collect();
        let phantoms = if self.phantoms { Some(phantoms(patients.len(), cx)?) } else { None };
        for case in cases {
            let report = reports.get(&case.name.stem()).cloned();
            gatherer.holds(&serde_json::to_string(&(&case.pairs, &report)).unwrap_or_default());
            let known = if self.phantoms { None } else { scans.find(&case.name) };
            let files: Vec<&Path> = known.as_deref().into_iter().collect();
            let patient = patients.iter().position(|patient| *patient == case.name.patient()).unwrap_or(0);
            let (phantom, scans) = (self.phantoms.then_some(patient), Arc::clone(&scans));
            let listed = case.name.file();
            gatherer.add(&listed, &files, move || case.load(report.as_ref(), phantom, &scans));
        }
        let rescale = self.rescale;
        gatherer.makes(move |key| {
            let made = match &phantoms {
                Some(phantoms) => phantoms.volume(key),
                None => metadata::volume(key, &scans, metadata.as_deref(), &Settings { rescale }),
            };
            Some(made)
        });
        gatherer.finish(
            "CT-RATE",
            "CC BY-NC-SA 4.0; its terms forbid passing on any part",
            "CT scan of the chest",
            "a question file, or reports, beside valid_fixed/valid_N/valid_N_a/valid_N_a_1.nii.gz",
        )
    }
}

/// One patient a phantom.
fn phantoms(patients: usize, cx: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
    Phantom { cases: patients, shape: Some(PHANTOM_SHAPE), ..Phantom::default() }.build(cx)
}

/// A case as the tables know it.
struct Listed {
    name: CaseName,
    pairs: Vec<Pair>,
    repeat: bool,
}

impl CtRate {
    /// The cases in the order of the question file, else of the reports' names.
    fn cases(
        &self,
        pairs: Option<Vec<CasePairs>>,
        reports: &BTreeMap<String, Report>,
    ) -> Result<Vec<Listed>, Fault> {
        let listed: Vec<(String, Vec<Pair>)> = match pairs {
            Some(pairs) => pairs.into_iter().map(|case| (case.case, case.pairs)).collect(),
            None => reports.keys().map(|name| (name.clone(), Vec::new())).collect(),
        };
        if listed.is_empty() {
            return Err(Fault::data("neither a question file nor reports say which cases there are")
                .help("set `pairs` (spatial_qa_filtered_full.json and its like) or `reports`")
                .at("pairs"));
        }
        let mut cases = Vec::with_capacity(listed.len());
        let mut names = BTreeSet::new();
        let mut scans = BTreeSet::new();
        for (name, pairs) in listed {
            let name = CaseName::parse(&name)?;
            if !names.insert(name.stem()) {
                return Err(Fault::data(format!("case {name} stands in the question file twice")));
            }
            let repeat = !scans.insert(name.scan());
            if !(repeat && self.repeats == Repeats::Drop) {
                cases.push(Listed { name, pairs, repeat });
            }
        }
        Ok(cases)
    }
}

impl Listed {
    /// The case; a fault when its scan is not on disk.
    fn load(&self, report: Option<&Report>, phantom: Option<usize>, scans: &Scans) -> Result<Case, Fault> {
        let name = self.name.file();
        let key = match phantom {
            Some(patient) => format!("phantom-{patient:04}/ct"),
            None => {
                scans.needed(&self.name)?;
                name.clone()
            }
        };
        let mut facts = folder::region_facts("chest");
        facts.insert(REPEAT_FACT.to_owned(), if self.repeat { "yes" } else { "no" }.to_owned());
        if !self.pairs.is_empty() {
            let json = serde_json::to_string(&self.pairs).map_err(|e| Fault::internal(e.to_string()))?;
            facts.insert(PAIRS_FACT.to_owned(), json);
        }
        if let Some(report) = report {
            facts.insert(FINDINGS_FACT.to_owned(), report.findings.clone());
            facts.insert(IMPRESSIONS_FACT.to_owned(), report.impressions.clone());
        }
        Ok(Case {
            cluster: self.name.patient(),
            modality: Modality::Ct,
            volumes: vec![VolumeRef { id: format!("{name}/image"), source: VolumeSource::Dataset { key } }],
            structures: StructureSource::None,
            facts,
            name,
        })
    }
}
