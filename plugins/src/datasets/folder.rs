//! Cases in folders: listing files as they are met in the wild, and data sets that are lists of such cases.

use situs_core::fault::file_fault;
use situs_core::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

/// Entries of one folder: more are refused.
const MAX_ENTRIES: usize = 1_000_000;
/// Largest table or JSON file that is read.
const MAX_TEXT_BYTES: u64 = 256 << 20;

/// What lies in a folder.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// A folder, or a link to one.
    pub(super) folder: bool,
}

/// Entries of a folder by name. Hidden files, macOS "._" companions and names that are not UTF-8 are left out; links
/// that lead nowhere or in circles are kept as files, so that reading them says what is wrong.
///
/// # Errors
/// A data fault when the folder cannot be read.
pub(super) fn entries(folder: &Path) -> Result<Vec<Entry>, Fault> {
    let fault = |error: &std::io::Error| file_fault("list", folder, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| fault(&error))? {
        let entry = entry.map_err(|error| fault(&error))?;
        if found.len() >= MAX_ENTRIES {
            return Err(Fault::data(format!("{} holds more than {MAX_ENTRIES} entries", folder.display())));
        }
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        let folder = path.is_dir();
        found.push(Entry { name, path, folder });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Entries of a folder, none when it cannot be read: for recognising layouts, where a fault has no reader yet.
pub(super) fn glance(folder: &Path) -> Vec<Entry> {
    entries(folder).unwrap_or_default()
}

/// Name of a NIfTI file without `.nii` or `.nii.gz`.
pub(super) fn stem(name: &str) -> Option<&str> {
    name.strip_suffix(".nii.gz").or_else(|| name.strip_suffix(".nii")).filter(|stem| !stem.is_empty())
}

/// The NIfTI file of a name in a folder, compressed or not.
pub(super) fn image(folder: &Path, name: &str) -> Option<PathBuf> {
    ["nii.gz", "nii"].iter().map(|suffix| folder.join(format!("{name}.{suffix}"))).find(|path| path.is_file())
}

/// The NIfTI file of a name in a folder.
///
/// # Errors
/// A data fault when there is none.
pub(super) fn needed_image(folder: &Path, name: &str) -> Result<PathBuf, Fault> {
    image(folder, name).ok_or_else(|| {
        let path = folder.join(format!("{name}.nii.gz"));
        match fs::metadata(&path) {
            Err(error) => file_fault("read", &path, &error),
            Ok(_) => Fault::data(format!("{} is no file", path.display())),
        }
    })
}

/// Text of a file of moderate size; a byte order mark is dropped.
///
/// # Errors
/// A data fault when it is missing, too large or not UTF-8.
pub(super) fn text(path: &Path) -> Result<String, Fault> {
    let fault = |error: &std::io::Error| file_fault("read", path, error);
    let file = fs::File::open(path).map_err(|error| fault(&error))?;
    let mut bytes = Vec::new();
    file.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes).map_err(|error| fault(&error))?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(Fault::data(format!("{} is larger than {MAX_TEXT_BYTES} bytes", path.display())));
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| Fault::data(format!("{} is not UTF-8: {error}", path.display())))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// JSON of a file.
///
/// # Errors
/// A data fault that names file, line and column.
pub(super) fn json(path: &Path) -> Result<serde_json::Value, Fault> {
    serde_json::from_str(&text(path)?)
        .map_err(|error| Fault::data(format!("{} is not JSON: {error}", path.display())))
}

/// A path written inside a data set, taken against its folder and never leading out of it.
///
/// # Errors
/// A data fault for absolute paths and for `..`.
pub(super) fn inside(folder: &Path, written: &str) -> Result<PathBuf, Fault> {
    let path = Path::new(written);
    if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        Ok(folder.join(path.strip_prefix(".").unwrap_or(path)))
    } else {
        Err(Fault::data(format!("{written:?} leads out of {}", folder.display())))
    }
}

/// A folder that a spec names.
///
/// # Errors
/// A config fault at `path` when it is not given, a data fault when it is no folder.
pub(super) fn root(path: &Path, cx: &BuildContext) -> Result<PathBuf, Fault> {
    if path.as_os_str().is_empty() {
        return Err(Fault::config("which folder holds the data?")
            .help("set `path`, or use --data DIR")
            .at("path"));
    }
    let path = cx.path(path);
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => Ok(path),
        Ok(_) => Err(Fault::data(format!("{} is no folder", path.display())).at("path")),
        Err(error) => Err(file_fault("open", &path, &error).at("path")),
    }
}

/// A volume in a file.
pub(super) fn file(id: String, path: PathBuf) -> VolumeRef {
    VolumeRef { id, source: VolumeSource::File { path } }
}

/// "CT scan of the torso"; without a region "CT scan".
pub(super) fn modality_text(modality: Modality, region: &str) -> String {
    let scan = format!("{} scan", modality.word());
    if region.is_empty() { scan } else { format!("{scan} of the {region}") }
}

/// Facts of a case in a body region.
pub(super) fn region_facts(region: &str) -> BTreeMap<String, String> {
    let known = (!region.is_empty()).then(|| ("region".to_owned(), region.to_owned()));
    known.into_iter().collect()
}

/// Parameters as a layout gives them: the data set's name, the folder and more.
pub(super) fn found(
    name: &str,
    folder: &Path,
    more: &[(&str, &str)],
) -> Option<situs_core::registry::Params> {
    let folder = folder.to_str()?;
    let pairs = [("use", name), ("path", folder)].into_iter().chain(more.iter().copied());
    Some(pairs.map(|(key, value)| (key.to_owned(), value.into())).collect())
}

/// A volume that the data set makes: its id is its key.
pub(super) fn made(id: String) -> VolumeRef {
    VolumeRef { source: VolumeSource::Dataset { key: id.clone() }, id }
}

type Load = Box<dyn Fn() -> Result<Case, Fault> + Send + Sync>;
type Make = Box<dyn Fn(&str) -> Option<Result<Volume, Fault>> + Send + Sync>;

/// A data set that is a list of cases.
pub(super) struct Listing {
    card: DatasetCard,
    loads: Vec<Load>,
    make: Option<Make>,
}

impl Dataset for Listing {
    fn card(&self) -> &DatasetCard {
        &self.card
    }

    fn len(&self) -> usize {
        self.loads.len()
    }

    fn case(&self, index: usize) -> Result<Case, Fault> {
        match self.loads.get(index) {
            Some(load) => load(),
            None => Err(Fault::internal(format!("case {index} of {}", self.loads.len()))),
        }
    }

    fn volume(&self, key: &str) -> Result<Volume, Fault> {
        self.make.as_ref().and_then(|make| make(key)).unwrap_or_else(|| {
            Err(Fault::unsupported(format!(
                "the data set {:?} has no volume {key:?} of its own",
                self.card.name
            )))
        })
    }
}

/// Gathers the cases of a [`Listing`].
pub(super) struct Gatherer {
    root: PathBuf,
    digest: Digest,
    loads: Vec<Load>,
    make: Option<Make>,
}

impl Gatherer {
    /// Starts with the parameters; where the folder lies is no part of the data set's identity.
    pub(super) fn new(name: &str, spec: &impl Serialize, root: &Path) -> Self {
        let mut params = serde_json::to_value(spec).unwrap_or_default();
        if let Some(table) = params.as_object_mut() {
            table.remove("path");
        }
        let mut digest = Digest::new("dataset");
        digest.text(name).json(&params);
        Self { root: root.to_owned(), digest, loads: Vec::new(), make: None }
    }

    /// Adds a case with the files it is known by: their names and sizes become part of the identity.
    pub(super) fn add(
        &mut self,
        name: &str,
        files: &[&Path],
        load: impl Fn() -> Result<Case, Fault> + Send + Sync + 'static,
    ) {
        self.digest.text(name);
        for file in files {
            let bytes = fs::metadata(file).map(|metadata| metadata.len()).unwrap_or(0);
            let written = file.strip_prefix(&self.root).unwrap_or(file).to_string_lossy();
            self.digest.text(&written).add(&bytes.to_le_bytes());
        }
        let name = name.to_owned();
        self.loads.push(Box::new(move || load().map_err(|fault| fault.within(format!("case {name}")))));
    }

    /// Makes content that belongs to the data set, such as a table's, part of its identity.
    pub(super) fn holds(&mut self, content: &str) {
        self.digest.text(content);
    }

    /// How volumes that are no files of their own are made; `None` for keys that are unknown.
    pub(super) fn makes(
        &mut self,
        make: impl Fn(&str) -> Option<Result<Volume, Fault>> + Send + Sync + 'static,
    ) {
        self.make = Some(Box::new(make));
    }

    /// The finished data set.
    ///
    /// # Errors
    /// A data fault when there are no cases: `expected` says what was looked for.
    pub(super) fn finish(
        self,
        name: impl Into<String>,
        licence: &str,
        modality_text: impl Into<String>,
        expected: &str,
    ) -> Result<Box<dyn Dataset>, Fault> {
        if self.loads.is_empty() {
            return Err(Fault::data(format!("no cases in {}", self.root.display()))
                .help(format!("expected {expected}"))
                .at("path"));
        }
        let card = DatasetCard {
            name: name.into(),
            licence: licence.to_owned(),
            modality_text: modality_text.into(),
            digest: self.digest.short(),
        };
        Ok(Box::new(Listing { card, loads: self.loads, make: self.make }))
    }
}

/// A table of names as structures use it.
pub(super) fn names(table: &[(u32, &str)]) -> BTreeMap<u32, String> {
    table.iter().map(|(label, name)| (*label, (*name).to_owned())).collect()
}
