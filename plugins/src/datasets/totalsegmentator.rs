//! The TotalSegmentator data sets: one folder a case, with one mask a structure or a merged label map.

mod tables;

use super::folder::{self, Entry, Gatherer};
use situs_core::fault::file_fault;
use situs_core::prelude::*;
use situs_core::registry::{Layout, Params};
use situs_core::volume::read_header;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
pub use tables::LabelTable;

situs_core::component! {
    /// TotalSegmentator: sNNNN/ct.nii.gz (or mri.nii.gz) with sNNNN/segmentations/NAME.nii.gz or a merged label map.
    dataset "totalsegmentator";
    pub struct TotalSegmentator {
        /// Folder that holds the sNNNN folders.
        pub path: PathBuf = PathBuf::new(),
        /// "ct" (ct.nii.gz) or "mr" (mri.nii.gz, mr.nii.gz).
        pub modality: Modality = Modality::Ct,
        /// Split of meta.csv to keep: "train", "val", "test". Default: all cases.
        pub split: Option<String> = None,
        /// "auto" (masks where there are any), "masks" or "labels".
        pub structures: Form = Form::Auto,
        /// Merged label map inside a case's folder, without suffix.
        pub labels: String = "labels".to_owned(),
        /// Folder that holds the structures where they lie apart from the images: NAME/segmentations/, NAME/ with one
        /// mask a structure, or a merged map NAME.nii.gz, for each case NAME. Default: in the case's own folder.
        pub labels_path: Option<PathBuf> = None,
        /// Class table of a merged label map that carries no names: "v2", "v1" or "mr". Default: "v2" for CT, "mr"
        /// for MR. Names in the file win.
        pub label_table: Option<LabelTable> = None,
        /// Body region as question texts name it.
        pub region: String = "torso".to_owned(),
    }
}

/// Where structures are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Masks where there are any, else the label map: merging masks loses the voxels they share.
    Auto,
    /// One mask a structure.
    Masks,
    /// The merged label map.
    Labels,
}

/// Columns of meta.csv.
const ID_COLUMN: &str = "image_id";
const SPLIT_COLUMN: &str = "split";

inventory::submit! {
    Layout { rank: 10, name: "TotalSegmentator (sNNNN/ct.nii.gz)", matches }
}

fn matches(folder: &Path) -> Vec<Params> {
    let cases = cases(folder::glance(folder));
    let has = |modality: Modality| cases.iter().any(|case| image(&case.path, modality).is_some());
    let (ct, mr) = (has(Modality::Ct), has(Modality::Mr));
    let masks = cases.iter().any(|case| case.path.join("segmentations").is_dir());
    let kinds = [("ct", ct || (masks && !mr)), ("mr", mr)];
    let fitting = kinds.into_iter().filter(|(_, fits)| *fits);
    fitting
        .filter_map(|(modality, _)| folder::found("totalsegmentator", folder, &[("modality", modality)]))
        .collect()
}

/// Folders called `s` and at least four digits.
fn cases(entries: Vec<Entry>) -> Vec<Entry> {
    let is_case = |name: &str| {
        name.strip_prefix('s')
            .is_some_and(|digits| digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    entries.into_iter().filter(|entry| entry.folder && is_case(&entry.name)).collect()
}

fn image(case: &Path, modality: Modality) -> Option<PathBuf> {
    match modality {
        Modality::Ct => folder::image(case, "ct"),
        Modality::Mr => folder::image(case, "mri").or_else(|| folder::image(case, "mr")),
    }
}

#[typetag::serde(name = "totalsegmentator")]
impl DatasetSpec for TotalSegmentator {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        let root = folder::root(&self.path, cx)?;
        let mut cases = cases(folder::entries(&root)?);
        if let Some(split) = &self.split {
            let splits = read_splits(&root).map_err(|fault| fault.at("split"))?;
            if !splits.values().any(|own| own == split) {
                let known: std::collections::BTreeSet<&str> = splits.values().map(String::as_str).collect();
                return Err(Fault::config(format!("no case of split {split:?}"))
                    .help(format!("meta.csv has {}", known.into_iter().collect::<Vec<_>>().join(", ")))
                    .at("split"));
            }
            cases.retain(|case| splits.get(&case.name) == Some(split));
        }
        let file_name = match self.modality {
            Modality::Ct => "ct.nii.gz",
            Modality::Mr => "mri.nii.gz or mr.nii.gz",
        };
        if !cases.is_empty() && cases.iter().all(|case| image(&case.path, self.modality).is_none()) {
            let count = cases.len();
            return Err(Fault::data(format!(
                "none of the {count} case folders in {} has an image: {file_name}",
                root.display()
            ))
            .help(
                "structures alone cannot be shown; put the images beside `segmentations`, or set `modality`",
            )
            .at("path"));
        }
        let spec = Self { labels_path: self.apart(cx)?, ..self.clone() };
        // Where the structures lie is no part of the data set's identity, but that they lie apart is.
        let apart = self.labels_path.as_ref().and_then(|path| path.file_name()).map(PathBuf::from);
        let mut gatherer =
            Gatherer::new("totalsegmentator", &Self { labels_path: apart, ..self.clone() }, &root);
        for case in cases {
            let known = image(&case.path, self.modality).unwrap_or_else(|| case.path.join(file_name));
            let (spec, folder) = (spec.clone(), case.path);
            gatherer.add(&case.name.clone(), &[&known], move || spec.load(&case.name, &folder, file_name));
        }
        let (name, licence) = match self.modality {
            Modality::Ct => ("TotalSegmentator CT", "CC BY 4.0"),
            Modality::Mr => ("TotalSegmentator MRI", "CC BY-NC-SA 2.0"),
        };
        let words = folder::modality_text(self.modality, &self.region);
        gatherer.finish(name, licence, words, "folders sNNNN with ct.nii.gz or mri.nii.gz")
    }
}

impl TotalSegmentator {
    fn load(&self, name: &str, folder: &Path, file_name: &str) -> Result<Case, Fault> {
        let image = image(folder, self.modality)
            .ok_or_else(|| Fault::data(format!("{} has no {file_name}", folder.display())))?;
        let masks = match &self.labels_path {
            None => folder.join("segmentations"),
            Some(apart) => {
                let own = apart.join(name);
                Some(own.join("segmentations")).filter(|inner| inner.is_dir()).unwrap_or(own)
            }
        };
        let structures = match self.structures {
            Form::Masks => self.masks(name, &masks)?,
            Form::Auto if masks.is_dir() => self.masks(name, &masks)?,
            Form::Auto | Form::Labels => self.label_map(name, folder)?,
        };
        Ok(Case {
            name: name.to_owned(),
            cluster: name.to_owned(),
            modality: self.modality,
            volumes: vec![folder::file(format!("{name}/image"), image)],
            structures,
            facts: folder::region_facts(&self.region),
        })
    }

    /// The folder of structures that lie apart.
    fn apart(&self, cx: &BuildContext) -> Result<Option<PathBuf>, Fault> {
        let Some(path) = &self.labels_path else { return Ok(None) };
        let path = cx.path(path);
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Ok(Some(path)),
            Ok(_) => Err(Fault::data(format!("{} is no folder", path.display())).at("labels_path")),
            Err(error) => Err(file_fault("open", &path, &error).at("labels_path")),
        }
    }

    fn table(&self) -> LabelTable {
        self.label_table.unwrap_or(match self.modality {
            Modality::Ct => LabelTable::V2,
            Modality::Mr => LabelTable::Mr,
        })
    }

    fn masks(&self, case: &str, folder: &Path) -> Result<StructureSource, Fault> {
        let labels: BTreeMap<String, u32> =
            self.table().names().into_iter().map(|(label, name)| (name, label)).collect();
        masks_in(folder, case, &labels)
    }

    fn label_map(&self, case: &str, folder: &Path) -> Result<StructureSource, Fault> {
        let path = match &self.labels_path {
            Some(apart) => folder::needed_image(apart, case)
                .map_err(|fault| fault.help(format!("no folder {case} with masks either"))),
            None => folder::needed_image(folder, &self.labels).map_err(|fault| {
                fault.help(
                    "no `segmentations` either: which file holds the labels? set `labels` or `labels_path`",
                )
            }),
        }?;
        let own = read_header(&path)?.names;
        let names = if own.is_empty() { self.table().names() } else { BTreeMap::new() };
        Ok(StructureSource::LabelMap { volume: folder::file(format!("{case}/labels"), path), names })
    }
}

/// Every NIfTI file of a folder as a mask called like the file.
///
/// # Errors
/// A data fault when the folder cannot be read or holds no mask.
pub(super) fn masks_in(
    folder: &Path,
    case: &str,
    labels: &BTreeMap<String, u32>,
) -> Result<StructureSource, Fault> {
    let masks: Vec<NamedMask> = folder::entries(folder)?
        .into_iter()
        .filter(|entry| !entry.folder)
        .filter_map(|entry| {
            let name = folder::stem(&entry.name)?.to_owned();
            let volume = folder::file(format!("{case}/{name}"), entry.path.clone());
            Some(NamedMask { label: labels.get(&name).copied(), name, volume })
        })
        .collect();
    if masks.is_empty() {
        return Err(Fault::data(format!("{} holds no masks (NAME.nii.gz)", folder.display())));
    }
    if let Some(pair) =
        masks.windows(2).find(|pair| pair.first().map(|a| &a.name) == pair.get(1).map(|b| &b.name))
    {
        let name = pair.first().map(|mask| mask.name.as_str()).unwrap_or_default();
        return Err(Fault::data(format!("{} holds {name}.nii and {name}.nii.gz", folder.display()))
            .help("keep one of them"));
    }
    Ok(StructureSource::Masks { masks })
}

/// Split by case, from meta.csv (separated by ";" or ",").
fn read_splits(root: &Path) -> Result<BTreeMap<String, String>, Fault> {
    let path = root.join("meta.csv");
    let text = folder::text(&path)?;
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let separator = if head.contains(';') { ';' } else { ',' };
    let cells = |line: &str| -> Vec<String> {
        line.split(separator).map(|cell| cell.trim().trim_matches('"').to_owned()).collect()
    };
    let head = cells(head);
    let column = |name: &str| {
        head.iter().position(|own| own == name).ok_or_else(|| {
            Fault::data(format!("{} has no column {name:?}", path.display()))
                .help(format!("its columns are {}", head.join(", ")))
        })
    };
    let (id, split) = (column(ID_COLUMN)?, column(SPLIT_COLUMN)?);
    Ok(lines.map(cells).filter_map(|row| Some((row.get(id)?.clone(), row.get(split)?.clone()))).collect())
}
