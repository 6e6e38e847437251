//! A blind reference for free text, where guessing has no 25 %: what does an answer score that only knows how questions
//! of this kind begin?

use crate::datasets::ct_rate::pairs::{self, Pair};
use crate::families::ct_spatialvqa::facets::opener;
use situs_core::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

situs_core::component! {
    /// Gives the most frequent answer to other questions with the same first word, without a look at the picture.
    ///
    /// Answers come from the very file that is asked about, those to the same question left out: an upper bound for what
    /// the words of a question alone are worth, not a model.
    model "most-frequent";
    pub struct MostFrequent {
        /// Question file, as the data set `ct-rate` reads it.
        pub pairs: PathBuf = PathBuf::new(),
    }
}

#[typetag::serde(name = "most-frequent")]
impl ModelBackendSpec for MostFrequent {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        if self.pairs.as_os_str().is_empty() {
            return Err(Fault::config("which question file?")
                .help("name the one that the data set reads")
                .at("pairs"));
        }
        let path = cx.path(&self.pairs);
        let cases = pairs::read(&path).map_err(|fault| fault.at("pairs"))?;
        let pairs: Vec<Pair> = cases.into_iter().flat_map(|case| case.pairs).collect();
        let digest = Digest::new("situs-most-frequent-1").json(&pairs).hex();
        let mut card = ModelCard::baseline("most-frequent", digest);
        card.name = "most-frequent answer".to_owned();
        Ok(Box::new(Frequent { card, path, answers: Answers::of(&pairs) }))
    }
}

/// Spellings of one answer: the first one met, and how often any of them stands.
#[derive(Debug, Clone)]
struct Counted {
    spelled: String,
    times: usize,
}

/// Answers by opener, in small letters and without the final stop.
#[derive(Debug, Default)]
struct Answers {
    by_opener: BTreeMap<String, BTreeMap<String, Counted>>,
    of_question: BTreeMap<String, Vec<String>>,
}

impl Answers {
    fn of(pairs: &[Pair]) -> Self {
        let mut answers = Self::default();
        for pair in pairs {
            let key = plain(&pair.answer);
            let counted = answers.by_opener.entry(opener(&pair.question)).or_default();
            counted
                .entry(key.clone())
                .or_insert_with(|| Counted { spelled: pair.answer.clone(), times: 0 })
                .times += 1;
            answers.of_question.entry(pair.question.clone()).or_default().push(key);
        }
        answers
    }

    /// The most frequent answer to other questions; of several the first in the alphabet. `None` for a question that the
    /// file does not hold; empty where no other question begins so.
    fn to(&self, question: &str) -> Option<&str> {
        let own = self.of_question.get(question)?;
        let of_opener = self.by_opener.get(&opener(question))?;
        let left = |(key, counted): &(&String, &Counted)| {
            counted.times - own.iter().filter(|own| own == key).count().min(counted.times)
        };
        let best = of_opener.iter().max_by(|a, b| left(a).cmp(&left(b)).then_with(|| b.0.cmp(a.0)))?;
        Some(if left(&best) > 0 { best.1.spelled.as_str() } else { "" })
    }
}

fn plain(answer: &str) -> String {
    answer.trim().trim_end_matches('.').to_lowercase()
}

struct Frequent {
    card: ModelCard,
    path: PathBuf,
    answers: Answers,
}

impl ModelBackend for Frequent {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, _: &Sampling, _: &dyn Media) -> Result<Reply, Fault> {
        let text = request.prompt.joined_text();
        let lines = text.lines().map(|line| line.trim().trim_start_matches("Question:").trim());
        let answer = std::iter::once(text.trim()).chain(lines).find_map(|line| self.answers.to(line));
        answer.map(Reply::text).ok_or_else(|| {
            Fault::config(format!("the prompt holds no question of {}", self.path.display()))
                .help("set `pairs` to the question file that the data set reads")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Answers {
        let pair = |row: usize, question: &str, answer: &str| Pair {
            index: row,
            row: Some(row),
            question: question.to_owned(),
            answer: answer.to_owned(),
            categories: None,
        };
        Answers::of(&[
            pair(0, "Where is A?", "In both lungs."),
            pair(1, "Where is B?", "in both lungs"),
            pair(2, "Where is C?", "In the liver."),
            pair(3, "Which side?", "Left."),
        ])
    }

    #[test]
    fn the_most_frequent_answer_to_other_questions_wins() {
        let answers = answers();
        assert_eq!(answers.to("Where is C?"), Some("In both lungs."));
        // Its own answer left out, both stand once: the first in the alphabet.
        assert_eq!(answers.to("Where is A?"), Some("In both lungs."));
        assert_eq!(answers.to("Which side?"), Some(""), "nobody else asks so: nothing is known");
        assert_eq!(answers.to("Where is Z?"), None);
    }
}
