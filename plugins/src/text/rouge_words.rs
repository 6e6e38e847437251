//! Words as rouge-score 0.1.2 takes them.

use super::porter::stem;
use super::python::lower;

/// Shortest word that is stemmed, in characters.
const SHORTEST_STEMMED: usize = 4;

/// Runs of `a-z0-9` of the text in lower case; everything else is white space. With `stemmer`, words of four characters
/// and more are stemmed.
pub fn rouge_words(text: &str, stemmer: bool) -> Vec<String> {
    let lower = lower(text);
    // A byte of a longer character is no letter of ASCII, so bytes stand for characters.
    let words = lower.as_bytes().split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words = words.filter_map(|word| std::str::from_utf8(word).ok());
    words
        .map(|word| if stemmer && word.len() >= SHORTEST_STEMMED { stem(word) } else { word.to_owned() })
        .collect()
}
