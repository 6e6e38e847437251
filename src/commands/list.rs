//! `situs list`: all components, or those of one kind.

use super::{Known, kind_named};
use crate::exit::Failure;
use crate::output;
use serde::Serialize;
use situs_core::registry::{Component, FieldInfo, Kind};
use situs_core::run::Exit;

/// A component as JSON prints it.
#[derive(Serialize)]
pub(super) struct Listed<'a> {
    kind: Kind,
    name: &'a str,
    summary: &'a str,
    origin: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    fields: Vec<FieldInfo>,
}

impl<'a> From<&'a dyn Component> for Listed<'a> {
    fn from(component: &'a dyn Component) -> Self {
        Self {
            kind: component.kind(),
            name: component.name(),
            summary: component.summary().trim(),
            origin: component.origin(),
            sha256: component.sha256(),
            fields: component.fields(),
        }
    }
}

pub(super) fn list(kind: Option<&str>, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    let kind = kind.map(kind_named).transpose()?;
    let registry = known.registry(None)?;
    let listed: Vec<Listed<'_>> = registry
        .components()
        .filter(|component| kind.is_none_or(|kind| component.kind() == kind))
        .map(Listed::from)
        .collect();
    if json {
        output::print_json(&listed)?;
        return Ok(Exit::Done);
    }
    let rows = listed
        .iter()
        .map(|row| {
            vec![row.kind.to_string(), row.name.to_owned(), row.summary.to_owned(), row.origin.to_owned()]
        })
        .collect();
    output::print(&output::prose_table(&["kind", "name", "summary", "origin"], rows))?;
    Ok(Exit::Done)
}
