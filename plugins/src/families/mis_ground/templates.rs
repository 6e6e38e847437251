//! The template file: blocks, templates, phrases and reading rules, with the digest that is part of every question.

use super::factors::{Ablation, Asks, Dim, QuestionType, TextPrompt, Visual, Words};
use serde::Deserialize;
use situs_core::digest::sha256_hex;
use situs_core::fault::Fault;
use std::collections::BTreeMap;

const SOURCE: &str = include_str!("data/templates.toml");

/// One template and the levels for which it is valid.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    pub(super) id: String,
    pub(super) group: String,
    pub(super) asks: Asks,
    pub(super) question: QuestionType,
    pub(super) words: Vec<Words>,
    pub(super) texts: Vec<TextPrompt>,
    pub(super) visuals: Vec<Visual>,
    #[serde(default)]
    pub(super) white_visuals: Option<Vec<Visual>>,
    pub(super) ablations: Vec<Ablation>,
    pub(super) dims: Vec<Dim>,
    pub(super) text: String,
    #[serde(default)]
    pub(super) text_3d: Option<String>,
}

/// The words of one end of an axis.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phrase {
    pub(super) word: String,
    pub(super) rel: String,
    pub(super) toward: String,
}

/// Texts by what identifies a mark.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByIdentity {
    #[serde(default)]
    pub(super) noun: String,
    pub(super) colour: String,
    pub(super) letter: String,
    pub(super) both: String,
}

/// How a question refers to a structure.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) mask: ByIdentity,
    #[serde(rename = "box")]
    pub(super) boxed: ByIdentity,
    pub(super) point: ByIdentity,
    pub(super) name_and_mark: ByIdentity,
    pub(super) short: ByIdentity,
    pub(super) listed: ByIdentity,
}

/// Phrases that are understood but wrong, with what they mean where the view can tell.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flagged {
    pub(super) flag: String,
    #[serde(default)]
    pub(super) means: Option<String>,
    pub(super) phrases: Vec<String>,
}

/// Vocabulary of one terminology.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vocabulary {
    pub(super) accepted: BTreeMap<String, Vec<String>>,
    pub(super) flagged: Vec<Flagged>,
}

/// Reading rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reading {
    pub(super) not_an_answer: Vec<String>,
    pub(super) abstentions: Vec<String>,
    pub(super) refusals: Vec<String>,
    pub(super) negations: Vec<String>,
    pub(super) mark_nouns: Vec<String>,
    pub(super) image_words: Vec<String>,
    pub(super) patient_words: Vec<String>,
    pub(super) truth: BTreeMap<String, Vec<String>>,
    pub(super) plane: BTreeMap<String, Vec<String>>,
    pub(super) words: BTreeMap<String, Vocabulary>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    blocks: BTreeMap<String, String>,
    display: BTreeMap<String, String>,
    axis: BTreeMap<String, String>,
    reference: Reference,
    relation: Vec<Phrase>,
    template: Vec<Template>,
    reading: Reading,
}

/// The parsed template file.
#[derive(Debug, Clone)]
pub(super) struct Templates {
    /// `1+<SHA-256 of the canonical JSON>`.
    pub(super) version: String,
    /// All templates, in order of the file.
    pub(super) list: Vec<Template>,
    /// How structures are referred to.
    pub(super) reference: Reference,
    /// Reading rules.
    pub(super) reading: Reading,
    tables: BTreeMap<&'static str, BTreeMap<String, String>>,
    phrases: BTreeMap<String, Phrase>,
}

impl Templates {
    /// Parses the embedded file.
    ///
    /// # Errors
    /// An internal fault when the embedded file is broken.
    pub(super) fn embedded() -> Result<Self, Fault> {
        Self::parse(SOURCE)
    }

    fn parse(source: &str) -> Result<Self, Fault> {
        let broken = |error: toml::de::Error| Fault::internal(format!("templates.toml: {error}"));
        let value: toml::Value = toml::from_str(source).map_err(broken)?;
        let file: File = toml::from_str(source).map_err(broken)?;
        let json = serde_json::to_value(&value)
            .map_err(|error| Fault::internal(format!("templates.toml: {error}")))?;
        let mut canonical = String::new();
        write_canonical(&json, &mut canonical);
        Ok(Self {
            version: format!("{}+{}", file.version, sha256_hex(canonical.as_bytes())),
            list: file.template,
            reference: file.reference,
            reading: file.reading,
            tables: BTreeMap::from([
                ("blocks", file.blocks),
                ("display", file.display),
                ("axis", file.axis),
            ]),
            phrases: file.relation.into_iter().map(|phrase| (phrase.word.clone(), phrase)).collect(),
        })
    }

    /// A text of one of the tables `blocks`, `display`, `axis`.
    ///
    /// # Errors
    /// An internal fault when there is none.
    pub(super) fn text(&self, table: &str, name: &str) -> Result<&str, Fault> {
        self.tables
            .get(table)
            .and_then(|texts| texts.get(name))
            .map(String::as_str)
            .ok_or_else(|| Fault::internal(format!("templates.toml has no {table}.{name}")))
    }

    /// The phrases of a relation word.
    ///
    /// # Errors
    /// An internal fault when there are none.
    pub(super) fn phrase(&self, word: &str) -> Result<&Phrase, Fault> {
        self.phrases
            .get(word)
            .ok_or_else(|| Fault::internal(format!("templates.toml has no relation {word:?}")))
    }
}

/// JSON with sorted keys and no spaces.
pub(in crate::families) fn write_canonical(value: &serde_json::Value, out: &mut String) {
    match value {
        serde_json::Value::Object(map) => {
            let sorted: BTreeMap<&String, &serde_json::Value> = map.iter().collect();
            out.push('{');
            for (position, (key, value)) in sorted.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::Value::String(key.clone()).to_string());
                out.push(':');
                write_canonical(value, out);
            }
            out.push('}');
        }
        serde_json::Value::Array(values) => {
            out.push('[');
            for (position, value) in values.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_canonical(value, out);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

/// Values of placeholders by name.
pub(in crate::families) type Values = BTreeMap<&'static str, String>;

/// Puts values into a template, once: values are not looked through for placeholders again.
///
/// # Errors
/// A placeholder without value, or a brace that opens or closes none.
pub(in crate::families) fn fill(template: &str, values: &Values) -> Result<String, Fault> {
    let broken = |what: &str| Fault::internal(format!("{what} in the template {template:?}"));
    let mut out = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some(start) = rest.find(['{', '}']) {
        out.push_str(&rest[..start]);
        let tail = &rest[start..];
        let (Some('{'), Some(end)) = (tail.chars().next(), tail.find('}')) else {
            return Err(broken("a brace stands alone"));
        };
        let name = &tail[1..end];
        let value =
            values.get(name).ok_or_else(|| broken(&format!("the placeholder {{{name}}} has no value")))?;
        out.push_str(value);
        rest = &tail[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_file_parses_and_its_digest_ignores_layout() {
        let templates = Templates::embedded().unwrap();
        assert_eq!(templates.list.len(), 29);
        assert!(templates.version.starts_with("1+"), "{}", templates.version);
        let spaced = SOURCE.replace("\n[[template]]", "\n\n# a remark\n[[template]]");
        assert_eq!(Templates::parse(&spaced).unwrap().version, templates.version);
        let changed = SOURCE.replace("Which mark belongs", "What mark belongs");
        assert_ne!(Templates::parse(&changed).unwrap().version, templates.version);
    }

    #[test]
    fn a_placeholder_without_value_is_a_fault() {
        let values = Values::from([("a", "x".to_owned())]);
        assert_eq!(fill("{a}-{a}", &values).unwrap(), "x-x");
        assert!(fill("{b}", &values).unwrap_err().what.contains("{b}"));
        assert!(fill("a } b", &values).is_err());
        assert!(fill("a { b", &values).is_err());
    }
}
