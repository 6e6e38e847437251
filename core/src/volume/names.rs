//! Names of structures: name maps from outside, and side words.

use crate::fault::Fault;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

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

/// A name with its side words swapped: `kidney_left` becomes `kidney_right`, `left kidney` becomes `right kidney`,
/// `rib_left_1` becomes `rib_right_1`, `Precentral_L` becomes `Precentral_R`. Words without a side stay.
pub fn swap_sides(name: &str) -> String {
    let mut swapped = String::with_capacity(name.len() + 1);
    let mut rest = name;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        // A bare L or R is a side only as the tail of a class name: `Precentral_L`, but neither `R` nor `level L`.
        let tail = after.is_empty() && swapped.ends_with(['_', '-']);
        swapped.push_str(opposite(word, tail).unwrap_or(word));
        let gap = after.find(char::is_alphanumeric).unwrap_or(after.len());
        swapped.push_str(&after[..gap]);
        rest = &after[gap..];
    }
    swapped
}

fn opposite(word: &str, tail: bool) -> Option<&'static str> {
    const PAIRS: [(&str, &str); 3] = [("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT")];
    let pairs = PAIRS.iter().chain(tail.then_some(&("L", "R")));
    for (left, right) in pairs {
        if word == *left {
            return Some(right);
        }
        if word == *right {
            return Some(left);
        }
    }
    None
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
    fn side_words_are_swapped_and_other_words_are_not() {
        for (one, other) in [
            ("kidney_left", "kidney_right"),
            ("left kidney", "right kidney"),
            ("rib_left_1", "rib_right_1"),
            ("Precentral_L", "Precentral_R"),
            ("lung_upper_lobe_left", "lung_upper_lobe_right"),
            ("Left-Thalamus", "Right-Thalamus"),
        ] {
            assert_eq!(swap_sides(one), other);
            assert_eq!(swap_sides(other), one);
        }
        for same in ["vertebrae_L1", "spleen", "cleft", "bright_spot", "L", "level L", "", "_", "portal_vein"]
        {
            assert_eq!(swap_sides(same), same);
        }
    }
}
