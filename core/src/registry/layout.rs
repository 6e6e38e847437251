//! Which data set reads a folder: every data set may register a way to recognise its layout.

use super::Params;
use crate::fault::Fault;
use std::path::Path;

/// A folder layout that a data set recognises.
pub struct Layout {
    /// Order of trying: layouts of the lowest rank that match win. Several matches of one rank are ambiguous.
    pub rank: u32,
    /// What the layout is called in messages.
    pub name: &'static str,
    /// Parameters (with `use`) for every way in which this folder can be read; empty when it cannot.
    pub matches: fn(&Path) -> Vec<Params>,
}

inventory::collect!(Layout);

/// Parameters of the data set that reads `folder`.
///
/// # Errors
/// A config fault when no layout fits, or when several do: the candidates are listed.
pub fn detect(folder: &Path) -> Result<Params, Fault> {
    if !folder.exists() {
        return Err(Fault::data(format!("{} does not exist", folder.display())));
    }
    let mut layouts: Vec<&Layout> = inventory::iter::<Layout>.into_iter().collect();
    layouts.sort_by_key(|layout| (layout.rank, layout.name));
    let mut found: Vec<(u32, &str, Params)> = Vec::new();
    for layout in &layouts {
        if found.first().is_some_and(|(rank, ..)| *rank < layout.rank) {
            break;
        }
        found.extend((layout.matches)(folder).into_iter().map(|params| (layout.rank, layout.name, params)));
    }
    match found.as_slice() {
        [(_, _, params)] => Ok(params.clone()),
        [] => Err(Fault::config(format!("no known layout in {}", folder.display())).help(format!(
            "known layouts: {}; or write the [dataset] table by hand",
            layouts.iter().map(|layout| layout.name).collect::<Vec<_>>().join("; ")
        ))),
        several => {
            let list: Vec<String> = several
                .iter()
                .map(|(_, name, params)| format!("{name}: {}", serde_json::Value::Object(params.clone())))
                .collect();
            Err(Fault::config(format!(
                "{} can be read in {} ways: {}",
                folder.display(),
                several.len(),
                list.join(" | ")
            ))
            .help("name one in the [dataset] table"))
        }
    }
}
