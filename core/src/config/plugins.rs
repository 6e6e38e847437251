//! `plugins = ["libmine.so", { path = "libours.so", sha256 = "..." }]`: libraries that a config wants loaded.

#[cfg(feature = "engine")]
use super::error::{ConfigError, Source};
use crate::fault::Fault;
use crate::registry::Params;
#[cfg(feature = "engine")]
use crate::registry::Registry;
use serde_json::Value;
#[cfg(feature = "engine")]
use std::path::Path;
use std::path::PathBuf;

/// A library that a config names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginEntry {
    /// The file, relative to the config's folder.
    pub path: PathBuf,
    /// SHA-256 that the file must have.
    pub sha256: Option<String>,
}

/// The entries of `plugins`.
///
/// # Errors
/// Anything but paths and tables of `path` and `sha256`.
pub(super) fn entries(root: &Params) -> Result<Vec<PluginEntry>, Fault> {
    let wrong = |found: &Value| {
        Fault::config(format!("expected the path of a library, found {found}"))
            .help(r#"write plugins = ["libmine.so"] or [{ path = "libmine.so", sha256 = "..." }]"#)
    };
    let list = match root.get("plugins") {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong(other).at("plugins")),
    };
    let entry =
        |(index, value): (usize, &Value)| one(value, &wrong).map_err(|fault| fault.at(index).at("plugins"));
    list.iter().enumerate().map(entry).collect()
}

fn one(value: &Value, wrong: &dyn Fn(&Value) -> Fault) -> Result<PluginEntry, Fault> {
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| wrong(value));
    let table = match value {
        Value::Object(table) => table,
        other => return Ok(PluginEntry { path: text(other)?.into(), sha256: None }),
    };
    if let Some(key) = table.keys().find(|key| !["path", "sha256"].contains(&key.as_str())) {
        return Err(Fault::config(format!("unknown field `{key}`"))
            .at(key.as_str())
            .help("known: path, sha256"));
    }
    let path = table.get("path").ok_or_else(|| Fault::config("a library needs a `path`"))?;
    let sha256 = table.get("sha256").map(text).transpose().map_err(|fault| fault.at("sha256"))?;
    if let Some(digest) = &sha256
        && !(digest.len() == 64 && digest.bytes().all(|digit| digit.is_ascii_hexdigit()))
    {
        return Err(Fault::config(format!("{digest:?} is no SHA-256: 64 hexadecimal digits")).at("sha256"));
    }
    Ok(PluginEntry { path: text(path).map_err(|fault| fault.at("path"))?.into(), sha256 })
}

#[cfg(feature = "engine")]
impl Source {
    /// A path of the config, taken against its folder.
    fn path(&self, path: &Path) -> PathBuf {
        match &self.base {
            Some(base) if path.is_relative() => base.join(path),
            _ => path.to_owned(),
        }
    }

    /// Loads every library that a config names and the registry lacks.
    ///
    /// # Errors
    /// As [`Registry::load`], with the line.
    pub(super) fn load_plugins(&self, registry: &mut Registry) -> Result<(), ConfigError> {
        let entries = entries(&self.values()?).map_err(|fault| self.error(fault))?;
        for (index, entry) in entries.iter().enumerate() {
            let path = self.path(&entry.path);
            if !self.is_loaded(entry, index, registry)? {
                registry
                    .load(&path, entry.sha256.as_deref())
                    .map_err(|fault| self.error(fault.at(index).at("plugins")))?;
            }
        }
        Ok(())
    }

    /// Refuses a config whose libraries are not loaded: its names would be unknown for no visible reason.
    ///
    /// # Errors
    /// A library that is not loaded, or not the one of the pin.
    pub(super) fn check_plugins(
        &self,
        entries: &[PluginEntry],
        registry: &Registry,
    ) -> Result<(), ConfigError> {
        for (index, entry) in entries.iter().enumerate() {
            if !self.is_loaded(entry, index, registry)? {
                let what = format!("the library {} is not loaded", entry.path.display());
                let fault = Fault::config(what)
                    .help("libraries are loaded before a config is read: `--plugin` names further ones");
                return Err(self.error(fault.at(index).at("plugins")));
            }
        }
        Ok(())
    }

    fn is_loaded(&self, entry: &PluginEntry, index: usize, registry: &Registry) -> Result<bool, ConfigError> {
        let Ok(path) = std::fs::canonicalize(self.path(&entry.path)) else { return Ok(false) };
        let Some(known) = registry.libraries().iter().find(|known| known.path == path) else {
            return Ok(false);
        };
        match &entry.sha256 {
            Some(pin) if !pin.eq_ignore_ascii_case(&known.sha256) => {
                let what = format!("{} has SHA-256 {}, but {pin} is asked for", path.display(), known.sha256);
                Err(self.error(Fault::config(what).at("sha256").at(index).at("plugins")))
            }
            _ => Ok(true),
        }
    }
}
