//! Rows as benchmarks release them: a question, its options, the right one, and the NIfTI file it is about, in JSON, JSON
//! lines, CSV or Parquet.

mod fields;
mod files;

pub use fields::Fields;
pub use files::read;

use serde::{Deserialize, Serialize};

/// Most options of a row.
pub const MOST_OPTIONS: usize = 26;
/// Longest question or option in bytes.
pub const MOST_TEXT_BYTES: usize = 1 << 16;

/// A row that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its own id, else `row-N`, counted from 1.
    pub id: String,
    /// The question, without its options.
    pub question: String,
    /// Options as printed, without letters.
    pub options: Vec<String>,
    /// The right one.
    pub truth: String,
    /// Task, in the file's own word; `row` where it names none.
    pub task: String,
}

/// One line of a released table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Path of the volume as the file writes it; none where the row names none.
    pub volume: Option<String>,
    /// The row, or why it cannot be asked.
    pub row: Result<Row, String>,
}
