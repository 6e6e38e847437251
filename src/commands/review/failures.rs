//! Wrong answers for people to look through: a seeded sample for each level of a facet, with what the model wrote.

use crate::commands::unknown;
use serde_json::{Value, json};
use situs_core::digest::Draw;
use situs_core::fault::Fault;
use situs_core::question::Question;
use situs_core::record::{AnswerState, Record};
use situs_core::reply::Reply;
use std::collections::{BTreeMap, BTreeSet};

/// A free number is wrong when it is off by more than this share.
const NUMBER_OFF: f64 = 0.1;
/// Facet and level of replies with their reasoning: where a run has them, only they are drawn.
const REASONED: (&str, &str) = ("variant", "reason");

/// Which failures.
pub(super) struct Wanted<'a> {
    /// Most per level.
    pub(super) per_level: usize,
    /// Facet.
    pub(super) by: &'a str,
    /// Arm; needed where a run has several.
    pub(super) arm: Option<&'a str>,
    /// Seed of the draw.
    pub(super) seed: u64,
}

/// Questions answered wrongly, level by level in drawn order, the reply as their context.
///
/// # Errors
/// A config fault for an arm that the run does not have, or none named where there are several; a data fault where nothing
/// was answered wrongly.
pub(super) fn drawn(records: Vec<Record>, wanted: &Wanted<'_>) -> Result<Vec<Question>, Fault> {
    let arms: BTreeSet<String> = records.iter().map(|record| record.arm.clone()).collect();
    let names: Vec<&str> = arms.iter().map(String::as_str).collect();
    let arm = match (wanted.arm, names.as_slice()) {
        (Some(arm), known) if !known.contains(&arm) => return Err(unknown("arm", arm, known)),
        (Some(arm), _) => arm,
        (None, [only]) => only,
        (None, known) => {
            return Err(Fault::config("the run has several arms, and a failure is one arm's")
                .help(format!("name one with --arm: {}", known.join(", "))));
        }
    };
    let reasons = records.iter().any(|record| record.question.facet(REASONED.0) == REASONED.1);
    let draw = Draw::new(wanted.seed).of("failures").of(arm);
    let mut seen = BTreeSet::new();
    let mut levels: BTreeMap<String, Vec<(u64, Question)>> = BTreeMap::new();
    for record in records {
        let drawable = record.arm == arm
            && is_wrong(&record)
            && (!reasons || record.question.facet(REASONED.0) == REASONED.1)
            && seen.insert(record.question.id.clone());
        if drawable {
            let level = record.question.facet(wanted.by).to_owned();
            let place = draw.of(&level).of(&record.question.id).bits();
            levels.entry(level).or_default().push((place, with_context(record)));
        }
    }
    let questions: Vec<Question> = levels
        .into_values()
        .flat_map(|mut of_level| {
            of_level.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.id.cmp(&other.id)));
            of_level.into_iter().take(wanted.per_level).map(|(_, question)| question)
        })
        .collect();
    if questions.is_empty() {
        return Err(Fault::data(format!("{arm} answered no question wrongly")));
    }
    Ok(questions)
}

/// Whether an answer came and is not right.
fn is_wrong(record: &Record) -> bool {
    if record.answer.state == AnswerState::Failed {
        return false;
    }
    if !record.question.options.is_empty() {
        return !record.is_right();
    }
    let given: Option<f64> = record.answer.value.as_ref().and_then(|value| value.parse().ok());
    match (given, record.question.truth.parse::<f64>()) {
        (Some(given), Ok(truth)) => ((given - truth) / truth).abs() > NUMBER_OFF,
        (None, Ok(_)) => true,
        (_, Err(_)) => !record.is_right(),
    }
}

/// The question with the reply, reasoning first, where sheets look for context.
fn with_context(record: Record) -> Question {
    let mut question = record.question;
    let said = record.reply.as_ref().map(told).unwrap_or_default();
    match &mut question.private {
        Value::Object(private) => {
            private.insert("context".to_owned(), Value::String(said));
        }
        other => *other = json!({"context": said}),
    }
    question
}

fn told(reply: &Reply) -> String {
    let parts = [reply.reasoning.as_deref(), Some(reply.text.as_str())];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::question;
    use super::*;
    use situs_core::prompt::Prompt;
    use situs_core::record::Answer;

    fn record(task: &str, index: usize, answer: Answer) -> Record {
        let mut question = question(&format!("{task}{index}"), 0);
        question.facets.insert("task".to_owned(), task.to_owned());
        question.options = vec!["here".to_owned(), "there".to_owned()];
        Record {
            arm: "a".to_owned(),
            question,
            trial: 0,
            prompt: Prompt::default(),
            reply: Some(Reply { reasoning: Some("I see".to_owned()), ..Reply::text("so there") }),
            fault: None,
            answer,
        }
    }

    fn records() -> Vec<Record> {
        let answers = |index: usize| match index % 4 {
            0 => Answer::answered("here"),
            1 => Answer::without_value(AnswerState::Unparsed),
            2 => Answer::without_value(AnswerState::Failed),
            _ => Answer::answered("there"),
        };
        ["dir", "vol"].iter().flat_map(|task| (0..40).map(|at| record(task, at, answers(at)))).collect()
    }

    fn wanted(per_level: usize) -> Wanted<'static> {
        Wanted { per_level, by: "task", arm: None, seed: 3 }
    }

    #[test]
    fn wrong_answers_are_drawn_for_each_level_with_what_was_said() {
        let drawn_five = drawn(records(), &wanted(5)).unwrap();
        assert_eq!(drawn_five.len(), 10);
        assert!(drawn_five.iter().all(|one| one.private["context"] == "I see\n\nso there"));
        assert_eq!(drawn_five, drawn(records(), &wanted(5)).unwrap());
        // Half of 80 are wrong: neither the right ones nor those that got no reply.
        assert_eq!(drawn(records(), &wanted(1000)).unwrap().len(), 40);
        let other = drawn(records(), &Wanted { seed: 4, ..wanted(5) }).unwrap();
        assert_ne!(drawn_five, other);
    }

    #[test]
    fn a_number_is_wrong_when_it_is_far_off() {
        let number = |given: &str| {
            let mut record = record("vol", 0, Answer::answered(given));
            record.question.options.clear();
            record.question.truth = "100".to_owned();
            is_wrong(&record)
        };
        assert!(!number("95") && number("80"));
    }

    #[test]
    fn replies_with_reasoning_are_preferred_and_arms_are_named() {
        let mut all = records();
        all[1].question.facets.insert("variant".to_owned(), "reason".to_owned());
        assert_eq!(drawn(all, &wanted(50)).unwrap().len(), 1);
        let mut two = records();
        two[0].arm = "b".to_owned();
        assert!(drawn(two, &wanted(5)).unwrap_err().help.unwrap().contains("--arm"));
        let fault = drawn(records(), &Wanted { arm: Some("c"), ..wanted(5) }).unwrap_err();
        assert!(fault.what.contains("unknown arm"), "{fault}");
    }
}
