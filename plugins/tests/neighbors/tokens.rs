//! Which tokens are content, and what their texts are.

use crate::fixture::{Checkpoint, ROWS, tokenizer};
use serde_json::{Value, json};
use situs_core::fault::Cause;
use situs_plugins::neighbors::{ContentRule, Tokenizer};

fn read(file: &Value) -> Result<Tokenizer, situs_core::fault::Fault> {
    let checkpoint = Checkpoint::new();
    Tokenizer::read(&checkpoint.put("other.json", file.to_string().as_bytes()))
}

#[test]
fn special_added_control_and_padded_rows_are_no_content() {
    let tokenizer = read(&tokenizer()).unwrap();
    // 5 is the unknown token, 7 is put around texts, 8 to 10 were added, 11 has no token.
    let flags = tokenizer.content(ROWS, ContentRule::default()).unwrap();
    assert_eq!(flags, [1, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0]);
}

#[test]
fn tokens_added_without_being_special_and_fragments_are_a_choice() {
    let tokenizer = read(&tokenizer()).unwrap();
    let added = ContentRule { added: true, ..ContentRule::default() };
    assert_eq!(tokenizer.content(ROWS, added).unwrap(), [1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 0, 0]);
    let whole = ContentRule { byte_fragments: false, ..ContentRule::default() };
    assert_eq!(tokenizer.content(ROWS, whole).unwrap(), [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn byte_level_texts_are_decoded() {
    let tokenizer = read(&tokenizer()).unwrap();
    let text = |id| tokenizer.text(id);
    assert_eq!(text(1).unwrap(), " left");
    assert_eq!(text(4).unwrap(), "\u{fc}");
    assert_eq!(text(6).unwrap(), "\u{fffd}");
    assert_eq!(text(9).unwrap(), "<loc0001>");
    assert_eq!(text(11), None);
}

#[test]
fn texts_are_found_as_they_read_or_as_they_are_written() {
    let tokenizer = read(&tokenizer()).unwrap();
    assert_eq!(tokenizer.find("left"), Some(0));
    assert_eq!(tokenizer.find(" left"), Some(1));
    assert_eq!(tokenizer.find("Ġright"), Some(3));
    assert_eq!(tokenizer.find("nowhere"), None);
}

#[test]
fn vocabularies_with_scores_number_their_tokens_in_order() {
    let file = json!({
        "added_tokens": [{ "id": 0, "content": "<pad>", "special": true }],
        "decoder": { "type": "Sequence", "decoders": [
            { "type": "Replace", "pattern": { "String": "\u{2581}" }, "content": " " }, { "type": "ByteFallback" },
        ] },
        "model": {
            "type": "Unigram", "unk_id": 1, "byte_fallback": true,
            "vocab": [["<pad>", 0.0], ["<unk>", 0.0], ["<0x0A>", 0.0], ["\u{2581}up", -1.5]],
        },
    });
    let tokenizer = read(&file).unwrap();
    assert_eq!(tokenizer.content(5, ContentRule::default()).unwrap(), [0, 0, 1, 1, 0]);
    let whole = ContentRule { byte_fragments: false, ..ContentRule::default() };
    assert_eq!(tokenizer.content(5, whole).unwrap(), [0, 0, 0, 1, 0]);
    assert_eq!(tokenizer.text(3).unwrap(), " up");
    assert_eq!(tokenizer.find("up"), Some(3));
}

#[test]
fn an_ordinary_token_beyond_the_rows_belongs_to_another_model() {
    let tokenizer = read(&tokenizer()).unwrap();
    let fault = tokenizer.content(6, ContentRule::default()).unwrap_err();
    assert!(fault.what.ends_with("token 6 of a model with 6 embedding rows"), "{fault}");
    // Tokens added beyond the last row can never be chosen.
    assert_eq!(tokenizer.content(7, ContentRule::default()).unwrap().len(), 7);
}

#[test]
fn what_is_no_tokenizer_is_refused() {
    let refused = |file: Value| {
        let fault = read(&file).unwrap_err();
        assert_eq!(fault.cause, Cause::Data);
        fault.what
    };
    assert!(refused(json!([1])).contains("not a tokenizer.json"));
    assert!(refused(json!({ "model": { "vocab": { "a": -1 } } })).contains("not a tokenizer.json"));
    let twice = json!({ "model": { "vocab": { "a": 4, "b": 4 } } });
    assert!(refused(twice).ends_with("'a' and 'b' both have id 4"));
}
