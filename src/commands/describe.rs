//! `situs describe KIND NAME`: one component with every field.

use super::list::Listed;
use super::{Known, kind_named};
use crate::exit::Failure;
use crate::output;
use serde_json::Value;
use situs_core::run::Exit;

pub(super) fn describe(kind: &str, name: &str, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    let kind = kind_named(kind)?;
    let registry = known.registry(None)?;
    let component = registry.find(kind, name).map_err(|mut fault| {
        fault.at.clear(); // the name was typed on the command line, not under `use` in a file
        fault
    })?;
    if json {
        output::print_json(&Listed::from(component))?;
        return Ok(Exit::Done);
    }
    let mut text =
        format!("{kind} {}, from {}\n{}\n", component.name(), component.origin(), component.summary().trim());
    let fields = component.fields();
    if fields.is_empty() {
        text.push_str("\nIt has no fields.");
    } else {
        let rows = fields
            .into_iter()
            .map(|field| vec![field.name, field.ty, default_text(&field.default), field.doc])
            .collect();
        text.push('\n');
        text.push_str(&output::prose_table(&["field", "type", "default", "meaning"], rows));
    }
    output::print(&text)?;
    Ok(Exit::Done)
}

fn default_text(default: &Value) -> String {
    if default.is_null() { "-".to_owned() } else { default.to_string() }
}
