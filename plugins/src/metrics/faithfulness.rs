//! Whether an explanation supports the right answer, apart from whether the answer is right.

use situs_core::prelude::*;

/// What explanation and answer come to (SpatialMed, section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Explanation and answer are right.
    Faithful,
    /// The explanation is right, the answer is wrong.
    DecisionError,
    /// The explanation is wrong, the answer is right.
    LuckyGuess,
    /// Both are wrong.
    Hallucinated,
}

impl Outcome {
    fn of(explained: bool, answered: bool) -> Self {
        match (explained, answered) {
            (true, true) => Self::Faithful,
            (true, false) => Self::DecisionError,
            (false, true) => Self::LuckyGuess,
            (false, false) => Self::Hallucinated,
        }
    }
}

situs_core::component! {
    /// Share of replies with one outcome of explanation and answer, a model judging the explanation alone: faithful, decision_error, lucky_guess, hallucinated.
    metric "faithfulness";
    pub struct Faithfulness {
        /// Outcome that is counted: "faithful", "decision_error", "lucky_guess" or "hallucinated".
        pub outcome: Outcome = Outcome::Faithful,
        /// Role that judges explanations (`[models.<role>]`).
        pub role: String = "judge".to_owned(),
        /// Relative error up to which a free number counts as right.
        pub number_within: f64 = 0.1,
        /// Most new tokens of a verdict.
        pub max_tokens: u32 = 512,
    }
}

/// Longest explanation that a judge is shown, in characters.
const MOST_CHARS: usize = 20_000;

#[typetag::serde(name = "faithfulness")]
impl MetricSpec for Faithfulness {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        if !(0.0..=1.0).contains(&self.number_within) {
            return Err(Fault::config(format!("expected 0 to 1, found {}", self.number_within)).at("number_within"));
        }
        Ok(Box::new(self.clone()))
    }
}

/// The reasoning of a reply without its final answer, which must not sway the judge; `None` where there is none.
fn explanation(reply: &Reply) -> Option<String> {
    let own = reply.reasoning.clone().unwrap_or_default();
    let lower = reply.text.to_ascii_lowercase();
    let before = lower.rfind("<answer>").map_or(reply.text.as_str(), |start| &reply.text[..start]);
    let text: String = format!("{own}\n{before}").trim().chars().take(MOST_CHARS).collect();
    (!text.is_empty()).then_some(text)
}

fn name(record: &Record) -> String {
    format!("{}/{}", record.arm, record.trial)
}

impl Faithfulness {
    fn is_right(&self, record: &Record) -> bool {
        if !record.question.options.is_empty() {
            return record.is_right();
        }
        super::mra_vsi10::numbers(record, super::mra_vsi10::NumberBy::Family)
            .and_then(|(target, given)| Some((given? - target).abs() <= self.number_within * target.abs()))
            .unwrap_or(false)
    }
}

impl Metric for Faithfulness {
    fn consult(&self, batch: &[Record], replies: &Replies) -> Result<Vec<Consultation>, Fault> {
        let mut needs = Vec::new();
        for record in batch {
            let Some(text) = record.reply.as_ref().and_then(explanation) else { continue };
            let key = Key { about: record.question.id.clone(), name: name(record) };
            if replies.contains(&key) {
                continue;
            }
            let question = &record.question;
            needs.push(Consultation {
                key,
                role: self.role.clone(),
                prompt: Prompt::text(format!(
                    "You judge whether an explanation supports the right answer. Judge the explanation alone, whatever answer \
                     it ends with: its statements about structures, positions, sizes and numbers must agree with the facts and \
                     lead to the right answer.\n\nQuestion:\n{}\n\nRight answer: {}\nFacts: {}\n\nExplanation:\n{text}\n\n\
                     Reply with one line that holds only `yes` (it supports the right answer) or `no` between the tags \
                     <answer> and </answer>.",
                    question.text,
                    question.truth,
                    serde_json::to_string(&question.evidence.facts).unwrap_or_default()
                )),
                sampling: Sampling {
                    temperature: Some(0.0),
                    max_tokens: Some(self.max_tokens),
                    ..Sampling::default()
                },
            });
        }
        Ok(needs)
    }

    fn score(&self, record: &Record, replies: &Replies) -> Result<Option<Score>, Fault> {
        let Some(verdict) = replies.get(&record.question.id, &name(record)) else { return Ok(None) };
        let said = crate::replies::last_tag(crate::replies::after_thinking(&verdict.text)).map(str::to_lowercase);
        let explained = match said.as_deref() {
            Some("yes") => true,
            Some("no") => false,
            // A verdict that cannot be read is none: the record is left out, and n tells.
            _ => return Ok(None),
        };
        let outcome = Outcome::of(explained, self.is_right(record));
        Ok(Some(Score::mean(f64::from(u8::from(outcome == self.outcome)))))
    }
}
