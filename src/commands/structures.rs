//! `situs structures PATH`: measurements of a label map or a folder of masks.

use crate::exit::Failure;
use crate::output;
use crate::report::thousands;
use situs_core::fault::{Fault, file_fault};
use situs_core::run::Exit;
use situs_core::volume::{self, parse_name_map};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Largest name map that is read, in bytes.
const MAX_NAME_MAP_BYTES: u64 = 16 << 20;

pub(super) fn structures(path: &Path, names: Option<&Path>, json: bool) -> Result<Exit, Failure> {
    let names = names.map(read_names).transpose().map_err(Failure::Input)?;
    let report = volume::measure_path(path, names.as_ref()).map_err(Failure::Input)?;
    if json {
        output::print_json(&report)?;
        return Ok(Exit::Done);
    }
    let rows = report
        .structures
        .iter()
        .map(|row| {
            vec![
                row.label.map_or_else(|| "-".to_owned(), |label| label.to_string()),
                row.name.clone(),
                thousands(row.voxels),
                format!("{:.2}", row.volume_ml),
                row.centroid_ras_mm.map_or_else(
                    || "-".to_owned(),
                    |at| at.iter().map(|mm| format!("{mm:.1}")).collect::<Vec<_>>().join(", "),
                ),
                if row.touches_border { "yes" } else { "no" }.to_owned(),
            ]
        })
        .collect();
    let header = ["label", "name", "voxels", "ml", "centroid, RAS+ mm", "at border"];
    let mut text = output::table(&header, rows, &[0, 2, 3]);
    for overlap in &report.overlaps {
        let _ =
            write!(text, "\noverlap: {} and {}, {} voxels", overlap.a, overlap.b, thousands(overlap.voxels));
    }
    for warning in &report.warnings {
        let _ = write!(text, "\nwarning: {}: {}", warning.code, warning.message);
    }
    output::print(&text)?;
    Ok(Exit::Done)
}

fn read_names(path: &Path) -> Result<BTreeMap<u32, String>, Fault> {
    let size = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
    if size > MAX_NAME_MAP_BYTES {
        let what = format!("{}: {size} bytes; a name map has at most {MAX_NAME_MAP_BYTES}", path.display());
        return Err(Fault::data(what));
    }
    let bytes = std::fs::read(path).map_err(|error| file_fault("read", path, &error))?;
    let json = serde_json::from_slice(&bytes)
        .map_err(|error| Fault::data(format!("{}: {error}", path.display())))?;
    parse_name_map(&json).map_err(|fault| fault.within(path.display()))
}
