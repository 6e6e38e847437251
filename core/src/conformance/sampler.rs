//! Laws of samplers.

use super::{Law, Not, Sheet, broken, same, skipped};
use crate::digest::Draw;
use crate::fault::{Cause, Fault};
use crate::model_backend::{
    DeviceLogits, EmbeddingSource, Logits, LogitsPlace, ModelBackend, ModelCard, RowReader, Vocabulary,
};
use crate::sampler::{Pick, Row, Sampler};
use std::any::Any;

/// Tokens of the kit's model.
const TOKENS: usize = 24;
/// Width of its embeddings.
const WIDTH: usize = 4;
/// Rows of logits that are tried at once.
const ROWS: usize = 5;
/// Draws per row.
const DRAWS: usize = 40;

pub(super) fn check(sheet: &mut Sheet<'_>) {
    sheet.law("tokens lie below the vocabulary, one for each row", |sheet| {
        each(sheet, |sampler, values, rows| {
            let picks = pick(sampler, values, rows)?;
            match picks.iter().find(|pick| pick.token as usize >= TOKENS) {
                Some(pick) => broken(format!("token {} of {TOKENS}", pick.token)),
                None => same("picks", &picks.len(), &rows.len()),
            }
        })
    });
    sheet.law("the same draw gives the same token, also from a second sampler", |sheet| {
        let mut second = ready(sheet)?;
        each(sheet, |sampler, values, rows| {
            let first = pick(sampler, values, rows)?;
            same("picks", &first, &pick(sampler, values, rows)?)?;
            same("picks", &first, &pick(second.as_mut(), values, rows)?)
        })
    });
    sheet.law("a batch is a loop, in any order of rows", |sheet| {
        each(sheet, |sampler, values, rows| {
            let batch = pick(sampler, values, rows)?;
            for (row, expected) in rows.iter().zip(&batch) {
                same("picks", expected, &pick(sampler, values, std::slice::from_ref(row))?[0])?;
            }
            let backwards: Vec<Row<'_>> = rows.iter().rev().copied().collect();
            let mut again = pick(sampler, values, &backwards)?;
            again.reverse();
            same("picks", &batch, &again)
        })
    });
    sheet.law("logits of a device give the tokens of the same logits in memory", |sheet| {
        each(sheet, |sampler, values, rows| {
            let device = Copied(values);
            let logits = Logits { rows: ROWS, vocabulary: TOKENS, place: LogitsPlace::Device(&device) };
            let mut picks = Vec::new();
            sampler.pick(&logits, rows, &mut picks)?;
            same("picks", &pick(sampler, values, rows)?, &picks)
        })
    });
    sheet.law("a row that cannot be used is a fault", unusable);
    sheet.law("server parameters stay within their ranges", remote);
}

/// A sampler that is prepared with the kit's model.
fn ready(sheet: &Sheet<'_>) -> Result<Box<dyn Sampler>, Not> {
    let mut sampler = sheet.build::<dyn Sampler>()?;
    match sampler.prepare(&KitModel::new()) {
        Ok(()) => Ok(sampler),
        Err(fault) if fault.cause == Cause::Internal => Err(fault.into()),
        Err(fault) => skipped(format!("it cannot be prepared with the kit's model: {fault}")),
    }
}

fn each(sheet: &Sheet<'_>, mut law: impl FnMut(&mut dyn Sampler, &[f32], &[Row<'_>]) -> Law) -> Law {
    let mut sampler = ready(sheet)?;
    let history: Vec<u32> = (0..8).collect();
    for round in 0..DRAWS {
        let draws = Draw::new(17).of(round);
        let values: Vec<f32> = (0..ROWS * TOKENS)
            .map(|at| match draws.of("kind").of(at).below(12) {
                // Ties and tokens that are ruled out are usual.
                0 => f32::NEG_INFINITY,
                1 => 2.0,
                _ => draws.of(at).unit() as f32 * 8.0 - 4.0,
            })
            .enumerate()
            .map(|(at, value)| if at % TOKENS == 0 { 1.0 } else { value })
            .collect();
        let rows: Vec<Row<'_>> = [2, 0, 4, 2, 1]
            .into_iter()
            .enumerate()
            .map(|(place, index)| Row {
                index,
                step: (place % 3) as u32,
                draw: draws.of("draw").of(place).bits(),
                history: &history[..place],
            })
            .collect();
        law(sampler.as_mut(), &values, &rows)?;
    }
    Ok(())
}

fn pick(sampler: &mut dyn Sampler, values: &[f32], rows: &[Row<'_>]) -> Result<Vec<Pick>, Not> {
    let logits = Logits { rows: ROWS, vocabulary: TOKENS, place: LogitsPlace::Host(values) };
    let mut picks = Vec::new();
    match sampler.pick(&logits, rows, &mut picks) {
        Ok(()) => Ok(picks),
        Err(fault) if fault.cause == Cause::Unsupported => skipped(fault.to_string()),
        Err(fault) => Err(fault.into()),
    }
}

fn unusable(sheet: &Sheet<'_>) -> Law {
    let mut sampler = ready(sheet)?;
    let row = |index| Row { index, step: 0, draw: 1, history: &[] };
    let mut tried = |values: &[f32], rows: usize, row: Row<'_>| {
        let logits = Logits { rows, vocabulary: TOKENS, place: LogitsPlace::Host(values) };
        sampler.pick(&logits, &[row], &mut Vec::new()).is_ok()
    };
    for (values, rows, row, what) in [
        (vec![f32::NEG_INFINITY; TOKENS], 1, row(0), "a row without a finite logit"),
        (vec![f32::NAN; TOKENS], 1, row(0), "a row without a number"),
        (vec![0.0; TOKENS], 1, row(1), "a row that is not there"),
        (vec![0.0; TOKENS - 1], 1, row(0), "fewer logits than the vocabulary"),
    ] {
        if tried(&values, rows, row) {
            return broken(format!("{what} was accepted"));
        }
    }
    Ok(())
}

fn remote(sheet: &Sheet<'_>) -> Law {
    let sampler = sheet.build::<dyn Sampler>()?;
    if sampler.max_tokens() == 0 {
        return broken("no token may be generated");
    }
    let Some(sent) = sampler.remote() else { return skipped("no server parameter expresses it") };
    let outside =
        |value: Option<f64>, low: f64, high: f64| value.is_some_and(|value| !(low..=high).contains(&value));
    if outside(sent.temperature, 0.0, f64::MAX)
        || outside(sent.top_p, 0.0, 1.0)
        || outside(sent.min_p, 0.0, 1.0)
    {
        return broken(format!("{sent:?}"));
    }
    if sent.top_k == Some(0) || sent.max_tokens == Some(0) { broken(format!("{sent:?}")) } else { Ok(()) }
}

struct Copied<'a>(&'a [f32]);

impl DeviceLogits for Copied<'_> {
    fn as_any(&self) -> &dyn Any {
        &()
    }

    fn copy_to(&self, out: &mut Vec<f32>) -> Result<(), Fault> {
        out.extend_from_slice(self.0);
        Ok(())
    }
}

/// A vocabulary with embeddings, and nothing behind it.
struct KitModel {
    card: ModelCard,
    texts: Vec<String>,
    content: Vec<bool>,
}

impl KitModel {
    fn new() -> Self {
        let mut card = ModelCard::baseline("conformance", "conformance".to_owned());
        card.slots = ROWS;
        card.stepwise = true;
        let texts = (0..TOKENS).map(|token| format!("token-{token}")).collect();
        Self { card, texts, content: (0..TOKENS).map(|token| token + 1 < TOKENS).collect() }
    }
}

impl ModelBackend for KitModel {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn vocabulary(&self) -> Result<Option<Vocabulary<'_>>, Fault> {
        Ok(Some(Vocabulary { texts: &self.texts, content: &self.content }))
    }

    fn embeddings(&self) -> Result<Option<EmbeddingSource<'_>>, Fault> {
        Ok(Some(EmbeddingSource::Rows { reader: Box::new(KitRows), sha256: "conformance".to_owned() }))
    }
}

struct KitRows;

impl RowReader for KitRows {
    fn rows(&self) -> usize {
        TOKENS
    }

    fn width(&self) -> usize {
        WIDTH
    }

    fn read(&self, first: usize, count: usize, out: &mut Vec<f32>) -> Result<(), Fault> {
        out.clear();
        let values = (first * WIDTH)..(first.saturating_add(count).min(TOKENS) * WIDTH);
        out.extend(values.map(|at| Draw::new(3).of(at).unit() as f32 - 0.5));
        Ok(())
    }
}
