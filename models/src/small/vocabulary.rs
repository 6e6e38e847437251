//! Words and whole phrases as tokens: the longest entry that fits the next words is taken, punctuation is left out.

use situs_core::fault::Fault;
use std::collections::HashMap;

const ENTRIES: &str = include_str!("vocabulary.txt");
/// Entries at the head of the file that are no ordinary text: unknown word, start of the reply, end, answer tags.
const CONTROL: usize = 5;
/// Punctuation that is cut off both ends of a word.
const PUNCTUATION: [char; 11] = ['.', ',', ':', ';', '?', '!', '`', '"', '(', ')', '*'];

/// The vocabulary of the small model. A token's id is its line in `vocabulary.txt`.
pub struct Vocabulary {
    texts: Vec<String>,
    content: Vec<bool>,
    ids: HashMap<&'static str, u32>,
    /// Entries by their first word, the longest first.
    phrases: HashMap<&'static str, Vec<(Vec<&'static str>, u32)>>,
}

impl Vocabulary {
    /// A word outside the vocabulary.
    pub const UNKNOWN: u32 = 0;
    /// Ends a prompt: what follows is the reply.
    pub const REPLY: u32 = 1;
    /// Ends a reply.
    pub const END: u32 = 2;
    /// `<answer>`.
    pub const ANSWER: u32 = 3;
    /// `</answer>`.
    pub const ANSWERED: u32 = 4;
    /// Token of the number 0; 1 to 63 follow.
    pub const ZERO: u32 = 5;
    /// How many numbers there are.
    pub const NUMBERS: u32 = 64;
    /// Colours and letters: what marks are called.
    pub const LABELS: std::ops::Range<u32> = 69..81;
    /// Forms of marks: overlay, box, dot.
    pub const FORMS: std::ops::Range<u32> = 105..108;

    /// The embedded vocabulary.
    pub fn embedded() -> Self {
        let mut phrases: HashMap<&'static str, Vec<(Vec<&'static str>, u32)>> = HashMap::new();
        let mut ids = HashMap::new();
        let mut texts = Vec::new();
        for (id, entry) in (0..).zip(ENTRIES.lines()) {
            let words: Vec<&'static str> = entry.split(' ').collect();
            if let Some(first) = words.first() {
                phrases.entry(first).or_default().push((words, id));
            }
            ids.insert(entry, id);
            texts.push(entry.to_owned());
        }
        for list in phrases.values_mut() {
            list.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
        }
        let content = (0..texts.len()).map(|id| id >= CONTROL).collect();
        Self { texts, content, ids, phrases }
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Text of each token.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether each token is ordinary text.
    pub fn content(&self) -> &[bool] {
        &self.content
    }

    /// Token of one entry.
    ///
    /// # Errors
    /// An internal fault when there is no such entry.
    pub fn id(&self, entry: &str) -> Result<u32, Fault> {
        let id = self.ids.get(entry).copied();
        id.ok_or_else(|| Fault::internal(format!("the small model's vocabulary lacks {entry:?}")))
    }

    /// Token of a number below 64; larger ones are 63.
    pub fn number(value: usize) -> u32 {
        Self::ZERO + (value as u32).min(Self::NUMBERS - 1)
    }

    /// Tokens of a text. Each word outside the vocabulary is one [`Vocabulary::UNKNOWN`].
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let words: Vec<&str> = text
            .split_whitespace()
            .map(|word| word.trim_matches(PUNCTUATION))
            .filter(|word| !word.is_empty())
            .collect();
        let mut tokens = Vec::new();
        let mut rest = words.as_slice();
        while let Some(first) = rest.first() {
            let known = self
                .phrases
                .get(first)
                .and_then(|list| list.iter().find(|(words, _)| rest.starts_with(words)));
            let (id, taken) = known.map_or((Self::UNKNOWN, 1), |(words, id)| (*id, words.len()));
            tokens.push(id);
            rest = &rest[taken..];
        }
        tokens
    }

    /// Text of tokens, a blank between two; the end of the reply is silent.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let texts: Vec<&str> = tokens
            .iter()
            .filter(|token| **token != Self::END)
            .filter_map(|token| self.texts.get(*token as usize))
            .map(String::as_str)
            .collect();
        texts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_entry_wins_and_unknown_words_count_one_each() {
        let vocabulary = Vocabulary::embedded();
        let texts = |text: &str| -> Vec<String> {
            vocabulary.encode(text).iter().map(|id| vocabulary.texts()[*id as usize].clone()).collect()
        };
        assert_eq!(texts("true, patient's right, left."), ["true", "patient's right", "left"]);
        assert_eq!(texts("the splenic vessel D?"), ["<unk>", "<unk>", "<unk>", "D"]);
        assert_eq!(
            texts("Statement: the centre of the structure under the red overlay marked D is above"),
            ["Statement the centre of the structure under the", "red", "overlay marked", "D", "is above"]
        );
    }

    #[test]
    fn control_tokens_are_no_content_and_entries_are_unique() {
        let vocabulary = Vocabulary::embedded();
        assert_eq!(vocabulary.content().iter().filter(|content| !**content).count(), 5);
        assert_eq!(vocabulary.texts().len(), vocabulary.ids.len());
        assert_eq!(vocabulary.id("63"), Ok(Vocabulary::number(63)));
        assert_eq!(
            (vocabulary.id("red"), vocabulary.id("F")),
            (Ok(Vocabulary::LABELS.start), Ok(Vocabulary::LABELS.end - 1))
        );
        assert_eq!(
            (vocabulary.id("overlay"), vocabulary.id("dot")),
            (Ok(Vocabulary::FORMS.start), Ok(Vocabulary::FORMS.end - 1))
        );
        assert_eq!(
            vocabulary.decode(&[Vocabulary::ANSWER, 90, Vocabulary::ANSWERED, Vocabulary::END]),
            "<answer> above </answer>".replace("above", &vocabulary.texts()[90])
        );
    }
}
