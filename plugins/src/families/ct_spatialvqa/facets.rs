//! What a pair's words tell of it: categories, opener, form.

use crate::datasets::ct_rate::pairs::{CATEGORIES, Pair};
use std::collections::{BTreeMap, BTreeSet};

/// Facet of each of [`CATEGORIES`]: a pair has any number of them, so each is a facet with the levels yes and no.
pub const CATEGORY_FACETS: [&str; 6] =
    ["laterality", "longitudinal", "depth", "centricity", "adjacency", "extent"];

/// Question openers with a level of their own; all others share one.
const OPENERS: [&str; 12] =
    ["where", "are", "what", "which", "in", "is", "does", "do", "how", "on", "at", "from"];
/// Openers of questions that yes or no answers.
const YES_NO: [&str; 14] = [
    "is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "can", "could", "will", "there",
];

/// Levels of all facets that the words decide.
pub fn of(pair: &Pair) -> BTreeMap<String, String> {
    let mut facets = BTreeMap::new();
    let mut set = |name: &str, level: &str| {
        facets.insert(name.to_owned(), level.to_owned());
    };
    for (facet, category) in CATEGORY_FACETS.into_iter().zip(CATEGORIES) {
        set(
            facet,
            match &pair.categories {
                None => "-",
                Some(names) if names.iter().any(|name| name == category) => "yes",
                Some(_) => "no",
            },
        );
    }
    let labels = pair.categories.as_ref().map_or_else(|| "-".to_owned(), |names| names.len().to_string());
    set("labels", &labels);
    set("opener", level_of_opener(&pair.question));
    set("form", if YES_NO.contains(&opener(&pair.question).as_str()) { "yes-no" } else { "open" });
    set("side", side(&pair.answer));
    set("answer_in_question", if told(&pair.question, &pair.answer) { "yes" } else { "no" });
    facets
}

/// The first word of a question, in small letters.
pub fn opener(question: &str) -> String {
    words(question).next().unwrap_or_default()
}

fn level_of_opener(question: &str) -> &'static str {
    let first = opener(question);
    OPENERS.into_iter().find(|opener| *opener == first).unwrap_or("other")
}

/// Which side an answer names.
fn side(answer: &str) -> &'static str {
    let words: BTreeSet<String> = words(answer).collect();
    let says = |word: &str| words.contains(word);
    match (says("left"), says("right"), says("both") || says("bilateral") || says("bilaterally")) {
        (_, _, true) | (true, true, _) => "both",
        (true, false, _) => "left",
        (false, true, _) => "right",
        (false, false, _) => "none",
    }
}

/// Whether every word of the answer stands in the question.
fn told(question: &str, answer: &str) -> bool {
    let question: BTreeSet<String> = words(question).collect();
    words(answer).all(|word| question.contains(&word))
}

/// Runs of letters, digits and `_` in small letters.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facets(question: &str, answer: &str, categories: Option<&[&str]>) -> BTreeMap<String, String> {
        of(&Pair {
            index: 0,
            row: None,
            question: question.to_owned(),
            answer: answer.to_owned(),
            categories: categories.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        })
    }

    #[test]
    fn categories_are_one_facet_each() {
        let labelled = facets("Where is it?", "In the liver.", Some(&[CATEGORIES[0], CATEGORIES[4]]));
        assert_eq!(CATEGORY_FACETS.map(|facet| labelled[facet].as_str()), ["yes", "no", "no", "no", "yes", "no"]);
        assert_eq!(labelled["labels"], "2");
        let none = facets("Where is it?", "In the liver.", Some(&[]));
        assert_eq!((none["labels"].as_str(), none["extent"].as_str()), ("0", "no"));
        assert_eq!(facets("Where?", "There.", None)["extent"], "-", "not labelled is not `no`");
    }

    #[test]
    fn words_decide_opener_form_and_side() {
        let of = |question: &str, answer: &str, facet: &str| facets(question, answer, None)[facet].clone();
        assert_eq!(of("Is the nodule left?", "No.", "form"), "yes-no");
        assert_eq!(of("  Where, then?", "There.", "opener"), "where");
        assert_eq!(of("Towards which lobe?", "Upper.", "opener"), "other");
        for (answer, side) in
            [("In both lungs", "both"), ("left and right", "both"), ("The RIGHT lobe", "right"), ("Centrally", "none")]
        {
            assert_eq!(of("Where?", answer, "side"), side, "{answer}");
        }
        assert_eq!(of("Is it on the left side?", "The left side.", "answer_in_question"), "yes");
        assert_eq!(of("Is it on the left side?", "Yes.", "answer_in_question"), "no");
    }
}
