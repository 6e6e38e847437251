//! Config errors with file and line.

use super::MAX_CONFIG_BYTES;
use crate::fault::{Fault, Segment, dotted};
use crate::registry::Params;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// A fault located in a config: `run.toml:3: sampler 'semantic': neighbors: expected u32`.
#[derive(Debug, Clone)]
pub struct ConfigError {
    /// File as given.
    pub name: String,
    /// The file's text; empty when it could not be read.
    pub text: String,
    /// Byte range of the offending key, if it stands in the file.
    pub span: Option<Range<usize>>,
    /// What is wrong; `at` is the path from the top of the file.
    pub fault: Fault,
    /// Whether the offending value came from the command line.
    pub overridden: bool,
}

impl ConfigError {
    pub(super) fn without_source(name: &str, fault: Fault) -> Self {
        Self { name: name.to_owned(), text: String::new(), span: None, fault, overridden: false }
    }

    /// Line number from 1, if the place is known.
    pub fn line(&self) -> Option<usize> {
        let span = self.span.as_ref()?;
        Some(self.text.get(..span.start)?.matches('\n').count() + 1)
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> String {
        let path = dotted(&self.fault.at);
        if path.is_empty() { self.fault.what.clone() } else { format!("{path}: {}", self.fault.what) }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.overridden {
            f.write_str("--set")?;
        } else {
            f.write_str(&self.name)?;
            if let Some(line) = self.line() {
                write!(f, ":{line}")?;
            }
        }
        write!(f, ": {}", self.message())?;
        if let Some(help) = &self.fault.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// A config's text, for locating errors later.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) base: Option<PathBuf>,
    pub(super) overridden: Vec<Vec<Segment>>,
    text: String,
}

impl Source {
    pub(super) fn new(name: &str, text: String, base: Option<PathBuf>) -> Self {
        Self { name: name.to_owned(), base, overridden: Vec::new(), text }
    }

    /// Reads a config file.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let unreadable =
            |error| ConfigError::without_source(&name, crate::fault::file_fault("read", path, &error));
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if bytes > MAX_CONFIG_BYTES {
            let what = format!("{bytes} bytes; a config has at most {MAX_CONFIG_BYTES}");
            return Err(ConfigError::without_source(&name, Fault::config(what)));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let base = path.parent().filter(|parent| !parent.as_os_str().is_empty()).map(Path::to_owned);
        Ok(Self::new(&name, text, base))
    }

    /// The file as plain values.
    pub(super) fn values(&self) -> Result<Params, ConfigError> {
        toml::from_str::<Params>(&self.text).map_err(|error| ConfigError {
            name: self.name.clone(),
            text: self.text.clone(),
            span: error.span(),
            fault: Fault::config(error.message().to_owned()),
            overridden: false,
        })
    }

    /// Locates a fault by its path: the longest part of the path that stands in the file.
    pub(super) fn error(&self, fault: Fault) -> ConfigError {
        let overridden = self.overridden.iter().any(|path| {
            !path.is_empty() && fault.at.len() >= path.len() && fault.at[..path.len()] == path[..]
        });
        ConfigError {
            name: self.name.clone(),
            text: self.text.clone(),
            span: self.span(&fault.at),
            fault,
            overridden,
        }
    }

    fn span(&self, path: &[Segment]) -> Option<Range<usize>> {
        let table = DeTable::parse(&self.text).ok()?;
        let mut span = None;
        let mut here: Option<&DeValue<'_>> = None;
        for (depth, segment) in path.iter().enumerate() {
            let table =
                if depth == 0 { Some(table.get_ref()) } else { here.and_then(|value| value.as_table()) };
            let next = match segment {
                Segment::Key(key) => table.and_then(|table| {
                    table
                        .iter()
                        .find(|(name, _)| name.get_ref() == key.as_str())
                        .map(|(name, value)| (name.span(), value.get_ref()))
                }),
                Segment::Index(index) => here
                    .and_then(|value| value.as_array())
                    .and_then(|list| list.get(*index))
                    .map(|value| (value.span(), value.get_ref())),
            };
            let Some((found, value)) = next else { break };
            span = Some(found);
            here = Some(value);
        }
        span
    }
}
