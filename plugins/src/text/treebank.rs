//! Words as NLTK 3.10's `NLTKWordTokenizer` takes them, on the whole text: sentences are not split first.

use super::python::{is_space, is_word, split};
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Endings that an apostrophe belongs to, so that it opens no quotation.
const CLITICS: [&str; 8] = ["re", "ve", "ll", "m", "t", "s", "d", "n"];

/// A pattern and what replaces it.
struct Rule(Regex, &'static str);

impl Rule {
    fn list(rules: &[(&str, &'static str)]) -> Vec<Self> {
        rules.iter().filter_map(|(pattern, by)| Some(Self(Regex::new(pattern).ok()?, by))).collect()
    }

    fn apply(&self, text: &mut String) {
        if let Cow::Owned(changed) = self.0.replace_all(text, self.1) {
            *text = changed;
        }
    }
}

const OPENING: [(&str, &str); 4] =
    [("([«“‘„]|`+)", " $1 "), (r#"^""#, "``"), ("(``)", " $1 "), (r#"([ (\[{<])("|'{2})"#, "$1 `` ")];

const REST: [(&str, &str); 20] = [
    // Punctuation; the full stop that ends the text.
    (r#"([^.])(\.)([\])}>"'»”’ ]*)\s*$"#, "$1 $2 $3 "),
    (r"([:,])([^\d])", " $1 $2"),
    // The end of the text, or in front of the line end that ends it.
    (r"([:,])(\n?)$", " $1 $2"),
    (r"(\.{2,})", " $1 "),
    ("([;@#$%&])", " $1 "),
    ("([\u{2012}-\u{2015}])", " $1 "),
    (r#"([^.])(\.)([\])}>"']*)\s*$"#, "$1 $2$3 "),
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
    (r"\s+", " "),
    ("([^' ])('[sS]|'[mM]|'[dD]|') ", "$1 $2 "),
    ("([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", "$1 $2 "),
];

/// Words that are two, and what has to follow.
const CONTRACTIONS: [(&str, Follows); 10] = [
    ("(?i)(can)(not)", Follows::NoWord),
    ("(?i)(d)('ye)", Follows::NoWord),
    ("(?i)(gim)(me)", Follows::NoWord),
    ("(?i)(gon)(na)", Follows::NoWord),
    ("(?i)(got)(ta)", Follows::NoWord),
    ("(?i)(lem)(me)", Follows::NoWord),
    ("(?i)(more)('n)", Follows::NoWord),
    ("(?i)(wan)(na)", Follows::Space),
    ("(?i) ('t)(is)", Follows::NoWord),
    ("(?i) ('t)(was)", Follows::NoWord),
];

/// What has to stand behind a contraction.
#[derive(Clone, Copy)]
enum Follows {
    NoWord,
    Space,
}

static OPENING_RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| Rule::list(&OPENING));
static OTHER_RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| Rule::list(&REST));
static CONTRACTION_RULES: LazyLock<Vec<(Regex, Follows)>> = LazyLock::new(|| {
    CONTRACTIONS.iter().filter_map(|(pattern, follows)| Some((Regex::new(pattern).ok()?, *follows))).collect()
});
/// A character of a word by Unicode's recommendation, marks included: NLTK compiles most of its rules so, but not
/// those of contractions.
static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\w$").ok());

/// The words of a text.
pub fn treebank_words(text: &str) -> Vec<String> {
    let mut text = text.to_owned();
    OPENING_RULES.iter().for_each(|rule| rule.apply(&mut text));
    if text.contains('\'') {
        text = opening_apostrophes(&text);
    }
    OTHER_RULES.iter().for_each(|rule| rule.apply(&mut text));
    for (pattern, follows) in CONTRACTION_RULES.iter() {
        text = apart(text, pattern, *follows);
    }
    split(&text).map(str::to_owned).collect()
}

/// Puts a space behind an apostrophe that opens a word and is no clitic's.
fn opening_apostrophes(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len() + 4);
    let mut before = None;
    for (at, c) in text.char_indices() {
        spaced.push(c);
        let rest = text.get(at + 1..).unwrap_or_default();
        if c == '\'' && !before.is_some_and(belongs) && rest.starts_with(belongs) && !is_clitic(rest) {
            spaced.push(' ');
        }
        before = Some(c);
    }
    spaced
}

fn belongs(c: char) -> bool {
    if c.is_ascii() {
        return is_word(c);
    }
    let mut bytes = [0; 4];
    WORD.as_ref().is_some_and(|class| class.is_match(c.encode_utf8(&mut bytes)))
}

fn is_clitic(rest: &str) -> bool {
    CLITICS.iter().any(|clitic| {
        let head = rest.get(..clitic.len()).is_some_and(|head| head.eq_ignore_ascii_case(clitic));
        head && !rest.get(clitic.len()..).unwrap_or_default().starts_with(belongs)
    })
}

/// Takes a contraction apart where it stands alone.
fn apart(text: String, pattern: &Regex, follows: Follows) -> String {
    let (mut spaced, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = pattern.captures_at(&text, at) {
        let (Some(whole), Some(first), Some(second)) = (found.get(0), found.get(1), found.get(2)) else {
            break;
        };
        let before = text.get(..whole.start()).and_then(|head| head.chars().next_back());
        let after = text.get(whole.end()..).and_then(|rest| rest.chars().next());
        // A leading space is a border by itself.
        let alone = whole.start() < first.start() || !before.is_some_and(is_word);
        let ends = match follows {
            Follows::NoWord => !after.is_some_and(is_word),
            Follows::Space => after.is_some_and(is_space),
        };
        if alone && ends {
            for part in [text.get(copied..whole.start()), Some(" "), Some(first.as_str()), Some(" ")] {
                spaced.push_str(part.unwrap_or_default());
            }
            spaced.push_str(second.as_str());
            spaced.push(' ');
            (copied, at) = (whole.end(), whole.end());
        } else {
            at = whole.start() + whole.as_str().chars().next().map_or(1, char::len_utf8);
        }
    }
    if copied == 0 {
        return text;
    }
    spaced.push_str(text.get(copied..).unwrap_or_default());
    spaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_a_pattern() {
        assert_eq!((OPENING_RULES.len(), OTHER_RULES.len()), (OPENING.len(), REST.len()));
        assert_eq!(CONTRACTION_RULES.len(), CONTRACTIONS.len());
    }
}
