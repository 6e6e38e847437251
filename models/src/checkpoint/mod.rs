//! A checkpoint folder: configuration, mapped weights, and what else lies beside them.

mod config;
mod mapped;
mod part;
mod rope;
mod shards;
mod weight;

pub(crate) use config::Config;
pub(crate) use part::Part;
pub(crate) use rope::{Rope, rope, rope_of_layers};
pub(crate) use weight::{Numbers, Weight};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shards::Shards;
use situs_core::digest::{Digest, sha256_hex};
use situs_core::fault::{Fault, file_fault};
use std::path::{Path, PathBuf};

/// Largest JSON file of a checkpoint that is read, in bytes; tokenizers of large vocabularies have 35 MB.
const MAX_JSON_BYTES: u64 = 256 << 20;

/// Numbers that weights are rounded to.
///
/// Sums and activations are f32 whatever is chosen here. Weights that are stored with fewer bits stay as they are: every
/// bf16 and f16 number is an f32 number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits with the range of f32.
    Bf16,
    /// 16 bits with more digits.
    F16,
}

/// A checkpoint as published: `config.json`, `*.safetensors`, `tokenizer.json` and their like.
pub struct Checkpoint {
    folder: PathBuf,
    config: Value,
    shards: Shards,
    precision: Precision,
}

impl Checkpoint {
    /// Reads `config.json` and maps the weights; none of their numbers is read yet.
    ///
    /// # Errors
    /// A missing or damaged file, by name; a shard that the index names and the folder lacks.
    pub fn open(folder: &Path, precision: Precision) -> Result<Self, Fault> {
        if !folder.is_dir() {
            return Err(Fault::data(format!("{}: no such folder", folder.display()))
                .help("give the folder of a checkpoint, with config.json and *.safetensors"));
        }
        let config = read_json(&folder.join("config.json"))?;
        let shards = Shards::open(folder)?;
        Ok(Self { folder: folder.to_owned(), config, shards, precision })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `model_type` of `config.json`.
    ///
    /// # Errors
    /// When it is missing.
    pub fn model_type(&self) -> Result<&str, Fault> {
        self.config.get("model_type").and_then(Value::as_str).ok_or_else(|| {
            Fault::data(format!("{}: no model_type", self.folder.join("config.json").display()))
        })
    }

    /// The configuration, for reading fields with errors that name them.
    pub(crate) fn config(&self) -> Config<'_> {
        Config::new(self.folder.join("config.json"), &self.config)
    }

    /// A JSON file beside the weights, if it is there.
    ///
    /// # Errors
    /// A file that is no JSON, or too large.
    pub(crate) fn json(&self, name: &str) -> Result<Option<Value>, Fault> {
        let path = self.folder.join(name);
        if path.is_file() { read_json(&path).map(Some) } else { Ok(None) }
    }

    /// A text file beside the weights, if it is there.
    ///
    /// # Errors
    /// A file that cannot be read, or is too large.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        let path = self.folder.join(name);
        if path.is_file() { read_text(&path).map(Some) } else { Ok(None) }
    }

    /// The tensor under the first of these names that the checkpoint has: published checkpoints and those that newer
    /// libraries write differ in prefixes.
    ///
    /// # Errors
    /// When there is none (all names are told), or when its shape is another one.
    pub(crate) fn weight(&self, names: &[String], shape: &[usize]) -> Result<Weight, Fault> {
        let Some((name, shard)) = names.iter().find_map(|name| Some((name, self.shards.find(name)?))) else {
            let what = format!("{}: no tensor '{}'", self.folder.display(), names.join("' or '"));
            return Err(Fault::data(what).help(
                "the checkpoint is incomplete, or its config.json describes another model; a missing shard?",
            ));
        };
        let weight = Weight::open(shard, name, self.precision)?;
        if weight.shape() != shape {
            let found = weight.shape();
            let what = format!(
                "{}: tensor '{name}' has shape {found:?}, config.json asks for {shape:?}",
                self.folder.display()
            );
            return Err(Fault::data(what).help("config.json and weights are of different models"));
        }
        Ok(weight)
    }

    /// Whether one of these tensors is there.
    pub(crate) fn holds(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.shards.find(name).is_some())
    }

    /// The file that holds a tensor.
    pub(crate) fn file_of(&self, name: &str) -> Option<&Path> {
        self.shards.find(name).map(|shard| shard.path())
    }

    /// Identity: configuration, tokenizer and prompt files, and names, shapes and sizes of all weights with their
    /// files' sizes and first and last bytes. Reading 16 GB to name a model would take longer than asking it.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn digest(&self) -> Result<String, Fault> {
        let mut digest = Digest::new("situs-checkpoint-1");
        digest.json(&self.config).json(&self.precision);
        for name in [
            "tokenizer.json",
            "tokenizer_config.json",
            "chat_template.jinja",
            "chat_template.json",
            "preprocessor_config.json",
            "video_preprocessor_config.json",
            "processor_config.json",
            "generation_config.json",
        ] {
            let text = self.text(name)?;
            digest.text(name).text(&text.map(|text| sha256_hex(text.as_bytes())).unwrap_or_default());
        }
        self.shards.digest(&mut digest);
        Ok(digest.hex())
    }
}

fn read_text(path: &Path) -> Result<String, Fault> {
    let size = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
    if size > MAX_JSON_BYTES {
        let what = format!("{}: {size} bytes; at most {MAX_JSON_BYTES} are read", path.display());
        return Err(Fault::data(what));
    }
    std::fs::read_to_string(path).map_err(|error| file_fault("read", path, &error))
}

fn read_json(path: &Path) -> Result<Value, Fault> {
    serde_json::from_str(&read_text(path)?)
        .map_err(|error| Fault::data(format!("{}: {error}", path.display())))
}
