//! Words as NLTK 3.10's `NLTKWordTokenizer` takes them, on the whole text: sentences are not split first.

use super::python::{is_word, split};
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;

/// White space of Python's `re`, for use inside a class.
const SPACE: &str = r"\s\x1c-\x1f";
/// Endings that an apostrophe belongs to, so that it opens no quotation.
const CLITICS: [&str; 8] = ["re", "ve", "ll", "m", "t", "s", "d", "n"];

/// A pattern and what replaces it.
struct Rule(Regex, &'static str);

impl Rule {
    fn list(rules: &[(&str, &'static str)]) -> Vec<Self> {
        rules
            .iter()
            .filter_map(|(pattern, by)| Some(Self(Regex::new(&pattern.replace("SPACE", SPACE)).ok()?, by)))
            .collect()
    }

    fn apply(&self, text: &mut String) {
        if let Cow::Owned(changed) = self.0.replace_all(text, self.1) {
            *text = changed;
        }
    }
}

const OPENING: [(&str, &str); 4] =
    [("([«“‘„]|`+)", " $1 "), (r#"^""#, "``"), ("(``)", " $1 "), (r#"([ (\[{<])("|'{2})"#, "$1 `` ")];

const REST: [(&str, &str); 30] = [
    // Punctuation; the full stop that ends the text.
    (r#"([^.])(\.)([\])}>"'»”’ ]*)[SPACE]*$"#, "$1 $2 $3 "),
    (r"([:,])([^\d])", " $1 $2"),
    // The end of the text, or in front of the line end that ends it.
    (r"([:,])(\n?)$", " $1 $2"),
    (r"(\.{2,})", " $1 "),
    ("([;@#$%&])", " $1 "),
    ("([\u{2012}-\u{2015}])", " $1 "),
    (r#"([^.])(\.)([\])}>"']*)[SPACE]*$"#, "$1 $2$3 "),
    ("([?!])", " $1 "),
    ("([^'])' ", "$1 ' "),
    (r"([*])", " $1 "),
    (r"([\]\[(){}<>])", " $1 "),
    ("--", " -- "),
    ("^", " "),
    ("$", " "),
    // Closing quotation marks and clitics.
    ("([»”’])", " $1 "),
    ("''", " '' "),
    ("\"", " '' "),
    ("[SPACE]+", " "),
    ("([^' ])('[sS]|'[mM]|'[dD]|') ", "$1 $2 "),
    ("([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", "$1 $2 "),
    // Contractions.
    (r"(?i)\b(can)(not)\b", " $1 $2 "),
    (r"(?i)\b(d)('ye)\b", " $1 $2 "),
    (r"(?i)\b(gim)(me)\b", " $1 $2 "),
    (r"(?i)\b(gon)(na)\b", " $1 $2 "),
    (r"(?i)\b(got)(ta)\b", " $1 $2 "),
    (r"(?i)\b(lem)(me)\b", " $1 $2 "),
    (r"(?i)\b(more)('n)\b", " $1 $2 "),
    (r"(?i)\b(wan)(na)([SPACE])", " $1 $2 $3"),
    (r"(?i) ('t)(is)\b", " $1 $2 "),
    (r"(?i) ('t)(was)\b", " $1 $2 "),
];

static OPENING_RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| Rule::list(&OPENING));
static OTHER_RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| Rule::list(&REST));

/// The words of a text.
pub fn treebank_words(text: &str) -> Vec<String> {
    let mut text = text.to_owned();
    OPENING_RULES.iter().for_each(|rule| rule.apply(&mut text));
    if text.contains('\'') {
        text = opening_apostrophes(&text);
    }
    OTHER_RULES.iter().for_each(|rule| rule.apply(&mut text));
    split(&text).map(str::to_owned).collect()
}

/// Puts a space behind an apostrophe that opens a word and is no clitic's.
fn opening_apostrophes(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len() + 4);
    let mut before = None;
    for (at, c) in text.char_indices() {
        spaced.push(c);
        let rest = text.get(at + 1..).unwrap_or_default();
        if c == '\'' && !before.is_some_and(is_word) && rest.starts_with(is_word) && !is_clitic(rest) {
            spaced.push(' ');
        }
        before = Some(c);
    }
    spaced
}

fn is_clitic(rest: &str) -> bool {
    CLITICS.iter().any(|clitic| {
        let head = rest.get(..clitic.len()).is_some_and(|head| head.eq_ignore_ascii_case(clitic));
        head && !rest.get(clitic.len()..).unwrap_or_default().starts_with(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_a_pattern() {
        assert_eq!((OPENING_RULES.len(), OTHER_RULES.len()), (OPENING.len(), REST.len()));
    }
}
