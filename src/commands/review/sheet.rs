//! The sheet: one CSV row a question, columns for verdicts empty until a person fills them.

use super::criteria::{self, Criterion};
use situs_core::fault::Fault;
use situs_core::question::Question;
use std::collections::BTreeMap;

/// Columns before the criteria.
const BEFORE: [&str; 7] = ["id", "item", "case", "question", "options", "answer", "context"];
/// Column after the criteria.
const REMARK: &str = "remark";

/// What one reviewer said.
#[derive(Debug)]
pub(super) struct Sheet {
    /// Who it was: the file's name.
    pub(super) reviewer: String,
    /// What was judged.
    pub(super) criteria: Vec<Criterion>,
    /// Values by question id, in the order of the criteria; `None` where nothing was written.
    pub(super) verdicts: BTreeMap<String, Vec<Option<f64>>>,
    /// Remarks by question id.
    pub(super) remarks: BTreeMap<String, String>,
}

/// The sheet of some questions. The family may say what belongs beside a question (`private.context`, for instance the
/// report that an answer came from).
///
/// # Errors
/// Internal, when the table cannot be made.
pub(super) fn write(questions: &[Question], criteria: &[Criterion]) -> Result<Vec<u8>, Fault> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let broken = |error: csv::Error| Fault::internal(format!("review sheet: {error}"));
    let header = BEFORE.iter().map(|name| (*name).to_owned());
    let header = header.chain(criteria.iter().map(Criterion::header)).chain([REMARK.to_owned()]);
    table.write_record(header).map_err(broken)?;
    for question in questions {
        let context = question.private.get("context").and_then(serde_json::Value::as_str);
        let known = [
            question.id.clone(),
            question.facets.get("item").unwrap_or(&question.bundle).clone(),
            question.cases.join("+"),
            as_text(&question.text),
            as_text(&question.options.join(" | ")),
            as_text(&question.truth),
            as_text(context.unwrap_or_default()),
        ];
        let empty = std::iter::repeat_n(String::new(), criteria.len() + 1);
        table.write_record(known.into_iter().chain(empty)).map_err(broken)?;
    }
    table.into_inner().map_err(|error| Fault::internal(format!("review sheet: {error}")))
}

/// Text that a spreadsheet does not take for a formula.
fn as_text(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() }
}

/// Reads a filled sheet; rows may be in any order, and questions may be missing.
///
/// # Errors
/// Data: a header without criteria, a question that the run does not have or that stands twice, an answer outside its
/// scale; line and value are named.
pub(super) fn read(bytes: &[u8], reviewer: String, questions: &[Question]) -> Result<Sheet, Fault> {
    let mut table = csv::ReaderBuilder::new().flexible(false).from_reader(bytes);
    let broken = |error: csv::Error| Fault::data(format!("not a sheet: {error}"));
    let header = table.headers().map_err(broken)?.clone();
    let place = |name: &str| header.iter().position(|own| own.trim_start_matches('\u{feff}') == name);
    let id_column = place("id").ok_or_else(|| {
        Fault::data("the column 'id' is missing").help("fill the sheet that `situs review export` wrote")
    })?;
    let remark_column = place(REMARK);
    let mut columns = Vec::new();
    for (at, name) in header.iter().enumerate() {
        if at != id_column && name != REMARK && !BEFORE.contains(&name) {
            columns.push((at, Criterion::parse(name)?));
        }
    }
    let criteria: Vec<Criterion> = columns.iter().map(|(_, criterion)| criterion.clone()).collect();
    criteria::check(&criteria)?;
    let known: std::collections::BTreeSet<&str> =
        questions.iter().map(|question| question.id.as_str()).collect();
    let mut sheet = Sheet { reviewer, criteria, verdicts: BTreeMap::new(), remarks: BTreeMap::new() };
    for row in table.records() {
        let row = row.map_err(broken)?;
        let line = row.position().map_or(0, csv::Position::line);
        let cell = |at: usize| row.get(at).unwrap_or_default().trim();
        let id = cell(id_column);
        if !known.contains(id) {
            return Err(Fault::data(format!("line {line}: the run has no question {id:?}"))
                .help("import a sheet into the run that it was exported from"));
        }
        let mut values = Vec::with_capacity(columns.len());
        for (at, criterion) in &columns {
            let answer = cell(*at);
            values.push(match criterion.value(answer) {
                None if answer.is_empty() => None,
                None => {
                    return Err(Fault::data(format!(
                        "line {line}: {}: {answer:?} is not {}",
                        criterion.name,
                        criterion.allowed()
                    )));
                }
                value => value,
            });
        }
        if let Some(remark) = remark_column.map(cell).filter(|remark| !remark.is_empty()) {
            sheet.remarks.insert(id.to_owned(), remark.to_owned());
        }
        if sheet.verdicts.insert(id.to_owned(), values).is_some() {
            return Err(Fault::data(format!("line {line}: question {id} stands in the sheet twice")));
        }
    }
    Ok(sheet)
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::question;
    use super::*;

    fn filled(answers: &[&str]) -> (Vec<u8>, Vec<Question>) {
        let questions = vec![question("a", 0), question("a", 1)];
        let criteria = [Criterion::parse("clear").unwrap(), Criterion::parse("score:0-2").unwrap()];
        let bytes = write(&questions, &criteria).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let text = text.replacen(",here,,,,\n", &format!(",here,,{}\n", answers[0]), 1);
        (text.replacen(",here,,,,\n", &format!(",here,,{}\n", answers[1]), 1).into_bytes(), questions)
    }

    #[test]
    fn a_filled_sheet_is_read_back_with_quotes_and_line_ends() {
        let (bytes, questions) = filled(&["yes,2,fine", ",0,"]);
        let sheet = read(&bytes, "me".into(), &questions).unwrap();
        assert_eq!(sheet.verdicts["a-0"], [Some(1.0), Some(2.0)]);
        assert_eq!(sheet.verdicts["a-1"], [None, Some(0.0)]);
        assert_eq!(sheet.remarks["a-0"], "fine");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_line_and_value() {
        let (bytes, questions) = filled(&["maybe,2,", "no,1,"]);
        let fault = read(&bytes, "me".into(), &questions).unwrap_err();
        assert!(fault.what.contains("line 2: clear: \"maybe\" is not yes or no"), "{fault}");
        let (bytes, _) = filled(&["yes,2,", "no,1,"]);
        let fault = read(&bytes, "me".into(), &questions[..1]).unwrap_err();
        assert!(fault.what.contains("no question \"a-1\""), "{fault}");
        let twice = format!("{}a-0,,,,,,,yes,1,\n", String::from_utf8(bytes).unwrap());
        assert!(read(twice.as_bytes(), "me".into(), &questions).unwrap_err().what.contains("twice"));
        assert!(read(b"question\nx\n", "me".into(), &questions).unwrap_err().what.contains("'id'"));
    }

    #[test]
    fn no_cell_is_taken_for_a_formula() {
        let mut one = question("a", 0);
        one.truth = "=HYPERLINK(1)".to_owned();
        let bytes = write(&[one], &[Criterion::parse("clear").unwrap()]).unwrap();
        assert!(String::from_utf8(bytes).unwrap().contains(",'=HYPERLINK(1),"));
    }
}
