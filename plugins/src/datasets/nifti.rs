//! One NIfTI image with a label map or a folder of masks.

use super::folder::{self, Gatherer};
use super::totalsegmentator::masks_in;
use situs_core::prelude::*;
use situs_core::registry::{Layout, Params};
use situs_core::volume::{parse_name_map, read_header};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

situs_core::component! {
    /// Any NIfTI image with a label map beside it, or with a folder of masks.
    dataset "nifti";
    pub struct Nifti {
        /// Folder of the case; the other files are taken against it. Default: the config's folder.
        pub path: PathBuf = PathBuf::new(),
        /// The image. Default: ct.nii.gz or mr.nii.gz in `path`.
        pub image: Option<PathBuf> = None,
        /// Label map. Default: labels.nii.gz in `path`, unless `masks` is given.
        pub labels: Option<PathBuf> = None,
        /// Folder of masks NAME.nii.gz.
        pub masks: Option<PathBuf> = None,
        /// JSON file {"1": "spleen"} or {"spleen": 1}; not needed where the label map carries names.
        pub names: Option<PathBuf> = None,
        /// "ct" or "mr"; needed with `image`.
        pub modality: Option<Modality> = None,
        /// Name of the case. Default: that of the folder or of the image.
        pub case: Option<String> = None,
        /// Body region as question texts name it, e.g. "torso".
        pub region: String = String::new(),
        /// Volume of a 4-D image that is shown, counted from 0. Default: the first, with the warning `first_of_many`.
        pub channel: Option<usize> = None,
    }
}

inventory::submit! {
    Layout { rank: 40, name: "one image with its labels (ct.nii.gz or mr.nii.gz with labels.nii.gz)", matches }
}

fn matches(folder: &Path) -> Vec<Params> {
    if folder::image(folder, "labels").is_none() {
        return Vec::new();
    }
    let images = ["ct", "mr"].into_iter().filter(|name| folder::image(folder, name).is_some());
    images.filter_map(|name| folder::found("nifti", folder, &[("modality", name)])).collect()
}

struct Files {
    root: PathBuf,
    image: PathBuf,
    modality: Modality,
    labels: Option<PathBuf>,
    masks: Option<PathBuf>,
    names: BTreeMap<u32, String>,
}

#[typetag::serde(name = "nifti")]
impl DatasetSpec for Nifti {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        let files = self.files(cx)?;
        let name = self.case_name(&files);
        if name.is_empty() || name.contains('/') {
            return Err(Fault::config(format!("expected a name of the case, found {name:?}")).at("case"));
        }
        let structures = structures(&name, &files)?;
        let case = Case {
            name: name.clone(),
            cluster: name.clone(),
            modality: files.modality,
            volumes: vec![match self.channel {
                Some(_) => folder::made(format!("{name}/image")),
                None => folder::file(format!("{name}/image"), files.image.clone()),
            }],
            structures,
            facts: folder::region_facts(&self.region),
        };
        let mut gatherer = Gatherer::new("nifti", self, &files.root);
        let known: Vec<&Path> =
            [Some(files.image.as_path()), files.labels.as_deref()].into_iter().flatten().collect();
        gatherer.add(&name, &known, move || Ok(case.clone()));
        if let Some(channel) = self.channel {
            let (image, shown) = (files.image.clone(), format!("{name}/image"));
            gatherer.makes(move |key| (key == shown).then(|| Volume::read_nth(&image, channel)));
        }
        gatherer.finish(
            name.clone(),
            "unknown",
            folder::modality_text(files.modality, &self.region),
            "an image",
        )
    }
}

impl Nifti {
    fn files(&self, cx: &BuildContext) -> Result<Files, Fault> {
        if self.path.as_os_str().is_empty() && self.image.is_none() {
            return Err(Fault::config("which image?")
                .help("set `path` to a folder with ct.nii.gz and labels.nii.gz, or set `image`")
                .at("image"));
        }
        let root = cx.path(&self.path);
        let (image, modality) = self.image(&root)?;
        let labels = match (&self.labels, &self.masks) {
            (Some(_), Some(_)) => {
                return Err(Fault::config("`labels` and `masks` exclude each other").at("masks"));
            }
            (Some(labels), None) => Some(existing(root.join(labels), "labels")?),
            (None, Some(_)) => None,
            (None, None) => Some(folder::needed_image(&root, "labels").map_err(|fault| {
                fault.help("which file holds the structures? set `labels` or `masks`").at("labels")
            })?),
        };
        let names = match &self.names {
            Some(names) => {
                let path = root.join(names);
                let map = folder::json(&path).map_err(|fault| fault.at("names"))?;
                parse_name_map(&map).map_err(|fault| fault.within(path.display()).at("names"))?
            }
            None => BTreeMap::new(),
        };
        let masks = self.masks.as_ref().map(|masks| root.join(masks));
        Ok(Files { root, image, modality, labels, masks, names })
    }

    fn image(&self, root: &Path) -> Result<(PathBuf, Modality), Fault> {
        if let Some(image) = &self.image {
            let modality = self.modality.ok_or_else(|| {
                Fault::config(format!("{}: CT or MR?", image.display()))
                    .help("set modality = \"ct\" or \"mr\"")
                    .at("modality")
            })?;
            return Ok((existing(root.join(image), "image")?, modality));
        }
        let found = |modality: Modality| {
            let name = if modality == Modality::Ct { "ct" } else { "mr" };
            folder::image(root, name).map(|path| (path, modality))
        };
        match (self.modality, found(Modality::Ct), found(Modality::Mr)) {
            (Some(Modality::Ct), Some(image), _) | (Some(Modality::Mr), _, Some(image)) => Ok(image),
            (None, Some(image), None) | (None, None, Some(image)) => Ok(image),
            (None, Some(_), Some(_)) => {
                Err(Fault::config(format!("{} holds ct.nii.gz and mr.nii.gz", root.display()))
                    .help("set modality = \"ct\" or \"mr\"")
                    .at("modality"))
            }
            (modality, ..) => {
                let wanted = modality.map_or("ct.nii.gz or mr.nii.gz".to_owned(), |modality| {
                    format!("{}.nii.gz", modality.word().to_lowercase())
                });
                Err(Fault::data(format!("{} has no {wanted}", root.display()))
                    .help("set `image`")
                    .at("image"))
            }
        }
    }

    fn case_name(&self, files: &Files) -> String {
        let last = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let of_image = || last(&files.image).map(|name| folder::stem(&name).unwrap_or(&name).to_owned());
        let of_folder = || {
            let folder = files.root.canonicalize().ok()?;
            last(&folder).filter(|_| self.image.is_none())
        };
        self.case.clone().or_else(of_folder).or_else(of_image).unwrap_or_default()
    }
}

fn existing(path: PathBuf, parameter: &str) -> Result<PathBuf, Fault> {
    match std::fs::metadata(&path) {
        Ok(_) => Ok(path),
        Err(error) => Err(situs_core::fault::file_fault("read", &path, &error).at(parameter)),
    }
}

fn structures(case: &str, files: &Files) -> Result<StructureSource, Fault> {
    if let Some(masks) = &files.masks {
        let labels = files.names.iter().map(|(label, name)| (name.clone(), *label)).collect();
        return masks_in(masks, case, &labels).map_err(|fault| fault.at("masks"));
    }
    let Some(labels) = &files.labels else { return Ok(StructureSource::None) };
    if files.names.is_empty() && read_header(labels).map_err(|fault| fault.at("labels"))?.names.is_empty() {
        return Err(Fault::data(format!("{} carries no names of its labels", labels.display()))
            .help("set `names` to a JSON file {\"1\": \"spleen\", ...}")
            .at("names"));
    }
    let volume = folder::file(format!("{case}/labels"), labels.clone());
    Ok(StructureSource::LabelMap { volume, names: files.names.clone() })
}
