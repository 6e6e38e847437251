//! From candidates to a token: what the reference and the fast path share.

use super::logits::{LANES, LogitRow, key, logit_of, token_of};
use super::philox::{position, row_bits};
use super::rule::{
    MAX_CANDIDATES, Mass, Otherwise, Rescore, Score, Select, StepFault, check_plain, check_truncation, fits,
};
use super::weight::{Scale, UNIT, log_ratio, weight};
use crate::simd::MAX_NEIGHBORS;
use crate::{NeighborTable, RowFault, Truncation};

/// How many times as many leading tokens are looked at when a draw falls behind them.
const MORE: usize = 8;

/// One sequence at one step.
#[derive(Debug, Clone, Copy)]
pub struct StepRow<'a> {
    /// Its logits.
    pub logits: LogitRow<'a>,
    /// Temperature and truncation.
    pub truncation: Truncation,
    /// The default rule, for steps that defer and for comparison.
    pub otherwise: Otherwise,
    /// The rescoring; `None` leaves the default rule alone, which may keep any number of tokens and take temperature 0
    /// for the most probable one.
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
    /// Tokens that remained after truncation; `None` where the rule needs only the most probable one, and where a plain
    /// draw was decided before all of them were looked at.
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
    let Some(rescore) = &row.rescore else {
        check_plain(rule)?;
        if row.otherwise == Otherwise::Greedy || rule.temperature == 0.0 {
            passes.lead(&row.logits, 1, &mut scratch.keys)?;
            return Ok(plain(token_at(&scratch.keys, 0, row)?, Outcome::Plain, None));
        }
        return draw(passes, scratch, row, report);
    };
    check_truncation(rule)?;
    rescore.check()?;
    let table = table.ok_or(StepFault::NoTable)?;
    fits(table, rescore, row.logits.width())?;
    let look = look(passes, scratch, row, rule.top_k.unwrap_or(MAX_CANDIDATES + 1))?;
    let count = look.kept.filter(|count| *count <= MAX_CANDIDATES);
    let count = count.ok_or(StepFault::Candidates { limit: MAX_CANDIDATES })?;
    let usual = match row.otherwise {
        Otherwise::Greedy => 0,
        Otherwise::Draw => drawn(&scratch.weights, row_bits(row.draw)).unwrap_or(0),
    };
    if scratch.keys.iter().all(|key| table.is_content(token_of(*key))) {
        return fire(passes, scratch, row, (rescore, table), &look, usual, report);
    }
    Ok(plain(token_at(&scratch.keys, usual, row)?, Outcome::Deferred, Some(count)))
}

/// Rescores the candidates in the scratch, of which the default rule takes the one at `usual`.
fn fire(
    passes: &mut impl Passes,
    scratch: &mut Scratch,
    row: &StepRow<'_>,
    (rescore, table): (&Rescore, &NeighborTable),
    look: &Look,
    usual: usize,
    report: bool,
) -> Result<Step, StepFault> {
    let first = token_at(&scratch.keys, 0, row)?;
    // One candidate wins with any score.
    if scratch.keys.len() == 1 && !report {
        return Ok(plain(first, Outcome::Fired, Some(1)));
    }
    weigh_neighborhoods(passes, scratch, row, (rescore, table), look)?;
    let Scratch { keys, weights, masses, scores } = scratch;
    let normalised =
        report || rescore.score != Score::Support || matches!(rescore.select, Select::Softmax { .. });
    let whole = match rescore.mass {
        _ if !normalised => UNIT,
        Mass::Full => look.total.unwrap_or_else(|| passes.total(&row.logits, look.highest, look.scale)),
        Mass::Renormalised => weights.iter().sum(),
    };
    let bits = row_bits(row.draw);
    let chosen = match rescore.score {
        Score::Support => by_support(rescore.select, masses, whole, bits),
        Score::Crowding { alpha } => {
            scores.clear();
            scores.extend(keys.iter().zip(weights.iter()).zip(masses.iter()).map(|((key, own), mass)| {
                let log = f64::from(logit_of(*key) - look.highest) / row.truncation.temperature;
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
        token: token_at(keys, chosen, row)?,
        default_token: token_at(keys, usual, row)?,
        outcome: Outcome::Fired,
        default_score: report.then(|| score(usual)).flatten(),
        token_score: report.then(|| score(chosen)).flatten(),
        candidates: Some(keys.len()),
    })
}

/// The plain draw. A rule that keeps much of a large row is not sorted in full: the leading tokens are looked at, and
/// more of them only when the draw falls behind those.
fn draw(
    passes: &mut impl Passes,
    scratch: &mut Scratch,
    row: &StepRow<'_>,
    report: bool,
) -> Result<Step, StepFault> {
    let rule = &row.truncation;
    let bits = row_bits(row.draw);
    let nothing_cut = rule.top_k.is_none() && rule.top_p >= 1.0 && rule.min_p <= 0.0;
    let mut limit = rule.top_k.unwrap_or(MAX_CANDIDATES + 1);
    loop {
        let look = look(passes, scratch, row, limit)?;
        let mut total = look.total;
        let mut whole = || *total.get_or_insert_with(|| passes.total(&row.logits, look.highest, look.scale));
        let at = match look.kept {
            Some(_) => Some(drawn(&scratch.weights, bits).unwrap_or(0)),
            None if nothing_cut => position(scratch.weights.iter().copied(), whole(), bits),
            None => None,
        };
        let Some(at) = at else {
            limit = limit.saturating_mul(MORE);
            continue;
        };
        let mut step = plain(token_at(&scratch.keys, at, row)?, Outcome::Plain, look.kept);
        if report {
            let whole = whole();
            step.token_score = scratch.weights.get(at).map(|own| *own as f64 / whole as f64);
            step.default_score = step.token_score;
        }
        return Ok(step);
    }
}

/// The leading tokens of a row; their keys and weights are in the scratch, those that are kept alone where that is known.
struct Look {
    highest: f32,
    scale: Scale,
    /// The sum of the weights of the row, where it was needed.
    total: Option<u64>,
    /// How many tokens the rule keeps; `None` where it may keep more than were looked at.
    kept: Option<usize>,
}

/// Looks at the `limit` leading tokens, at least as many as a top-k asks for, and truncates them.
fn look(
    passes: &mut impl Passes,
    scratch: &mut Scratch,
    row: &StepRow<'_>,
    limit: usize,
) -> Result<Look, StepFault> {
    let rule = &row.truncation;
    let Scratch { keys, weights, .. } = scratch;
    let limit = limit.min(row.logits.width() + 1);
    let highest = passes.lead(&row.logits, limit, keys)?;
    let scale = Scale::new(rule.temperature);
    passes.weights(keys, highest, scale, weights);
    let mut total = None;
    let all_there = rule.top_k.is_some() || keys.len() < limit;
    let kept = kept(rule, weights, all_there, &mut || {
        *total.get_or_insert_with(|| passes.total(&row.logits, highest, scale))
    });
    if let Some(count) = kept {
        keys.truncate(count);
        weights.truncate(count);
    }
    Ok(Look { highest, scale, total, kept })
}

/// The token at a place among the leading ones.
fn token_at(keys: &[u64], at: usize, row: &StepRow<'_>) -> Result<u32, RowFault> {
    keys.get(at).map(|key| token_of(*key)).ok_or(RowFault::NoFinite { width: row.logits.width() })
}

/// The place of a draw among candidates of these weights.
fn drawn(weights: &[u64], bits: u64) -> Option<usize> {
    position(weights.iter().copied(), weights.iter().sum(), bits)
}

/// Fills the masses: that of each candidate's neighborhood.
fn weigh_neighborhoods(
    passes: &impl Passes,
    scratch: &mut Scratch,
    row: &StepRow<'_>,
    (rescore, table): (&Rescore, &NeighborTable),
    look: &Look,
) -> Result<(), StepFault> {
    let Scratch { keys, masses, .. } = scratch;
    masses.clear();
    let floor = match rescore.mass {
        Mass::Full => 0,
        Mass::Renormalised => keys.last().copied().unwrap_or(0),
    };
    let mut near = Near { logits: [f32::NEG_INFINITY; MAX_NEIGHBORS], similarities: [0.0; MAX_NEIGHBORS] };
    for key in keys.iter() {
        let count = gather(&row.logits, table, token_of(*key), rescore, floor, &mut near)?;
        masses.push(passes.mass(&near, count, look.highest, look.scale));
    }
    Ok(())
}

fn plain(token: u32, outcome: Outcome, candidates: Option<usize>) -> Step {
    Step { token, default_token: token, outcome, default_score: None, token_score: None, candidates }
}

/// How many of the leading tokens, given their weights, a rule keeps; `None` where nothing ends them and `all_there` says
/// that more may follow.
fn kept(
    rule: &Truncation,
    weights: &[u64],
    all_there: bool,
    whole: &mut dyn FnMut() -> u64,
) -> Option<usize> {
    let mut end = all_there.then_some(weights.len());
    if rule.top_p < 1.0 {
        let total = if rule.top_k.is_some() { weights.iter().sum() } else { whole() };
        let enough = rule.top_p * total as f64;
        let mut mass = 0u64;
        let crossing = weights.iter().position(|weight| {
            mass += weight;
            mass as f64 >= enough
        });
        end = crossing.map(|at| at + 1).or(end);
    }
    if rule.min_p > 0.0 {
        let least = rule.min_p * UNIT as f64;
        let mut kept = weights.iter().take(end.unwrap_or(weights.len()));
        end = kept.position(|weight| (*weight as f64) < least).or(end);
    }
    end
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
        Select::Proportional { tau: 1.0 } => drawn(masses, bits).unwrap_or(best),
        Select::Proportional { tau } => {
            let largest = masses.get(best).copied().unwrap_or(0);
            by_odds(masses.iter().map(|mass| log_ratio(*mass, largest)), tau, bits).unwrap_or(best)
        }
        Select::Softmax { tau } => {
            let largest = masses.get(best).copied().unwrap_or(0);
            let behind = masses.iter().map(|mass| -((largest - mass) as f64 / whole as f64) as f32);
            by_odds(behind, tau, bits).unwrap_or(best)
        }
    }
}

/// A draw from the softmax of logarithms, given relative to the largest, at a temperature.
fn by_odds(logarithms: impl Iterator<Item = f32> + Clone, tau: f64, bits: u64) -> Option<usize> {
    let scale = Scale::new(tau);
    let odds = logarithms.map(|logarithm| weight(logarithm, scale));
    let total = odds.clone().sum();
    position(odds, total, bits)
}

/// Chooses among scores that are logarithms.
fn by_logarithm(select: Select, scores: &[f64], bits: u64) -> usize {
    let best = first_largest(scores);
    let tau = match select {
        Select::Argmax => return best,
        Select::Proportional { tau } | Select::Softmax { tau } => tau,
    };
    let largest = scores.get(best).copied().unwrap_or(0.0);
    by_odds(scores.iter().map(|score| (score - largest) as f32), tau, bits).unwrap_or(best)
}
