//! Laws of metrics.

use super::{Law, Not, Sheet, broken, same, skipped};
use crate::metric::Metric;
use crate::prompt::Prompt;
use crate::question::{Evidence, Question};
use crate::record::{Answer, AnswerState, Record, Score, Scored, ScoredRecord};
use crate::reply::{Finish, Replies, Reply};
use std::collections::BTreeMap;

/// Rounds of consultations that the kit answers.
const ROUNDS: usize = 8;

pub(super) fn check(sheet: &mut Sheet<'_>) {
    sheet.law("the same record has the same score, also from a second metric", |sheet| {
        let (_, one) = scored(sheet)?;
        let (_, other) = scored(sheet)?;
        same("scores", &one, &other)
    });
    sheet.law("scores are finite and their statistics have one width", |sheet| {
        let (_, scores) = scored(sheet)?;
        let mut width = None;
        for score in scores.iter().flatten() {
            if !score.value.is_finite() || score.stats.iter().any(|stat| !stat.is_finite()) {
                return broken(format!("{score:?}"));
            }
            same("widths", width.get_or_insert(score.stats.len()), &score.stats.len())?;
        }
        if width.is_none() { skipped("it applies to none of the kit's records") } else { Ok(()) }
    });
    sheet.law("a record's score does not depend on the records before it", |sheet| {
        let (metric, replies) = consulted(sheet)?;
        let records = records();
        let forth =
            records.iter().map(|record| metric.score(record, &replies)).collect::<Result<Vec<_>, _>>()?;
        let mut back = records
            .iter()
            .rev()
            .map(|record| metric.score(record, &replies))
            .collect::<Result<Vec<_>, _>>()?;
        back.reverse();
        same("scores", &forth, &back)
    });
    sheet.law("summed statistics give a figure, in any order of records", figure);
    sheet.law("the summary of nothing and of everything is no fault", summary);
}

/// Records of every state, right and wrong.
fn records() -> Vec<Record> {
    let states = AnswerState::ALL.into_iter().filter(|state| *state != AnswerState::Failed);
    let answers = states.flat_map(|state| match state {
        AnswerState::Answered => {
            vec![Answer::answered("true"), Answer::answered("false"), Answer::answered("perhaps")]
        }
        other => vec![Answer::without_value(other)],
    });
    answers
        .enumerate()
        .map(|(number, answer)| {
            let reply = Reply {
                finish: if answer.state == AnswerState::Truncated { Finish::Length } else { Finish::Stop },
                ..Reply::text(answer.value.clone().unwrap_or_default())
            };
            Record {
                arm: "main".to_owned(),
                question: question(number),
                trial: 0,
                prompt: Prompt::text("True or false?"),
                reply: Some(reply),
                fault: None,
                answer,
            }
        })
        .collect()
}

fn question(number: usize) -> Question {
    Question {
        id: format!("conformance-{number}"),
        volumes: Vec::new(),
        cases: vec![format!("case-{}", number % 3)],
        cluster: format!("case-{}", number % 3),
        template: "conformance".to_owned(),
        cell: "conformance".to_owned(),
        bundle: format!("{}", number / 2),
        structures: vec!["liver".to_owned(), "spleen".to_owned()],
        text: "The liver is right of the spleen. True or false?".to_owned(),
        options: vec!["true".to_owned(), "false".to_owned()],
        truth: "true".to_owned(),
        chance: 0.5,
        facets: BTreeMap::from([("plane".to_owned(), "axial".to_owned())]),
        scene: None,
        evidence: Evidence::default(),
        private: serde_json::Value::Null,
    }
}

/// The metric with made-up replies to whatever it asks.
fn consulted(sheet: &Sheet<'_>) -> Result<(Box<dyn Metric>, Replies), Not> {
    let metric = sheet.build::<dyn Metric>()?;
    let (records, mut replies) = (records(), Replies::default());
    for _ in 0..=ROUNDS {
        let needs = metric.consult(&records, &replies)?;
        if needs.is_empty() {
            return Ok((metric, replies));
        }
        if needs.iter().all(|need| replies.contains(&need.key)) {
            return broken("it asks again for what it was given");
        }
        needs.into_iter().for_each(|need| replies.insert(need.key, Reply::text("yes, 3 of 5")));
    }
    broken(format!("it still consults after {ROUNDS} rounds"))
}

type Scores = Vec<Option<Score>>;

fn scored(sheet: &Sheet<'_>) -> Result<(Box<dyn Metric>, Scores), Not> {
    let (metric, replies) = consulted(sheet)?;
    let scores = records().iter().map(|record| metric.score(record, &replies)).collect::<Result<_, _>>()?;
    Ok((metric, scores))
}

fn figure(sheet: &Sheet<'_>) -> Law {
    let (metric, scores) = scored(sheet)?;
    let stats: Vec<&[f64]> = scores.iter().flatten().map(|score| score.stats.as_slice()).collect();
    if stats.is_empty() || stats[0].is_empty() {
        return skipped("it has no additive statistics");
    }
    let sum = |stats: &mut dyn Iterator<Item = &[f64]>| {
        stats.fold(Vec::new(), |sums: Vec<f64>, stats| {
            stats.iter().enumerate().map(|(at, stat)| stat + sums.get(at).copied().unwrap_or(0.0)).collect()
        })
    };
    let forth = metric.finish(&sum(&mut stats.iter().copied()))?;
    let back = metric.finish(&sum(&mut stats.iter().rev().copied()))?;
    if !forth.is_finite() || (forth - back).abs() > 1e-9 * forth.abs().max(1.0) {
        return broken(format!("{forth} and {back}"));
    }
    Ok(())
}

fn summary(sheet: &Sheet<'_>) -> Law {
    let (metric, scores) = scored(sheet)?;
    let records = records();
    let all: Vec<ScoredRecord<'_>> =
        records.iter().zip(scores).map(|(record, score)| ScoredRecord { record, score }).collect();
    for records in [Vec::new(), all] {
        let count = records.len();
        let summary = metric.summarise(&Scored { records, seed: 17, replicates: 200 })?;
        if let Some(values) = summary.and_then(|summary| summary.values) {
            same("values per record", &values.len(), &count)?;
        }
    }
    Ok(())
}
