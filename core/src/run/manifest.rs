//! `manifest.json`: what a run is made of, so that it can be built again and never be mixed with another.

use super::folder::{file_sha256, read_json, write_json};
use super::parts::Parts;
use crate::case::DatasetCard;
use crate::config::{Composite, Control, RunConfig, RunTable};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::model_backend::ModelCard;
use crate::plugin::LibraryInfo;
use crate::registry::Identity;
use crate::sampler::TableCard;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// An arm as the manifest stores it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmManifest {
    /// Name.
    pub name: String,
    /// Backend with its parameters.
    pub model: Identity,
    /// What the backend says of itself.
    pub card: ModelCard,
    /// Decoding rule.
    pub sampler: Identity,
    /// Neighbor table that the rule reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableCard>,
    /// Renderer.
    pub renderer: Identity,
    /// What is changed in what the model is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
}

/// The whole manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// `situs-manifest-1`.
    pub format: String,
    /// Version of the tool that started the run.
    pub tool: String,
    /// SHA-256 of the program that started the run, where it can be read. Told, not compared: a later version may go on.
    #[serde(default)]
    pub tool_sha256: Option<String>,
    /// Suite.
    pub name: String,
    /// Digest over everything that decides what is asked and of whom: a run folder holds one such identity.
    pub identity: String,
    /// Data set with its parameters.
    pub dataset: Identity,
    /// What the data set says of itself.
    pub dataset_card: DatasetCard,
    /// Family with its parameters.
    pub family: Identity,
    /// Version of its texts and rules.
    pub family_version: String,
    /// Arms.
    pub arms: Vec<ArmManifest>,
    /// Models bound to roles.
    pub roles: BTreeMap<String, Identity>,
    /// What the models bound to roles say of themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub role_cards: BTreeMap<String, ModelCard>,
    /// Metrics; may change between runs, since replies are kept and scoring is repeated.
    pub metrics: BTreeMap<String, Identity>,
    /// Settings that decide a metric's number, digests of its prompts included, for metrics that tell them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signatures: BTreeMap<String, String>,
    /// Folder that relative paths of the config are taken against. Told, not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<PathBuf>,
    /// The same for metrics that came from another config later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_base: Option<PathBuf>,
    /// The `[run]` table.
    pub run: RunTable,
    /// Composite figures.
    pub composites: Vec<Composite>,
    /// `--limit`.
    pub limit: Option<u64>,
    /// Libraries that components came from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<LibraryInfo>,
}

impl Manifest {
    /// The manifest of a run.
    pub fn of(config: &RunConfig, parts: &Parts, limit: Option<u64>) -> Self {
        let mut manifest = Self {
            format: "situs-manifest-1".to_owned(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            tool_sha256: std::env::current_exe().ok().and_then(|path| file_sha256(&path).ok()),
            name: config.name.clone(),
            identity: String::new(),
            dataset: parts.dataset_identity.clone(),
            dataset_card: parts.dataset.card().clone(),
            family: parts.family_identity.clone(),
            family_version: parts.family.version().to_owned(),
            arms: parts
                .arms
                .iter()
                .map(|arm| ArmManifest {
                    name: arm.name.clone(),
                    model: parts.models[arm.model].identity.clone(),
                    card: parts.models[arm.model].backend.card().clone(),
                    sampler: arm.sampler_identity.clone(),
                    table: arm.table.clone(),
                    renderer: parts.renderers[arm.renderer].identity.clone(),
                    control: arm.control,
                })
                .collect(),
            roles: parts
                .roles
                .iter()
                .map(|role| (role.name.clone(), parts.models[role.model].identity.clone()))
                .collect(),
            role_cards: parts
                .roles
                .iter()
                .map(|role| (role.name.clone(), parts.models[role.model].backend.card().clone()))
                .collect(),
            metrics: BTreeMap::new(),
            signatures: BTreeMap::new(),
            base: base_of(config),
            metrics_base: None,
            run: config.run.clone(),
            composites: config.composites.clone(),
            limit,
            plugins: parts.libraries.clone(),
        };
        manifest.identity = Digest::new("situs-manifest-1").json(&manifest.deciding()).short();
        manifest.score_with(parts);
        manifest
    }

    /// Takes over the metrics of `parts`.
    pub(super) fn score_with(&mut self, parts: &Parts) {
        let metrics = parts.metrics.iter();
        self.metrics =
            metrics.clone().map(|(name, (_, identity))| (name.clone(), identity.clone())).collect();
        self.signatures =
            metrics.filter_map(|(name, (metric, _))| Some((name.clone(), metric.signature()?))).collect();
    }

    /// The part that decides what is asked and of whom. Speed, patience, metrics and tables are free to change.
    fn deciding(&self) -> Value {
        let arms: Vec<Value> = self
            .arms
            .iter()
            .map(|arm| {
                let mut deciding = serde_json::json!({
                    "name": arm.name, "model": arm.card.digest, "sampler": arm.sampler, "renderer": arm.renderer,
                });
                if let Some(control) = arm.control {
                    deciding["control"] = serde_json::json!(control);
                }
                if let Some(table) = &arm.table {
                    deciding["table"] = serde_json::json!(table);
                }
                deciding
            })
            .collect();
        serde_json::json!({
            "dataset": self.dataset, "data": self.dataset_card.digest,
            "family": self.family, "family_version": self.family_version,
            "arms": arms, "roles": self.roles,
            "run": {
                "seed": self.run.seed, "trials": self.run.trials, "mirrored": self.run.mirrored,
                "questions": self.run.questions, "quota": self.run.quota, "quota_facet": self.run.quota_facet,
            },
        })
    }

    /// Writes the manifest, or checks it against the one that is there. A folder in which nothing was planned or asked
    /// yet holds no run: a config or a file that was mended since is welcome.
    ///
    /// # Errors
    /// A config fault naming the first part that differs.
    pub fn settle(&self, folder: &Path) -> Result<(), Fault> {
        let path = folder.join("manifest.json");
        let asked = std::fs::metadata(folder.join("journal.jsonl")).is_ok_and(|journal| journal.len() > 0);
        if path.exists() && (asked || folder.join("plan.json").exists()) {
            let earlier: Manifest = read_json(&path)?;
            if earlier.identity != self.identity {
                let place = first_difference(&earlier.deciding(), &self.deciding(), "");
                return Err(Fault::config(format!(
                    "{} holds another run: {}",
                    folder.display(),
                    place.unwrap_or_else(|| "identity differs".to_owned())
                ))
                .help("choose another folder with --output, or run with the config it was started with"));
            }
        }
        write_json(&path, self)
    }
}

/// The folder that a config's relative paths are taken against, as an absolute path.
pub(super) fn base_of(config: &RunConfig) -> Option<PathBuf> {
    std::path::absolute(config.build_context().base.unwrap_or_else(|| PathBuf::from("."))).ok()
}

/// The first place where two values differ, with both values: `run.seed was 0, is 1`.
fn first_difference(old: &Value, new: &Value, path: &str) -> Option<String> {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            keys.into_iter().find_map(|key| {
                first_difference(
                    a.get(key).unwrap_or(&Value::Null),
                    b.get(key).unwrap_or(&Value::Null),
                    &below(key),
                )
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(index, (a, b))| first_difference(a, b, &format!("{path}[{index}]"))),
        (a, b) if a == b => None,
        (a, b) => Some(format!("{path} was {a}, is {b}")),
    }
}
