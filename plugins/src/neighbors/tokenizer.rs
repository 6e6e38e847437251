//! What a `tokenizer.json` says of its tokens: text, and which are content.
//!
//! Read as plain JSON: no text is split into tokens here, and the library that does would bring some sixty crates.

use super::model_folder::read_text;
use serde::Deserialize;
use serde_json::Value;
use situs_core::digest::sha256_hex;
use situs_core::fault::Fault;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest tokenizer that is read, in bytes; those of vocabularies of 262,144 tokens have 35 MB.
const MAX_TOKENIZER_BYTES: u64 = 256 << 20;

/// Which tokens are content beyond doubt, and which by choice.
///
/// Ordinary tokens are content. Special tokens, those that the tokenizer itself puts around texts, the unknown token and
/// rows without a token (reserved, padding) are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRule {
    /// Tokens that were added to the vocabulary without being special, such as location tokens: not content by default,
    /// as in the method's definition, which counts all added tokens among those that are not.
    pub added: bool,
    /// Tokens that are a part of a character: content by default.
    pub byte_fragments: bool,
}

impl Default for ContentRule {
    fn default() -> Self {
        Self { added: false, byte_fragments: true }
    }
}

/// Tokens by id.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    path: PathBuf,
    sha256: String,
    tokens: BTreeMap<u32, Token>,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    /// As it stands in the file.
    written: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ordinary,
    Added,
    Control,
}

/// How ordinary tokens are written.
#[derive(Debug, Clone, Copy, Default)]
struct Form {
    /// Bytes as characters of the GPT-2 alphabet.
    byte_level: bool,
    /// Spaces as U+2581.
    marked_spaces: bool,
    /// Single bytes as `<0x0A>`.
    byte_fallback: bool,
}

#[derive(Deserialize)]
struct TokenizerFile {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    model: Model,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    special: bool,
}

#[derive(Deserialize)]
struct Model {
    vocab: Entries,
    #[serde(default)]
    unk_token: Option<String>,
    #[serde(default)]
    unk_id: Option<u32>,
    #[serde(default)]
    byte_fallback: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entries {
    Ids(BTreeMap<String, u32>),
    Scores(Vec<(String, f64)>),
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// A file that is missing, too large, no tokenizer, or gives one id to two ordinary tokens.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let text = read_text(path, MAX_TOKENIZER_BYTES)?;
        let place = path.display();
        let file: TokenizerFile = serde_json::from_str(&text)
            .map_err(|error| Fault::data(format!("{place}: not a tokenizer.json: {error}")))?;
        let written: Vec<(String, u32)> = match file.model.vocab {
            Entries::Ids(ids) => ids.into_iter().collect(),
            Entries::Scores(scores) => {
                let numbered = scores.into_iter().zip(0u32..);
                numbered.map(|((written, _), id)| (written, id)).collect()
            }
        };
        let mut tokens = BTreeMap::new();
        for (written, id) in written {
            let unknown = file.model.unk_token.as_ref() == Some(&written) || file.model.unk_id == Some(id);
            let kind = if unknown { Kind::Control } else { Kind::Ordinary };
            if let Some(other) = tokens.insert(id, Token { written: written.clone(), kind }) {
                let what = format!("{place}: '{}' and '{written}' both have id {id}", other.written);
                return Err(Fault::data(what));
            }
        }
        for added in file.added_tokens {
            let kind = if added.special { Kind::Control } else { Kind::Added };
            tokens.insert(added.id, Token { written: added.content, kind });
        }
        let mut around = Vec::new();
        tokens_around_texts(&file.post_processor, &mut around);
        for id in around {
            if let Some(token) = tokens.get_mut(&id) {
                token.kind = Kind::Control;
            }
        }
        let form = Form {
            byte_level: names_step(&file.decoder, "ByteLevel")
                || names_step(&file.pre_tokenizer, "ByteLevel"),
            marked_spaces: names_step(&file.decoder, "Metaspace") || replaces_marks(&file.decoder),
            byte_fallback: file.model.byte_fallback || names_step(&file.decoder, "ByteFallback"),
        };
        Ok(Self { path: path.to_owned(), sha256: sha256_hex(text.as_bytes()), tokens, form })
    }

    /// SHA-256 of the file.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One flag for each of `rows` embedding rows: 1 for content, 0 for all others.
    ///
    /// # Errors
    /// An ordinary token beyond the last row: this is the tokenizer of another model.
    pub fn content(&self, rows: usize, rule: ContentRule) -> Result<Vec<u8>, Fault> {
        let mut flags = vec![0; rows];
        for (&id, token) in &self.tokens {
            let content = match token.kind {
                Kind::Ordinary => rule.byte_fragments || !self.is_fragment(token),
                Kind::Added => rule.added,
                Kind::Control => false,
            };
            match flags.get_mut(id as usize) {
                Some(flag) => *flag = u8::from(content),
                None if token.kind == Kind::Ordinary => {
                    let what =
                        format!("{}: token {id} of a model with {rows} embedding rows", self.path.display());
                    return Err(Fault::data(what).help("the tokenizer belongs to another model"));
                }
                None => {}
            }
        }
        Ok(flags)
    }

    /// Text of a token; bytes that are no text alone as U+FFFD. `None` for an id without a token.
    pub fn text(&self, id: u32) -> Option<String> {
        self.tokens.get(&id).map(|token| self.text_of(token))
    }

    /// The token with that text, or that is written so in the file, or that is that text after a space; the lowest id.
    pub fn find(&self, text: &str) -> Option<u32> {
        let first =
            |is: &dyn Fn(&Token) -> bool| self.tokens.iter().find(|(_, token)| is(token)).map(|(&id, _)| id);
        let spaced = format!(" {text}");
        first(&|token| self.text_of(token) == text)
            .or_else(|| first(&|token| token.written == text))
            .or_else(|| first(&|token| self.text_of(token) == spaced))
    }

    fn text_of(&self, token: &Token) -> String {
        if token.kind == Kind::Ordinary {
            if self.form.byte_level
                && let Some(bytes) = alphabet_bytes(&token.written)
            {
                return String::from_utf8_lossy(&bytes).into_owned();
            }
            if self.form.marked_spaces {
                return token.written.replace('\u{2581}', " ");
            }
        }
        token.written.clone()
    }

    fn is_fragment(&self, token: &Token) -> bool {
        if self.form.byte_level {
            return alphabet_bytes(&token.written).is_some_and(|bytes| std::str::from_utf8(&bytes).is_err());
        }
        let digits = token.written.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
        self.form.byte_fallback
            && digits.is_some_and(|digits| digits.len() == 2 && u8::from_str_radix(digits, 16).is_ok())
    }
}

/// The bytes behind characters of the GPT-2 alphabet: printable Latin-1 stands for itself, the other bytes, in order, for
/// U+0100 and on.
fn alphabet_bytes(written: &str) -> Option<Vec<u8>> {
    let itself = |byte: &u8| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let byte = |character: char| match u32::from(character) {
        code @ 0..0x100 => u8::try_from(code).ok().filter(itself),
        code => (0..=u8::MAX).filter(|byte| !itself(byte)).nth(code as usize - 0x100),
    };
    written.chars().map(byte).collect()
}

/// Whether a step of that type is part of a pipeline.
fn names_step(step: &Value, kind: &str) -> bool {
    match step {
        Value::Object(fields) => {
            fields.get("type").and_then(Value::as_str) == Some(kind)
                || fields.values().any(|value| names_step(value, kind))
        }
        Value::Array(steps) => steps.iter().any(|step| names_step(step, kind)),
        _ => false,
    }
}

/// Whether a decoder turns U+2581 into something else.
fn replaces_marks(step: &Value) -> bool {
    match step {
        Value::Object(fields) => {
            fields.get("pattern").and_then(|pattern| pattern.get("String")).and_then(Value::as_str)
                == Some("\u{2581}")
                || fields.values().any(replaces_marks)
        }
        Value::Array(steps) => steps.iter().any(replaces_marks),
        _ => false,
    }
}

/// Ids that a post-processor puts around texts: those of templates, and the pairs of the older kinds.
fn tokens_around_texts(step: &Value, ids: &mut Vec<u32>) {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match step {
        Value::Object(fields) => {
            if let Some(special) = fields.get("special_tokens").and_then(Value::as_object) {
                let lists = special.values().filter_map(|token| token.get("ids")?.as_array());
                ids.extend(lists.flatten().filter_map(id));
            }
            let pairs = ["sep", "cls"].iter().filter_map(|name| fields.get(*name)?.get(1));
            ids.extend(pairs.filter_map(id));
            fields.values().for_each(|value| tokens_around_texts(value, ids));
        }
        Value::Array(steps) => steps.iter().for_each(|step| tokens_around_texts(step, ids)),
        _ => {}
    }
}
