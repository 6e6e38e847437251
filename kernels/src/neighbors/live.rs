//! The rows that have neighbors: content tokens whose embedding is not zero.

use super::{BuildFault, Embeddings, ranking};
use pulp::Arch;
use rayon::prelude::*;

/// Rows that take part, by position: rising token id.
pub(crate) struct Live<'a> {
    pub(crate) embeddings: Embeddings<'a>,
    /// Token of a position.
    pub(crate) tokens: Vec<u32>,
    /// Euclidean norm of a position's row.
    pub(crate) norms: Vec<f64>,
    pub(super) arch: Arch,
}

impl<'a> Live<'a> {
    /// Reads every content row once.
    pub(super) fn find(embeddings: Embeddings<'a>, content: &[u8]) -> Result<Self, BuildFault> {
        let arch = Arch::new();
        let width = embeddings.width();
        let found: Vec<(u32, f64)> = (0..content.len())
            .into_par_iter()
            .filter(|&token| content[token] == 1)
            .map_init(
                || vec![0.0; width],
                |row, token| {
                    let square = arch.dispatch(|| {
                        embeddings.read(token, row);
                        dot(row, row)
                    });
                    if square.is_finite() {
                        return Ok((token as u32, square.sqrt()));
                    }
                    let column = row.iter().position(|value| !value.is_finite()).unwrap_or(0);
                    Err(BuildFault::NotFinite { token, column })
                },
            )
            .collect::<Result<_, _>>()?;
        let (tokens, norms) = found.into_iter().filter(|&(_, norm)| norm > 0.0).unzip();
        Ok(Self { embeddings, tokens, norms, arch })
    }

    /// Decodes the row of a position, times the power of two that brings its norm to 1 or a little more: exact but for
    /// numbers below the smallest a single-precision number can be. Gives what the result must still be multiplied by
    /// to have norm 1, in single precision.
    #[inline(always)]
    pub(super) fn read_scaled(&self, position: usize, row: &mut [f32]) -> f32 {
        let (Some(&token), Some(&norm)) = (self.tokens.get(position), self.norms.get(position)) else {
            return 0.0;
        };
        self.embeddings.read(token as usize, row);
        // The norm is a normal number, at least the smallest f32: its exponent field is all that is needed.
        let exponent = norm.to_bits() >> 52;
        let scale = f64::from_bits((2046 - exponent) << 52);
        for value in row {
            *value = (f64::from(*value) * scale) as f32;
        }
        (1.0 / (norm * scale)) as f32
    }

    /// Ranks positions by their cosine with one, computed in f64 in one fixed order and rounded to f32: the definition
    /// of who is nearer. `others` are entries with approximate scores, `list` keeps the best; one that cannot come into it,
    /// by its position or because its score falls short by more than `bound`, is not computed.
    pub(super) fn rank(
        &self,
        position: usize,
        others: &[u64],
        bound: f64,
        list: &mut [u64],
        scratch: &mut Scratch,
    ) {
        let Some((&token, &norm)) = self.tokens.get(position).zip(self.norms.get(position)) else { return };
        scratch.own.resize(self.embeddings.width(), 0.0);
        scratch.other.resize(self.embeddings.width(), 0.0);
        let Scratch { own, other } = scratch;
        self.arch.dispatch(|| self.embeddings.read(token as usize, own));
        for &candidate in others {
            let position = ranking::position(candidate);
            let at = position as usize;
            let Some((&token, &its_norm)) = self.tokens.get(at).zip(self.norms.get(at)) else { continue };
            let reach = f64::from(ranking::score(candidate)) + bound;
            let out_of_reach =
                |&last: &u64| last >= ranking::entry(1.0, position) || reach < ranking::below(last);
            if list.last().is_none_or(out_of_reach) {
                continue;
            }
            let product = self.arch.dispatch(|| {
                self.embeddings.read(token as usize, other);
                dot(own, other)
            });
            let cosine = (product / (norm * its_norm)).clamp(-1.0, 1.0) as f32;
            ranking::insert(list, ranking::entry(cosine, position));
        }
    }
}

/// Buffers for two rows.
#[derive(Default)]
pub(super) struct Scratch {
    own: Vec<f32>,
    other: Vec<f32>,
}

/// Dot product in f64. Every product of two f32 is exact in f64; the sums go lane by lane in an order that no vector
/// width changes.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f64 {
    const LANES: usize = 32;
    let mut sums = [0f64; LANES];
    let (a_full, a_rest) = a.as_chunks::<LANES>();
    let (b_full, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a_full.iter().zip(b_full) {
        for lane in 0..LANES {
            sums[lane] += f64::from(x[lane]) * f64::from(y[lane]);
        }
    }
    for (sum, (x, y)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *sum += f64::from(*x) * f64::from(*y);
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    sums[0]
}
