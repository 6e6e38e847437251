//! Question-answer pairs in the three forms in which CT-SpatialVQA released them.
//!
//! A pair's identity is its case and its place in the case, `case::index`: question and answer together are no key, since
//! 633 questions stand in two cases or more.

use crate::datasets::folder;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use situs_core::fault::Fault;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// The six categories, as the release spells them.
pub const CATEGORIES: [&str; 6] = [
    "Laterality & Bilateral Symmetry",
    "Longitudinal (Vertical) Position",
    "Anterior-Posterior (Depth) Relations",
    "Medial-Lateral Orientation (Centricity)",
    "Adjacency & Containment",
    "Spatial Extent & Boundaries",
];
/// A spelling that two pairs of the release have.
const OTHER_SPELLING: (&str, &str) = ("Medial-Lateral Orientation", CATEGORIES[3]);

/// Longest question or answer that is taken, in bytes.
const MAX_TEXT_BYTES: usize = 16 << 10;

/// One pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Place within its case, from 0.
    pub index: usize,
    /// Place in the whole file, from 0: the order in which the authors judged. `None` for pairs of no file.
    #[serde(default)]
    pub row: Option<usize>,
    /// Question.
    pub question: String,
    /// Answer from the report.
    pub answer: String,
    /// Names of [`CATEGORIES`]; `None` in files without them.
    #[serde(default)]
    pub categories: Option<Vec<String>>,
}

/// The pairs of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasePairs {
    /// Name of the case, `valid_1_a_1.nii.gz`.
    pub case: String,
    /// In order.
    pub pairs: Vec<Pair>,
}

/// The name of a category, however the file spells it.
pub fn category(name: &str) -> Option<&'static str> {
    let name = name.trim();
    let (spelled, meant) = OTHER_SPELLING;
    if name == spelled {
        return Some(meant);
    }
    CATEGORIES.into_iter().find(|known| *known == name)
}

/// Reads a question file: JSON lines when its name ends so, else one JSON object by case. The order of the file stays.
///
/// # Errors
/// Data, with the place: no such form, a case or a question of a case that stands twice, an empty question or answer, an
/// unknown category.
pub fn read(path: &Path) -> Result<Vec<CasePairs>, Fault> {
    let text = folder::text(path)?;
    let lines = path.extension().is_some_and(|suffix| suffix == "jsonl");
    let read = if lines { from_lines(&text) } else { from_object(&text) };
    read.map_err(|fault| fault.within(path.display()))
}

/// A pair as written.
#[derive(Debug, Deserialize)]
struct Written {
    question: Option<String>,
    answer: Option<String>,
    #[serde(default)]
    category: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct WrittenCase {
    qa_pairs: Vec<Written>,
}

#[derive(Debug, Deserialize)]
struct WrittenLine {
    case_id: String,
    #[serde(flatten)]
    pair: Written,
}

/// An object in the order of the file; serde's maps would sort it, and lose a key that stands twice.
struct InOrder(Vec<(String, WrittenCase)>);

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cases;

        impl<'de> Visitor<'de> for Cases {
            type Value = InOrder;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a `qa_pairs` list by case")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                let mut cases = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    cases.push(entry);
                }
                Ok(InOrder(cases))
            }
        }

        deserializer.deserialize_map(Cases)
    }
}

fn from_object(text: &str) -> Result<Vec<CasePairs>, Fault> {
    let InOrder(cases) = serde_json::from_str(text).map_err(|error| {
        Fault::data(format!("not a question file: {error}"))
            .help("expected {\"valid_1_a_1.nii.gz\": {\"qa_pairs\": [{\"question\": ..., \"answer\": ...}]}}")
    })?;
    let mut seen = BTreeSet::new();
    let mut gathered = Vec::with_capacity(cases.len());
    let mut row = 0;
    for (case, written) in cases {
        if !seen.insert(case.clone()) {
            return Err(Fault::data(format!("case {case} stands twice")));
        }
        let mut pairs = Vec::with_capacity(written.qa_pairs.len());
        for pair in written.qa_pairs {
            let place = format!("{case}::{}", pairs.len());
            pairs.push(checked(pair, pairs.len(), row).map_err(|fault| fault.within(&place))?);
            row += 1;
        }
        distinct(&case, &pairs)?;
        gathered.push(CasePairs { case, pairs });
    }
    Ok(gathered)
}

fn from_lines(text: &str) -> Result<Vec<CasePairs>, Fault> {
    let mut gathered: Vec<CasePairs> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut row = 0;
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("line {}", number + 1);
        let WrittenLine { case_id, pair } = serde_json::from_str(line)
            .map_err(|error| Fault::data(format!("not a pair: {error}")).within(place()))?;
        let at = *places.entry(case_id.clone()).or_insert_with(|| {
            gathered.push(CasePairs { case: case_id, pairs: Vec::new() });
            gathered.len() - 1
        });
        if let Some(case) = gathered.get_mut(at) {
            let index = case.pairs.len();
            case.pairs.push(checked(pair, index, row).map_err(|fault| fault.within(place()))?);
        }
        row += 1;
    }
    for case in &gathered {
        distinct(&case.case, &case.pairs)?;
    }
    if gathered.is_empty() {
        return Err(Fault::data("no pairs"));
    }
    Ok(gathered)
}

fn checked(written: Written, index: usize, row: usize) -> Result<Pair, Fault> {
    let text = |name: &str, text: Option<String>| {
        let text = text.ok_or_else(|| Fault::data(format!("there is no {name}")))?;
        match text.trim() {
            "" => Err(Fault::data(format!("the {name} is empty"))),
            trimmed if trimmed.len() > MAX_TEXT_BYTES => {
                Err(Fault::data(format!("a {name} of {} bytes; at most {MAX_TEXT_BYTES}", trimmed.len())))
            }
            trimmed => Ok(trimmed.to_owned()),
        }
    };
    let categories = match written.category {
        None => None,
        Some(names) => {
            let mut known = Vec::with_capacity(names.len());
            for name in names {
                let category = category(&name).ok_or_else(|| {
                    Fault::data(format!("unknown category {name:?}")).help(CATEGORIES.join("; "))
                })?;
                if !known.iter().any(|own| own == category) {
                    known.push(category.to_owned());
                }
            }
            Some(known)
        }
    };
    Ok(Pair { index, row: Some(row), question: text("question", written.question)?, answer: text("answer", written.answer)?, categories })
}

/// Refuses a question that stands twice in one case: votes of others are matched by it.
fn distinct(case: &str, pairs: &[Pair]) -> Result<(), Fault> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for pair in pairs {
        if let Some(earlier) = seen.insert(&pair.question, pair.index) {
            return Err(Fault::data(format!(
                "{case}: pairs {earlier} and {} ask the same: {:?}",
                pair.index, pair.question
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"{"valid_2_a_1.nii.gz": {"qa_pairs": [{"question": "Where?", "answer": "Here."}]},
        "valid_1_a_1.nii.gz": {"qa_pairs": [{"question": "Where?", "answer": "There."}, {"question": "Which?", "answer": "Left."}]}}"#;

    #[test]
    fn the_order_of_the_file_stays_and_rows_run_through_all_cases() {
        let cases = from_object(FULL).unwrap();
        let names: Vec<&str> = cases.iter().map(|case| case.case.as_str()).collect();
        assert_eq!(names, ["valid_2_a_1.nii.gz", "valid_1_a_1.nii.gz"]);
        let places: Vec<(usize, Option<usize>)> =
            cases.iter().flat_map(|case| &case.pairs).map(|pair| (pair.index, pair.row)).collect();
        assert_eq!(places, [(0, Some(0)), (0, Some(1)), (1, Some(2))]);
    }

    #[test]
    fn lines_give_the_same_pairs() {
        let line = |case: &str, question: &str, answer: &str| {
            serde_json::json!({"case_id": case, "image_path": "/x", "question": question, "answer": answer}).to_string()
        };
        let text = [
            line("valid_2_a_1.nii.gz", "Where?", "Here."),
            line("valid_1_a_1.nii.gz", "Where?", "There."),
            line("valid_1_a_1.nii.gz", "Which?", "Left."),
        ]
        .join("\n");
        assert_eq!(from_lines(&text).unwrap(), from_object(FULL).unwrap());
        assert!(from_lines("{}\n").unwrap_err().what.contains("line 1"));
        assert!(from_lines("").is_err());
    }

    #[test]
    fn categories_are_read_under_both_spellings_and_unknown_ones_refused() {
        let with = |category: &str| {
            from_object(&format!(
                r#"{{"c": {{"qa_pairs": [{{"question": "q", "answer": "a", "category": [{category}]}}]}}}}"#
            ))
        };
        let known = with("\"Medial-Lateral Orientation\", \"Adjacency & Containment\"").unwrap();
        assert_eq!(
            known[0].pairs[0].categories.as_deref().unwrap(),
            ["Medial-Lateral Orientation (Centricity)", "Adjacency & Containment"]
        );
        assert_eq!(with("").unwrap()[0].pairs[0].categories, Some(Vec::new()), "labelled, with no label");
        assert!(with("\"Colour\"").unwrap_err().what.contains("c::0: unknown category \"Colour\""));
    }

    #[test]
    fn what_stands_twice_or_says_nothing_is_refused_with_its_place() {
        let pair = |question: &str, answer: &str| format!(r#"{{"question": "{question}", "answer": "{answer}"}}"#);
        let case = |pairs: &str| format!(r#""c": {{"qa_pairs": [{pairs}]}}"#);
        let one = case(&pair("q", "a"));
        for (text, needle) in [
            (format!("{{{one}, {one}}}"), "case c stands twice"),
            (format!("{{{}}}", case(&format!("{}, {}", pair("q", "a"), pair("q", "b")))), "pairs 0 and 1 ask the same"),
            (format!("{{{}}}", case(&pair("q", " "))), "c::0: the answer is empty"),
            (format!("{{{}}}", case(r#"{"error": "x"}"#)), "c::0: there is no question"),
            ("[]".to_owned(), "not a question file"),
        ] {
            let fault = from_object(&text).unwrap_err();
            assert!(fault.what.contains(needle), "{text}: {fault}");
        }
    }
}
