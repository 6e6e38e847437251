//! Laws of question families.

use super::room::{Room, Stored, orders};
use super::{Kit, Law, Not, Sheet, broken, first_room, same, skipped};
use crate::case::Case;
use crate::dataset::Dataset;
use crate::fault::{Cause, Fault};
use crate::question::Question;
use crate::question_family::{AskContext, Asked, QuestionFamily};
use crate::record::AnswerState;
use crate::reply::{Replies, Reply};
use crate::run::RunMedia;
use crate::structure::{Catalogue, CatalogueEntry};
use crate::volume::catalogue_entry;
use std::sync::Arc;

/// Rounds of consultations that the kit answers.
const ROUNDS: usize = 8;
/// Questions whose answers are read back.
const READ_BACK: usize = 400;

pub(super) fn check(sheet: &mut Sheet<'_>, kit: &Kit) {
    sheet.law("the same case and seed give the same questions", |sheet| {
        let (one, other) = (asked(sheet, kit)?, asked(sheet, kit)?);
        same("questions", &one, &other)
    });
    sheet.law("every question names its case, holds its answer and a chance level", |sheet| {
        let (case, _) = first_room(kit)?;
        asked(sheet, kit)?.iter().try_for_each(|question| whole(question, &case))
    });
    sheet.law("the right answer, written down, is read back", |sheet| read_back(sheet, kit));
    sheet.law("a reply of nothing is not an answer, and no reply is a fault", |sheet| unreadable(sheet, kit));
    sheet.law("positions of whole structures are those measured in the patient, mirrored or not", |sheet| {
        [false, true].into_iter().try_for_each(|mirrored| positions(sheet, kit, mirrored))
    });
    sheet.law("every storage order of one patient gives the same questions", |sheet| stored(sheet, kit));
}

fn asked(sheet: &Sheet<'_>, kit: &Kit) -> Result<Vec<Question>, Not> {
    let (case, room) = first_room(kit)?;
    let entry = catalogue_entry(&case, &room.volumes)?;
    let family = sheet.build::<dyn QuestionFamily>()?;
    ask(family.as_ref(), kit.dataset.as_ref(), &case, entry, &room)
}

/// The questions of one case; consultations get a made-up reply. A family that has none to ask is skipped.
fn ask(
    family: &dyn QuestionFamily,
    dataset: &dyn Dataset,
    case: &Case,
    entry: CatalogueEntry,
    room: &RunMedia,
) -> Result<Vec<Question>, Not> {
    let catalogue = Catalogue { digest: entry.volume_id.clone(), cases: vec![entry.clone()] };
    let mut replies = Replies::default();
    for _ in 0..=ROUNDS {
        let cx = AskContext {
            card: dataset.card(),
            case,
            entry: &entry,
            catalogue: &catalogue,
            seed: 17,
            replies: &replies,
            media: room,
        };
        let asked = match family.ask(&cx) {
            // A family may be made for cases that bring questions along.
            Err(fault) if fault.cause == Cause::Unsupported => return skipped(fault.to_string()),
            other => other?,
        };
        match asked {
            Asked::Questions { questions, left_out } if questions.is_empty() => {
                return skipped(format!("it asks nothing of {}: {left_out:?}", case.name));
            }
            Asked::Questions { questions, .. } => return Ok(questions),
            Asked::Needs(needs) => {
                if needs.iter().all(|need| replies.contains(&need.key)) {
                    return broken("it asks again for what it was given");
                }
                needs.into_iter().for_each(|need| replies.insert(need.key, Reply::text("yes")));
            }
        }
    }
    broken(format!("it still consults after {ROUNDS} rounds"))
}

fn whole(question: &Question, case: &Case) -> Law {
    let place = || question.text.chars().take(80).collect::<String>();
    if !question.cases.contains(&case.name) {
        return broken(format!("{:?} does not name case {}", place(), case.name));
    }
    if question.text.trim().is_empty() || question.template.is_empty() {
        return broken("a question lacks text or template");
    }
    if !question.options.is_empty() && !question.options.contains(&question.truth) {
        return broken(format!("{:?}: {:?} is not among {:?}", place(), question.truth, question.options));
    }
    if !(0.0..=1.0).contains(&question.chance) {
        return broken(format!("{:?}: a chance of {}", place(), question.chance));
    }
    Ok(())
}

fn read_back(sheet: &Sheet<'_>, kit: &Kit) -> Law {
    let family = sheet.build::<dyn QuestionFamily>()?;
    let questions = asked(sheet, kit)?;
    // Spread over the whole pool: neighbouring questions are of one template.
    for question in questions.iter().step_by(questions.len().div_ceil(READ_BACK)) {
        let truth = vec![question.truth.clone()];
        let answers = if question.options.is_empty() { &truth } else { &question.options };
        for answer in answers {
            let read = |text: String| family.read(question, &Reply::text(text));
            let forms = [answer.clone(), format!("<answer>{answer}</answer>")];
            let found = forms.map(read).into_iter().collect::<Result<Vec<_>, Fault>>()?;
            let good = |answered: &crate::record::Answer| {
                answered.state == AnswerState::Answered && answered.value.as_ref() == Some(answer)
            };
            if !found.iter().any(good) {
                return broken(format!("{answer:?} of {:?} is read as {:?}", question.template, found[0]));
            }
        }
    }
    Ok(())
}

fn unreadable(sheet: &Sheet<'_>, kit: &Kit) -> Law {
    let family = sheet.build::<dyn QuestionFamily>()?;
    let questions = asked(sheet, kit)?;
    let Some(question) = questions.first() else { return skipped("it asks nothing") };
    for text in ["", " ", "\u{0}", "\u{feff}<answer>", &"x".repeat(100_000)] {
        let answer = family.read(question, &Reply::text(text))?;
        if text.trim().is_empty() && answer.state == AnswerState::Answered {
            return broken(format!("{text:?} is read as {answer:?}"));
        }
    }
    Ok(())
}

fn positions(sheet: &Sheet<'_>, kit: &Kit, mirrored: bool) -> Law {
    let room = Room::new(Arc::clone(&kit.dataset), mirrored)?;
    let case = kit.dataset.case(0)?;
    let entry = catalogue_entry(&case, &room.volumes)?;
    let family = sheet.build::<dyn QuestionFamily>()?;
    let seen = room.volumes.seen(&case);
    let measured = entry.measured.structures.clone();
    let mut looked_at = 0;
    for question in ask(family.as_ref(), kit.dataset.as_ref(), &seen, entry, &room)? {
        for position in &question.evidence.positions {
            let structure = measured.iter().find(|structure| structure.name == position.structure);
            let expected = match (position.centre.as_str(), structure) {
                ("volume-centroid", Some(structure)) => structure.centroid_ras_mm,
                ("volume-box-centre", Some(structure)) => structure.bbox_center_ras_mm,
                _ => continue,
            };
            let near = expected.is_some_and(|expected| {
                (0..3).all(|axis| (expected[axis] - position.ras_mm[axis]).abs() < 1e-6)
            });
            if !near {
                return broken(format!(
                    "{} of {} lies at {expected:?}, the question says {:?}",
                    position.centre, position.structure, position.ras_mm
                ));
            }
            looked_at += 1;
        }
    }
    if looked_at == 0 { skipped("its evidence holds no position of a whole structure") } else { Ok(()) }
}

fn stored(sheet: &Sheet<'_>, kit: &Kit) -> Law {
    let (case, room) = first_room(kit)?;
    let mut expected: Option<Vec<Question>> = None;
    for order in orders().take(kit.orders) {
        let stored = Arc::new(Stored::new(kit.dataset.as_ref(), &case, &room, order)?);
        let own = Room::new(Arc::clone(&stored) as Arc<dyn Dataset>, false)?;
        let case = stored.case(0)?;
        let entry = catalogue_entry(&case, &own.volumes)?;
        let family = sheet.build::<dyn QuestionFamily>()?;
        let questions = ask(family.as_ref(), stored.as_ref(), &case, entry, &own)?;
        match &expected {
            None => expected = Some(questions),
            Some(expected) => compare(expected, &questions).map_err(|not| match not {
                Not::Broken(what) => Not::Broken(format!("{order:?}: {what}")),
                other => other,
            })?,
        }
    }
    Ok(())
}

/// Everything but the last bits of positions, which come from sums in another order.
fn compare(expected: &[Question], questions: &[Question]) -> Law {
    same("number of questions", &expected.len(), &questions.len())?;
    expected.iter().zip(questions).try_for_each(|(one, other)| {
        same("texts", &one.text, &other.text)?;
        same("answers", &one.truth, &other.truth)?;
        same("options", &one.options, &other.options)?;
        same("facets", &one.facets, &other.facets)?;
        same("scenes", &one.scene, &other.scene)
    })
}
