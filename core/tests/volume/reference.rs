//! Reference data: files and what other programs read from them.

use serde_json::Value;
use std::path::PathBuf;

/// A folder of the reference data, or `None` (with a message) where they are not at hand.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SITUS_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there; set SITUS_TEST_DATA", folder.display());
    None
}

/// A JSON file as Python writes it, its bare `NaN` and `Infinity` as words.
pub(crate) fn json(folder: &std::path::Path, file: &str) -> Value {
    let mut text = std::fs::read_to_string(folder.join(file)).unwrap();
    for word in ["NaN", "-Infinity", "Infinity"] {
        text = text.replace(&format!(": {word}"), &format!(": \"{word}\""));
    }
    serde_json::from_str(&text).unwrap()
}

/// A number, or numpy's word for one that JSON does not have.
pub(crate) fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| match value.as_str()? {
        "inf" | "Infinity" => Some(f64::INFINITY),
        "-inf" | "-Infinity" => Some(f64::NEG_INFINITY),
        "nan" | "NaN" => Some(f64::NAN),
        _ => None,
    })
}

pub(crate) fn matrix(value: &Value) -> [[f64; 4]; 4] {
    serde_json::from_value(value.clone()).unwrap()
}

pub(crate) fn shape(value: &Value) -> Vec<usize> {
    serde_json::from_value(value.clone()).unwrap()
}

pub(crate) fn assert_close(found: &[[f64; 4]; 4], expected: &[[f64; 4]; 4], tolerance: f64, what: &str) {
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!((found - expected).abs() <= tolerance, "{what}: {found} is not {expected}");
    }
}
