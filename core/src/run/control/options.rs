//! Shuffled options: the allowed answers in another order, wherever the text prints them.

use super::cannot;
use crate::config::Control;
use crate::digest::Draw;
use crate::fault::Fault;
use crate::question::Question;

/// The question with its options printed in another order. Where options are printed under letters, the letters stay in
/// place and their texts move; where the answer is a letter, the truth moves along.
///
/// # Errors
/// Rejected where there are fewer than two options, or the text does not print them as a list.
pub fn shuffled(question: &Question, seed: u64) -> Result<Question, Fault> {
    let refuse = |why: &str| Err(cannot(Control::ShuffledOptions, why));
    let count = question.options.len();
    if count < 2 {
        return refuse("fewer than two options");
    }
    let order = moving(&Draw::new(seed).of("shuffled-options").of(&question.id), count);
    let mut shuffled = question.clone();
    if let Some(text) = under_letters(&question.text, &order) {
        shuffled.text = text;
        let letters: Vec<String> = ('A'..='Z').take(count).map(String::from).collect();
        if question.options == letters {
            let Some(old) = question.options.iter().position(|option| *option == question.truth) else {
                return refuse("the truth is none of the options");
            };
            let new = order.iter().position(|from| *from == old).unwrap_or(old);
            shuffled.truth.clone_from(&letters[new]);
        } else {
            shuffled.options = order.iter().map(|from| question.options[*from].clone()).collect();
        }
        return Ok(shuffled);
    }
    let moved: Vec<String> = order.iter().map(|from| question.options[*from].clone()).collect();
    // A text may print them twice: "Is it true or false? ... Write exactly one of: true, false."
    for list in LISTS {
        shuffled.text = shuffled.text.replace(&list(&question.options), &list(&moved));
    }
    if shuffled.text == question.text {
        return refuse("the text does not print the options as a list");
    }
    shuffled.options = moved;
    Ok(shuffled)
}

/// An order that is not the one there is.
pub(super) fn moving(draw: &Draw, count: usize) -> Vec<usize> {
    let mut order = draw.order(count);
    if order.iter().enumerate().all(|(place, from)| place == *from) {
        order.rotate_left(1);
    }
    order
}

/// Ways in which texts print lists, longest first where one contains another.
const LISTS: [fn(&[String]) -> String; 6] = [
    |options| ending(options, ", ", ", or "),
    |options| ending(options, ", ", " or "),
    |options| options.join(", "),
    |options| options.join("\n"),
    |options| options.join(" / "),
    |options| options.join("; "),
];

fn ending(options: &[String], between: &str, last: &str) -> String {
    match options.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{}{last}{end}", rest.join(between)),
        _ => options.join(between),
    }
}

/// The text with the lines `A. ...`, `B. ...` (also `A)` and `(A)`) of a lettered list in another order, letters in
/// place; `None` when it has no such list of this length.
fn under_letters(text: &str, order: &[usize]) -> Option<String> {
    let lines: Vec<&str> = text.split('\n').collect();
    let bodies = |start: usize| -> Option<Vec<(&str, &str)>> {
        lines
            .get(start..start + order.len())?
            .iter()
            .zip('A'..='Z')
            .map(|(line, letter)| lettered(line, letter))
            .collect()
    };
    let (start, found) = (0..lines.len()).find_map(|start| Some((start, bodies(start)?)))?;
    // One more line would make the list longer than the options are.
    let beyond = char::from(b'A' + u8::try_from(order.len()).ok()?);
    if lines.get(start + order.len()).is_some_and(|line| lettered(line, beyond).is_some()) {
        return None;
    }
    let mut moved: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    for (place, from) in order.iter().enumerate() {
        moved[start + place] = format!("{}{}", found[place].0, found[*from].1);
    }
    Some(moved.join("\n"))
}

/// A line's lead (`B. `) and body, if it stands under this letter.
fn lettered(line: &str, letter: char) -> Option<(&str, &str)> {
    let leads = [format!("{letter}. "), format!("{letter}) "), format!("({letter}) "), format!("{letter}: ")];
    let lead = leads.iter().find(|lead| line.starts_with(lead.as_str()))?;
    Some(line.split_at(lead.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(text: &str, options: &[&str], truth: &str) -> Question {
        serde_json::from_value(serde_json::json!({
            "id": "q", "cases": ["c"], "template": "T", "cell": "c", "bundle": "", "structures": [],
            "text": text, "options": options, "truth": truth, "chance": 1.0 / options.len().max(1) as f64,
            "facets": {}, "scene": null, "evidence": {"positions": [], "relation": ""},
        }))
        .unwrap()
    }

    #[test]
    fn a_printed_list_changes_its_order_wherever_it_stands() {
        let text = "Left, right or above? Is it left, right or above? Write one of: left, right, above.";
        let plain = question(text, &["left", "right", "above"], "right");
        let moved = shuffled(&plain, 3).unwrap();
        assert_ne!(moved.options, plain.options);
        let [a, b, c] = &moved.options[..] else { panic!("{moved:?}") };
        let expected = format!("Left, right or above? Is it {a}, {b} or {c}? Write one of: {a}, {b}, {c}.");
        assert_eq!(moved.text, expected);
        assert_eq!(moved.truth, "right");
        let mut sorted = moved.options.clone();
        sorted.sort();
        assert_eq!(sorted, ["above", "left", "right"]);
    }

    #[test]
    fn letters_stay_and_their_texts_move() {
        let text = "How far?\nA. 1 cm\nB. 2 cm\nC. 3 cm\nD. 4 cm\nAnswer with a letter.";
        let of = |moved: &Question, letter: &str| {
            let lead = format!("{letter}. ");
            moved.text.lines().find_map(|line| line.strip_prefix(&lead)).unwrap().to_owned()
        };
        let moved = shuffled(&question(text, &["A", "B", "C", "D"], "B"), 1).unwrap();
        assert_ne!(moved.text, text);
        assert_eq!(of(&moved, &moved.truth), "2 cm", "the letter of the truth moves with its text");
        let moved = shuffled(&question(text, &["1 cm", "2 cm", "3 cm", "4 cm"], "2 cm"), 1).unwrap();
        assert_eq!(moved.truth, "2 cm");
        let printed: Vec<String> = ["A", "B", "C", "D"].iter().map(|letter| of(&moved, letter)).collect();
        assert_eq!(moved.options, printed);
    }

    #[test]
    fn what_prints_no_list_is_left_out_with_a_reason() {
        let fault = shuffled(&question("How many?", &["one", "two"], "one"), 1).unwrap_err();
        assert_eq!(fault.what, "shuffled-options: the text does not print the options as a list");
        assert!(shuffled(&question("How many?", &[], "7"), 1).is_err());
    }
}
