//! From a reply to an answer: the last complete pair of tags, normalised, matched word by word against what the
//! question allows.

use super::classes::Classes;
use super::factors::Words;
use super::templates::{Reading, Vocabulary};
use serde::{Deserialize, Serialize};
use situs_core::question::Question;
use situs_core::record::{Answer, AnswerState};
use situs_core::reply::{Finish, Reply};
use situs_core::scene::Colour;
use situs_core::space::{Anatomical, Colloquial, Direction, View};
use situs_core::volume::{Side, side_of};
use std::collections::{BTreeMap, BTreeSet};
use unicode_normalization::UnicodeNormalization as _;

/// Longest text between the tags that is still looked at, in bytes.
const MOST_ANSWER_BYTES: usize = 4096;

/// What reading a question needs beyond its options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reads", rename_all = "snake_case")]
pub(super) enum Private {
    /// True or false.
    Truth,
    /// A plane.
    Plane,
    /// A relation word.
    Words {
        /// Terminology asked in.
        words: Words,
        /// View of the picture, to translate words of the other register.
        view: View,
    },
    /// The name of a structure.
    Name {
        /// Further names by option.
        spoken: BTreeMap<String, Vec<String>>,
    },
    /// A mark.
    Mark {
        /// Answer by letter of the marks in the picture.
        letters: BTreeMap<String, String>,
        /// Answer by colour word of the marks in the picture.
        colours: BTreeMap<String, String>,
    },
}

/// What a phrase says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    Value(String),
    Flag { flag: String, means: Option<String> },
}

/// What was found between the tags.
#[derive(Debug, Default)]
struct Found {
    values: BTreeSet<String>,
    flags: BTreeSet<(String, Option<String>)>,
    rest: Vec<String>,
}

/// Reads replies by the rules of the template file.
pub(super) struct Reader<'a> {
    pub(super) rules: &'a Reading,
    pub(super) classes: &'a Classes,
    pub(super) lenient: bool,
}

impl Reader<'_> {
    /// The answer of a reply.
    pub(super) fn read(&self, question: &Question, private: &Private, reply: &Reply) -> Answer {
        if reply.finish == Finish::Refused {
            return Answer::without_value(AnswerState::Refused);
        }
        let text = after_thinking(&reply.text);
        match last_answer(text) {
            Some(inner) => self.read_inner(question, private, inner),
            None if reply.finish == Finish::Length => Answer::without_value(AnswerState::Truncated),
            None => {
                let tokens = tokens(text);
                let refuses = self.rules.refusals.iter().any(|phrase| tokens.starts_with(&self::tokens(phrase)));
                let state = if refuses { AnswerState::Refused } else { AnswerState::Unparsed };
                Answer::without_value(state)
            }
        }
    }

    fn read_inner(&self, question: &Question, private: &Private, inner: &str) -> Answer {
        let plain = normalise(inner);
        let tokens = tokens(&plain);
        let is_no_answer = self.rules.not_an_answer.iter().any(|phrase| normalise(phrase) == plain);
        if plain.len() > MOST_ANSWER_BYTES || plain.is_empty() || is_no_answer {
            return Answer::without_value(AnswerState::Unparsed);
        }
        let found = match private {
            Private::Truth => scan(&tokens, &lexicon(&self.rules.truth)),
            Private::Plane => scan(&tokens, &lexicon(&self.rules.plane)),
            Private::Words { words, .. } => self.relation(&tokens, *words),
            Private::Name { spoken } => scan(&tokens, &self.names(spoken, &tokens)),
            Private::Mark { letters, colours } => self.marks(inner, letters, colours),
        };
        let is_negated = || found.rest.iter().any(|word| self.rules.negations.contains(word));
        let mut values = found.values.iter();
        match (values.next(), values.next()) {
            (Some(_), _) if is_negated() => Answer::without_value(AnswerState::Unparsed).flag("negated"),
            (Some(value), None) => {
                let answer = Answer::answered(value.clone());
                if question.options.contains(value) { answer } else { answer.flag("not_offered") }
            }
            (Some(_), Some(_)) if lists_all_options(question, &found) => {
                Answer::without_value(AnswerState::Unparsed).flag("option_list")
            }
            (Some(_), Some(_)) => Answer::answered(plain).flag("multiple"),
            (None, _) => self.without_value(question, private, plain, &tokens, &found),
        }
    }

    /// Nothing allowed was named: a word of another register, a name that is too broad, an abstention, or nothing.
    fn without_value(
        &self,
        question: &Question,
        private: &Private,
        plain: String,
        tokens: &[String],
        found: &Found,
    ) -> Answer {
        if !found.flags.is_empty() {
            let mut answer = Answer::answered(plain);
            let flags: BTreeSet<&String> = found.flags.iter().map(|(flag, _)| flag).collect();
            answer.flags.extend(flags.into_iter().cloned());
            if let Some(right) = self.lenient_reading(question, private, found) {
                answer = answer.flag(if right { "lenient_right" } else { "lenient_wrong" });
            }
            return answer;
        }
        let holds = |phrase: &String| {
            let phrase = self::tokens(phrase);
            !phrase.is_empty() && tokens.windows(phrase.len()).any(|window| window == phrase)
        };
        if self.rules.abstentions.iter().any(holds) {
            return Answer::without_value(AnswerState::Abstained);
        }
        if let Private::Name { .. } = private {
            let is_part = |option: &String| {
                let words = self::tokens(option);
                tokens.iter().all(|token| words.contains(token))
            };
            if !tokens.is_empty() && question.options.iter().any(is_part) {
                return Answer::answered(plain).flag("too_broad");
            }
        }
        Answer::without_value(AnswerState::Unparsed)
    }

    /// Whether one word of the other register says the right thing when it is read through the item's view.
    fn lenient_reading(&self, question: &Question, private: &Private, found: &Found) -> Option<bool> {
        let (Private::Words { words, view }, true) = (private, self.lenient) else { return None };
        let mut flags = found.flags.iter();
        let ((flag, Some(means)), None) = (flags.next()?, flags.next()) else { return None };
        if flag != "wrong_register" {
            return None;
        }
        let direction = direction(means, view)?;
        let word = match words {
            Words::Anat | Words::None => Anatomical(direction).word(),
            Words::Coll | Words::Frame => {
                Colloquial::ALL.into_iter().find(|relation| relation.meaning(view) == direction)?.word()
            }
        };
        Some(word == question.truth)
    }

    /// A relation word. A side of the image is none of the patient's, nor the other way round.
    fn relation(&self, tokens: &[String], words: Words) -> Found {
        let mut found = scan(tokens, &self.directions(words));
        let speaks_of = |list: &[String]| tokens.iter().any(|token| list.contains(token));
        let (image, patient) = (speaks_of(&self.rules.image_words), speaks_of(&self.rules.patient_words));
        let is_side = |value: &String| value.ends_with("left") || value.ends_with("right");
        let wrong = match words {
            Words::Anat => image && !patient && found.values.iter().any(is_side),
            Words::Coll => patient,
            Words::Frame | Words::None => false,
        };
        if wrong {
            found.values.clear();
            found.flags.insert(("wrong_frame".to_owned(), None));
        }
        found
    }

    fn directions(&self, words: Words) -> Vec<(Vec<String>, Meaning)> {
        let Some(Vocabulary { accepted, flagged }) = self.rules.words.get(words.word()) else {
            return Vec::new();
        };
        let mut entries = lexicon(accepted);
        for entry in flagged {
            for phrase in &entry.phrases {
                let meaning = Meaning::Flag { flag: entry.flag.clone(), means: entry.means.clone() };
                entries.push((tokens(phrase), meaning));
            }
        }
        entries
    }

    /// The printed names with everything they may be called, then all other known classes.
    fn names(
        &self,
        spoken: &BTreeMap<String, Vec<String>>,
        answer: &[String],
    ) -> Vec<(Vec<String>, Meaning)> {
        let mut entries = lexicon(spoken);
        for display in spoken.keys() {
            entries.push((tokens(display), Meaning::Value(display.clone())));
        }
        // "left" alone, or "the left one": beside any other word it may be the side of something else.
        if matches!(answer, [_]) || matches!(answer, [_, one] if one == "one") {
            entries.extend(sides_alone(spoken));
        }
        for name in self.classes.names() {
            let Some(display) = self.classes.display(name).filter(|display| !spoken.contains_key(display))
            else {
                continue;
            };
            for phrase in self.classes.spoken(name) {
                let phrase = tokens(&phrase);
                if entries.iter().all(|(taken, _)| *taken != phrase) {
                    entries.push((phrase, Meaning::Value(display.clone())));
                }
            }
        }
        entries
    }

    /// Marks by letter or colour. Case decides before it is folded: "A" is a letter, and so is a first "a"; an "a" among
    /// other words is the article, as is a first one right before a colour or a noun where something else names a mark.
    fn marks(
        &self,
        inner: &str,
        letters: &BTreeMap<String, String>,
        colours: &BTreeMap<String, String>,
    ) -> Found {
        let cased = words_of(&cleaned(inner));
        let tokens: Vec<String> = cased.iter().map(|token| token.to_lowercase()).collect();
        let is_letter = |token: &str| token.len() == 1 && token.chars().all(|c| c.is_ascii_alphabetic());
        let is_colour = |token: &str| Colour::ALL.iter().any(|colour| colour.word() == token);
        let is_noun = |token: &String| self.rules.mark_nouns.contains(token);
        let only_letters =
            tokens.iter().all(|token| is_letter(token) || matches!(token.as_str(), "and" | "or"));
        let article_first = tokens.first().is_some_and(|token| token == "a")
            && tokens.get(1).is_some_and(|next| is_colour(next) || is_noun(next))
            && cleaned(inner).chars().nth(1) == Some(' ');
        let mut found = Found::default();
        for (place, token) in tokens.iter().enumerate().skip(usize::from(article_first)) {
            let after_noun = place > 0 && is_noun(&tokens[place - 1]);
            let names_mark = match cased[place].as_str() {
                "A" => true,
                "a" => place == 0 || only_letters || after_noun,
                "i" | "I" => only_letters || after_noun,
                _ => true,
            };
            let value = if is_letter(token) && names_mark {
                letters.get(&token.to_uppercase())
            } else if is_colour(token) {
                colours.get(token)
            } else {
                found.rest.push(token.clone());
                continue;
            };
            match value {
                Some(value) => found.values.insert(value.clone()),
                None => found.flags.insert(("unknown_mark".to_owned(), None)),
            };
        }
        if article_first && found.values.is_empty() && found.flags.is_empty() {
            found.values.extend(letters.get("A").cloned());
        }
        found
    }
}

/// Names that share all words but the side are told apart by the side alone.
fn sides_alone(spoken: &BTreeMap<String, Vec<String>>) -> Vec<(Vec<String>, Meaning)> {
    let displays: Vec<&String> = spoken.keys().collect();
    let [a, b] = displays.as_slice() else { return Vec::new() };
    let (Some(side_a), Some(side_b)) = (side_of(a).map(Side::word), side_of(b).map(Side::word)) else {
        return Vec::new();
    };
    let without = |display: &str, side: &str| -> Vec<String> {
        tokens(display).into_iter().filter(|token| token != side).collect()
    };
    if side_a == side_b || without(a, side_a) != without(b, side_b) {
        return Vec::new();
    }
    [(a, side_a), (b, side_b)]
        .into_iter()
        .map(|(display, side)| (vec![side.to_owned()], Meaning::Value((*display).clone())))
        .collect()
}

/// The world direction of a relation word of any register.
fn direction(word: &str, view: &View) -> Option<Direction> {
    Direction::ALL.into_iter().find(|direction| Anatomical(*direction).word() == word).or_else(|| {
        let relation = Colloquial::ALL.into_iter().find(|relation| relation.word() == word)?;
        Some(relation.meaning(view))
    })
}

fn lexicon(table: &BTreeMap<String, Vec<String>>) -> Vec<(Vec<String>, Meaning)> {
    table
        .iter()
        .flat_map(|(value, phrases)| {
            phrases.iter().map(|phrase| (tokens(phrase), Meaning::Value(value.clone())))
        })
        .collect()
}

/// Goes through the words once; at each the longest phrase wins.
fn scan(tokens: &[String], lexicon: &[(Vec<String>, Meaning)]) -> Found {
    let mut found = Found::default();
    let mut rest = tokens;
    while let Some(first) = rest.first() {
        let longest = lexicon
            .iter()
            .filter(|(phrase, _)| !phrase.is_empty() && rest.starts_with(phrase))
            .max_by_key(|(phrase, _)| phrase.len());
        match longest {
            Some((phrase, meaning)) => {
                match meaning {
                    Meaning::Value(value) => {
                        found.values.insert(value.clone());
                    }
                    Meaning::Flag { flag, means } => {
                        found.flags.insert((flag.clone(), means.clone()));
                    }
                }
                rest = &rest[phrase.len()..];
            }
            None => {
                found.rest.push(first.clone());
                rest = &rest[1..];
            }
        }
    }
    found
}

/// "true or false", "A, B, C": the options read back, not an answer.
fn lists_all_options(question: &Question, found: &Found) -> bool {
    question.options.iter().all(|option| found.values.contains(option))
        && found.rest.iter().all(|word| matches!(word.as_str(), "or" | "either"))
}

fn after_thinking(text: &str) -> &str {
    const END: &str = "</think>";
    match text.to_ascii_lowercase().rfind(END) {
        Some(start) => &text[start + END.len()..],
        None => text,
    }
}

/// The text of the last complete pair of tags.
fn last_answer(text: &str) -> Option<&str> {
    const OPEN: &str = "<answer>";
    const CLOSE: &str = "</answer>";
    let lower = text.to_ascii_lowercase();
    let mut end = lower.len();
    loop {
        let close = lower[..end].rfind(CLOSE)?;
        if let Some(open) = lower[..close].rfind(OPEN) {
            let start = open + OPEN.len();
            // A closing tag between the two belongs to this opening tag.
            return (!lower[start..close].contains(CLOSE)).then(|| &text[start..close]).or_else(|| {
                let first = lower[start..].find(CLOSE)?;
                Some(&text[start..start + first])
            });
        }
        end = close;
    }
}

/// NFKC, quotes and markdown stripped, one trailing full stop and a leading "the" taken off; case kept.
fn cleaned(text: &str) -> String {
    let plain: String = text
        .nfkc()
        .map(|c| match c {
            '\u{2018}' | '\u{2019}' | '\u{02BC}' => '\'',
            '_' | '*' | '`' | '"' | '\u{201C}' | '\u{201D}' | '\u{AB}' | '\u{BB}' | '#' | '~' => ' ',
            other => other,
        })
        .collect();
    let spaced = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let bare = if spaced.chars().all(|c| c == '.') {
        spaced.as_str()
    } else {
        let stopless = spaced.strip_suffix('.').unwrap_or(&spaced).trim_matches(['\'', ' ']);
        match stopless.split_at_checked(4) {
            Some((the, rest)) if the.eq_ignore_ascii_case("the ") => rest,
            _ => stopless,
        }
    };
    bare.trim().to_owned()
}

/// The same, case folded.
fn normalise(text: &str) -> String {
    cleaned(text).to_lowercase()
}

/// Words of a normalised text: letters and digits with apostrophes inside; articles "the" say nothing.
fn tokens(text: &str) -> Vec<String> {
    words_of(&normalise(text))
}

fn words_of(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .map(|word| word.trim_matches('\''))
        .filter(|word| !word.is_empty() && !word.eq_ignore_ascii_case("the"))
        .map(|word| if word == "patients" { "patient's".to_owned() } else { word.to_owned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_complete_pair_after_thinking_counts() {
        let text = "<answer>a</answer></think><answer>b</answer> or <ANSWER>c</ANSWER> <answer>d";
        assert_eq!(last_answer(after_thinking(text)), Some("c"));
        assert_eq!(last_answer("<answer>x"), None);
        assert_eq!(last_answer("x</answer>"), None);
        assert_eq!(last_answer("</answer><answer>y</answer>"), Some("y"));
    }

    #[test]
    fn normalising_folds_width_case_quotes_and_markdown() {
        assert_eq!(normalise(" **The Patient’s Left.** "), "patient's left");
        assert_eq!(normalise("ＳＵＰＥＲＩＯＲ."), "superior");
        assert_eq!(normalise("\"kidney_left\""), "kidney left");
    }
}
