//! Without vector instructions of its own: what the compiler makes of plain loops.

use super::{MAX_NEIGHBORS, vanishes};
use crate::semantic::logits::{BLOCK, Format, LANES, padded};
use crate::semantic::weight::{Scale, scaled, whole};

/// `a * b + c` with one rounding.
///
/// Where the target has the instruction, it is used. Elsewhere: the product of two f32 is exact in f64, the sum is
/// rounded to odd there, and rounding that to f32 is then as if there had been one rounding (Boldo and Melquiond, 2008).
#[inline(always)]
pub(super) fn fused(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
        return a.mul_add(b, c);
    }
    let product = f64::from(a) * f64::from(b);
    let addend = f64::from(c);
    let sum = product + addend;
    let back = sum - product;
    let error = (product - (sum - back)) + (addend - back);
    let bits = sum.to_bits();
    let away = (error > 0.0) == (sum > 0.0);
    let odd = if away { bits.wrapping_add(1) } else { bits.wrapping_sub(1) };
    f64::from_bits(if error != 0.0 && bits & 1 == 0 { odd } else { bits }) as f32
}

pub(super) fn maxima<F: Format>(row: &[F::Stored], out: &mut Vec<[f32; LANES]>) -> bool {
    let (chunks, tail) = row.as_chunks::<BLOCK>();
    let mut buffer = [0.0; BLOCK];
    let last = padded::<F>(tail);
    let mut nan = false;
    for index in 0..=chunks.len() {
        let block = chunks.get(index).map_or(&last, |chunk| F::open(chunk, &mut buffer));
        let mut highest = [f32::NEG_INFINITY; LANES];
        let mut strange = [false; LANES];
        for lanes in block.as_chunks::<LANES>().0 {
            for lane in 0..LANES {
                let value = lanes[lane];
                highest[lane] = if value > highest[lane] { value } else { highest[lane] };
                strange[lane] |= value.is_nan();
            }
        }
        nan |= strange.contains(&true);
        out.push(highest);
    }
    nan
}

pub(super) fn total<F: Format>(
    row: &[F::Stored],
    maxima: &[[f32; LANES]],
    highest: f32,
    scale: Scale,
) -> u64 {
    let (chunks, tail) = row.as_chunks::<BLOCK>();
    let mut buffer = [0.0; BLOCK];
    let last = padded::<F>(tail);
    let mut total = 0u64;
    for index in 0..=chunks.len() {
        if vanishes(maxima.get(index), highest, scale) {
            continue;
        }
        let block = chunks.get(index).map_or(&last, |chunk| F::open(chunk, &mut buffer));
        for &value in block {
            total += whole(scaled(value - highest, scale, fused));
        }
    }
    total
}

pub(super) fn weights(distances: &[f32; LANES], scale: Scale) -> [u64; LANES] {
    distances.map(|distance| whole(scaled(distance, scale, fused)))
}

pub(super) fn mass(
    logits: &[f32; MAX_NEIGHBORS],
    similarities: &[f32; MAX_NEIGHBORS],
    count: usize,
    highest: f32,
    scale: Scale,
) -> u64 {
    let mut mass = 0u64;
    for (&logit, &similarity) in logits.iter().zip(similarities).take(count) {
        let similarity = if similarity > 0.0 { similarity } else { 0.0 };
        mass += whole(similarity * scaled(logit - highest, scale, fused));
    }
    mass
}

#[cfg(test)]
mod tests {
    use super::fused;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn the_fused_product_is_rounded_once(a in -8f32..8.0, b in -8f32..8.0, c in -64f32..64.0, tiny in -40i32..0) {
            for (a, b, c) in [(a, b, c), (a, b, c * 2f32.powi(tiny)), (a * 2f32.powi(tiny), b, c), (a, b, -a * b)] {
                prop_assert_eq!(fused(a, b, c).to_bits(), a.mul_add(b, c).to_bits(), "{} * {} + {}", a, b, c);
            }
        }
    }
}
