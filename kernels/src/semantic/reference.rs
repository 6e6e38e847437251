//! The step as it is defined, one number after the other: the measure for every other implementation.

use super::decide::{Near, Passes, Scratch, Step, StepRow, decide, first_fault};
use super::logits::{LogitRow, key, logit_of};
use super::rule::StepFault;
use super::weight::{MAX_VOCABULARY, Scale, contribution, weight};
use crate::{NeighborTable, RowFault};

/// Runs steps by the definition: a full sort, scalar weights.
#[derive(Debug, Default)]
pub struct Reference {
    scratch: Scratch,
}

impl Reference {
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
        decide(&mut Definition, &mut self.scratch, row, table, report)
    }
}

struct Definition;

impl Passes for Definition {
    fn lead(&mut self, row: &LogitRow<'_>, limit: usize, out: &mut Vec<u64>) -> Result<f32, RowFault> {
        let width = row.width();
        if width > MAX_VOCABULARY {
            return Err(RowFault::TooWide { width });
        }
        if let Some(fault) = first_fault(row) {
            return Err(fault);
        }
        let tokens = (0..width as u32).filter_map(|token| Some((token, row.get(token as usize)?)));
        let present: Vec<(u32, f32)> = tokens.filter(|(_, logit)| *logit > f32::NEG_INFINITY).collect();
        out.clear();
        out.extend(present.iter().map(|(token, logit)| key(*logit, *token)));
        out.sort_unstable_by(|a, b| b.cmp(a));
        out.truncate(limit);
        let highest = present.iter().map(|(_, logit)| *logit).reduce(f32::max);
        highest.ok_or(RowFault::NoFinite { width })
    }

    fn total(&mut self, row: &LogitRow<'_>, highest: f32, scale: Scale) -> u64 {
        (0..row.width()).filter_map(|token| row.get(token)).map(|logit| weight(logit - highest, scale)).sum()
    }

    fn weights(&self, keys: &[u64], highest: f32, scale: Scale, out: &mut Vec<u64>) {
        out.clear();
        out.extend(keys.iter().map(|key| weight(logit_of(*key) - highest, scale)));
    }

    fn mass(&self, near: &Near, count: usize, highest: f32, scale: Scale) -> u64 {
        let neighbors = near.logits.iter().zip(&near.similarities).take(count);
        neighbors.map(|(logit, similarity)| contribution(logit - highest, *similarity, scale)).sum()
    }
}
