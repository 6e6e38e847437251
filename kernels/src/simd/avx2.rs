//! Eight lanes: AVX2 and FMA.

use super::{MAX_NEIGHBORS, vanishes};
use crate::semantic::logits::{BLOCK, Format, LANES, padded};
use crate::semantic::weight::{COEFFICIENTS, ROUNDER, Scale, WHOLE, whole};
use std::arch::x86_64::*;

/// Lanes of one register.
const HALF: usize = LANES / 2;

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load(lanes: &[f32; HALF]) -> __m256 {
    // SAFETY: the reference covers eight f32; the load needs no alignment.
    unsafe { _mm256_loadu_ps(lanes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn store(lanes: __m256) -> [f32; HALF] {
    let mut out = [0.0; HALF];
    // SAFETY: the array holds eight f32; the store needs no alignment.
    unsafe { _mm256_storeu_ps(out.as_mut_ptr(), lanes) };
    out
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn maxima<F: Format>(row: &[F::Stored], out: &mut Vec<[f32; LANES]>) -> bool {
    let (chunks, tail) = row.as_chunks::<BLOCK>();
    let mut buffer = [0.0; BLOCK];
    let last = padded::<F>(tail);
    out.reserve(chunks.len() + 1);
    let mut nan = _mm256_setzero_ps();
    for index in 0..=chunks.len() {
        let block = match chunks.get(index) {
            Some(chunk) => F::open(chunk, &mut buffer),
            None => &last,
        };
        let mut highest = [_mm256_set1_ps(f32::NEG_INFINITY); 2];
        for pair in block.as_chunks::<HALF>().0.as_chunks::<2>().0 {
            let (a, b) = (load(&pair[0]), load(&pair[1]));
            nan = _mm256_or_ps(nan, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, b));
            highest = [_mm256_max_ps(a, highest[0]), _mm256_max_ps(b, highest[1])];
        }
        let mut lanes = [0.0; LANES];
        let (low, high) = lanes.split_at_mut(HALF);
        low.copy_from_slice(&store(highest[0]));
        high.copy_from_slice(&store(highest[1]));
        out.push(lanes);
    }
    _mm256_movemask_ps(nan) != 0
}

/// Weights in units of 2^-40, before rounding to whole numbers.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn scaled(distance: __m256, scale: Scale) -> __m256 {
    let factor = _mm256_set1_ps(scale.factor);
    let rounder = _mm256_set1_ps(ROUNDER);
    let distance = _mm256_max_ps(distance, _mm256_set1_ps(scale.floor));
    let rounded = _mm256_add_ps(_mm256_mul_ps(distance, factor), rounder);
    let exponent = _mm256_sub_ps(rounded, rounder);
    let part = _mm256_fmsub_ps(distance, factor, exponent);
    let [c1, c2, c3, c4, c5] = COEFFICIENTS;
    let mut power = _mm256_fmadd_ps(_mm256_set1_ps(c5), part, _mm256_set1_ps(c4));
    power = _mm256_fmadd_ps(power, part, _mm256_set1_ps(c3));
    power = _mm256_fmadd_ps(power, part, _mm256_set1_ps(c2));
    power = _mm256_fmadd_ps(power, part, _mm256_set1_ps(c1));
    power = _mm256_fmadd_ps(power, part, _mm256_set1_ps(1.0));
    let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(rounded));
    _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(power), exponent))
}

/// Whole numbers under way; each term still carries the bits of [`WHOLE`], which [`Sum::folded`] takes off.
#[derive(Clone, Copy)]
struct Sum {
    lanes: [__m256i; 2],
    terms: u64,
}

impl Sum {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn zero() -> Self {
        Self { lanes: [_mm256_setzero_si256(); 2], terms: 0 }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn add(&mut self, values: __m256) {
        let whole = _mm256_set1_pd(WHOLE);
        let low = _mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(values)), whole);
        let high = _mm256_add_pd(_mm256_cvtps_pd(_mm256_extractf128_ps::<1>(values)), whole);
        self.lanes[0] = _mm256_add_epi64(self.lanes[0], _mm256_castpd_si256(low));
        self.lanes[1] = _mm256_add_epi64(self.lanes[1], _mm256_castpd_si256(high));
        self.terms += HALF as u64;
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn folded(self) -> u64 {
        let sum = _mm256_add_epi64(self.lanes[0], self.lanes[1]);
        let parts = [
            _mm256_extract_epi64::<0>(sum),
            _mm256_extract_epi64::<1>(sum),
            _mm256_extract_epi64::<2>(sum),
            _mm256_extract_epi64::<3>(sum),
        ];
        let sum = parts.iter().fold(0u64, |sum, part| sum.wrapping_add(*part as u64));
        sum.wrapping_sub(self.terms.wrapping_mul(WHOLE.to_bits()))
    }
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn total<F: Format>(
    row: &[F::Stored],
    maxima: &[[f32; LANES]],
    highest: f32,
    scale: Scale,
) -> u64 {
    let (chunks, tail) = row.as_chunks::<BLOCK>();
    let mut buffer = [0.0; BLOCK];
    let last = padded::<F>(tail);
    let peak = _mm256_set1_ps(highest);
    let mut sum = Sum::zero();
    for index in 0..=chunks.len() {
        if vanishes(maxima.get(index), highest, scale) {
            continue;
        }
        let block = match chunks.get(index) {
            Some(chunk) => F::open(chunk, &mut buffer),
            None => &last,
        };
        for lanes in block.as_chunks::<HALF>().0 {
            sum.add(scaled(_mm256_sub_ps(load(lanes), peak), scale));
        }
    }
    sum.folded()
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn weights(distances: &[f32; LANES], scale: Scale) -> [u64; LANES] {
    let mut out = [0; LANES];
    for (out, distances) in out.as_chunks_mut::<HALF>().0.iter_mut().zip(distances.as_chunks::<HALF>().0) {
        *out = store(scaled(load(distances), scale)).map(whole);
    }
    out
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn mass(
    logits: &[f32; MAX_NEIGHBORS],
    similarities: &[f32; MAX_NEIGHBORS],
    count: usize,
    highest: f32,
    scale: Scale,
) -> u64 {
    let peak = _mm256_set1_ps(highest);
    let pairs = logits.as_chunks::<HALF>().0.iter().zip(similarities.as_chunks::<HALF>().0);
    let mut sum = Sum::zero();
    for (logits, similarities) in pairs.take(count.div_ceil(HALF)) {
        let similarity = _mm256_max_ps(load(similarities), _mm256_setzero_ps());
        let weights = scaled(_mm256_sub_ps(load(logits), peak), scale);
        sum.add(_mm256_mul_ps(similarity, weights));
    }
    sum.folded()
}
