//! Kinds of files that released rows come in.
#![allow(clippy::unwrap_used)]

use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use situs_core::prelude::*;
use situs_plugins::released_rows::{Fields, Line, read};
use std::path::Path;
use std::sync::Arc;

const COLUMNS: [&str; 4] = ["question", "options", "answer", "image"];
const ROW: [&str; 4] = ["How far?", r#"["1 cm", "2 cm"]"#, "B", "a.nii.gz"];

/// One row of text columns, packed as published Parquet files are.
fn parquet(path: &Path) {
    let fields: Vec<String> = COLUMNS.iter().map(|name| format!("REQUIRED BINARY {name} (UTF8);")).collect();
    let schema = Arc::new(parse_message_type(&format!("message rows {{ {} }}", fields.join(" "))).unwrap());
    let properties = WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for value in ROW {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&[ByteArray::from(value)], None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

fn lines(path: &Path) -> Result<Vec<Line>, Fault> {
    read(path, &Fields::default())
}

#[test]
fn every_kind_of_file_gives_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let object = format!(
        r#"{{"question": "How far?", "options": {}, "answer": "B", "image": "a.nii.gz"}}"#,
        serde_json::to_string(ROW[1]).unwrap()
    );
    let csv = format!("{}\nHow far?,\"[\"\"1 cm\"\", \"\"2 cm\"\"]\",B,a.nii.gz\n", COLUMNS.join(","));
    for (name, text) in [
        ("a.json", format!("[{object}]")),
        ("b.json", format!("{{\"data\": [{object}]}}")),
        ("c.jsonl", format!("{object}\n\n")),
        ("d.csv", csv),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    parquet(&folder.path().join("e.parquet"));
    for name in ["a.json", "b.json", "c.jsonl", "d.csv", "e.parquet"] {
        let lines = lines(&folder.path().join(name)).unwrap();
        let row = lines[0].row.as_ref().unwrap();
        assert_eq!((lines.len(), lines[0].volume.as_deref()), (1, Some("a.nii.gz")), "{name}");
        assert_eq!((row.id.as_str(), row.truth.as_str()), ("row-1", "2 cm"), "{name}");
    }
}

#[test]
fn files_that_are_damaged_as_a_whole_are_data_faults() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("a.json", &b"[{\"question\": "[..]),
        ("b.json", b"3"),
        ("c.csv", b"a,b\n1,2,3\n"),
        ("d.parquet", b"PAR1 no, it is not PAR1"),
        ("e.json", b"[]"),
        ("f.jsonl", b"[1]\n"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let fault = lines(&path).unwrap_err();
        assert_eq!(fault.cause, Cause::Data, "{name}: {fault}");
        assert!(fault.to_string().contains(name), "{name}: {fault}");
    }
    let other = folder.path().join("g.xlsx");
    std::fs::write(&other, b"").unwrap();
    assert_eq!(lines(&other).unwrap_err().cause, Cause::Config);
}
