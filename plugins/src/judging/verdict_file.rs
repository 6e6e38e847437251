//! Verdicts of judges or people in a file: a JSON list, JSON lines, or CSV.

use super::items::Item;
use super::votes::Vote;
use serde_json::{Map, Value};
use situs_core::fault::{Fault, file_fault};
use std::collections::HashMap;
use std::path::Path;

/// Largest file, in bytes.
const MAX_BYTES: u64 = 512 << 20;
/// Ending of a volume's file that some lists write behind the name of a case.
const VOLUME_ENDINGS: [&str; 2] = [".nii.gz", ".nii"];

/// The rows of one file, and where each item stands in it.
#[derive(Debug, Default)]
pub struct VerdictFile {
    rows: Vec<Vote>,
    by_name: HashMap<String, Place>,
    by_question: HashMap<(String, String), Place>,
}

/// Where an item stands, or the first two rows that both claim it.
#[derive(Debug, Clone, Copy)]
enum Place {
    Row(usize),
    Twice(usize, usize),
}

impl VerdictFile {
    /// Reads a file. A row holds `is_correct` (or `verdict`, `correct`) as true, false, 1, 0, yes, no, or nothing, and
    /// names its item by `item` (or `question_id`, `id`), else by `case_id` (or `case`) and `question`; without a name it
    /// can be joined by row alone.
    ///
    /// # Errors
    /// Data faults with file and row: not readable, no such columns, a verdict that is none of these words.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let length = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
        if length > MAX_BYTES {
            let what = format!("{} has {length} bytes; verdicts have at most {MAX_BYTES}", path.display());
            return Err(Fault::data(what));
        }
        let text = std::fs::read_to_string(path).map_err(|error| file_fault("read", path, &error))?;
        let is_csv = path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("csv"));
        let rows = if is_csv { from_csv(&text) } else { from_json(&text) };
        rows.and_then(Self::of).map_err(|fault| fault.within(path.display()))
    }

    fn of(rows: Vec<Map<String, Value>>) -> Result<Self, Fault> {
        let mut file = Self::default();
        for (number, row) in rows.iter().enumerate() {
            let vote = vote(row).map_err(|fault| fault.within(format!("row {}", number + 1)))?;
            file.rows.push(vote);
            if let Some(name) = text_of(row, &["item", "question_id", "id"]) {
                claim(&mut file.by_name, name, number);
            }
            if let (Some(case), Some(question)) =
                (text_of(row, &["case_id", "case"]), text_of(row, &["question"]))
            {
                claim(&mut file.by_question, (plain_case(&case).to_owned(), question), number);
            }
        }
        Ok(file)
    }

    /// Votes row by row.
    pub fn rows(&self) -> &[Vote] {
        &self.rows
    }

    /// The vote on an item, by its name, else by case and question text; `Absent` when the file does not hold it.
    ///
    /// # Errors
    /// When two rows claim the item.
    pub fn vote_on(&self, item: &Item<'_>) -> Result<Vote, Fault> {
        let question = || (plain_case(item.case()).to_owned(), item.record.question.text.trim().to_owned());
        let place = self
            .by_name
            .get(item.name())
            .or_else(|| self.by_name.get(&item.record.question.id))
            .or_else(|| self.by_question.get(&question()));
        match place {
            None => Ok(Vote::Absent),
            Some(Place::Row(row)) => Ok(self.rows.get(*row).copied().unwrap_or(Vote::Absent)),
            Some(Place::Twice(one, other)) => Err(Fault::data(format!(
                "rows {} and {} are both about item {}",
                one + 1,
                other + 1,
                item.name()
            ))
            .help("leave one of them")),
        }
    }
}

fn claim<K: std::hash::Hash + Eq>(places: &mut HashMap<K, Place>, key: K, row: usize) {
    let place = places.entry(key).or_insert(Place::Row(row));
    if let Place::Row(first) = *place
        && first != row
    {
        *place = Place::Twice(first, row);
    }
}

/// A case without the ending of its volume's file.
fn plain_case(case: &str) -> &str {
    VOLUME_ENDINGS.iter().find_map(|ending| case.strip_suffix(ending)).unwrap_or(case)
}

fn text_of(row: &Map<String, Value>, names: &[&str]) -> Option<String> {
    let value = names.iter().find_map(|name| row.get(*name).filter(|value| !value.is_null()))?;
    let text = value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
    (!text.is_empty()).then_some(text)
}

fn vote(row: &Map<String, Value>) -> Result<Vote, Fault> {
    let value =
        ["is_correct", "verdict", "correct"].iter().find_map(|name| row.get(*name)).ok_or_else(|| {
            Fault::data("no field is_correct (or verdict, correct)")
                .help(format!("there are: {}", row.keys().cloned().collect::<Vec<_>>().join(", ")))
        })?;
    let word = match value {
        Value::Null => return Ok(Vote::Unknown),
        Value::Bool(yes) => return Ok(Vote::of(Some(*yes))),
        Value::String(text) => text.trim().to_lowercase(),
        other => other.to_string(),
    };
    match word.as_str() {
        "" | "null" | "none" => Ok(Vote::Unknown),
        "true" | "yes" | "1" | "1.0" => Ok(Vote::Yes),
        "false" | "no" | "0" | "0.0" => Ok(Vote::No),
        _ => Err(Fault::data(format!("{value} is no verdict"))
            .help("write true, false, 1, 0, yes, no, or nothing")),
    }
}

fn from_json(text: &str) -> Result<Vec<Map<String, Value>>, Fault> {
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text)
            .map_err(|error| Fault::data(format!("no JSON list of objects: {error}")));
    }
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    lines
        .map(|(line, number)| {
            serde_json::from_str(line)
                .map_err(|error| Fault::data(format!("line {number}: no JSON object: {error}")))
        })
        .collect()
}

fn from_csv(text: &str) -> Result<Vec<Map<String, Value>>, Fault> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let wrong = |error: csv::Error| Fault::data(format!("no CSV: {error}"));
    let names: Vec<String> = reader
        .headers()
        .map_err(wrong)?
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').to_lowercase())
        .collect();
    reader
        .records()
        .map(|row| {
            let row = row.map_err(wrong)?;
            Ok(names.iter().cloned().zip(row.iter().map(Value::from)).collect())
        })
        .collect()
}
