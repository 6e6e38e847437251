//! JSON objects in a model's reply, however they are wrapped: in fences, in prose, in a list that was cut off, with the
//! habits of Python. What does not read as a whole object is left out, never guessed.

use serde_json::{Map, Value};

/// An object of a reply.
pub type Object = Map<String, Value>;

/// Longest part of a reply that is read, in bytes.
const MAX_REPLY_BYTES: usize = 256 << 10;
/// Deepest nesting that is read.
const DEEPEST: usize = 8;
/// Where a model that thinks aloud ends its thoughts.
const END_OF_THOUGHT: &str = "</think>";

/// All objects in order of appearance, outer ones first. Thoughts in front of the reply are skipped.
pub fn objects(text: &str) -> Vec<Object> {
    let text = text.rfind(END_OF_THOUGHT).map_or(text, |end| &text[end + END_OF_THOUGHT.len()..]);
    let bytes = text.as_bytes();
    let mut reader = Reader { bytes: &bytes[..bytes.len().min(MAX_REPLY_BYTES)], at: 0 };
    let mut found = Vec::new();
    while let Some(start) = reader.next_brace() {
        reader.at = start;
        match reader.value(0) {
            Some(value) => gather(value, &mut found),
            None => reader.at = start + 1,
        }
    }
    found
}

/// A wrapper that holds nothing but further objects or lists is no object of interest by itself.
fn gather(value: Value, found: &mut Vec<Object>) {
    match value {
        Value::Array(list) => list.into_iter().for_each(|value| gather(value, found)),
        Value::Object(object) => {
            let holds = |value: &Value| value.is_object() || value.is_array();
            let inner: Vec<Value> = object.values().filter(|value| holds(value)).cloned().collect();
            if object.is_empty() || inner.len() < object.len() {
                found.push(object);
            }
            inner.into_iter().for_each(|value| gather(value, found));
        }
        _ => {}
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn next_brace(&self) -> Option<usize> {
        let rest = self.bytes.get(self.at..)?;
        rest.iter().position(|byte| *byte == b'{').map(|offset| self.at + offset)
    }

    fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' | b'\'' => self.string().map(Value::String),
            _ => self.word().map(plain),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut object = Object::new();
        loop {
            match self.peek()? {
                b'}' => {
                    self.at += 1;
                    return Some(Value::Object(object));
                }
                b',' => self.at += 1,
                quote => {
                    let key = if matches!(quote, b'"' | b'\'') { self.string()? } else { self.word()? };
                    if self.peek()? != b':' {
                        return None;
                    }
                    self.at += 1;
                    let value = self.value(depth + 1)?;
                    // Of two values under one name neither can be trusted.
                    if object.insert(key, value).is_some() {
                        return None;
                    }
                }
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut list = Vec::new();
        loop {
            match self.peek()? {
                b']' => {
                    self.at += 1;
                    return Some(Value::Array(list));
                }
                b',' => self.at += 1,
                _ => list.push(self.value(depth + 1)?),
            }
        }
    }

    /// A text in either kind of quotes; line ends inside it are taken as they are.
    fn string(&mut self) -> Option<String> {
        let quote = *self.bytes.get(self.at)?;
        let start = self.at + 1;
        let mut end = start;
        loop {
            match *self.bytes.get(end)? {
                b'\\' => end += 2,
                byte if byte == quote => break,
                _ => end += 1,
            }
        }
        self.at = end + 1;
        let raw = String::from_utf8_lossy(self.bytes.get(start..end)?).into_owned();
        let escaped = serde_json::from_str(&format!("\"{raw}\""));
        Some(escaped.unwrap_or(raw))
    }

    /// A number or a bare word.
    fn word(&mut self) -> Option<String> {
        let rest = self.bytes.get(self.at..)?;
        let length = rest
            .iter()
            .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'.')))
            .unwrap_or(rest.len());
        let word = rest.get(..length).filter(|word| !word.is_empty())?;
        self.at += length;
        Some(String::from_utf8_lossy(word).into_owned())
    }
}

/// JSON's own words and numbers, those of Python, else text.
fn plain(word: String) -> Value {
    match word.as_str() {
        "True" | "TRUE" => Value::Bool(true),
        "False" | "FALSE" => Value::Bool(false),
        "None" | "NaN" | "nan" => Value::Null,
        _ => serde_json::from_str(&word).unwrap_or(Value::String(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn reads(text: &str, expected: Value) {
        let found: Vec<Value> = objects(text).into_iter().map(Value::Object).collect();
        assert_eq!(Value::Array(found), expected, "{text}");
    }

    #[test]
    fn wrapping_of_every_kind_is_taken_off() {
        let one = json!([{"index": 1, "is_correct": true}]);
        for text in [
            r#"[{"index": 1, "is_correct": true}]"#,
            "```json\n[{\"index\": 1, \"is_correct\": true}]\n```",
            r#"Here you are, it's "easy": [{"index": 1, "is_correct": true,},] Anything else?"#,
            r#"{"verdicts": [{"index": 1, "is_correct": true}]}"#,
            "{'index': 1, 'is_correct': True}",
            "{index: 1, is_correct: true}",
            r#"<think>Say {"index": 1, "is_correct": false}?</think>{"index": 1, "is_correct": true}"#,
        ] {
            reads(text, one.clone());
        }
    }

    #[test]
    fn of_a_list_that_was_cut_off_the_whole_objects_are_read() {
        reads(
            r#"[{"index": 1, "is_correct": true} {"index": 2, "is_correct": false}, {"index": 3, "is_c"#,
            json!([{"index": 1, "is_correct": true}, {"index": 2, "is_correct": false}]),
        );
        reads(
            r#"{"verdicts": [{"index": 1, "is_correct": null}, {"in"#,
            json!([{"index": 1, "is_correct": null}]),
        );
    }

    #[test]
    fn what_is_no_object_gives_none() {
        for text in
            ["", "yes", "[true, false]", "{", "{{{{", r#"{"index" 1}"#, r#"{"a": 1, "a": 2}"#, "\u{1F600}{é}"]
        {
            reads(text, json!([]));
        }
        reads(
            r#"{"reason": "a \"quoted\" word {", "ok": 1}"#,
            json!([{"reason": "a \"quoted\" word {", "ok": 1}]),
        );
    }

    #[test]
    fn deep_and_long_replies_end() {
        assert!(objects(&"{\"a\":[".repeat(100_000)).is_empty());
        assert!(objects(&"{'{\"".repeat(100_000)).len() < 100_000);
    }
}
