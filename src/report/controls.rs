//! Controls and repeated questions in words.

use super::compared::comparison_text;
use super::figures::{NONE, estimate, maybe, thousands};
use situs_core::run::RunSummary;

/// Columns of the table of controls.
pub(super) const COLUMNS: [&str; 9] = [
    "control",
    "arm",
    "n",
    "right",
    "right, plain",
    "difference [95 %]",
    "kept [95 %]",
    "same answers",
    "left out",
];

/// What the column `kept` means.
pub(super) const NOTE: &str = "kept: right answers under the control over right answers without it; for no-image this is the prior reliance";

/// Each arm under a control beside its plain arm.
pub(super) fn rows(summary: &RunSummary) -> Vec<Vec<String>> {
    let row = |figure: &situs_core::run::ControlFigure| {
        let difference = figure
            .difference
            .value
            .map_or_else(|| NONE.to_owned(), |value| comparison_text(value, figure.difference.interval));
        vec![
            figure.control.to_string(),
            figure.plain.clone(),
            figure.same_answers.n.to_string(),
            maybe(figure.accuracy.value),
            maybe(figure.accuracy_plain.value),
            difference,
            estimate(&figure.kept),
            maybe(figure.same_answers.value),
            thousands(figure.dropped.values().sum()),
        ]
    };
    summary.controls.iter().map(row).collect()
}

/// Why controls could not be applied: control and reason, each with the largest count of any arm.
pub(super) fn left_out(summary: &RunSummary) -> Vec<String> {
    let mut most = std::collections::BTreeMap::new();
    for (reason, count) in summary.controls.iter().flat_map(|figure| &figure.dropped) {
        let known: &mut u64 = most.entry(reason).or_default();
        *known = (*known).max(*count);
    }
    most.into_iter().map(|(reason, count)| format!("{reason} {}", thousands(count))).collect()
}

/// Columns of the table of repeated questions.
pub(super) const REPEATED_COLUMNS: [&str; 5] =
    ["arm", "texts", "questions", "answered alike [95 %]", "alike in truth"];

/// How often an arm answers questions in the same words about different patients alike.
pub(super) fn repeated(summary: &RunSummary) -> Vec<Vec<String>> {
    let row = |figure: &situs_core::run::RepeatedFigure| {
        vec![
            figure.arm.clone(),
            figure.same_answers.n.to_string(),
            figure.questions.to_string(),
            estimate(&figure.same_answers),
            maybe(figure.same_truths.value),
        ]
    };
    summary.repeated.iter().map(row).collect()
}
