//! Where a checkpoint keeps its input embeddings and its tokenizer.

use super::embedding_file::{listed, parse};
use super::mapped::map;
use situs_core::fault::{Fault, file_fault};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// How names of input embeddings end, whatever the architecture in front; the first that a checkpoint has is meant. In
/// order: most models; GPT-2's line; Molmo, whose added rows lie in a tensor of their own and are no content; BLOOM and
/// Falcon; GPT-NeoX; InternLM.
const EMBEDDINGS: [&str; 6] = [
    "embed_tokens.weight",
    "wte.weight",
    "wte.embedding",
    "word_embeddings.weight",
    "embed_in.weight",
    "tok_embeddings.weight",
];

/// Largest index of tensors that is read, in bytes.
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// Files of a checkpoint folder as the large model hubs lay it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFolder {
    /// The safetensors file with the input embeddings.
    pub embeddings: PathBuf,
    /// Name of their tensor.
    pub tensor: String,
    /// `tokenizer.json`.
    pub tokenizer: PathBuf,
}

impl ModelFolder {
    /// Finds both; a tokenizer or a tensor that is named is taken. Without a tensor name it is the one whose name ends as
    /// those of input embeddings do (`embed_tokens.weight`, `wte.weight`, ...); the index `model.safetensors.index.json` says
    /// which file holds what, without it every `.safetensors` file is asked.
    ///
    /// # Errors
    /// None, or several that could be meant (all are named); no `tokenizer.json`; damaged files.
    pub fn find(folder: &Path, tensor: Option<&str>, tokenizer: Option<&Path>) -> Result<Self, Fault> {
        let tensors = tensors(folder)?;
        let place = folder.display();
        let ends = |name: &str, end: &str| {
            name.strip_suffix(end).is_some_and(|front| front.is_empty() || front.ends_with('.'))
        };
        let end = EMBEDDINGS.into_iter().find(|end| tensors.keys().any(|name| ends(name, end)));
        let is_meant = |name: &str| match tensor {
            Some(wanted) => name == wanted,
            None => end.is_some_and(|end| ends(name, end)),
        };
        let found: Vec<(&String, &PathBuf)> = tensors.iter().filter(|(name, _)| is_meant(name)).collect();
        let (name, file) = match found.as_slice() {
            [one] => *one,
            [] => {
                let names: Vec<&str> = tensors.keys().map(String::as_str).collect();
                let what = match tensor {
                    Some(wanted) => format!("{place}: no tensor '{wanted}'"),
                    None => format!("{place}: no tensor with a name that ends in {}", EMBEDDINGS.join(", ")),
                };
                return Err(
                    Fault::data(what).help(format!("name it with --tensor; there are {}", listed(&names)))
                );
            }
            several => {
                let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
                let what = format!("{place}: {} tensors could be the input embeddings", several.len());
                return Err(Fault::data(what).help(format!("choose with --tensor: {}", names.join(", "))));
            }
        };
        let tokenizer = tokenizer.map_or_else(|| folder.join("tokenizer.json"), Path::to_owned);
        if !tokenizer.is_file() {
            return Err(Fault::data(format!("no {}", tokenizer.display())).help("name one with --tokenizer"));
        }
        Ok(Self { embeddings: file.clone(), tensor: name.clone(), tokenizer })
    }
}

/// Every tensor of the folder with its file.
fn tensors(folder: &Path) -> Result<BTreeMap<String, PathBuf>, Fault> {
    let index = folder.join("model.safetensors.index.json");
    if index.is_file() {
        return indexed(folder, &index);
    }
    let entries = std::fs::read_dir(folder).map_err(|error| file_fault("read", folder, &error))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "safetensors"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(Fault::data(format!("{}: no .safetensors file", folder.display())));
    }
    let mut tensors = BTreeMap::new();
    for file in files {
        let map = map(&file)?;
        for name in parse(&file, &map)?.names() {
            if let Some(other) = tensors.insert(name.to_owned(), file.clone()) {
                let what = format!("{} and {} both hold '{name}'", other.display(), file.display());
                return Err(Fault::data(what).help("name the file with --embeddings"));
            }
        }
    }
    Ok(tensors)
}

fn indexed(folder: &Path, index: &Path) -> Result<BTreeMap<String, PathBuf>, Fault> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, PathBuf>,
    }
    let read = read_text(index, MAX_INDEX_BYTES)?;
    let index: Index =
        serde_json::from_str(&read).map_err(|error| Fault::data(format!("{}: {error}", index.display())))?;
    let inside = |(name, file): (String, PathBuf)| {
        let mut parts = file.components();
        if matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            return Ok((name, folder.join(file)));
        }
        let what = format!("{}: the index puts '{name}' into '{}'", folder.display(), file.display());
        Err(Fault::data(what).help("files of a checkpoint lie in its folder"))
    };
    index.weight_map.into_iter().map(inside).collect()
}

/// Reads a text file of at most `limit` bytes.
pub(super) fn read_text(path: &Path, limit: u64) -> Result<String, Fault> {
    let size = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
    if size > limit {
        return Err(Fault::data(format!("{}: {size} bytes; at most {limit} are read", path.display())));
    }
    std::fs::read_to_string(path).map_err(|error| file_fault("read", path, &error))
}
