//! Sixteen lanes: AVX-512 F and DQ.

use super::{MAX_NEIGHBORS, vanishes};
use crate::semantic::logits::{BLOCK, Format, LANES, padded};
use crate::semantic::weight::{COEFFICIENTS, ROUNDER, Scale, whole};
use std::arch::x86_64::*;

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn load(lanes: &[f32; LANES]) -> __m512 {
    // SAFETY: the reference covers sixteen f32; the load needs no alignment.
    unsafe { _mm512_loadu_ps(lanes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn store(lanes: __m512) -> [f32; LANES] {
    let mut out = [0.0; LANES];
    // SAFETY: the array holds sixteen f32; the store needs no alignment.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), lanes) };
    out
}

#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn maxima<F: Format>(row: &[F::Stored], out: &mut Vec<[f32; LANES]>) -> bool {
    let (chunks, tail) = row.as_chunks::<BLOCK>();
    let mut buffer = [0.0; BLOCK];
    let last = padded::<F>(tail);
    out.reserve(chunks.len() + 1);
    let mut nan = 0;
    for index in 0..=chunks.len() {
        let block = match chunks.get(index) {
            Some(chunk) => F::open(chunk, &mut buffer),
            None => &last,
        };
        let lanes = block.as_chunks::<LANES>().0;
        let mut highest = [_mm512_set1_ps(f32::NEG_INFINITY); 2];
        for pair in lanes.as_chunks::<2>().0 {
            let (a, b) = (load(&pair[0]), load(&pair[1]));
            nan |= _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, b);
            highest = [_mm512_max_ps(a, highest[0]), _mm512_max_ps(b, highest[1])];
        }
        out.push(store(_mm512_max_ps(highest[0], highest[1])));
    }
    nan != 0
}

/// Weights in units of 2^-40, before rounding to whole numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn scaled(distance: __m512, scale: Scale) -> __m512 {
    let factor = _mm512_set1_ps(scale.factor);
    let rounder = _mm512_set1_ps(ROUNDER);
    let distance = _mm512_max_ps(distance, _mm512_set1_ps(scale.floor));
    let rounded = _mm512_add_ps(_mm512_mul_ps(distance, factor), rounder);
    let exponent = _mm512_sub_ps(rounded, rounder);
    let part = _mm512_fmsub_ps(distance, factor, exponent);
    let [c1, c2, c3, c4, c5] = COEFFICIENTS;
    let mut power = _mm512_fmadd_ps(_mm512_set1_ps(c5), part, _mm512_set1_ps(c4));
    power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(c3));
    power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(c2));
    power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(c1));
    power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(1.0));
    let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(rounded));
    _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(power), exponent))
}

/// Adds sixteen values, rounded to whole numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn add(sum: [__m512i; 2], values: __m512) -> [__m512i; 2] {
    let low = _mm512_cvtps_epu64(_mm512_castps512_ps256(values));
    let high = _mm512_cvtps_epu64(_mm512_extractf32x8_ps::<1>(values));
    [_mm512_add_epi64(sum[0], low), _mm512_add_epi64(sum[1], high)]
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn folded(sum: [__m512i; 2]) -> u64 {
    _mm512_reduce_add_epi64(_mm512_add_epi64(sum[0], sum[1])) as u64
}

#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn total<F: Format>(
    row: &[F::Stored],
    maxima: &[[f32; LANES]],
    highest: f32,
    scale: Scale,
) -> u64 {
    let (chunks, tail) = row.as_chunks::<BLOCK>();
    let mut buffer = [0.0; BLOCK];
    let last = padded::<F>(tail);
    let peak = _mm512_set1_ps(highest);
    let mut sum = [_mm512_setzero_si512(); 2];
    for index in 0..=chunks.len() {
        if vanishes(maxima.get(index), highest, scale) {
            continue;
        }
        let block = match chunks.get(index) {
            Some(chunk) => F::open(chunk, &mut buffer),
            None => &last,
        };
        for lanes in block.as_chunks::<LANES>().0 {
            sum = add(sum, scaled(_mm512_sub_ps(load(lanes), peak), scale));
        }
    }
    folded(sum)
}

#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn weights(distances: &[f32; LANES], scale: Scale) -> [u64; LANES] {
    store(scaled(load(distances), scale)).map(whole)
}

#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn mass(
    logits: &[f32; MAX_NEIGHBORS],
    similarities: &[f32; MAX_NEIGHBORS],
    count: usize,
    highest: f32,
    scale: Scale,
) -> u64 {
    let peak = _mm512_set1_ps(highest);
    let pairs = logits.as_chunks::<LANES>().0.iter().zip(similarities.as_chunks::<LANES>().0);
    let mut sum = [_mm512_setzero_si512(); 2];
    for (logits, similarities) in pairs.take(count.div_ceil(LANES)) {
        let similarity = _mm512_max_ps(load(similarities), _mm512_setzero_ps());
        let weights = scaled(_mm512_sub_ps(load(logits), peak), scale);
        sum = add(sum, _mm512_mul_ps(similarity, weights));
    }
    folded(sum)
}
