//! What a sentence-transformers folder says about itself: `modules.json` and what its modules keep beside it.

use crate::checkpoint::Config;
use serde_json::Value;
use situs_core::fault::{Fault, file_fault};
use std::path::{Component, Path, PathBuf};

/// Largest of these files that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Most tokens of a text that are believed.
const MAX_TOKENS: usize = 1 << 20;
/// Widest embedding.
const MAX_WIDTH: usize = 1 << 20;

/// How the vectors of the tokens of a text become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Their mean.
    Mean,
    /// That of the first token.
    Cls,
}

impl Pooling {
    /// Its name in signatures.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
        }
    }
}

/// The modules of a folder.
#[derive(Debug)]
pub(super) struct Layout {
    /// Folder of the transformer.
    pub(super) transformer: PathBuf,
    /// How tokens become one vector.
    pub(super) pooling: Pooling,
    /// Width of an embedding, where the pooling says so.
    pub(super) width: Option<usize>,
    /// Whether embeddings are given the length 1.
    pub(super) normalised: bool,
    /// Most tokens of a text, where the transformer's settings say so.
    pub(super) tokens: Option<usize>,
    /// Whether texts are put into lower case first.
    pub(super) lower_case: bool,
}

impl Layout {
    /// Reads the modules of a folder.
    ///
    /// # Errors
    /// A folder that is none of sentence-transformers; modules, orders of them, or ways of pooling that are not computed.
    pub(super) fn read(folder: &Path) -> Result<Self, Fault> {
        let path = folder.join("modules.json");
        let listed = json(&path)?.ok_or_else(|| {
            Fault::data(format!("{}: missing", path.display()))
                .help("give the folder of a sentence-transformers model, with modules.json and config.json")
        })?;
        let modules = modules(folder, &path, &listed)?;
        let kinds: Vec<&str> = modules.iter().map(|(kind, _)| kind.as_str()).collect();
        let normalised = match kinds.as_slice() {
            ["Transformer", "Pooling"] => false,
            ["Transformer", "Pooling", "Normalize"] => true,
            _ => {
                let what = format!("{}: the modules {}", path.display(), kinds.join(", "));
                return Err(Fault::unsupported(what)
                    .help("Transformer, Pooling and, where there is one, Normalize are computed"));
            }
        };
        refuse_prompts(folder)?;
        let transformer = modules.first().map_or_else(|| folder.to_owned(), |(_, place)| place.clone());
        let place = modules.get(1).map_or_else(|| folder.to_owned(), |(_, place)| place.clone());
        let (pooling, width) = pooling(&place.join("config.json"))?;
        let path = transformer.join("sentence_bert_config.json");
        let settings = json(&path)?.unwrap_or(Value::Null);
        let settings = Config::new(path, &settings);
        let tokens = match settings.get("max_seq_length") {
            Some(_) => Some(settings.count("max_seq_length", None, MAX_TOKENS)?),
            None => None,
        };
        let lower_case = settings.flag("do_lower_case");
        Ok(Self { transformer, pooling, width, normalised, tokens, lower_case })
    }
}

/// Kind and folder of every module in order.
fn modules(folder: &Path, path: &Path, listed: &Value) -> Result<Vec<(String, PathBuf)>, Fault> {
    let broken = |what: &str| Fault::data(format!("{}: {what}", path.display()));
    let items = listed.as_array().ok_or_else(|| broken("a list of modules is expected"))?;
    let mut modules = Vec::new();
    for item in items {
        let kind =
            item.get("type").and_then(Value::as_str).ok_or_else(|| broken("a module without a type"))?;
        let within = Path::new(item.get("path").and_then(Value::as_str).unwrap_or_default());
        if !within.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(broken(&format!("a module lies in '{}', outside the folder", within.display())));
        }
        // The library has moved its modules about; the last part of the name has stayed.
        let kind = kind.rsplit('.').next().unwrap_or(kind).to_owned();
        modules.push((kind, folder.join(within)));
    }
    Ok(modules)
}

/// A prompt that is put in front of every text is not known to the texts' author.
fn refuse_prompts(folder: &Path) -> Result<(), Fault> {
    let path = folder.join("config_sentence_transformers.json");
    let settings = json(&path)?.unwrap_or(Value::Null);
    match settings.get("default_prompt_name").and_then(Value::as_str) {
        Some(name) => Err(Fault::unsupported(format!(
            "{}: default_prompt_name '{name}': a prompt in front of every text is not computed",
            path.display()
        ))
        .help("set it to null to embed the texts as they are")),
        None => Ok(()),
    }
}

fn pooling(path: &Path) -> Result<(Pooling, Option<usize>), Fault> {
    let table = json(path)?.ok_or_else(|| Fault::data(format!("{}: missing", path.display())))?;
    let config = Config::new(path.to_owned(), &table);
    let names = ["word_embedding_dimension", "embedding_dimension"];
    let width = match names.into_iter().find(|name| config.get(name).is_some()) {
        Some(name) => Some(config.count(name, None, MAX_WIDTH)?),
        None => None,
    };
    let mut modes: Vec<&str> = table
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.as_bool() == Some(true))
        .filter_map(|(name, _)| name.strip_prefix("pooling_mode_"))
        .collect();
    modes.extend(config.get("pooling_mode").and_then(Value::as_str));
    match modes.as_slice() {
        ["mean_tokens" | "mean"] => Ok((Pooling::Mean, width)),
        ["cls_token" | "cls"] => Ok((Pooling::Cls, width)),
        others => {
            let what = format!("{}: pooling by '{}'", path.display(), others.join("' and '"));
            Err(Fault::unsupported(what).help("mean_tokens and cls_token are computed"))
        }
    }
}

fn json(path: &Path) -> Result<Option<Value>, Fault> {
    if !path.is_file() {
        return Ok(None);
    }
    let size = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
    if size > MAX_BYTES {
        let what = format!("{}: {size} bytes; at most {MAX_BYTES} are read", path.display());
        return Err(Fault::data(what));
    }
    let text = std::fs::read_to_string(path).map_err(|error| file_fault("read", path, &error))?;
    serde_json::from_str(&text).map(Some).map_err(|error| Fault::data(format!("{}: {error}", path.display())))
}
