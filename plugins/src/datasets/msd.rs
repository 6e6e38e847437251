//! Medical Segmentation Decathlon and nnU-Net folders: imagesTr and labelsTr, described by dataset.json.

use super::amos::is_amos;
use super::folder::{self, Gatherer};
use serde_json::Value;
use situs_core::prelude::*;
use situs_core::registry::{Layout, Params};
use situs_core::volume::{parse_name_map, read_header};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

situs_core::component! {
    /// Medical Segmentation Decathlon or nnU-Net: imagesTr with labelsTr and dataset.json, one channel of images with several.
    dataset "msd";
    pub struct Msd {
        /// Folder that holds imagesTr and labelsTr.
        pub path: PathBuf = PathBuf::new(),
        /// "ct" or "mr". Default: as dataset.json says.
        pub modality: Option<Modality> = None,
        /// JSON file with the labels' names. Default: dataset.json, else the label maps' own.
        pub names: Option<PathBuf> = None,
        /// Body region as question texts name it.
        pub region: String = String::new(),
        /// Channel that is shown, counted from 0 as dataset.json does: a volume of a 4-D image (MSD) or the file
        /// NAME_000N (nnU-Net). Default: the first, with the warning `first_of_many` where a 4-D image holds more.
        pub channel: Option<usize> = None,
    }
}

inventory::submit! {
    Layout { rank: 20, name: "MSD (dataset.json with imagesTr)", matches: described }
}

inventory::submit! {
    Layout { rank: 30, name: "imagesTr with labelsTr", matches: bare }
}

fn described(folder: &Path) -> Vec<Params> {
    let fits = folder.join("dataset.json").is_file() && folder.join("imagesTr").is_dir() && !is_amos(folder);
    folder::found("msd", folder, &[]).filter(|_| fits).into_iter().collect()
}

fn bare(folder: &Path) -> Vec<Params> {
    let fits = folder.join("imagesTr").is_dir() && folder.join("labelsTr").is_dir();
    folder::found("msd", folder, &[]).filter(|_| fits).into_iter().collect()
}

/// What dataset.json says.
struct Description {
    name: Option<String>,
    licence: Option<String>,
    modality: Option<Modality>,
    names: BTreeMap<u32, String>,
    /// Image and label map as written; empty when there is no list.
    pairs: Vec<(String, String)>,
}

#[typetag::serde(name = "msd")]
impl DatasetSpec for Msd {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        let root = folder::root(&self.path, cx)?;
        let mut description = describe(&root, self.channel.unwrap_or(0))?;
        if let Some(names) = &self.names {
            let path = cx.path(names);
            let map = folder::json(&path).map_err(|fault| fault.at("names"))?;
            description.names =
                parse_name_map(&map).map_err(|fault| fault.within(path.display()).at("names"))?;
        }
        let modality = self.modality.or(description.modality).ok_or_else(|| {
            Fault::config(format!("{} does not say whether it is CT or MR", root.display()))
                .help("set modality = \"ct\" or \"mr\"")
                .at("modality")
        })?;
        let mut gatherer = Gatherer::new("msd", self, &root);
        let mut images = BTreeMap::new();
        for (name, image, labels) in pairs(&root, &description.pairs, self.channel.unwrap_or(0))? {
            let (names, region) = (description.names.clone(), self.region.clone());
            let shown = match self.channel.filter(|channel| !is_channel_file(&image, &name, *channel)) {
                Some(_) => folder::made(format!("{name}/image")),
                None => folder::file(format!("{name}/image"), image.clone()),
            };
            images.insert(shown.id.clone(), image.clone());
            let known = image.clone();
            gatherer.add(&name.clone(), &[&known], move || {
                let names = if names.is_empty() { own_names(&labels)? } else { names.clone() };
                if !image.is_file() {
                    return Err(Fault::data(format!("{} does not exist", image.display())));
                }
                let volume = folder::file(format!("{name}/labels"), labels.clone());
                Ok(Case {
                    name: name.clone(),
                    cluster: name.clone(),
                    modality,
                    volumes: vec![shown.clone()],
                    structures: StructureSource::LabelMap { volume, names },
                    facts: folder::region_facts(&region),
                })
            });
        }
        if let Some(channel) = self.channel {
            gatherer.makes(move |key| images.get(key).map(|image| Volume::read_nth(image, channel)));
        }
        let words = folder::modality_text(modality, &self.region);
        let licence = description.licence.unwrap_or_else(|| "unknown".to_owned());
        let name = description.name.unwrap_or_else(|| "MSD".to_owned());
        gatherer.finish(name, &licence, words, "imagesTr/NAME.nii.gz with labelsTr/NAME.nii.gz")
    }
}

fn own_names(labels: &Path) -> Result<BTreeMap<u32, String>, Fault> {
    let names = read_header(labels)?.names;
    if names.is_empty() {
        return Err(Fault::data(format!("neither dataset.json nor {} names the labels", labels.display()))
            .help("set `names` to a JSON file {\"1\": \"spleen\", ...}"));
    }
    Ok(names)
}

fn describe(root: &Path, channel: usize) -> Result<Description, Fault> {
    let path = root.join("dataset.json");
    if !path.is_file() {
        return Ok(Description {
            name: None,
            licence: None,
            modality: None,
            names: BTreeMap::new(),
            pairs: Vec::new(),
        });
    }
    let json = folder::json(&path)?;
    let words = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
    let names = match json.get("labels") {
        // nnU-Net allows regions, several labels under one name: they overlap the labels proper.
        Some(Value::Object(labels)) => {
            let plain = labels.iter().filter(|(_, value)| !value.is_array());
            let map = Value::Object(plain.map(|(key, value)| (key.clone(), value.clone())).collect());
            parse_name_map(&map).map_err(|fault| fault.within(format!("{}: labels", path.display())))?
        }
        _ => BTreeMap::new(),
    };
    let names = names.into_iter().map(|(label, name)| (label, class_name(&name))).collect();
    let channels = json.get("modality").or_else(|| json.get("channel_names"));
    let pairs = match json.get("training") {
        Some(Value::Array(list)) => list
            .iter()
            .enumerate()
            .map(|(index, entry)| {
                let part = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
                part("image").zip(part("label")).ok_or_else(|| {
                    Fault::data(format!("{}: training[{index}] has no image and label", path.display()))
                })
            })
            .collect::<Result<_, _>>()?,
        _ => Vec::new(),
    };
    Ok(Description {
        name: words("name"),
        licence: words("licence").or_else(|| words("license")),
        modality: channels
            .and_then(|channels| channel_text(channels, channel))
            .and_then(|channel| modality_of(&channel)),
        names,
        pairs,
    })
}

/// "left atrium" becomes `left_atrium`.
fn class_name(written: &str) -> String {
    written.trim().to_lowercase().replace([' ', '-'], "_")
}

/// The text of a channel.
fn channel_text(channels: &Value, channel: usize) -> Option<String> {
    let text = match channels {
        Value::Object(map) => map.get(&channel.to_string()),
        Value::Array(list) => list.get(channel),
        other => Some(other),
    };
    text.and_then(Value::as_str).map(str::to_owned)
}

fn modality_of(channel: &str) -> Option<Modality> {
    let channel = channel.to_uppercase();
    let is_mr = ["MR", "T1", "T2", "FLAIR", "ADC", "DWI"].iter().any(|word| channel.starts_with(word));
    match channel.as_str() {
        "CT" => Some(Modality::Ct),
        _ if is_mr => Some(Modality::Mr),
        _ => None,
    }
}

/// Whether an image is the file of one channel of a case, as nnU-Net keeps them.
fn is_channel_file(image: &Path, case: &str, channel: usize) -> bool {
    let name = image.file_name().and_then(|name| name.to_str()).and_then(folder::stem);
    name == Some(&format!("{case}_{channel:04}"))
}

/// Case name, image and label map: as listed, else every label map with its image (nnU-Net: `NAME_0000.nii.gz` for
/// channel 0).
fn pairs(
    root: &Path,
    listed: &[(String, String)],
    channel: usize,
) -> Result<Vec<(String, PathBuf, PathBuf)>, Fault> {
    let mut pairs = Vec::new();
    if listed.is_empty() {
        for entry in folder::entries(&root.join("labelsTr"))? {
            let Some(name) = folder::stem(&entry.name).filter(|_| !entry.folder) else { continue };
            let images = root.join("imagesTr");
            let image = folder::image(&images, &format!("{name}_{channel:04}"))
                .or_else(|| folder::image(&images, name));
            let image = image.unwrap_or_else(|| images.join(&entry.name));
            pairs.push((name.to_owned(), image, entry.path.clone()));
        }
        return Ok(pairs);
    }
    for (image, labels) in listed {
        let file = labels.rsplit('/').next().unwrap_or_default();
        // Lists made on macOS hold its "._" companions too.
        let Some(name) = folder::stem(file).filter(|name| !name.starts_with('.')) else { continue };
        let image = folder::inside(root, image)?;
        // nnU-Net lists `NAME.nii.gz` for the channels `NAME_0000.nii.gz` and so on.
        let file = || folder::image(&root.join("imagesTr"), &format!("{name}_{channel:04}"));
        let image = if image.is_file() { image } else { file().unwrap_or(image) };
        pairs.push((name.to_owned(), image, folder::inside(root, labels)?));
    }
    pairs.sort();
    Ok(pairs)
}
