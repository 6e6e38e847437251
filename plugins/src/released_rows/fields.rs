//! From the columns of a table to a row: which column is what, how options and answers are written.

use super::{Line, MOST_OPTIONS, MOST_TEXT_BYTES, Row};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a column can be.
const PARTS: [(&str, &[&str]); 6] = [
    ("id", &["id", "question_id", "qid", "index"]),
    ("question", &["question", "prompt", "query"]),
    ("options", &["options", "choices", "candidates"]),
    ("answer", &["answer", "correct_answer", "ground_truth", "gt", "label", "target", "correct_option"]),
    (
        "volume",
        &[
            "volume",
            "image",
            "image_path",
            "volume_path",
            "nifti",
            "nifti_path",
            "nii_path",
            "ct_path",
            "path",
            "file",
        ],
    ),
    ("task", &["task", "question_type", "type", "category", "subset"]),
];

/// Columns by what they hold: named ones first, else the usual spellings, whatever their case.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    named: BTreeMap<String, String>,
}

impl Fields {
    /// Columns that a config names, by part: `question = "stem"`.
    ///
    /// # Errors
    /// A part that rows do not have.
    pub fn named(named: &BTreeMap<String, String>) -> Result<Self, String> {
        let parts: Vec<&str> = PARTS.iter().map(|(part, _)| *part).collect();
        match named.keys().find(|part| !parts.contains(&part.as_str())) {
            Some(unknown) => Err(format!("rows have no `{unknown}`: they have {}", parts.join(", "))),
            None => Ok(Self { named: named.clone() }),
        }
    }

    fn find<'a>(&self, part: &str, columns: &'a Map<String, Value>) -> Option<&'a Value> {
        if let Some(name) = self.named.get(part) {
            return columns.get(name);
        }
        let (_, spellings) = PARTS.iter().find(|(known, _)| *known == part)?;
        spellings.iter().find_map(|spelling| {
            columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(spelling)).map(|(_, value)| value)
        })
    }

    fn text(&self, part: &str, columns: &Map<String, Value>) -> Option<String> {
        let text = match self.find(part, columns)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// A line of the table; `number` counts from 1.
    pub fn line(&self, number: usize, columns: &Map<String, Value>) -> Line {
        Line { volume: self.text("volume", columns), row: self.row(number, columns) }
    }

    fn row(&self, number: usize, columns: &Map<String, Value>) -> Result<Row, String> {
        let question = self.text("question", columns).ok_or("a row without a question")?;
        let answer = self.text("answer", columns).ok_or("a row without an answer")?;
        let mut options = self.options(columns)?;
        if options.is_empty() {
            if !is_yes_or_no(&answer) {
                return Err("a row without options whose answer is not yes or no".to_owned());
            }
            options = vec!["yes".to_owned(), "no".to_owned()];
        }
        if options.len() < 2 || options.len() > MOST_OPTIONS {
            return Err(format!("a row with {} options", options.len()));
        }
        if question.len() > MOST_TEXT_BYTES || options.iter().any(|option| option.len() > MOST_TEXT_BYTES) {
            return Err(format!("a text of more than {MOST_TEXT_BYTES} bytes"));
        }
        let place = right(&answer, &options).ok_or("an answer that is none of the options")?;
        Ok(Row {
            id: self.text("id", columns).unwrap_or_else(|| format!("row-{number}")),
            truth: options[place].clone(),
            task: self.text("task", columns).unwrap_or_else(|| "row".to_owned()),
            question,
            options,
        })
    }

    /// Options as a list, as a table by letter, as JSON text of either, or in columns A, B, ... or `option_a`, ...
    fn options(&self, columns: &Map<String, Value>) -> Result<Vec<String>, String> {
        match self.find("options", columns) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.trim().is_empty() => {}
            Some(Value::String(text)) => {
                let value: Value =
                    serde_json::from_str(text).map_err(|_| "options that are no list".to_owned())?;
                return listed(&value);
            }
            Some(value) => return listed(value),
        }
        let mut options = Vec::new();
        for letter in 'A'..='Z' {
            let small = letter.to_ascii_lowercase();
            let names = [
                letter.to_string(),
                format!("option_{small}"),
                format!("option{small}"),
                format!("option {small}"),
            ];
            let column =
                columns.iter().find(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)));
            match column {
                Some((_, Value::String(text))) if !text.trim().is_empty() => options.push(unlettered(text)),
                Some((_, Value::Number(number))) => options.push(number.to_string()),
                _ => break,
            }
        }
        Ok(options)
    }
}

fn listed(value: &Value) -> Result<Vec<String>, String> {
    let text = |value: &Value| match value {
        Value::String(text) => Ok(unlettered(text)),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err("an option that is no text".to_owned()),
    };
    match value {
        Value::Array(list) => list.iter().map(text).collect(),
        Value::Object(by_letter) => {
            let in_order = by_letter
                .keys()
                .zip('A'..='Z')
                .all(|(key, letter)| key.eq_ignore_ascii_case(&letter.to_string()));
            if !in_order {
                return Err("options under other keys than A, B, C, ...".to_owned());
            }
            by_letter.values().map(text).collect()
        }
        _ => Err("options that are no list".to_owned()),
    }
}

/// `B. 4 cm` without its letter.
fn unlettered(option: &str) -> String {
    let text = option.trim();
    let rest = match text.as_bytes() {
        [b'(', letter, b')', ..] if letter.is_ascii_uppercase() => text.get(3..),
        [letter, b'.' | b')' | b':', b' ', ..] if letter.is_ascii_uppercase() => text.get(2..),
        _ => None,
    };
    rest.unwrap_or(text).trim().to_owned()
}

fn is_yes_or_no(answer: &str) -> bool {
    answer.eq_ignore_ascii_case("yes") || answer.eq_ignore_ascii_case("no")
}

/// Place of the right option: by its text, by its letter, or by its letter and text.
fn right(answer: &str, options: &[String]) -> Option<usize> {
    let same = |text: &str| options.iter().position(|option| option.eq_ignore_ascii_case(text));
    let letter = |letter: &str| {
        let place = usize::from(letter.bytes().next()?.to_ascii_uppercase().checked_sub(b'A')?);
        (letter.len() == 1 && place < options.len()).then_some(place)
    };
    let bare = answer.trim_matches(['(', ')', '.', ' ']);
    same(answer).or_else(|| letter(bare)).or_else(|| same(&unlettered(answer)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line(columns: Value) -> Line {
        let Value::Object(columns) = columns else { panic!("a table") };
        Fields::default().line(7, &columns)
    }

    fn row(columns: Value) -> Row {
        line(columns).row.unwrap()
    }

    #[test]
    fn options_and_answers_are_read_however_they_are_written() {
        let expected = ["1 cm", "2 cm"];
        for (options, answer) in [
            (json!(["1 cm", "2 cm"]), "B"),
            (json!(["A. 1 cm", "B. 2 cm"]), "2 cm"),
            (json!({"A": "1 cm", "B": "2 cm"}), "(B)"),
            (json!("[\"1 cm\", \"2 cm\"]"), "B. 2 cm"),
        ] {
            let row = row(
                json!({"Question": "How far?", "options": options, "answer": answer, "image": "a.nii.gz"}),
            );
            assert_eq!(
                (row.options.as_slice(), row.truth.as_str()),
                (&expected.map(str::to_owned)[..], "2 cm")
            );
            assert_eq!((row.id.as_str(), row.task.as_str()), ("row-7", "row"));
        }
        let columns = json!({"question": "?", "option_a": "x", "option_b": "y", "gt": "a", "task": "DIR", "nifti_path": "v"});
        assert_eq!(row(columns).truth, "x");
        assert_eq!(row(json!({"question": "?", "answer": "Yes"})).truth, "yes");
    }

    #[test]
    fn damaged_rows_say_what_they_lack_and_keep_their_volume() {
        for (columns, reason) in [
            (json!({"answer": "A", "options": ["x", "y"], "image": "v"}), "a row without a question"),
            (json!({"question": "?", "options": ["x", "y"], "image": "v"}), "a row without an answer"),
            (
                json!({"question": "?", "answer": "C", "options": ["x", "y"], "image": "v"}),
                "an answer that is none of the options",
            ),
            (json!({"question": "?", "answer": "x", "options": ["x"], "image": "v"}), "a row with 1 options"),
            (
                json!({"question": "?", "answer": "12", "image": "v"}),
                "a row without options whose answer is not yes or no",
            ),
            (
                json!({"question": "?", "answer": "A", "options": "x, y", "image": "v"}),
                "options that are no list",
            ),
        ] {
            let line = line(columns);
            assert_eq!((line.row.unwrap_err().as_str(), line.volume.as_deref()), (reason, Some("v")));
        }
    }
}
