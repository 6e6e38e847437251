//! The files that rows come in.

use super::{Fields, Line};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::{Map, Value};
use situs_core::fault::{Fault, file_fault};
use std::fs::File;
use std::path::Path;

/// Largest file that is read, in bytes.
const MOST_BYTES: u64 = 1 << 30;
/// Most rows of a file.
const MOST_ROWS: usize = 2_000_000;

/// Reads all rows of a file; its ending says how.
///
/// # Errors
/// A file that cannot be read, is none of the known kinds, too large, or damaged as a whole.
pub fn read(path: &Path, fields: &Fields) -> Result<Vec<Line>, Fault> {
    let size = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
    if size > MOST_BYTES {
        return Err(Fault::data(format!("{}: {size} bytes, more than {MOST_BYTES}", path.display())));
    }
    let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default().to_lowercase();
    let tables = match kind.as_str() {
        "json" => json(&text(path)?),
        "jsonl" | "ndjson" => json_lines(&text(path)?),
        "csv" => csv_rows(&text(path)?),
        "parquet" => parquet_rows(path),
        other => {
            return Err(Fault::config(format!("{}: `{other}` is no kind of table", path.display()))
                .help("known: json, jsonl, csv, parquet"));
        }
    }
    .map_err(|fault| fault.within(path.display()))?;
    if tables.is_empty() {
        return Err(Fault::data(format!("{} holds no rows", path.display())));
    }
    Ok(tables.iter().enumerate().map(|(index, columns)| fields.line(index + 1, columns)).collect())
}

type Table = Vec<Map<String, Value>>;

fn text(path: &Path) -> Result<String, Fault> {
    std::fs::read_to_string(path).map_err(|error| file_fault("read", path, &error))
}

fn damaged(error: impl std::fmt::Display) -> Fault {
    Fault::data(error.to_string())
}

fn counted(rows: usize) -> Result<(), Fault> {
    if rows > MOST_ROWS { Err(Fault::data(format!("more than {MOST_ROWS} rows"))) } else { Ok(()) }
}

/// A list of rows, or a table of which one entry is such a list.
fn json(text: &str) -> Result<Table, Fault> {
    let list = match serde_json::from_str(text).map_err(damaged)? {
        Value::Array(list) => list,
        Value::Object(table) => {
            let mut lists = table.into_iter().filter_map(|(_, value)| match value {
                Value::Array(list) => Some(list),
                _ => None,
            });
            match (lists.next(), lists.next()) {
                (Some(list), None) => list,
                _ => return Err(Fault::data("expected one list of rows")),
            }
        }
        _ => return Err(Fault::data("expected a list of rows")),
    };
    counted(list.len())?;
    list.into_iter().enumerate().map(|(index, row)| table(row, index)).collect()
}

fn json_lines(text: &str) -> Result<Table, Fault> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    counted(lines.len())?;
    let row = |(index, line): (usize, &&str)| {
        let value = serde_json::from_str(line)
            .map_err(|error| damaged(error).within(format!("line {}", index + 1)))?;
        table(value, index)
    };
    lines.iter().enumerate().map(row).collect()
}

fn table(row: Value, index: usize) -> Result<Map<String, Value>, Fault> {
    match row {
        Value::Object(columns) => Ok(columns),
        _ => Err(Fault::data(format!("row {} is no table of columns", index + 1))),
    }
}

fn csv_rows(text: &str) -> Result<Table, Fault> {
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().map_err(damaged)?.clone();
    let mut rows = Table::new();
    for record in reader.records() {
        let record = record.map_err(damaged)?;
        counted(rows.len() + 1)?;
        let columns = header.iter().zip(&record).map(|(name, cell)| (name.to_owned(), Value::from(cell)));
        rows.push(columns.collect());
    }
    Ok(rows)
}

fn parquet_rows(path: &Path) -> Result<Table, Fault> {
    let file = File::open(path).map_err(|error| file_fault("read", path, &error))?;
    // The reader's library panics on some damaged files.
    let read = std::panic::catch_unwind(|| -> Result<Table, Fault> {
        let reader = SerializedFileReader::new(file).map_err(damaged)?;
        let mut rows = Table::new();
        for row in reader.get_row_iter(None).map_err(damaged)? {
            counted(rows.len() + 1)?;
            rows.push(columns(&row.map_err(damaged)?));
        }
        Ok(rows)
    });
    read.unwrap_or_else(|_| Err(Fault::data("a damaged Parquet file")))
}

fn columns(row: &Row) -> Map<String, Value> {
    row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect()
}

/// Texts, numbers, lists and tables; dates and bytes are no part of a question.
fn value(field: &Field) -> Value {
    match field {
        Field::Bool(yes) => Value::from(*yes),
        Field::Byte(number) => Value::from(*number),
        Field::Short(number) => Value::from(*number),
        Field::Int(number) => Value::from(*number),
        Field::Long(number) => Value::from(*number),
        Field::UByte(number) => Value::from(*number),
        Field::UShort(number) => Value::from(*number),
        Field::UInt(number) => Value::from(*number),
        Field::ULong(number) => Value::from(*number),
        Field::Float(number) => Value::from(*number),
        Field::Double(number) => Value::from(*number),
        Field::Str(text) => Value::from(text.as_str()),
        Field::Group(row) => Value::Object(columns(row)),
        Field::ListInternal(list) => Value::Array(list.elements().iter().map(value).collect()),
        _ => Value::Null,
    }
}
