//! `questions.jsonl`, line by line.

use crate::fault::{Fault, file_fault};
use crate::question::Question;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Longest line of a questions file.
const MAX_QUESTION_BYTES: usize = 16 << 20;

/// Reads `questions.jsonl` line by line.
pub struct QuestionReader {
    lines: BufReader<File>,
    path: PathBuf,
    number: usize,
}

impl QuestionReader {
    /// Opens the questions of a run folder.
    ///
    /// # Errors
    /// When there are none.
    pub fn open(folder: &Path) -> Result<Self, Fault> {
        let path = folder.join("questions.jsonl");
        let file = File::open(&path).map_err(|error| file_fault("read", &path, &error))?;
        Ok(Self { lines: BufReader::with_capacity(1 << 20, file), path, number: 0 })
    }
}

impl Iterator for QuestionReader {
    type Item = Result<Question, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        self.number += 1;
        let place = || format!("{}: line {}", self.path.display(), self.number);
        let limit = MAX_QUESTION_BYTES as u64;
        match std::io::Read::take(&mut self.lines, limit).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(
                serde_json::from_slice(&line).map_err(|error| Fault::data(error.to_string()).within(place())),
            ),
            Err(error) => Some(Err(file_fault("read", &self.path, &error))),
        }
    }
}
