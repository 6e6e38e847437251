//! The file of boxes: JSON or CSV, as numbers without a meaning yet.

use crate::datasets::folder;
use serde_json::Value;
use situs_core::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// What the file says of one case.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// Image against the folder of volumes; default `CASE.nii.gz`.
    pub(super) image: Option<String>,
    /// "right" or "left".
    pub(super) side: Option<String>,
    /// Patient: both knees and all visits of a person.
    pub(super) patient: Option<String>,
    /// Numbers by structure. Structures without a box are left out.
    pub(super) boxes: BTreeMap<String, Vec<u64>>,
}

/// Cases by name. JSON: `{CASE: {"boxes": {STRUCTURE: [..]}, "side", "patient", "image"}}` or `{CASE: {STRUCTURE: [..]}}`.
/// CSV: columns `case`, `structure`, those of the schema, and optionally `side`, `patient`, `image`; a row a box.
///
/// # Errors
/// Data faults that name file, case or line, and what was expected.
pub(super) fn read(path: &Path, schema: &[String]) -> Result<BTreeMap<String, Row>, Fault> {
    let is_csv = path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("csv"));
    let rows = if is_csv { from_csv(&folder::text(path)?, schema) } else { from_json(&folder::json(path)?) };
    rows.map_err(|fault| fault.within(path.display()))
}

fn from_json(json: &Value) -> Result<BTreeMap<String, Row>, Fault> {
    let Value::Object(cases) = json else {
        return Err(Fault::data("expected an object {CASE: {STRUCTURE: [..]}}"));
    };
    let mut rows = BTreeMap::new();
    for (case, entry) in cases {
        let within = |fault: Fault| fault.within(format!("case {case}"));
        let Value::Object(fields) = entry else {
            return Err(within(Fault::data(format!("expected an object of boxes, found {entry}"))));
        };
        let boxes = fields.get("boxes");
        let Value::Object(list) = boxes.unwrap_or(entry) else {
            return Err(within(Fault::data("`boxes` is no object")));
        };
        let word = |key: &str| match (boxes, fields.get(key)) {
            (None, _) | (_, None | Some(Value::Null)) => Ok(None),
            (_, Some(Value::String(text))) => Ok(Some(text.clone())),
            (_, Some(Value::Number(number))) => Ok(Some(number.to_string())),
            (_, Some(other)) => Err(within(Fault::data(format!("{key}: expected text, found {other}")))),
        };
        let mut row = Row {
            image: word("image")?,
            side: word("side")?.map(|side| read_side(&side)).transpose().map_err(within)?,
            patient: word("patient")?,
            boxes: BTreeMap::new(),
        };
        for (structure, value) in list.iter().filter(|(_, value)| !value.is_null()) {
            let numbers = value.as_array().map(|numbers| numbers.iter().map(|number| whole(number.as_f64())));
            let numbers: Option<Vec<u64>> = numbers.and_then(Iterator::collect);
            let numbers = numbers.ok_or_else(|| {
                within(Fault::data(format!("{structure}: expected a list of voxel indices, found {value}")))
            })?;
            row.boxes.insert(structure.clone(), numbers);
        }
        rows.insert(case.clone(), row);
    }
    Ok(rows)
}

/// A whole number of 0 to 2^53, also when written as 12.0.
fn whole(number: Option<f64>) -> Option<u64> {
    number.filter(|value| value.fract() == 0.0 && (0.0..9e15).contains(value)).map(|value| value as u64)
}

fn read_side(written: &str) -> Result<String, Fault> {
    match written.trim().to_lowercase().as_str() {
        "right" | "r" => Ok("right".to_owned()),
        "left" | "l" => Ok("left".to_owned()),
        _ => Err(Fault::data(format!("side {written:?} is neither right nor left"))),
    }
}

fn from_csv(text: &str, schema: &[String]) -> Result<BTreeMap<String, Row>, Fault> {
    let cells =
        |line: &str| -> Vec<String> { line.split(',').map(|cell| cell.trim().trim_matches('"').to_owned()).collect() };
    let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let head = lines.next().map(|(line, _)| cells(line)).unwrap_or_default();
    let optional = |name: &str| head.iter().position(|own| own == name);
    let column = |name: &str| {
        optional(name).ok_or_else(|| {
            Fault::data(format!("no column {name:?}")).help(format!("the columns are {}", head.join(", ")))
        })
    };
    let (case, structure) = (column("case")?, column("structure")?);
    let numbers: Vec<usize> = schema.iter().map(|name| column(name)).collect::<Result<_, _>>()?;
    let (image, side, patient) = (optional("image"), optional("side"), optional("patient"));
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for (line, number) in lines {
        let within = |fault: Fault| fault.within(format!("line {number}"));
        let row = cells(line);
        let cell = |index: usize| row.get(index).filter(|cell| !cell.is_empty()).cloned();
        let needed = |index: usize, what: &str| cell(index).ok_or_else(|| within(Fault::data(format!("no {what}"))));
        let (name, structure) = (needed(case, "case")?, needed(structure, "structure")?);
        let values: Option<Vec<u64>> = numbers
            .iter()
            .map(|index| whole(cell(*index).and_then(|cell| cell.parse().ok())))
            .collect();
        let values = values
            .ok_or_else(|| within(Fault::data(format!("{structure}: expected voxel indices, found {line:?}"))))?;
        let entry = rows.entry(name).or_default();
        entry.image = image.and_then(cell).or(entry.image.take());
        entry.patient = patient.and_then(cell).or(entry.patient.take());
        if let Some(side) = side.and_then(cell) {
            let side = read_side(&side).map_err(within)?;
            if entry.side.as_ref().is_some_and(|other| *other != side) {
                return Err(within(Fault::data("the case has two sides")));
            }
            entry.side = Some(side);
        }
        if entry.boxes.insert(structure.clone(), values).is_some() {
            return Err(within(Fault::data(format!("a second box of {structure}"))));
        }
    }
    Ok(rows)
}
