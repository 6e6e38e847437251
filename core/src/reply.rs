//! Requests to a model and its replies.

use crate::prompt::Prompt;
use serde::{Deserialize, Serialize};

/// A question put to a model once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Digest of prompt, model, sampler, trial and consultation key.
    pub id: String,
    /// Question id, or the consultation's key: names the request in recorded replies.
    #[serde(default)]
    pub question: String,
    /// Text, pictures and volumes.
    pub prompt: Prompt,
    /// Allowed answers as printed in the prompt; empty for free text.
    pub options: Vec<String>,
    /// 0 for the first trial.
    pub trial: u32,
    /// Random bits of this request: a function of run seed, question and trial.
    pub draw: u64,
    /// The right answer: set only for a backend whose card says `reads_answers`. Never stored, never sent.
    #[serde(skip)]
    pub truth: Option<String>,
}

/// Sampling parameters as servers understand them. `None`: not sent, the server's own default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// Softmax temperature; 0 is greedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Keep the k most probable tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// Keep the smallest set of tokens whose mass reaches p.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Keep tokens at least this fraction of the most probable one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f64>,
    /// Most new tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Seed for the server's generator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Sampling {
    /// Names of the fields that are set, as in `ModelCard::honours`.
    pub fn fields(&self) -> Vec<&'static str> {
        [
            ("temperature", self.temperature.is_some()),
            ("top_k", self.top_k.is_some()),
            ("top_p", self.top_p.is_some()),
            ("min_p", self.min_p.is_some()),
            ("max_tokens", self.max_tokens.is_some()),
            ("seed", self.seed.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, set)| set.then_some(name))
        .collect()
    }
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// It was done.
    Stop,
    /// The token limit was reached.
    Length,
    /// It, or a filter in front of it, declined.
    Refused,
}

/// Token counts, where the backend gives them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Tokens of the prompt, pictures included.
    pub prompt: Option<u64>,
    /// Tokens generated, reasoning included.
    pub completion: Option<u64>,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The answer's text, without reasoning that came in a field of its own.
    pub text: String,
    /// Reasoning that came in a field of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Why it stopped.
    pub finish: Finish,
    /// Token counts.
    #[serde(default)]
    pub tokens: Tokens,
    /// Notes of a step-wise sampler, one per step that had something to say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<serde_json::Value>,
}

impl Reply {
    /// A complete reply of text alone.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            reasoning: None,
            finish: Finish::Stop,
            tokens: Tokens::default(),
            notes: Vec::new(),
        }
    }
}

/// Whom a consultation is about and its name there; unique within the component that asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Question id (for a metric) or case name (for a family).
    pub about: String,
    /// Name among the consultations about it.
    pub name: String,
}

/// A request that a family or a metric wants answered by a model bound to a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consultation {
    /// Identity within the asking component.
    pub key: Key,
    /// Role, bound to a model by `[models.<role>]`.
    pub role: String,
    /// The prompt.
    pub prompt: Prompt,
    /// Sampling parameters.
    pub sampling: Sampling,
}

/// Replies to consultations so far, and which of them got none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Replies {
    given: std::collections::BTreeMap<Key, Reply>,
    failed: std::collections::BTreeSet<Key>,
}

impl Replies {
    /// Adds a reply.
    pub fn insert(&mut self, key: Key, reply: Reply) {
        self.given.insert(key, reply);
    }

    /// Notes a consultation that got no reply after all tries.
    pub fn fail(&mut self, key: Key) {
        self.failed.insert(key);
    }

    /// Whether a consultation got no reply after all tries.
    pub fn failed(&self, key: &Key) -> bool {
        self.failed.contains(key)
    }

    /// The reply to one consultation.
    pub fn get(&self, about: &str, name: &str) -> Option<&Reply> {
        self.given.get(&Key { about: about.to_owned(), name: name.to_owned() })
    }

    /// Whether a key has been asked: answered or failed.
    pub fn contains(&self, key: &Key) -> bool {
        self.given.contains_key(key) || self.failed.contains(key)
    }

    /// All replies about one question or case, by name.
    pub fn about<'a>(&'a self, about: &'a str) -> impl Iterator<Item = (&'a str, &'a Reply)> {
        let start = Key { about: about.to_owned(), name: String::new() };
        self.given
            .range(start..)
            .take_while(move |(key, _)| key.about == about)
            .map(|(key, reply)| (key.name.as_str(), reply))
    }

    /// Replies and keys without one about one question or case, by key.
    #[cfg(feature = "engine")]
    pub(crate) fn own<'a>(
        &'a self,
        about: &'a str,
    ) -> (impl Iterator<Item = (&'a Key, &'a Reply)>, impl Iterator<Item = &'a Key>) {
        let start = Key { about: about.to_owned(), name: String::new() };
        let given = self.given.range(start.clone()..).take_while(move |(key, _)| key.about == about);
        (given, self.failed.range(start..).take_while(move |key| key.about == about))
    }

    /// All replies, by key.
    pub fn given(&self) -> impl Iterator<Item = (&Key, &Reply)> {
        self.given.iter()
    }

    /// Keys that got no reply after all tries.
    pub fn without_reply(&self) -> impl Iterator<Item = &Key> {
        self.failed.iter()
    }

    /// Number of replies.
    pub fn len(&self) -> usize {
        self.given.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }
}
