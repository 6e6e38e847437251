//! From candidates to a token: what the reference and the fast path share.

use super::logits::{LANES, LogitRow, key, logit_of, token_of};
use super::philox::{position, row_bits};
use super::rule::{
    MAX_CANDIDATES, Mass, Otherwise, Rescore, Score, Select, StepFault, check_truncation, fits,
};
use super::weight::{Scale, UNIT, weight};
use crate::simd::MAX_NEIGHBORS;
use crate::{NeighborTable, RowFault, Truncation};

/// One sequence at one step.
#[derive(Debug, Clone, Copy)]
pub struct StepRow<'a> {
    /// Its logits.
    pub logits: LogitRow<'a>,
    /// Temperature and truncation.
    pub truncation: Truncation,
    /// The default rule, for steps that defer and for comparison.
    pub otherwise: Otherwise,
    /// The rescoring; `None` leaves the default rule alone.
    pub rescore: Option<Rescore>,
    /// Random bits of the row: the key of its Philox block.
    pub draw: u64,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// No rescoring was asked for.
    Plain,
    /// A candidate is not content: the default rule decided.
    Deferred,
    /// The candidates were rescored.
    Fired,
}

/// A chosen token, and how it came about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The token.
    pub token: u32,
    /// What the default rule takes with the same random bits.
    pub default_token: u32,
    /// What became of the step.
    pub outcome: Outcome,
    /// Score of the default rule's token, when scores were asked for: of a step that fired, by the rule; of a plain draw,
    /// the probability. A step that deferred has none.
    pub default_score: Option<f64>,
    /// Score of the token, likewise.
    pub token_score: Option<f64>,
    /// Tokens that remained after truncation; `None` where the rule needs only the most probable one.
    pub candidates: Option<usize>,
}

/// The loops over a row, which the reference and the fast path write differently.
pub(super) trait Passes {
    /// Fills `out` with the keys of the `limit` first tokens in order, masked ones left out; gives the highest logit.
    fn lead(&mut self, row: &LogitRow<'_>, limit: usize, out: &mut Vec<u64>) -> Result<f32, RowFault>;
    /// The sum of the weights of the row that `lead` was called with last.
    fn total(&mut self, row: &LogitRow<'_>, highest: f32, scale: Scale) -> u64;
    /// The weights of tokens, from their keys; `out` is cleared first.
    fn weights(&self, keys: &[u64], highest: f32, scale: Scale, out: &mut Vec<u64>);
    /// The sum of the contributions of `count` neighbors. Slots past them, up to a multiple of [`LANES`], are neutral.
    fn mass(&self, near: &Near, count: usize, highest: f32, scale: Scale) -> u64;
}

/// Logits and similarities of the neighbors of one candidate.
pub(super) struct Near {
    pub(super) logits: [f32; MAX_NEIGHBORS],
    pub(super) similarities: [f32; MAX_NEIGHBORS],
}

/// Buffers that are reused from row to row.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    keys: Vec<u64>,
    weights: Vec<u64>,
    masses: Vec<u64>,
    scores: Vec<f64>,
}

/// The first logit, by id, that has no softmax.
pub(super) fn first_fault(row: &LogitRow<'_>) -> Option<RowFault> {
    (0..row.width()).find_map(|token| match row.get(token) {
        Some(logit) if logit.is_nan() => Some(RowFault::NotANumber { token }),
        Some(f32::INFINITY) => Some(RowFault::Infinite { token }),
        _ => None,
    })
}

/// One step.
///
/// # Errors
/// Parameters outside their range, a table that does not serve, a row that cannot be used, too many candidates.
pub(super) fn decide(
    passes: &mut impl Passes,
    scratch: &mut Scratch,
    row: &StepRow<'_>,
    table: Option<&NeighborTable>,
    report: bool,
) -> Result<Step, StepFault> {
    let rule = &row.truncation;
    check_truncation(rule)?;
    let rescoring = match &row.rescore {
        None => None,
        Some(rescore) => {
            rescore.check()?;
            let table = table.ok_or(StepFault::NoTable)?;
            fits(table, rescore, row.logits.width())?;
            Some((rescore, table))
        }
    };
    let Scratch { keys, weights, masses, scores } = scratch;
    let greedy = rescoring.is_none() && row.otherwise == Otherwise::Greedy;
    let limit = if greedy { 1 } else { rule.top_k.unwrap_or(MAX_CANDIDATES + 1) };
    let highest = passes.lead(&row.logits, limit, keys)?;
    let scale = Scale::new(rule.temperature);
    let first = keys.first().map(|key| token_of(*key));
    let Some(first) = first else { return Err(RowFault::NoFinite { width: row.logits.width() }.into()) };
    if greedy {
        return Ok(plain(first, Outcome::Plain, None));
    }
    let mut total = None;
    passes.weights(keys, highest, scale, weights);
    let count = {
        let mut whole = || *total.get_or_insert_with(|| passes.total(&row.logits, highest, scale));
        kept(rule, weights, &mut whole).ok_or(StepFault::Candidates { limit: MAX_CANDIDATES })?
    };
    keys.truncate(count);
    weights.truncate(count);
    let bits = row_bits(row.draw);
    let usual = match row.otherwise {
        Otherwise::Greedy => 0,
        Otherwise::Draw => position(weights.iter().copied(), bits).unwrap_or(0),
    };
    let token_at = |at: usize| keys.get(at).map_or(first, |key| token_of(*key));
    let Some((rescore, table)) = rescoring else {
        let mut step = plain(token_at(usual), Outcome::Plain, Some(count));
        if report {
            let whole = total.unwrap_or_else(|| passes.total(&row.logits, highest, scale));
            step.token_score = weights.get(usual).map(|own| *own as f64 / whole as f64);
            step.default_score = step.token_score;
        }
        return Ok(step);
    };
    if !keys.iter().all(|key| table.is_content(token_of(*key))) {
        return Ok(plain(token_at(usual), Outcome::Deferred, Some(count)));
    }
    // One candidate wins with any score.
    if count == 1 && !report {
        return Ok(plain(first, Outcome::Fired, Some(count)));
    }
    masses.clear();
    let floor = match rescore.mass {
        Mass::Full => 0,
        Mass::Renormalised => keys.last().copied().unwrap_or(0),
    };
    let mut near = Near { logits: [f32::NEG_INFINITY; MAX_NEIGHBORS], similarities: [0.0; MAX_NEIGHBORS] };
    for key in keys.iter() {
        let token = token_of(*key);
        let count = gather(&row.logits, table, token, rescore, floor, &mut near)?;
        masses.push(passes.mass(&near, count, highest, scale));
    }
    let normalised =
        report || rescore.score != Score::Support || matches!(rescore.select, Select::Softmax { .. });
    let whole = match rescore.mass {
        _ if !normalised => UNIT,
        Mass::Full => total.unwrap_or_else(|| passes.total(&row.logits, highest, scale)),
        Mass::Renormalised => weights.iter().sum(),
    };
    let chosen = match rescore.score {
        Score::Support => by_support(rescore.select, masses, whole, bits),
        Score::Crowding { alpha } => {
            scores.clear();
            scores.extend(keys.iter().zip(weights.iter()).zip(masses.iter()).map(|((key, own), mass)| {
                let log = f64::from(logit_of(*key) - highest) / rule.temperature;
                // The candidate's own weight is its first contribution, so the difference is a whole number.
                let others = *mass as f64 - *own as f64;
                log - alpha * (others / whole as f64)
            }));
            by_logarithm(rescore.select, scores, bits)
        }
    };
    let score = |at: usize| match rescore.score {
        Score::Support => masses.get(at).map(|mass| *mass as f64 / whole as f64),
        // The scores above leave out what all candidates share: the logarithm of the normaliser.
        Score::Crowding { .. } => scores.get(at).map(|score| score - (whole as f64 / UNIT as f64).ln()),
    };
    Ok(Step {
        token: token_at(chosen),
        default_token: token_at(usual),
        outcome: Outcome::Fired,
        default_score: report.then(|| score(usual)).flatten(),
        token_score: report.then(|| score(chosen)).flatten(),
        candidates: Some(count),
    })
}

fn plain(token: u32, outcome: Outcome, candidates: Option<usize>) -> Step {
    Step { token, default_token: token, outcome, default_score: None, token_score: None, candidates }
}

/// How many of the leading tokens, given their weights, a rule keeps; `None` for more than [`MAX_CANDIDATES`].
fn kept(rule: &Truncation, weights: &[u64], whole: &mut dyn FnMut() -> u64) -> Option<usize> {
    let mut count = weights.len();
    if rule.top_p < 1.0 {
        let total = if rule.top_k.is_some() { weights.iter().sum() } else { whole() };
        let enough = rule.top_p * total as f64;
        let mut mass = 0u64;
        let crossing = weights.iter().position(|weight| {
            mass += weight;
            mass as f64 >= enough
        });
        count = crossing.map_or(count, |at| at + 1);
    }
    if rule.min_p > 0.0 {
        let least = rule.min_p * UNIT as f64;
        count = weights.iter().take(count).position(|weight| (*weight as f64) < least).unwrap_or(count);
    }
    (count <= MAX_CANDIDATES).then_some(count)
}

/// Collects the kept neighbors of a candidate; those below the key `floor` count as masked.
#[inline]
fn gather(
    row: &LogitRow<'_>,
    table: &NeighborTable,
    token: u32,
    rescore: &Rescore,
    floor: u64,
    near: &mut Near,
) -> Result<usize, StepFault> {
    let damaged = StepFault::Table { token };
    let Some((ids, similarities)) = table.row(token) else { return Err(damaged) };
    let mut kept = rescore.neighbors.min(ids.len()).min(similarities.len()).min(MAX_NEIGHBORS);
    if let Some(threshold) = rescore.threshold {
        // An unused slot is no neighbor, whatever the threshold; it counts 0 in any case.
        let below = |similarity: &f32| *similarity < threshold;
        kept = similarities.iter().take(kept).position(below).unwrap_or(kept);
    }
    let slots = near.logits.iter_mut().zip(near.similarities.iter_mut());
    for ((logit, similarity), (id, cosine)) in slots.zip(ids.iter().zip(similarities)).take(kept) {
        let Some(value) = row.get(*id as usize) else { return Err(damaged) };
        let counts = floor == 0 || key(value, *id) >= floor;
        *logit = if counts { value } else { f32::NEG_INFINITY };
        *similarity = *cosine;
    }
    let padded = kept.next_multiple_of(LANES).min(MAX_NEIGHBORS);
    near.logits[kept..padded].fill(f32::NEG_INFINITY);
    near.similarities[kept..padded].fill(0.0);
    Ok(kept)
}

/// The place of the first of the largest values.
fn first_largest<T: PartialOrd + Copy>(values: &[T]) -> usize {
    let mut best: Option<(usize, T)> = None;
    for (at, &value) in values.iter().enumerate() {
        if best.is_none_or(|(_, largest)| value > largest) {
            best = Some((at, value));
        }
    }
    best.map_or(0, |(at, _)| at)
}

/// Chooses among masses; candidates stand in order of their logits, so the first of equals is the more probable one.
fn by_support(select: Select, masses: &[u64], whole: u64, bits: u64) -> usize {
    let best = first_largest(masses);
    match select {
        Select::Argmax => best,
        Select::Proportional => position(masses.iter().copied(), bits).unwrap_or(best),
        Select::Softmax { tau } => {
            let largest = masses.get(best).copied().unwrap_or(0);
            let scale = Scale::new(tau);
            let odds = masses.iter().map(|mass| {
                let behind = (largest - mass) as f64 / whole as f64;
                weight(-behind as f32, scale)
            });
            position(odds, bits).unwrap_or(best)
        }
    }
}

/// Chooses among scores that are logarithms.
fn by_logarithm(select: Select, scores: &[f64], bits: u64) -> usize {
    let best = first_largest(scores);
    let scale = match select {
        Select::Argmax => return best,
        Select::Proportional => Scale::new(1.0),
        Select::Softmax { tau } => Scale::new(tau),
    };
    let largest = scores.get(best).copied().unwrap_or(0.0);
    let odds = scores.iter().map(|score| weight((score - largest) as f32, scale));
    position(odds, bits).unwrap_or(best)
}
