//! Votes on the items of one request, read from the judge's reply.

use super::asking::Matching;
use super::objects::{Object, objects};
use serde_json::Value;

/// What one judge said of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vote {
    /// Correct.
    Yes,
    /// Not correct.
    No,
    /// No readable verdict.
    Unknown,
    /// The item is not in the judge's list at all.
    Absent,
}

impl Vote {
    /// Whether the item was called correct, if the judge said anything.
    pub fn verdict(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Unknown | Self::Absent => None,
        }
    }

    /// From a verdict.
    pub fn of(verdict: Option<bool>) -> Self {
        verdict.map_or(Self::Unknown, |yes| if yes { Self::Yes } else { Self::No })
    }
}

/// The votes on `count` items, numbered from 1, in a judge's reply.
///
/// By index: a missing number, a verdict other than true or false, and two verdicts that contradict each other give
/// `Unknown`; a number that no item has makes all of them `Unknown`, since then the judge counted in another way. For a
/// single item the number may be left out. By position: the list is laid along the items; what is beyond its end is
/// `Absent`, and a reply without any list gives `Unknown` for all.
pub fn read_votes(text: &str, count: usize, matching: Matching) -> Vec<Vote> {
    let entries: Vec<Object> = objects(text)
        .into_iter()
        .filter(|object| object.contains_key("index") || object.contains_key("is_correct"))
        .collect();
    match matching {
        Matching::Index => by_index(&entries, count).unwrap_or_else(|| vec![Vote::Unknown; count]),
        Matching::Position if entries.is_empty() => vec![Vote::Unknown; count],
        Matching::Position => (0..count)
            .map(|at| entries.get(at).map_or(Vote::Absent, |entry| Vote::of(verdict(entry))))
            .collect(),
    }
}

fn by_index(entries: &[Object], count: usize) -> Option<Vec<Vote>> {
    if let ([entry], 1) = (entries, count)
        && !entry.contains_key("index")
    {
        return Some(vec![Vote::of(verdict(entry))]);
    }
    let mut votes: Vec<Option<Vote>> = vec![None; count];
    for entry in entries {
        let slot = votes.get_mut(index(entry)?.checked_sub(1)?)?;
        let vote = Vote::of(verdict(entry));
        *slot = Some(match slot {
            Some(other) if *other != vote => Vote::Unknown,
            _ => vote,
        });
    }
    Some(votes.into_iter().map(|vote| vote.unwrap_or(Vote::Unknown)).collect())
}

fn index(entry: &Object) -> Option<usize> {
    match entry.get("index")? {
        Value::Number(number) => usize::try_from(number.as_u64()?).ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn verdict(entry: &Object) -> Option<bool> {
    match entry.get("is_correct")? {
        Value::Bool(yes) => Some(*yes),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Vote::{Absent, No, Unknown, Yes};
    use super::*;
    use proptest::prelude::Strategy as _;

    fn list(entries: &[(i64, &str)]) -> String {
        let entries =
            entries.iter().map(|(index, is)| format!(r#"{{"index": {index}, "is_correct": {is}}}"#));
        format!("[{}]", entries.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn verdicts_find_their_items_by_number_in_any_order() {
        let shuffled = list(&[(3, "true"), (1, "false"), (2, "true")]);
        assert_eq!(read_votes(&shuffled, 3, Matching::Index), [No, Yes, Yes]);
        assert_eq!(
            read_votes(&shuffled, 3, Matching::Position),
            [Yes, No, Yes],
            "as published code reads it"
        );
    }

    #[test]
    fn what_is_missing_is_unknown_never_assumed() {
        let short = list(&[(1, "true"), (3, "false")]);
        assert_eq!(read_votes(&short, 3, Matching::Index), [Yes, Unknown, No]);
        assert_eq!(read_votes(&short, 3, Matching::Position), [Yes, No, Absent]);
        assert_eq!(read_votes("I cannot grade this.", 2, Matching::Index), [Unknown; 2]);
        assert_eq!(read_votes("I cannot grade this.", 2, Matching::Position), [Unknown; 2]);
        assert_eq!(read_votes(&list(&[(1, "null"), (2, "\"maybe\"")]), 2, Matching::Index), [Unknown; 2]);
    }

    #[test]
    fn a_judge_that_counts_in_another_way_is_not_trusted() {
        let from_zero = list(&[(0, "true"), (1, "false"), (2, "true")]);
        assert_eq!(read_votes(&from_zero, 3, Matching::Index), [Unknown; 3]);
        assert_eq!(read_votes(&list(&[(7, "true")]), 1, Matching::Index), [Unknown]);
        assert_eq!(read_votes(&list(&[(-1, "true"), (1, "true")]), 1, Matching::Index), [Unknown]);
    }

    #[test]
    fn contradictions_are_unknown_and_repetitions_are_fine() {
        let twice = list(&[(1, "true"), (1, "true"), (2, "true"), (2, "false")]);
        assert_eq!(read_votes(&twice, 2, Matching::Index), [Yes, Unknown]);
    }

    proptest::proptest! {
        #[test]
        fn any_reply_gives_one_vote_an_item(
            text in proptest::prop_oneof![
                proptest::arbitrary::any::<String>(),
                proptest::collection::vec(
                    proptest::sample::select(vec![
                        "{", "}", "[", "]", ",", ":", "\"", "'", "\\", "index", "is_correct", "true", "False", "1", "2",
                        "9", "-1", "null", "<think>", "</think>", "```json\n", "é", " ",
                    ]),
                    0..40,
                )
                .prop_map(|pieces| pieces.concat()),
            ],
            count in 0usize..5,
        ) {
            for matching in [Matching::Index, Matching::Position] {
                proptest::prop_assert_eq!(read_votes(&text, count, matching).len(), count);
            }
        }
    }

    #[test]
    fn one_item_needs_no_number() {
        assert_eq!(read_votes(r#"{"is_correct": "True"}"#, 1, Matching::Index), [Yes]);
        assert_eq!(
            read_votes(r#"[{"is_correct": true}, {"is_correct": true}]"#, 2, Matching::Index),
            [Unknown; 2]
        );
    }
}
