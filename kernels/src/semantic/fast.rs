//! The step on vector instructions.

use super::decide::{Near, Passes, Scratch, Step, StepRow, decide, first_fault};
use super::logits::{BLOCK, Bf16, F16, F32, Format, LANES, LogitRow, key, logit_of, ordered};
use super::rule::{MAX_ROWS, StepFault};
use super::weight::{MAX_VOCABULARY, Scale};
use crate::simd::Level;
use crate::{NeighborTable, RowFault};
use rayon::prelude::*;

/// From so many rows on, threads are worth their while.
const PARALLEL_ROWS: usize = 8;
/// Maxima per candidate among which a bound is looked for: more make it tighter, fewer are searched sooner.
const MAXIMA_PER_CANDIDATE: usize = 4;
/// Keys collected before those that cannot remain are thrown out.
const MAX_COLLECTED: usize = 8192;

/// Runs steps with the fastest instructions of this machine.
#[derive(Debug)]
pub struct Stepper {
    lanes: Lanes,
    scratch: Scratch,
}

impl Default for Stepper {
    fn default() -> Self {
        Self::new()
    }
}

impl Stepper {
    /// With the best level of this machine.
    pub fn new() -> Self {
        Self::with_level(Level::best())
    }

    /// With a certain level; the result is the same.
    pub fn with_level(level: Level) -> Self {
        let lanes = Lanes { level, maxima: Vec::new(), bounds: Vec::new() };
        Self { lanes, scratch: Scratch::default() }
    }

    /// One step; `report` asks for the scores.
    ///
    /// # Errors
    /// Parameters outside their range, a table that does not serve, a row that cannot be used, too many candidates.
    pub fn step(
        &mut self,
        row: &StepRow<'_>,
        table: Option<&NeighborTable>,
        report: bool,
    ) -> Result<Step, StepFault> {
        decide(&mut self.lanes, &mut self.scratch, row, table, report)
    }

    /// A step for each row, at most [`MAX_ROWS`] of them, in order. Large batches use rayon's threads.
    ///
    /// # Errors
    /// The first row without a token, by index, and why.
    pub fn run(
        &mut self,
        rows: &[StepRow<'_>],
        table: Option<&NeighborTable>,
        report: bool,
    ) -> Result<Vec<Step>, (usize, StepFault)> {
        if rows.len() > MAX_ROWS {
            return Err((MAX_ROWS, StepFault::Batch { rows: rows.len() }));
        }
        let named = |(index, step): (usize, Result<Step, StepFault>)| step.map_err(|fault| (index, fault));
        if rows.len() < PARALLEL_ROWS || rayon::current_num_threads() < 2 {
            return rows.iter().map(|row| self.step(row, table, report)).enumerate().map(named).collect();
        }
        let level = self.lanes.level;
        let steps: Vec<Result<Step, StepFault>> = rows
            .par_iter()
            .map_init(|| Self::with_level(level), |stepper, row| stepper.step(row, table, report))
            .collect();
        steps.into_iter().enumerate().map(named).collect()
    }
}

#[derive(Debug)]
struct Lanes {
    level: Level,
    /// Maxima of the lanes of each block of the row.
    maxima: Vec<[f32; LANES]>,
    bounds: Vec<u32>,
}

impl Passes for Lanes {
    fn lead(&mut self, row: &LogitRow<'_>, limit: usize, out: &mut Vec<u64>) -> Result<f32, RowFault> {
        match row {
            LogitRow::F32(stored) => self.lead_of::<F32>(row, stored, limit, out),
            LogitRow::Bf16(stored) => self.lead_of::<Bf16>(row, stored, limit, out),
            LogitRow::F16(stored) => self.lead_of::<F16>(row, stored, limit, out),
        }
    }

    fn total(&mut self, row: &LogitRow<'_>, highest: f32, scale: Scale) -> u64 {
        match row {
            LogitRow::F32(stored) => self.level.total::<F32>(stored, &self.maxima, highest, scale),
            LogitRow::Bf16(stored) => self.level.total::<Bf16>(stored, &self.maxima, highest, scale),
            LogitRow::F16(stored) => self.level.total::<F16>(stored, &self.maxima, highest, scale),
        }
    }

    fn weights(&self, keys: &[u64], highest: f32, scale: Scale, out: &mut Vec<u64>) {
        out.clear();
        for keys in keys.chunks(LANES) {
            let mut distances = [f32::NEG_INFINITY; LANES];
            for (distance, key) in distances.iter_mut().zip(keys) {
                *distance = logit_of(*key) - highest;
            }
            out.extend(self.level.weights(&distances, scale).iter().take(keys.len()));
        }
    }

    #[inline]
    fn mass(&self, near: &Near, count: usize, highest: f32, scale: Scale) -> u64 {
        self.level.mass(&near.logits, &near.similarities, count, highest, scale)
    }
}

impl Lanes {
    fn lead_of<F: Format>(
        &mut self,
        row: &LogitRow<'_>,
        stored: &[F::Stored],
        limit: usize,
        out: &mut Vec<u64>,
    ) -> Result<f32, RowFault> {
        let width = stored.len();
        if width > MAX_VOCABULARY {
            return Err(RowFault::TooWide { width });
        }
        self.maxima.clear();
        let nan = self.level.maxima::<F>(stored, &mut self.maxima);
        let mut peaks = [f32::NEG_INFINITY; LANES];
        for lanes in &self.maxima {
            for (peak, lane) in peaks.iter_mut().zip(lanes) {
                *peak = if *lane > *peak { *lane } else { *peak };
            }
        }
        let highest = peaks.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if nan || highest == f32::INFINITY {
            return Err(first_fault(row).unwrap_or(RowFault::NoFinite { width }));
        }
        if highest == f32::NEG_INFINITY {
            return Err(RowFault::NoFinite { width });
        }
        let bound = self.bound(limit);
        self.collect::<F>(stored, bound, limit, out);
        Ok(highest)
    }

    /// A logit that at least `limit` logits reach: each maximum is one of them, so the `limit`-th largest maximum is.
    fn bound(&mut self, limit: usize) -> f32 {
        let slots = self.maxima.len() * LANES;
        if slots < limit {
            return f32::NEG_INFINITY;
        }
        // Neighboring blocks are taken together while enough maxima remain.
        let together = (slots / (limit * MAXIMA_PER_CANDIDATE)).max(1);
        self.bounds.clear();
        for blocks in self.maxima.chunks(together) {
            let mut lanes = [f32::NEG_INFINITY; LANES];
            for block in blocks {
                for (lane, value) in lanes.iter_mut().zip(block) {
                    *lane = if *value > *lane { *value } else { *lane };
                }
            }
            self.bounds.extend(lanes.map(ordered));
        }
        let count = self.bounds.len();
        if count < limit {
            return f32::NEG_INFINITY;
        }
        let (_, bits, _) = self.bounds.select_nth_unstable(count - limit);
        logit_of(u64::from(*bits) << 32)
    }

    /// The keys of the `limit` first tokens, all of which reach `bound`.
    fn collect<F: Format>(&self, stored: &[F::Stored], bound: f32, limit: usize, out: &mut Vec<u64>) {
        out.clear();
        // Ids rise from block to block, so once enough keys are there, a token of a later block has to be higher than
        // the last of them.
        let mut last = ordered(bound).saturating_sub(1).max(ordered(f32::NEG_INFINITY));
        for (lanes, (block, stored)) in self.maxima.iter().zip(stored.chunks(BLOCK).enumerate()) {
            let mut reached = 0u32;
            for (lane, value) in lanes.iter().enumerate() {
                reached |= u32::from(*value >= bound) << lane;
            }
            if reached == 0 {
                continue;
            }
            if out.len() + BLOCK > MAX_COLLECTED.max(limit + BLOCK) {
                last = last.max(prune(out, limit));
            }
            while reached != 0 {
                let lane = reached.trailing_zeros() as usize;
                reached &= reached - 1;
                for (turn, value) in stored.iter().skip(lane).step_by(LANES).enumerate() {
                    let value = F::widen(*value);
                    if ordered(value) > last {
                        out.push(key(value, (block * BLOCK + turn * LANES + lane) as u32));
                    }
                }
            }
        }
        prune(out, limit);
        out.sort_unstable_by(|a, b| b.cmp(a));
    }
}

/// Keeps the first `limit` keys, in any order; gives the bits of the lowest logit kept, when there are as many.
fn prune(keys: &mut Vec<u64>, limit: usize) -> u32 {
    if keys.len() < limit || limit == 0 {
        return 0;
    }
    let (_, lowest, _) = keys.select_nth_unstable_by(limit - 1, |a, b| b.cmp(a));
    let lowest = (*lowest >> 32) as u32;
    keys.truncate(limit);
    lowest
}
