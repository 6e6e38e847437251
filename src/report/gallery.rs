//! Sample questions with the exact pictures that were sent and each arm's reply.

use serde::Serialize;
use situs_core::prompt::{Part, Prompt};
use situs_core::record::Record;
use std::collections::BTreeMap;

/// One question of the gallery.
#[derive(Serialize)]
pub(super) struct Card<'a> {
    id: &'a str,
    template: &'a str,
    cases: String,
    facets: String,
    prompt: String,
    options: String,
    truth: &'a str,
    chance: String,
    relation: &'a str,
    margin: String,
    pictures: Vec<Shown<'a>>,
    replies: Vec<Said<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    digest: &'a str,
    width: u32,
    height: u32,
    number: usize,
}

#[derive(Serialize)]
struct Said<'a> {
    arm: &'a str,
    trial: u32,
    state: &'static str,
    right: bool,
    value: &'a str,
    text: &'a str,
    reasoning: &'a str,
    flags: String,
    fault: String,
}

/// One card a question, in order of template and id; the arms' replies in order of record.
pub(super) fn cards(samples: &[Record]) -> Vec<Card<'_>> {
    let mut questions: BTreeMap<(&str, &str), Vec<&Record>> = BTreeMap::new();
    for record in samples {
        questions.entry((&record.question.template, &record.question.id)).or_default().push(record);
    }
    questions.into_values().filter_map(|records| card(&records)).collect()
}

fn card<'a>(records: &[&'a Record]) -> Option<Card<'a>> {
    let first = records.first()?;
    let question = &first.question;
    // A text-only arm sends no pictures; the card shows those of an arm that does.
    let most = records.iter().map(|record| record.prompt.images().count()).max()?;
    let shown = records.iter().find(|record| record.prompt.images().count() == most)?;
    Some(Card {
        id: &question.id,
        template: &question.template,
        cases: question.cases.join(", "),
        facets: question
            .facets
            .iter()
            .map(|(name, level)| format!("{name} {level}"))
            .collect::<Vec<_>>()
            .join(" · "),
        prompt: prompt_text(&shown.prompt),
        options: question.options.join(" | "),
        truth: &question.truth,
        chance: super::figures::number(question.chance),
        relation: &question.evidence.relation,
        margin: margin(question),
        pictures: shown
            .prompt
            .images()
            .enumerate()
            .map(|(index, image)| Shown {
                digest: &image.pixels,
                width: image.width,
                height: image.height,
                number: index + 1,
            })
            .collect(),
        replies: records.iter().map(|record| said(record)).collect(),
    })
}

/// The prompt's text without the headings of single pictures ("Frame 3:"), which would bury the question of a stack.
fn prompt_text(prompt: &Prompt) -> String {
    let next = prompt.parts.iter().skip(1).map(Some).chain([None]);
    let texts: Vec<&str> = prompt
        .parts
        .iter()
        .zip(next)
        .filter_map(|(part, next)| match (part, next) {
            (Part::Text { .. }, Some(Part::Image { .. })) => None,
            (Part::Text { text }, _) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    texts.join("\n\n")
}

fn margin(question: &situs_core::question::Question) -> String {
    let evidence = &question.evidence;
    [(evidence.margin_mm, "mm"), (evidence.margin_px, "px"), (evidence.margin_frames, "frames")]
        .into_iter()
        .filter_map(|(value, unit)| Some(format!("{:.1} {unit}", value?)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn said(record: &Record) -> Said<'_> {
    let reply = record.reply.as_ref();
    Said {
        arm: &record.arm,
        trial: record.trial,
        state: record.answer.state.word(),
        right: record.is_right(),
        value: record.answer.value.as_deref().unwrap_or(""),
        text: reply.map_or("", |reply| reply.text.as_str()),
        reasoning: reply.and_then(|reply| reply.reasoning.as_deref()).unwrap_or(""),
        flags: record.answer.flags.join(", "),
        fault: record.fault.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}
