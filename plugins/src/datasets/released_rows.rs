//! Rows as benchmarks release them, with the NIfTI files that they name: one case a file, which carries its rows.

use crate::released_rows::{Fields, Line, read};
use situs_core::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Fact of a case that holds its rows as JSON, for the family `released-rows`.
pub const ROWS_FACT: &str = "released_rows";

situs_core::component! {
    /// Multiple-choice and yes/no rows of a released JSON, JSON-lines, CSV or Parquet file, with the NIfTI files they name.
    ///
    /// Ask them with the family `released-rows`. A volume that is missing leaves its rows out, and says how many.
    dataset "released-rows";
    pub struct ReleasedRows {
        /// The file with the rows.
        pub path: PathBuf = PathBuf::new(),
        /// Folder that paths of volumes are relative to; default: the file's own.
        pub volumes: PathBuf = PathBuf::new(),
        /// Columns by what they hold, where they bear other names: id, question, options, answer, volume, task.
        pub fields: BTreeMap<String, String> = BTreeMap::new(),
        /// Modality of all volumes: ct or mr.
        pub modality: Modality = Modality::Ct,
        /// What the volumes are called in questions; default: "CT scan" or "MR scan".
        pub modality_text: String = String::new(),
        /// Licence of rows and volumes, for the record.
        pub licence: String = "unknown".to_owned(),
    }
}

#[typetag::serde(name = "released-rows")]
impl DatasetSpec for ReleasedRows {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        if self.path.as_os_str().is_empty() {
            return Err(Fault::config("which file of rows?").help("json, jsonl, csv or parquet").at("path"));
        }
        let fields = Fields::named(&self.fields).map_err(|what| Fault::config(what).at("fields"))?;
        let path = cx.path(&self.path);
        let lines = read(&path, &fields).map_err(|fault| fault.at("path"))?;
        let folder = if self.volumes.as_os_str().is_empty() {
            path.parent().unwrap_or(Path::new("")).to_owned()
        } else {
            cx.path(&self.volumes)
        };
        let digest = Digest::new("situs-released-rows-1").json(&lines).hex();
        let word = self.modality.word();
        let card = DatasetCard {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            licence: self.licence.clone(),
            modality_text: match self.modality_text.trim() {
                "" => format!("{word} scan"),
                text => text.to_owned(),
            },
            digest,
        };
        Ok(Box::new(Rows { card, folder, modality: self.modality, volumes: by_volume(lines) }))
    }
}

/// Rows by the volume they name, in order of the path; those that name none come last.
fn by_volume(lines: Vec<Line>) -> Vec<(Option<String>, Vec<Line>)> {
    let mut volumes: BTreeMap<(bool, Option<String>), Vec<Line>> = BTreeMap::new();
    for line in lines {
        volumes.entry((line.volume.is_none(), line.volume.clone())).or_default().push(line);
    }
    volumes.into_iter().map(|((_, volume), lines)| (volume, lines)).collect()
}

struct Rows {
    card: DatasetCard,
    folder: PathBuf,
    modality: Modality,
    volumes: Vec<(Option<String>, Vec<Line>)>,
}

impl Dataset for Rows {
    fn card(&self) -> &DatasetCard {
        &self.card
    }

    fn len(&self) -> usize {
        self.volumes.len()
    }

    fn case(&self, index: usize) -> Result<Case, Fault> {
        let (volume, lines) = self
            .volumes
            .get(index)
            .ok_or_else(|| Fault::internal(format!("case {index} of {}", self.volumes.len())))?;
        let Some(name) = volume else {
            return Err(Fault::data(format!("{} rows name no volume", lines.len()))
                .help("name its column in `fields.volume`"));
        };
        let path = self.folder.join(name);
        if !path.is_file() {
            return Err(Fault::data(format!("{name}: there is no such volume; {} rows are not asked", lines.len()))
                .help(format!("it was looked for at {}", path.display())));
        }
        let rows: Vec<_> = lines.iter().map(|line| &line.row).collect();
        let rows = serde_json::to_string(&rows).map_err(|error| Fault::internal(error.to_string()))?;
        Ok(Case {
            name: name.clone(),
            cluster: name.clone(),
            modality: self.modality,
            volumes: vec![VolumeRef { id: name.clone(), source: VolumeSource::File { path } }],
            structures: StructureSource::None,
            facts: BTreeMap::from([(ROWS_FACT.to_owned(), rows)]),
        })
    }
}
