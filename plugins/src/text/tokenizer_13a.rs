//! The tokeniser `13a` of sacreBLEU 2.6.0, after mteval-v13a.

use super::python::{is_space, split};
use std::borrow::Cow;

/// The text as space-separated tokens. White space at its end is dropped first, as sacreBLEU does before it tokenises.
///
/// Each rule goes over the whole text before the next one begins, and a character that one match used is not looked at
/// again by the same rule: `..` and `1,,2` come out as there. Bytes stand for characters, since all that is looked for
/// is ASCII.
pub fn tokens_13a(text: &str) -> String {
    let text = text.trim_end_matches(is_space);
    let mut text = Cow::Borrowed(text);
    for (from, to) in [("<skipped>", ""), ("-\n", ""), ("\n", " ")] {
        replace(&mut text, from, to);
    }
    for (from, to) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
        replace(&mut text, from, to);
    }
    let mut spaced = Vec::with_capacity(text.len() * 2 + 2);
    spaced.push(b' ');
    for byte in text.bytes() {
        if is_symbol(byte) {
            spaced.extend([b' ', byte, b' ']);
        } else {
            spaced.push(byte);
        }
    }
    spaced.push(b' ');
    let mut other = Vec::with_capacity(spaced.len() + 16);
    if spaced.iter().any(|byte| is_point(*byte)) {
        each_pair(
            &spaced,
            &mut other,
            |first, second| !first.is_ascii_digit() && is_point(second),
            [false, true, true],
        );
        std::mem::swap(&mut spaced, &mut other);
        each_pair(
            &spaced,
            &mut other,
            |first, second| is_point(first) && !second.is_ascii_digit(),
            [true, true, false],
        );
        std::mem::swap(&mut spaced, &mut other);
    }
    if spaced.contains(&b'-') {
        each_pair(
            &spaced,
            &mut other,
            |first, second| first.is_ascii_digit() && second == b'-',
            [false, true, true],
        );
        std::mem::swap(&mut spaced, &mut other);
    }
    // Only ASCII was inserted, between characters or inside none.
    let spaced = String::from_utf8_lossy(&spaced);
    let mut joined = String::with_capacity(spaced.len());
    for token in split(&spaced) {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(token);
    }
    joined
}

fn replace(text: &mut Cow<'_, str>, from: &str, to: &str) {
    if text.contains(from) {
        *text = Cow::Owned(text.replace(from, to));
    }
}

/// Symbols that always stand alone. Apostrophe, comma, hyphen and full stop are not among them.
fn is_symbol(byte: u8) -> bool {
    matches!(byte, b' '..=b'&' | b'('..=b'+' | b'/' | b':'..=b'@' | b'['..=b'`' | b'{'..=b'~')
}

fn is_point(byte: u8) -> bool {
    matches!(byte, b'.' | b',')
}

/// Copies the text; around each pair of bytes that belong together, spaces are put before, between and after.
fn each_pair(from: &[u8], to: &mut Vec<u8>, is_pair: impl Fn(u8, u8) -> bool, spaces: [bool; 3]) {
    to.clear();
    let mut at = 0;
    while let Some(first) = from.get(at).copied() {
        match from.get(at + 1).copied() {
            Some(second) if is_pair(first, second) => {
                for (space, byte) in spaces.iter().zip([Some(first), Some(second), None]) {
                    to.extend(space.then_some(b' '));
                    to.extend(byte);
                }
                at += 2;
            }
            _ => {
                to.push(first);
                at += 1;
            }
        }
    }
}
