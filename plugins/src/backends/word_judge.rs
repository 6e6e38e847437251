//! A judge without a model: it compares words. It stands in for a panel where there is no server, and bounds what a panel
//! adds: a judge that agrees with it everywhere reads no meaning.

use situs_core::prelude::*;
use std::collections::BTreeMap;

situs_core::component! {
    /// A judge that compares words: correct when an answer shares enough of them with the reference, and names no other
    /// side. Deterministic, needs no server.
    ///
    /// It reads the built-in prompt of the metrics `judge` and `jury`, or any that lists items as `N. ...` with lines that
    /// hold `Reference answer:` and `Candidate answer:`, each followed by a JSON text.
    model "word-judge";
    pub struct WordJudge {
        /// F1 of shared words from which an answer is correct, above 0 and at most 1.
        pub threshold: f64 = 0.5,
    }
}

#[typetag::serde(name = "word-judge")]
impl ModelBackendSpec for WordJudge {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            let what = format!("must be above 0 and at most 1, found {}", self.threshold);
            return Err(Fault::config(what).at("threshold"));
        }
        let digest = Digest::new("situs-word-judge-1").json(&self.threshold).hex();
        Ok(Box::new(Judge { card: ModelCard::baseline("word-judge", digest), threshold: self.threshold }))
    }
}

struct Judge {
    card: ModelCard,
    threshold: f64,
}

impl ModelBackend for Judge {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, _: &Sampling, _: &dyn Media) -> Result<Reply, Fault> {
        let items = items(&request.prompt.joined_text());
        if items.is_empty() {
            return Err(Fault::unsupported("this prompt lists no items to judge")
                .help("word-judge answers judging prompts alone"));
        }
        let verdicts: Vec<serde_json::Value> = items
            .iter()
            .map(|item| {
                let correct = same(&item.reference, &item.candidate, self.threshold);
                serde_json::json!({ "index": item.index, "is_correct": correct })
            })
            .collect();
        Ok(Reply::text(serde_json::Value::from(verdicts).to_string()))
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Item {
    index: u64,
    reference: String,
    candidate: String,
}

fn items(prompt: &str) -> Vec<Item> {
    let quoted = |line: &str, label: &str| {
        let (_, rest) = line.split_once(label)?;
        serde_json::from_str::<String>(rest.trim()).ok()
    };
    let mut found = Vec::new();
    let (mut index, mut reference) = (None, None);
    for line in prompt.lines() {
        let number = line.split_once(". ").and_then(|(number, _)| number.trim().parse().ok());
        if number.is_some() {
            (index, reference) = (number, None);
        }
        if let Some(text) = quoted(line, "Reference answer:") {
            reference = Some(text);
        }
        if let Some(candidate) = quoted(line, "Candidate answer:")
            && let (Some(index), Some(reference)) = (index.take(), reference.take())
        {
            found.push(Item { index, reference, candidate });
        }
    }
    found
}

/// Words that say nothing of a place.
const EMPTY: [&str; 14] =
    ["a", "an", "and", "are", "at", "in", "is", "it", "of", "on", "the", "to", "with", "side"];
/// Words of which one cannot stand for the other, however much else is shared.
const OPPOSITES: [[&str; 2]; 8] = [
    ["left", "right"],
    ["anterior", "posterior"],
    ["above", "below"],
    ["front", "behind"],
    ["upper", "lower"],
    ["superior", "inferior"],
    ["medial", "lateral"],
    ["yes", "no"],
];

fn same(reference: &str, candidate: &str, threshold: f64) -> bool {
    let (reference, candidate) = (bag(reference), bag(candidate));
    let contradicts = OPPOSITES.iter().flat_map(|[a, b]| [(a, b), (b, a)]).any(|(said, other)| {
        reference.contains_key(*said)
            && !reference.contains_key(*other)
            && candidate.contains_key(*other)
            && !candidate.contains_key(*said)
    });
    let count = |bag: &BTreeMap<String, usize>| bag.values().sum::<usize>() as f64;
    let shared: usize =
        reference.iter().map(|(word, times)| candidate.get(word).map_or(0, |own| *own.min(times))).sum();
    let total = count(&reference) + count(&candidate);
    !contradicts && total > 0.0 && 2.0 * shared as f64 / total >= threshold
}

fn bag(text: &str) -> BTreeMap<String, usize> {
    let mut bag = BTreeMap::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric()) {
        let word = word.to_lowercase();
        if !word.is_empty() && !EMPTY.contains(&word.as_str()) {
            *bag.entry(word).or_default() += 1;
        }
    }
    bag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_with_quotes_and_line_ends_inside() {
        let prompt = "Judge.\n\nItems\n1. Question: \"Where?\"\n   Reference answer: \"On the \\\"left\\\"\\n side\"\n   \
                      Candidate answer: \"\"\n4. Question: \"Reference answer: none\"\n   Reference answer: \"Here\"\n   \
                      Candidate answer: \"5. There\"";
        let found = items(prompt);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].reference, "On the \"left\"\n side");
        assert_eq!((found[1].index, found[1].candidate.as_str()), (4, "5. There"));
        assert!(items("Which side?").is_empty());
    }

    #[test]
    fn shared_words_decide_and_the_other_side_never_passes() {
        assert!(same("In the left kidney.", "left kidney", 1.0));
        assert!(same("Behind the stomach", "It lies behind the stomach", 0.5));
        assert!(!same("Behind the stomach", "In front of the stomach", 0.4));
        assert!(!same("On the left side", "right", 0.1) && !same("Left.", "", 0.1));
        assert!(same("Both lungs, left and right", "right and left lungs", 0.5), "both sides are no contradiction");
    }
}
