//! Answers as SQuAD v1.1's evaluation compares them.

use super::numbering::Numbering;
use super::python::{is_word, lower, split};

/// Articles that do not count.
const ARTICLES: [&str; 3] = ["a", "an", "the"];

/// Lower case, without ASCII punctuation (deleted, not replaced), without articles, words one space apart.
pub fn normalised(text: &str) -> String {
    let plain: String = lower(text).chars().filter(|c| !c.is_ascii_punctuation()).collect();
    let mut without = String::with_capacity(plain.len());
    let mut rest = plain.as_str();
    while !rest.is_empty() {
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        without.push_str(if ARTICLES.contains(&word) { " " } else { word });
        let gap = after.find(is_word).unwrap_or(after.len());
        let (between, next) = after.split_at(gap);
        without.push_str(between);
        rest = next;
    }
    split(&without).collect::<Vec<_>>().join(" ")
}

/// F1 of the words of two normalised texts, each counted as often as it occurs; 1 when both are empty, 0 when one is.
pub fn token_f1(prediction: &str, reference: &str) -> f64 {
    let (prediction, reference) = (normalised(prediction), normalised(reference));
    let mut numbers = Numbering::default();
    let reference = numbers.of(split(&reference));
    let prediction = numbers.of(split(&prediction));
    let (own, others) = (prediction.len(), reference.len());
    let mut left = vec![0_usize; numbers.len()];
    for word in reference {
        left[word as usize] += 1;
    }
    let mut common = 0;
    for word in prediction {
        let left = &mut left[word as usize];
        common += usize::from(*left > 0);
        *left = left.saturating_sub(1);
    }
    if own == 0 || others == 0 {
        return f64::from(u8::from(own == others));
    }
    if common == 0 {
        return 0.0;
    }
    let (precision, recall) = (common as f64 / own as f64, common as f64 / others as f64);
    2.0 * precision * recall / (precision + recall)
}
