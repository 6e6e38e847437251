//! Whether a prompt repeats the report that its answer came from.

use super::facets::words;
use std::collections::BTreeSet;

/// Words in a row that no prompt shares with a report by chance.
pub const RUN: usize = 8;

/// The first run of [`RUN`] words that a prompt shares with the report and that is not the question's own: `None` is what
/// a run must have. Questions quote their report by design; what is added to them must not.
pub fn leaked(prompt: &str, question: &str, report: &str) -> Option<String> {
    let runs = |text: &str| -> Vec<Vec<String>> {
        let words: Vec<String> = words(text).collect();
        words.windows(RUN).map(<[String]>::to_vec).collect()
    };
    let of_report: BTreeSet<Vec<String>> = runs(report).into_iter().collect();
    let of_question: BTreeSet<Vec<String>> = runs(question).into_iter().collect();
    runs(prompt)
        .into_iter()
        .find(|run| of_report.contains(run) && !of_question.contains(run))
        .map(|run| run.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "A small nodule lies in the right upper lobe next to the pleura. No effusion was seen.";
    const QUESTION: &str = "Where is the small nodule?";

    #[test]
    fn a_sentence_of_the_report_is_found_whatever_its_case_and_commas() {
        let prompt = format!("Report: a SMALL nodule, lies in the right upper lobe. {QUESTION}");
        assert_eq!(leaked(&prompt, QUESTION, REPORT).unwrap(), "a small nodule lies in the right upper");
    }

    #[test]
    fn the_question_may_quote_the_report_and_short_phrases_are_no_leak() {
        let quoting = "Is it true that a small nodule lies in the right upper lobe?";
        assert_eq!(leaked(&format!("Answer briefly.\n{quoting}"), quoting, REPORT), None);
        assert_eq!(leaked(&format!("{QUESTION} In the right upper lobe next to?"), QUESTION, REPORT), None);
    }
}
