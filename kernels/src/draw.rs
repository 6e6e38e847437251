//! From random bits to a token.

use crate::truncation::{Candidates, Truncation};
use crate::{RowFault, argmax};

/// Maps 64 random bits to the open interval (0, 1), with 53 bits.
pub fn unit(bits: u64) -> f64 {
    ((bits >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

impl Candidates {
    /// Draws one token: the inverse of the cumulative mass over the candidates, most probable first, at `unit(bits)`.
    ///
    /// The same row, rule and bits give the same token, whatever else is decoded beside it. Temperature 0 takes the
    /// most probable token.
    ///
    /// # Errors
    /// A row that cannot be used.
    pub fn draw(&mut self, logits: &[f32], rule: &Truncation, bits: u64) -> Result<u32, RowFault> {
        if rule.temperature == 0.0 {
            return argmax(logits);
        }
        let (kept, mass) = self.cut(logits, rule)?;
        let target = unit(bits) * mass;
        let mut reached = 0.0;
        let mut chosen = 0;
        for rank in 0..kept {
            let candidate = self.at(rank, logits, rule);
            if candidate.weight == 0.0 {
                break;
            }
            chosen = candidate.token;
            reached += candidate.weight;
            if reached > target {
                break;
            }
        }
        Ok(chosen)
    }
}
