//! The loops over a row in which the time goes, for the vector units that a machine may have.
//!
//! All levels give the same bits: maxima are exact, and weights are whole numbers whose sums have no order.
#![allow(unsafe_code, reason = "vector loads, and calls of functions whose features were found at run time")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod plain;

use crate::semantic::logits::{Format, LANES};
use crate::semantic::weight::Scale;
use std::fmt;

/// Most neighbors that one call weighs.
pub(crate) const MAX_NEIGHBORS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Vector instructions that this machine has. Values exist only for what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Unit);

impl Level {
    /// Everything this machine can run, slowest first.
    pub fn available() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut))]
        let mut levels = vec![Self(Unit::Plain)];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2 {
                levels.push(Self(Unit::Avx2));
            }
            if avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                levels.push(Self(Unit::Avx512));
            }
        }
        levels
    }

    /// The fastest of them.
    pub fn best() -> Self {
        Self::available().last().copied().unwrap_or(Self(Unit::Plain))
    }

    /// Appends the largest logit of each lane of each block; gives whether any logit is NaN.
    pub(crate) fn maxima<F: Format>(self, row: &[F::Stored], out: &mut Vec<[f32; LANES]>) -> bool {
        match self.0 {
            Unit::Plain => plain::maxima::<F>(row, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a value of this level exists only where `available` found its features.
            Unit::Avx2 => unsafe { avx2::maxima::<F>(row, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Unit::Avx512 => unsafe { avx512::maxima::<F>(row, out) },
        }
    }

    /// The sum of the weights of a row, given the maxima of its blocks; blocks that weigh nothing are not read.
    pub(crate) fn total<F: Format>(
        self,
        row: &[F::Stored],
        maxima: &[[f32; LANES]],
        highest: f32,
        scale: Scale,
    ) -> u64 {
        match self.0 {
            Unit::Plain => plain::total::<F>(row, maxima, highest, scale),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Unit::Avx2 => unsafe { avx2::total::<F>(row, maxima, highest, scale) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Unit::Avx512 => unsafe { avx512::total::<F>(row, maxima, highest, scale) },
        }
    }

    /// The weights of sixteen logits at these distances from the highest.
    pub(crate) fn weights(self, distances: &[f32; LANES], scale: Scale) -> [u64; LANES] {
        match self.0 {
            Unit::Plain => plain::weights(distances, scale),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Unit::Avx2 => unsafe { avx2::weights(distances, scale) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Unit::Avx512 => unsafe { avx512::weights(distances, scale) },
        }
    }

    /// The sum of the contributions of neighbors with these logits and similarities, `count` of them, at most
    /// [`MAX_NEIGHBORS`]; slots from there to the next multiple of [`LANES`] hold minus infinity and 0.
    pub(crate) fn mass(
        self,
        logits: &[f32; MAX_NEIGHBORS],
        similarities: &[f32; MAX_NEIGHBORS],
        count: usize,
        highest: f32,
        scale: Scale,
    ) -> u64 {
        match self.0 {
            Unit::Plain => plain::mass(logits, similarities, count, highest, scale),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Unit::Avx2 => unsafe { avx2::mass(logits, similarities, count, highest, scale) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Unit::Avx512 => unsafe { avx512::mass(logits, similarities, count, highest, scale) },
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Unit::Plain => "baseline",
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512 => "avx512",
        })
    }
}

/// Whether the whole block weighs nothing.
#[inline(always)]
fn vanishes(maxima: Option<&[f32; LANES]>, highest: f32, scale: Scale) -> bool {
    let Some(maxima) = maxima else { return false };
    let mut largest = f32::NEG_INFINITY;
    for &lane in maxima {
        largest = if lane > largest { lane } else { largest };
    }
    scale.vanishes(largest - highest)
}
