//! The planned questions, line by line: `questions.jsonl`, and beside it `mirrored.jsonl` where some arm shows mirrored
//! patients. Both have the same number of lines; `null` stands where the mirrored patient has no such question.

use crate::fault::{Fault, file_fault};
use crate::question::Question;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// The planned questions.
pub const QUESTIONS: &str = "questions.jsonl";
/// Their counterparts in mirrored patients.
pub const MIRRORED: &str = "mirrored.jsonl";

/// Longest line of a questions file.
const MAX_QUESTION_BYTES: usize = 16 << 20;

/// Reads a file of one JSON value a line.
pub struct JsonLines<T> {
    lines: BufReader<File>,
    path: PathBuf,
    number: usize,
    position: u64,
    values: PhantomData<T>,
}

impl<T: DeserializeOwned> JsonLines<T> {
    fn of(path: PathBuf) -> Result<Self, Fault> {
        let file = File::open(&path).map_err(|error| file_fault("read", &path, &error))?;
        let lines = BufReader::with_capacity(1 << 20, file);
        Ok(Self { lines, path, number: 0, position: 0, values: PhantomData })
    }

    /// Offset of the next line in bytes.
    pub fn position(&self) -> u64 {
        self.position
    }
}

impl<T: DeserializeOwned> Iterator for JsonLines<T> {
    type Item = Result<T, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        self.number += 1;
        let place = || format!("{}: line {}", self.path.display(), self.number);
        let limit = MAX_QUESTION_BYTES as u64;
        match std::io::Read::take(&mut self.lines, limit).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(read) => {
                self.position += read as u64;
                let value = serde_json::from_slice(&line);
                Some(value.map_err(|error| Fault::data(error.to_string()).within(place())))
            }
            Err(error) => Some(Err(file_fault("read", &self.path, &error))),
        }
    }
}

/// Reads `questions.jsonl` line by line.
pub type QuestionReader = JsonLines<Question>;

impl QuestionReader {
    /// Opens the questions of a run folder.
    ///
    /// # Errors
    /// When there are none.
    pub fn open(folder: &Path) -> Result<Self, Fault> {
        Self::of(folder.join(QUESTIONS))
    }
}

/// A planned question with what mirrored patients are asked in its place.
#[derive(Debug, Clone)]
pub struct Item {
    /// As planned.
    pub plain: Question,
    /// The same question of the mirrored patient, under the id of the plain one; `None` where there is none or nobody
    /// shows mirrored patients.
    pub mirrored: Option<Question>,
}

/// Reads questions together with their mirrored counterparts.
pub struct ItemReader {
    plain: QuestionReader,
    mirrored: Option<JsonLines<Option<Question>>>,
}

impl ItemReader {
    /// Opens the questions of a run folder; `mirrored`: with their counterparts.
    ///
    /// # Errors
    /// When there are none.
    pub fn open(folder: &Path, mirrored: bool) -> Result<Self, Fault> {
        let counterparts = mirrored.then(|| JsonLines::of(folder.join(MIRRORED))).transpose()?;
        Ok(Self { plain: QuestionReader::open(folder)?, mirrored: counterparts })
    }
}

impl Iterator for ItemReader {
    type Item = Result<Item, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let plain = self.plain.next()?;
        let mirrored = match &mut self.mirrored {
            None => Ok(None),
            Some(lines) => lines.next().unwrap_or_else(|| {
                Err(Fault::data(format!("{} ends before {QUESTIONS} does", lines.path.display())))
            }),
        };
        Some(plain.and_then(|plain| {
            let mirrored = mirrored?;
            match &mirrored {
                Some(other) if other.id != plain.id => Err(Fault::data(format!(
                    "{MIRRORED}: question {} stands in the place of {}",
                    other.id, plain.id
                ))),
                _ => Ok(Item { plain, mirrored }),
            }
        }))
    }
}
