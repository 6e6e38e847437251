//! TOML to parameters to components, with errors that name file, line and path.
//!
//! A config is parsed twice: once into plain values, once into values with spans. Components are built from the plain
//! values through the registry; when one refuses, the path in its fault is looked up among the spans.

mod arms;
mod control;
mod error;
mod overrides;
mod plugins;
mod run_table;

pub use arms::ArmConfig;
pub use control::Control;
pub use error::ConfigError;
pub use overrides::{Override, Overrides};
pub use plugins::PluginEntry;
pub use run_table::{Composite, CompositePart, Intervals, MissingCells, RunTable, Slice};

use crate::fault::{Fault, Segment};
use crate::registry::{BuildContext, Built, Params, Registry, Slot, spec_from};
use error::Source;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest config file that is read, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// Parameters of a component and where they stand in the config.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// The parameters.
    pub params: Params,
    /// Path of their table, e.g. `arm[1].sampler`.
    pub path: Vec<Segment>,
}

/// A run as a person wrote it, with command-line overrides applied.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// Name of the suite: `run.name`, else the file's stem.
    pub name: String,
    /// Data set.
    pub dataset: Located,
    /// Question family.
    pub family: Located,
    /// Arms in order of the file; one called `main` when the file lists none.
    pub arms: Vec<ArmConfig>,
    /// Models bound to roles.
    pub roles: BTreeMap<String, Located>,
    /// Metrics by the name under which they are reported.
    pub metrics: BTreeMap<String, Located>,
    /// The `[run]` table.
    pub run: RunTable,
    /// Composite figures.
    pub composites: Vec<Composite>,
    /// Plug-in libraries.
    pub plugins: Vec<PluginEntry>,
    source: Source,
}

/// Keys of the top level, for suggestions.
const TOP: [&str; 11] = [
    "dataset",
    "family",
    "renderer",
    "model",
    "sampler",
    "metrics",
    "run",
    "arm",
    "models",
    "plugins",
    "composite",
];

impl RunConfig {
    /// Reads a config file and applies overrides, typed by the components they land in.
    ///
    /// # Errors
    /// A config error with file and line: bad TOML, unknown tables, a missing `use`, unknown names or fields.
    pub fn load(path: &Path, overrides: &Overrides, registry: &Registry) -> Result<Self, ConfigError> {
        let source = Source::read(path)?;
        Self::of_source(source, overrides, registry)
    }

    /// Reads a config from text; `base` is the folder that relative paths are taken against.
    ///
    /// # Errors
    /// As [`RunConfig::load`].
    pub fn parse(
        name: &str,
        text: String,
        base: Option<PathBuf>,
        overrides: &Overrides,
        registry: &Registry,
    ) -> Result<Self, ConfigError> {
        Self::of_source(Source::new(name, text, base), overrides, registry)
    }

    fn of_source(
        mut source: Source,
        overrides: &Overrides,
        registry: &Registry,
    ) -> Result<Self, ConfigError> {
        let mut root = source.values()?;
        overrides.apply(&mut root, registry).map_err(|fault| source.error(fault))?;
        source.overridden = overrides.paths();
        let config = Self::from_values(&root, source.clone()).map_err(|fault| source.error(fault))?;
        #[cfg(feature = "engine")]
        source.check_plugins(&config.plugins, registry)?;
        Ok(config)
    }

    /// Loads the libraries that a config file names, so that the registry knows their components when the config is
    /// read. Their code runs. A library that the registry holds already is not loaded again.
    ///
    /// # Errors
    /// A file that cannot be read, bad TOML, and as [`Registry::load`], each with the line.
    #[cfg(feature = "engine")]
    pub fn load_plugins(path: &Path, registry: &mut Registry) -> Result<(), ConfigError> {
        Source::read(path)?.load_plugins(registry)
    }

    fn from_values(root: &Params, source: Source) -> Result<Self, Fault> {
        for key in root.keys() {
            if !TOP.contains(&key.as_str()) {
                let hint = crate::registry::suggest(key, &TOP)
                    .map(|near| format!("did you mean '{near}'? "))
                    .unwrap_or_default();
                return Err(Fault::config(format!("unknown table `{key}`"))
                    .at(key.as_str())
                    .help(format!("{hint}known: {}", TOP.join(", "))));
            }
        }
        let run: RunTable = match root.get("run") {
            Some(table) => spec_from(table).map_err(|fault| fault.at("run"))?,
            None => RunTable::default(),
        };
        run.check().map_err(|fault| fault.at("run"))?;
        let stem = Path::new(&source.name).file_stem().and_then(|stem| stem.to_str()).unwrap_or("run");
        let metrics = match root.get("metrics") {
            None => default_metrics(),
            Some(table) => named_tables(table, "metrics", true)?,
        };
        Ok(Self {
            name: run.name.clone().unwrap_or_else(|| stem.to_owned()),
            dataset: table_of(root, "dataset")?,
            family: table_of(root, "family")?,
            arms: arms::arms(root, &run.controls)?,
            roles: root
                .get("models")
                .map_or(Ok(BTreeMap::new()), |table| named_tables(table, "models", false))?,
            metrics,
            run,
            composites: match root.get("composite") {
                Some(list) => spec_from(list).map_err(|fault| fault.at("composite"))?,
                None => Vec::new(),
            },
            plugins: plugins::entries(root)?,
            source,
        })
    }

    /// What components may know while they are built.
    pub fn build_context(&self) -> BuildContext {
        BuildContext { base: self.source.base.clone(), seed: self.run.seed, workers: 0 }
    }

    /// Builds one component; a refusal is located in the file.
    ///
    /// # Errors
    /// As the registry, with the line.
    pub fn build<S: Slot + ?Sized>(
        &self,
        registry: &Registry,
        located: &Located,
    ) -> Result<Built<S>, ConfigError> {
        registry.build::<S>(&located.params, &self.build_context()).map_err(|mut fault| {
            let mut path = located.path.clone();
            path.append(&mut fault.at);
            fault.at = path;
            self.source.error(fault)
        })
    }

    /// A fault about this config, located by its path.
    pub fn error(&self, fault: Fault) -> ConfigError {
        self.source.error(fault)
    }

    /// The file's name as given.
    pub fn source_name(&self) -> &str {
        &self.source.name
    }
}

fn table_of(root: &Params, key: &str) -> Result<Located, Fault> {
    match root.get(key) {
        Some(Value::Object(params)) => Ok(Located { params: params.clone(), path: vec![key.into()] }),
        Some(other) => Err(Fault::config(format!("expected a table, found {other}")).at(key)),
        None => Err(Fault::config(format!("the table [{key}] is missing"))
            .help(format!("write [{key}] and `use = \"...\"` below it"))),
    }
}

fn named_tables(table: &Value, key: &str, name_is_use: bool) -> Result<BTreeMap<String, Located>, Fault> {
    let Value::Object(tables) = table else {
        return Err(Fault::config(format!("expected tables [{key}.<name>]")).at(key));
    };
    let mut named = BTreeMap::new();
    for (name, table) in tables {
        let Value::Object(params) = table else {
            return Err(Fault::config(format!("expected a table [{key}.{name}]")).at(name.as_str()).at(key));
        };
        let mut params = params.clone();
        if name_is_use && !params.contains_key("use") {
            params.insert("use".to_owned(), Value::String(name.clone()));
        }
        named.insert(name.clone(), Located { params, path: vec![key.into(), name.as_str().into()] });
    }
    Ok(named)
}

/// The sampler of a config that names none.
fn default_sampler() -> Value {
    Value::Object(Params::from_iter([("use".to_owned(), Value::from("greedy"))]))
}

fn default_metrics() -> BTreeMap<String, Located> {
    [("accuracy", "all"), ("accuracy_parsed", "parsed")]
        .into_iter()
        .map(|(name, over)| {
            let mut params = Params::new();
            params.insert("use".to_owned(), "accuracy".into());
            params.insert("over".to_owned(), over.into());
            (name.to_owned(), Located { params, path: vec!["metrics".into(), name.into()] })
        })
        .collect()
}
