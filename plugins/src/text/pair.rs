//! The two texts that a metric compares.

use situs_core::record::Record;

/// What a model said and what was to be said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'a> {
    /// The words read from the reply; empty when there are none.
    pub(crate) prediction: &'a str,
    /// The right answer.
    pub(crate) reference: &'a str,
}

impl<'a> Pair<'a> {
    /// The texts of a record; `None` where one of them is empty and `skip_empty` leaves such pairs out.
    pub(crate) fn of(record: &'a Record, skip_empty: bool) -> Option<Self> {
        let prediction = record.answer.value.as_deref().unwrap_or("");
        let reference = record.question.truth.as_str();
        let empty = prediction.trim().is_empty() || reference.trim().is_empty();
        (!skip_empty || !empty).then_some(Self { prediction, reference })
    }
}

/// What a signature says of empty texts: nothing, unless they are left out.
pub(crate) fn about_empty(skip_empty: bool) -> &'static str {
    if skip_empty { "|empty:skipped" } else { "" }
}
