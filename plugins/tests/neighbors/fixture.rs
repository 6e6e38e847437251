//! Checkpoints of a dozen tokens.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Rows of the embedding matrix: the tokenizer's ids end at 10, row 11 is padding.
pub const ROWS: usize = 12;
pub const WIDTH: usize = 4;
pub const TENSOR: &str = "model.embed_tokens.weight";

/// A byte-level vocabulary: 0 to 7 are ordinary (6 is half of a character, 5 the unknown token), 8 ends texts, 9 is
/// added without being special, 10 is special and added.
pub fn tokenizer() -> Value {
    json!({
        "version": "1.0",
        "added_tokens": [
            { "id": 8, "content": "<|end|>", "special": true },
            { "id": 9, "content": "<loc0001>", "special": false },
            { "id": 10, "content": "<|image|>", "special": true },
        ],
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": [{ "type": "ByteLevel" }] },
        "post_processor": { "type": "TemplateProcessing", "special_tokens": {
            "left": { "id": "x", "ids": [7], "tokens": ["x"] },
        } },
        "decoder": { "type": "ByteLevel" },
        "model": {
            "type": "BPE",
            "unk_token": "unk",
            "vocab": { "left": 0, "Ġleft": 1, "right": 2, "Ġright": 3, "Ã¼": 4, "unk": 5, "Ã": 6, "x": 7 },
            "merges": [],
        },
    })
}

/// Rows in a plane and a little beside it: neighbors by angle.
pub fn values() -> Vec<f32> {
    let degrees = [0.0f32, 10.0, 90.0, 100.0, 45.0, 200.0, 46.0, 201.0, 0.0, 5.0, 0.0, 0.0];
    degrees
        .iter()
        .enumerate()
        .flat_map(|(row, degrees)| {
            let angle = degrees.to_radians();
            [angle.cos(), angle.sin(), 0.01 * row as f32, 0.0]
        })
        .collect()
}

/// A safetensors file with f32 tensors of that width.
pub fn safetensors(tensors: &[(&str, &[f32], usize)]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (name, values, width) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let shape = [values.len() / width, *width];
        let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] });
        header.insert((*name).to_owned(), entry);
    }
    raw_safetensors(&Value::Object(header), &data)
}

pub fn raw_safetensors(header: &Value, data: &[u8]) -> Vec<u8> {
    let header = header.to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(data);
    file
}

/// A checkpoint folder.
pub struct Checkpoint {
    pub folder: TempDir,
}

impl Checkpoint {
    pub fn new() -> Self {
        Self::of(&values())
    }

    pub fn of(values: &[f32]) -> Self {
        let checkpoint = Self { folder: tempfile::tempdir().unwrap() };
        checkpoint.put("model.safetensors", &safetensors(&[(TENSOR, values, WIDTH)]));
        checkpoint.put("tokenizer.json", tokenizer().to_string().as_bytes());
        checkpoint
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
