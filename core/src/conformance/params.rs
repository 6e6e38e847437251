//! Laws of parameters: listing, defaults, refusals.

use super::{Law, Not, Sheet, broken, context, same, skipped};
use crate::fault::Cause;
use serde_json::Value;
use std::collections::BTreeSet;

/// A field that no component has.
const NO_FIELD: &str = "situs_no_such_field";

pub(super) fn check(sheet: &mut Sheet<'_>) {
    sheet.law("fields are listed once each, with type and meaning", listed);
    sheet.law("an unknown field is refused by name", unknown_field);
    sheet.law("defaults are filled in and build the same component again", round_trip);
    sheet.law("listed defaults are those that are filled in", defaults);
}

fn listed(sheet: &Sheet<'_>) -> Law {
    let mut names = BTreeSet::new();
    for field in sheet.component.fields() {
        let place = format!("field `{}`", field.name);
        if field.name.is_empty() || field.ty.is_empty() || field.doc.is_empty() {
            return broken(format!("{place} lacks name, type or doc comment"));
        }
        if !names.insert(field.name) {
            return broken(format!("{place} is listed twice"));
        }
    }
    match sheet.component.summary().trim() {
        "" => broken("the summary is empty"),
        _ => Ok(()),
    }
}

fn unknown_field(sheet: &Sheet<'_>) -> Law {
    let Value::Object(mut params) = sheet.params.clone() else { return broken("parameters are no table") };
    params.insert(NO_FIELD.to_owned(), Value::from(1));
    match sheet.component.build(&Value::Object(params), &context()) {
        Ok(_) => broken(format!("`{NO_FIELD}` was accepted")),
        Err(fault) if fault.cause == Cause::Config && fault.to_string().contains(NO_FIELD) => Ok(()),
        Err(fault) => broken(format!("the refusal does not name the field: {fault}")),
    }
}

fn round_trip(sheet: &Sheet<'_>) -> Law {
    let (_, resolved) = sheet.live()?;
    let (_, again) = sheet
        .component
        .build(&resolved, &context())
        .map_err(|fault| Not::Broken(format!("its own parameters {resolved} are refused: {fault}")))?;
    same("parameters", &resolved, &again)
}

fn defaults(sheet: &Sheet<'_>) -> Law {
    let (_, resolved) = sheet.live()?;
    let given = |name: &str| sheet.params.get(name).is_some();
    let fields = sheet.component.fields();
    if fields.is_empty() {
        return skipped("it lists no fields");
    }
    for field in fields.iter().filter(|field| !field.name.contains('.') && !given(&field.name)) {
        match resolved.get(&field.name) {
            Some(found) => same(&format!("`{}`", field.name), &field.default, found)?,
            None => return broken(format!("`{}` is listed but not filled in", field.name)),
        }
    }
    Ok(())
}
