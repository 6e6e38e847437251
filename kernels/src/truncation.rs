//! Temperature, top-k, top-p and min-p: which tokens of a row remain.

use crate::{RowFault, argmax};

/// Ranks sorted at first; the sorted part then doubles as often as a rule asks for more. A full sort of a vocabulary
/// for every token would cost more than everything else.
const FIRST_SORTED: usize = 256;

/// The truncation rules, in the order in which they apply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truncation {
    /// Divides the logits; 0 keeps the most probable token only.
    pub temperature: f64,
    /// Keeps the k largest logits, ties to the lower id; `None` keeps all.
    pub top_k: Option<usize>,
    /// Keeps the smallest set of most probable tokens whose mass, within top-k, reaches this; 1 keeps all.
    pub top_p: f64,
    /// Keeps tokens with at least this fraction of the largest probability; 0 keeps all.
    pub min_p: f64,
}

impl Default for Truncation {
    /// Plain softmax.
    fn default() -> Self {
        Self { temperature: 1.0, top_k: None, top_p: 1.0, min_p: 0.0 }
    }
}

/// A parameter outside its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Name of the parameter.
    pub field: &'static str,
    /// What is wrong with which value.
    pub reason: String,
}

impl Truncation {
    /// Checks the ranges: temperature finite and not negative, k at least 1, top-p in (0, 1], min-p in [0, 1].
    ///
    /// # Errors
    /// The first parameter outside its range.
    pub fn check(&self) -> Result<(), Refused> {
        let refuse = |field, reason| Err(Refused { field, reason });
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            return refuse(
                "temperature",
                format!("must be a finite number of at least 0, found {}", self.temperature),
            );
        }
        if self.top_k == Some(0) {
            return refuse("top_k", "must be at least 1".to_owned());
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return refuse("top_p", format!("must be above 0 and at most 1, found {}", self.top_p));
        }
        if !(0.0..=1.0).contains(&self.min_p) {
            return refuse("min_p", format!("must lie in 0 to 1, found {}", self.min_p));
        }
        Ok(())
    }
}

/// A token that remains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Token id.
    pub token: u32,
    /// Probability at the rule's temperature, relative to the most probable token: 1 for that one.
    pub weight: f64,
}

/// The ranking of one row, with buffers that are reused from row to row.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    /// Tokens that are not masked: order-preserving bits of the logit above, complement of the id below.
    keys: Vec<u64>,
    /// How many keys at the front are in descending order and larger than all others.
    sorted: usize,
    highest: f64,
}

impl Candidates {
    /// The tokens that remain, most probable first, ties by id; `out` is cleared first.
    ///
    /// # Errors
    /// A row that cannot be used.
    pub fn truncate(
        &mut self,
        logits: &[f32],
        rule: &Truncation,
        out: &mut Vec<Candidate>,
    ) -> Result<(), RowFault> {
        out.clear();
        if rule.temperature == 0.0 {
            out.push(Candidate { token: argmax(logits)?, weight: 1.0 });
            return Ok(());
        }
        let (kept, _) = self.cut(logits, rule)?;
        out.reserve(kept);
        for rank in 0..kept {
            let candidate = self.at(rank, logits, rule);
            out.push(candidate);
        }
        Ok(())
    }

    /// Ranks a row; gives the number of tokens that remain and the sum of their weights.
    pub(crate) fn cut(&mut self, logits: &[f32], rule: &Truncation) -> Result<(usize, f64), RowFault> {
        self.load(logits)?;
        let limit = rule.top_k.map_or(self.keys.len(), |k| k.min(self.keys.len()));
        let mut total = 0.0;
        if limit < self.keys.len() {
            for rank in 0..limit {
                total += self.at(rank, logits, rule).weight;
            }
        } else {
            total = logits.iter().map(|&logit| self.weight(logit, rule)).sum();
        }
        if rule.top_p >= 1.0 && rule.min_p <= 0.0 {
            return Ok((limit, total));
        }
        let mut mass = 0.0;
        let mut crossed = false;
        for rank in 0..limit {
            let weight = self.at(rank, logits, rule).weight;
            if crossed || weight < rule.min_p {
                return Ok((rank, mass));
            }
            mass += weight;
            crossed = rule.top_p < 1.0 && mass >= rule.top_p * total;
        }
        Ok((limit, mass))
    }

    /// The token of a rank, 0 for the most probable.
    pub(crate) fn at(&mut self, rank: usize, logits: &[f32], rule: &Truncation) -> Candidate {
        self.sort_past(rank);
        let token = !(self.keys[rank] as u32);
        Candidate { token, weight: self.weight(logits[token as usize], rule) }
    }

    fn weight(&self, logit: f32, rule: &Truncation) -> f64 {
        ((f64::from(logit) - self.highest) / rule.temperature).exp()
    }

    fn load(&mut self, logits: &[f32]) -> Result<(), RowFault> {
        if logits.len() > u32::MAX as usize {
            return Err(RowFault::TooWide { width: logits.len() });
        }
        self.keys.clear();
        self.sorted = 0;
        let mut highest = f32::NEG_INFINITY;
        for (token, &logit) in logits.iter().enumerate() {
            if logit.is_nan() {
                return Err(RowFault::NotANumber { token });
            }
            if logit == f32::INFINITY {
                return Err(RowFault::Infinite { token });
            }
            if logit > f32::NEG_INFINITY {
                highest = highest.max(logit);
                self.keys.push(u64::from(ordered(logit)) << 32 | u64::from(!(token as u32)));
            }
        }
        if self.keys.is_empty() {
            return Err(RowFault::NoFinite { width: logits.len() });
        }
        self.highest = f64::from(highest);
        Ok(())
    }

    fn sort_past(&mut self, rank: usize) {
        while self.sorted <= rank {
            let goal = (self.sorted * 2).max(FIRST_SORTED).min(self.keys.len());
            let rest = &mut self.keys[self.sorted..];
            let count = goal - self.sorted;
            if count < rest.len() {
                rest.select_nth_unstable_by(count, |a, b| b.cmp(a));
            }
            rest[..count].sort_unstable_by(|a, b| b.cmp(a));
            self.sorted = goal;
        }
    }
}

/// Bits that order like the number; both zeros are one.
fn ordered(logit: f32) -> u32 {
    let bits = (logit + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(logits: &[f32], rule: Truncation) -> Vec<u32> {
        let mut out = Vec::new();
        Candidates::default().truncate(logits, &rule, &mut out).unwrap();
        out.iter().map(|candidate| candidate.token).collect()
    }

    /// Probabilities 0.4, 0.3, 0.2, 0.1 of tokens 3, 1, 0, 2.
    fn tenths() -> Vec<f32> {
        [0.2f32, 0.3, 0.1, 0.4].iter().map(|p| p.ln()).collect()
    }

    #[test]
    fn top_k_breaks_ties_toward_the_lower_id() {
        let rule = Truncation { top_k: Some(2), ..Truncation::default() };
        assert_eq!(tokens(&[1.0, 1.0, 1.0, 0.0], rule), [0, 1]);
        assert_eq!(tokens(&[0.0, -0.0, 0.0], rule), [0, 1]);
    }

    #[test]
    fn top_p_keeps_the_token_that_crosses() {
        let at = |top_p| tokens(&tenths(), Truncation { top_p, ..Truncation::default() });
        assert_eq!(at(0.35), [3]);
        assert_eq!(at(0.45), [3, 1]);
        assert_eq!(at(0.75), [3, 1, 0]);
        // Equal masses are exact: half of four equal tokens is two tokens, the second reaches it.
        assert_eq!(tokens(&[0.0; 4], Truncation { top_p: 0.5, ..Truncation::default() }), [0, 1]);
    }

    #[test]
    fn top_p_counts_the_mass_within_top_k() {
        // Within the two best the first has 4/7 = 0.571: 0.5 keeps it alone, though it is 0.4 of the whole row.
        let rule = Truncation { top_k: Some(2), top_p: 0.5, ..Truncation::default() };
        assert_eq!(tokens(&tenths(), rule), [3]);
    }

    #[test]
    fn min_p_is_relative_to_the_most_probable_token() {
        let at = |min_p| tokens(&tenths(), Truncation { min_p, ..Truncation::default() });
        assert_eq!(at(0.45), [3, 1, 0]);
        assert_eq!(at(0.7), [3, 1]);
        assert_eq!(at(1.0), [3]);
    }

    #[test]
    fn temperature_comes_first() {
        // At temperature 2 the probabilities go as square roots, so the second token has 0.866 of the first.
        let rule = Truncation { temperature: 2.0, min_p: 0.8, ..Truncation::default() };
        assert_eq!(tokens(&tenths(), rule), [3, 1]);
    }

    #[test]
    fn masked_tokens_are_no_candidates() {
        let rule = Truncation { top_k: Some(3), ..Truncation::default() };
        assert_eq!(tokens(&[f32::NEG_INFINITY, 1.0, f32::NEG_INFINITY, 2.0], rule), [3, 1]);
    }

    #[test]
    fn a_large_row_is_ranked_in_full() {
        let logits: Vec<f32> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 20) as f32).collect();
        let mut expected: Vec<u32> = (0..5000).collect();
        expected.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]).then(a.cmp(&b)));
        assert_eq!(tokens(&logits, Truncation { temperature: 1000.0, ..Truncation::default() }), expected);
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        let plain = Truncation::default();
        for (rule, field) in [
            (Truncation { temperature: -1.0, ..plain }, "temperature"),
            (Truncation { temperature: f64::NAN, ..plain }, "temperature"),
            (Truncation { top_k: Some(0), ..plain }, "top_k"),
            (Truncation { top_p: 0.0, ..plain }, "top_p"),
            (Truncation { top_p: 1.1, ..plain }, "top_p"),
            (Truncation { min_p: f64::NAN, ..plain }, "min_p"),
        ] {
            assert_eq!(rule.check().unwrap_err().field, field);
        }
        assert_eq!(plain.check(), Ok(()));
    }
}
