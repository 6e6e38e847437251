//! What is judged: records in the order of the data set, each with the name under which others know it.

use serde_json::Value;
use situs_core::record::{AnswerState, Record};
use std::cmp::Ordering;

/// One answer to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The record.
    pub record: &'a Record,
}

impl<'a> Item<'a> {
    /// Name in files of others: the question's fact `item` (`case::index`), else its id.
    pub fn name(&self) -> &'a str {
        let question = &self.record.question;
        question.evidence.facts.get("item").and_then(Value::as_str).unwrap_or(&question.id)
    }

    /// Case it is about; empty when it is about none.
    pub fn case(&self) -> &'a str {
        self.record.question.cases.first().map_or("", String::as_str)
    }

    /// Row in the data set's own file: the question's fact `row`.
    pub fn row(&self) -> Option<u64> {
        self.record.question.evidence.facts.get("row").and_then(Value::as_u64)
    }

    /// The words of the model; empty when there are none.
    pub fn prediction(&self) -> &'a str {
        self.record.answer.value.as_deref().unwrap_or("").trim()
    }

    /// Whether there is anything to judge: requests that failed have no answer, not an empty one.
    pub fn is_there(&self) -> bool {
        self.record.answer.state != AnswerState::Failed
    }

    /// Arm, question and trial: what no two records share.
    pub(super) fn key(&self) -> (String, String, u32) {
        (self.record.arm.clone(), self.record.question.id.clone(), self.record.trial)
    }

    fn before(&self, other: &Self) -> Ordering {
        let place = |item: &Self| (item.record.trial, item.row().unwrap_or(u64::MAX));
        let (own, others) = (numbered(self.name()), numbered(other.name()));
        (self.record.arm.as_str(), place(self), self.case(), own, &self.record.question.id).cmp(&(
            other.record.arm.as_str(),
            place(other),
            other.case(),
            others,
            &other.record.question.id,
        ))
    }
}

/// `case::12` as `case` and 12, so that 2 comes before 12.
fn numbered(name: &str) -> (&str, u64) {
    name.rsplit_once("::").and_then(|(case, number)| Some((case, number.parse().ok()?))).unwrap_or((name, 0))
}

/// The records by arm, trial and place in the data set: by the fact `row` where questions have it, else by case and
/// item name.
pub fn ordered(records: &[Record]) -> Vec<Item<'_>> {
    let mut items: Vec<Item<'_>> = records.iter().map(|record| Item { record }).collect();
    items.sort_by(Item::before);
    items
}
