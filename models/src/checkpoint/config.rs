//! Fields of a configuration, read with errors that name file and field.

use serde_json::Value;
use situs_core::fault::Fault;
use std::path::PathBuf;

/// A table of a configuration file.
#[derive(Clone)]
pub(crate) struct Config<'a> {
    file: PathBuf,
    path: String,
    table: &'a Value,
}

impl<'a> Config<'a> {
    /// The whole file.
    pub(crate) fn new(file: PathBuf, table: &'a Value) -> Self {
        Self { file, path: String::new(), table }
    }

    /// All fields, those that are null among them.
    pub(crate) fn fields(&self) -> Option<&'a serde_json::Map<String, Value>> {
        self.table.as_object()
    }

    /// A field's value, unless it is missing or null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.table.get(name).filter(|value| !value.is_null())
    }

    /// A table within this one.
    pub(crate) fn table(&self, name: &str) -> Option<Config<'a>> {
        let table = self.get(name).filter(|value| value.is_object())?;
        Some(Config { file: self.file.clone(), path: format!("{}{name}.", self.path), table })
    }

    /// A table that must be there.
    pub(crate) fn need_table(&self, name: &str) -> Result<Config<'a>, Fault> {
        self.table(name).ok_or_else(|| self.fault(name, "a table is missing"))
    }

    /// A count within 1 to `most`; `default` where the field is missing.
    ///
    /// # Errors
    /// Anything else, or a missing field without a default.
    pub(crate) fn count(&self, name: &str, default: Option<usize>, most: usize) -> Result<usize, Fault> {
        let found = match (self.get(name), default) {
            (None, Some(default)) => return Ok(default),
            (None, None) => return Err(self.fault(name, "missing")),
            (Some(found), _) => found,
        };
        let count = found.as_u64().and_then(|count| usize::try_from(count).ok());
        count.filter(|count| (1..=most).contains(count)).ok_or_else(|| {
            self.fault(name, &format!("a whole number from 1 to {most} is expected, found {found}"))
        })
    }

    /// A token id; `default` where the field is missing.
    ///
    /// # Errors
    /// Anything else.
    pub(crate) fn token(&self, name: &str, default: u32) -> Result<u32, Fault> {
        match self.get(name) {
            None => Ok(default),
            Some(found) => found
                .as_u64()
                .and_then(|id| u32::try_from(id).ok())
                .ok_or_else(|| self.fault(name, &format!("a token id is expected, found {found}"))),
        }
    }

    /// A positive number; `default` where the field is missing.
    ///
    /// # Errors
    /// Anything else.
    pub(crate) fn number(&self, name: &str, default: f64) -> Result<f64, Fault> {
        match self.get(name) {
            None => Ok(default),
            Some(found) => found
                .as_f64()
                .filter(|number| *number > 0.0 && number.is_finite())
                .ok_or_else(|| self.fault(name, &format!("a number above 0 is expected, found {found}"))),
        }
    }

    /// A positive number or `null`, which says that there is none; `default` where the field is missing.
    ///
    /// # Errors
    /// Anything else.
    pub(crate) fn number_or_none(&self, name: &str, default: Option<f64>) -> Result<Option<f64>, Fault> {
        match (self.table.get(name), default) {
            (None, default) => Ok(default),
            (Some(Value::Null), _) => Ok(None),
            (Some(_), _) => self.number(name, 1.0).map(Some),
        }
    }

    /// A flag; false where the field is missing.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.flag_or(name, false)
    }

    /// A flag; `default` where the field is missing.
    pub(crate) fn flag_or(&self, name: &str, default: bool) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(default)
    }

    /// A word; `default` where the field is missing.
    pub(crate) fn word(&self, name: &str, default: &'a str) -> &'a str {
        self.get(name).and_then(Value::as_str).unwrap_or(default)
    }

    /// Words; `None` where the field is missing.
    ///
    /// # Errors
    /// Anything else.
    pub(crate) fn words(&self, name: &str) -> Result<Option<Vec<&'a str>>, Fault> {
        let Some(found) = self.get(name) else { return Ok(None) };
        let words = found.as_array().and_then(|items| items.iter().map(Value::as_str).collect());
        words
            .map(Some)
            .ok_or_else(|| self.fault(name, &format!("a list of words is expected, found {found}")))
    }

    /// Whole numbers; `None` where the field is missing.
    ///
    /// # Errors
    /// Anything else.
    pub(crate) fn counts(&self, name: &str) -> Result<Option<Vec<usize>>, Fault> {
        let Some(found) = self.get(name) else { return Ok(None) };
        let counts = found.as_array().and_then(|items| {
            items.iter().map(|item| usize::try_from(item.as_u64()?).ok()).collect::<Option<Vec<usize>>>()
        });
        counts
            .map(Some)
            .ok_or_else(|| self.fault(name, &format!("a list of whole numbers is expected, found {found}")))
    }

    /// What is wrong with a field.
    pub(crate) fn fault(&self, name: &str, what: &str) -> Fault {
        Fault::data(format!("{}: {}{name}: {what}", self.file.display(), self.path))
    }
}
