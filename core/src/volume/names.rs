//! Names of structures: name maps from outside, and side words.

use crate::fault::Fault;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::Range;

/// Longest class name that is taken from outside, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// Reads a name map in either direction: `{"1": "spleen"}` or `{"spleen": 1}`.
///
/// Label 0 is the background; its name is ignored.
///
/// # Errors
/// Data: no object, a label that is not a whole number of 0..2^32, an empty or overlong name, a label named twice, a
/// name given to two labels.
pub fn parse_name_map(json: &Value) -> Result<BTreeMap<u32, String>, Fault> {
    let wrong = |what: String| {
        Fault::data(format!("name map: {what}"))
            .help("write {\"1\": \"spleen\", ...} or {\"spleen\": 1, ...}")
    };
    let Value::Object(entries) = json else {
        return Err(wrong(format!("expected an object, found {}", kind(json))));
    };
    let mut names: BTreeMap<u32, String> = BTreeMap::new();
    let mut labels: BTreeMap<&str, u32> = BTreeMap::new();
    let by_name = maps_names_to_labels(entries);
    for (key, value) in entries {
        let (label, name) = if by_name {
            (whole_number(value), Some(key.as_str()))
        } else {
            (key.trim().parse::<u32>().ok(), value.as_str())
        };
        let (Some(label), Some(name)) = (label, name) else {
            return Err(wrong(format!("{key:?}: {value} is no pair of a label (0..4294967295) and a name")));
        };
        if name.trim().is_empty() || name.len() > MAX_NAME_BYTES {
            let what =
                format!("label {label} has a name of {} bytes; 1..{MAX_NAME_BYTES} are allowed", name.len());
            return Err(wrong(what));
        }
        if label == 0 {
            continue;
        }
        if let Some(other) = names.insert(label, name.to_owned()) {
            return Err(wrong(format!("label {label} is named both {other:?} and {name:?}")));
        }
        if let Some(other) = labels.insert(name, label) {
            return Err(wrong(format!("{name:?} is the name of labels {other} and {label}")));
        }
    }
    Ok(names)
}

/// `{"spleen": 1}` holds numbers; `{"1": "spleen"}` and the odd `{"spleen": "1"}` hold text.
fn maps_names_to_labels(entries: &Map<String, Value>) -> bool {
    entries.iter().any(|(key, value)| whole_number(value).is_some() && key.trim().parse::<u32>().is_err())
        || entries.values().all(Value::is_number)
}

fn whole_number(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn kind(json: &Value) -> &'static str {
    match json {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A side of the patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The patient's left.
    Left,
    /// The patient's right.
    Right,
}

impl Side {
    /// "left" or "right".
    pub fn word(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }

    /// The other one.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// Side words as class names spell them, left and right; `lh` and `rh` name hemispheres.
const SIDE_WORDS: [[&str; 2]; 5] =
    [["left", "right"], ["Left", "Right"], ["LEFT", "RIGHT"], ["lh", "rh"], ["LH", "RH"]];
/// Letters that stand for a side at the end of a class name: `Precentral_L`, `kidney_r`.
const TAIL_LETTERS: [[&str; 2]; 2] = [["L", "R"], ["l", "r"]];
/// Letters that stand for a side at its start: `L_Hippocampus`.
const HEAD_LETTERS: [[&str; 2]; 1] = [["L", "R"]];
/// What sets a side's letter off from the rest of a class name.
const JOINTS: [char; 3] = ['_', '-', '.'];

/// The side words of a name, with the bytes at which they stand: those of `kidney_left`, `left kidney`, `rib_left_1`,
/// `Left-Thalamus`, `ctx-lh-precentral`, `Precentral_L` and `L_Hippocampus`. A bare letter is a side only at an end of
/// a name that goes on in letters: neither that of `R`, nor of `level L`, nor of `L_5`.
pub fn side_words(name: &str) -> Vec<(Side, Range<usize>)> {
    spelled_sides(name).into_iter().map(|(side, _, at)| (side, at)).collect()
}

/// The side a name tells, `None` where it tells none or both.
pub fn side_of(name: &str) -> Option<Side> {
    let mut sides = side_words(name).into_iter().map(|(side, _)| side);
    let first = sides.next()?;
    sides.all(|side| side == first).then_some(first)
}

/// A name with its side words swapped, spelled as they were: `kidney_left` becomes `kidney_right`, `Precentral_L`
/// becomes `Precentral_R`. What else [`side_words`] finds no side in stays.
pub fn swap_sides(name: &str) -> String {
    let mut swapped = String::with_capacity(name.len() + 1);
    let mut done = 0;
    for (side, words, at) in spelled_sides(name) {
        swapped.push_str(&name[done..at.start]);
        swapped.push_str(words[usize::from(side == Side::Left)]);
        done = at.end;
    }
    swapped.push_str(&name[done..]);
    swapped
}

/// Side words with the spellings of both sides.
fn spelled_sides(name: &str) -> Vec<(Side, [&'static str; 2], Range<usize>)> {
    let mut found = Vec::new();
    let mut start = 0;
    for word in name.split(|letter: char| !letter.is_alphanumeric()) {
        let at = start..start + word.len();
        let (before, after) = (&name[..at.start], &name[at.end..]);
        // One past the separator; the last word is followed by none.
        start = at.end + after.chars().next().map_or(0, char::len_utf8);
        let tail = after.is_empty() && before.ends_with(JOINTS) && before.len() > 1;
        let goes_on = || after.trim_start_matches(JOINTS).starts_with(char::is_alphabetic);
        let head = before.is_empty() && after.starts_with(JOINTS) && goes_on();
        let spellings = SIDE_WORDS
            .iter()
            .chain(TAIL_LETTERS.iter().filter(|_| tail))
            .chain(HEAD_LETTERS.iter().filter(|_| head));
        for spelling in spellings {
            let side = match spelling.iter().position(|spelled| *spelled == word) {
                Some(0) => Side::Left,
                Some(_) => Side::Right,
                None => continue,
            };
            found.push((side, *spelling, at.clone()));
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_directions_of_a_name_map_are_read() {
        let expected = BTreeMap::from([(1, "spleen".to_owned()), (30, "vertebrae_L5".to_owned())]);
        assert_eq!(parse_name_map(&json!({"1": "spleen", "30": "vertebrae_L5"})).unwrap(), expected);
        assert_eq!(parse_name_map(&json!({"spleen": 1, "vertebrae_L5": 30})).unwrap(), expected);
        assert_eq!(
            parse_name_map(&json!({"background": 0, "spleen": "1", "vertebrae_L5": 30})).unwrap(),
            expected
        );
        assert_eq!(parse_name_map(&json!({})).unwrap(), BTreeMap::new());
    }

    #[test]
    fn a_name_map_that_contradicts_itself_is_refused() {
        for (map, needle) in [
            (json!({"a": 1, "b": 1}), "named both"),
            (json!({"1": "a", "2": "a"}), "labels 1 and 2"),
            (json!({"1": 5.5}), "no pair"),
            (json!({"spleen": -1}), "no pair"),
            (json!({"1": "spleen", "x": "y"}), "no pair"),
            (json!({"1": ""}), "0 bytes"),
            (json!({"1": null}), "no pair"),
            (json!(["spleen"]), "found a list"),
        ] {
            let fault = parse_name_map(&map).unwrap_err();
            assert!(fault.what.contains(needle), "{map}: {fault}");
        }
    }

    #[test]
    fn side_words_are_found_in_every_spelling_and_swapped() {
        for (left, right) in [
            ("kidney_left", "kidney_right"),
            ("left kidney", "right kidney"),
            ("rib_left_1", "rib_right_1"),
            ("Precentral_L", "Precentral_R"),
            ("kidney_l", "kidney_r"),
            ("L_Hippocampus", "R_Hippocampus"),
            ("L-V1", "R-V1"),
            ("lung_upper_lobe_left", "lung_upper_lobe_right"),
            ("Left-Thalamus", "Right-Thalamus"),
            ("Left_Thalamus", "Right_Thalamus"),
            ("LEFT KIDNEY", "RIGHT KIDNEY"),
            ("ctx-lh-precentral", "ctx-rh-precentral"),
            ("niere_links_left_\u{00FC}", "niere_links_right_\u{00FC}"),
        ] {
            assert_eq!(swap_sides(left), right);
            assert_eq!(swap_sides(right), left);
            assert_eq!((side_of(left), side_of(right)), (Some(Side::Left), Some(Side::Right)), "{left}");
        }
        for neither in [
            "vertebrae_L1",
            "L_5",
            "spleen",
            "cleft",
            "bright_spot",
            "L",
            "_L",
            "level L",
            "",
            "_",
            "portal_vein",
            "Rolandic",
        ] {
            assert_eq!(swap_sides(neither), neither);
            assert_eq!(side_of(neither), None, "{neither}");
        }
        assert_eq!(side_of("left and right lung"), None);
        assert_eq!(swap_sides("left and right lung"), "right and left lung");
    }
}
