//! The number format of the step: what every implementation, on whatever hardware, has to reproduce bit for bit.
//!
//! With `d = logit - highest` (f32), the weight of a token is `2^(d * log2(e) / T)` in units of 2^-40, a whole number in
//! a `u64`; the most probable token weighs exactly 2^40. Weights are made in f32 from additions, multiplications and
//! fused multiply-adds, each rounded once, then rounded to a whole number, ties to even. Sums of whole numbers do not
//! depend on their order, so neither vector width nor threads can change one.

/// Binary digits after the point of a weight.
pub const FRACTION_BITS: u32 = 40;
/// The weight of the most probable token.
pub const UNIT: u64 = 1 << FRACTION_BITS;
/// Widest row: sums of that many weights fit a `u64` with room to spare.
pub const MAX_VOCABULARY: usize = 1 << 22;

/// Adding this rounds a number of up to 22 bits to a whole one; its low mantissa bits then hold that number plus
/// [`FRACTION_BITS`].
pub(crate) const ROUNDER: f32 = 12_582_912.0 + FRACTION_BITS as f32;
/// Adding this to an f64 below 2^52 rounds it to a whole number, which the low 52 bits then hold.
pub(crate) const WHOLE: f64 = (1u64 << 52) as f64;
/// Exponents (base 2) below this are raised to it; such weights round to 0 anyway.
const LOWEST_EXPONENT: f32 = -64.0;
/// From here down every weight is 0: 2^-42 is a quarter of the last digit.
pub(crate) const NOTHING_BELOW: f32 = -42.0;

/// Coefficients of f, f^2, ... f^5 in 2^f - 1 for |f| <= 0.5: a minimax fit by the Lawson iteration, each rounded to f32
/// with the others fitted anew. Relative error 1.2e-7.
pub(crate) const COEFFICIENTS: [f32; 5] = [
    f32::from_bits(0x3f31_7215),
    f32::from_bits(0x3e75_fcdd),
    f32::from_bits(0x3d63_5bac),
    f32::from_bits(0x3c1e_7588),
    f32::from_bits(0x3aad_dcc4),
];

/// A temperature, made ready.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// `log2(e) / T`, computed in f64 and rounded to f32.
    pub(crate) factor: f32,
    /// The distance from the highest logit at which the exponent is -64.
    pub(crate) floor: f32,
}

impl Scale {
    /// The scale of a temperature.
    pub fn new(temperature: f64) -> Self {
        let factor = (std::f64::consts::LOG2_E / temperature) as f32;
        Self { factor, floor: LOWEST_EXPONENT / factor }
    }

    /// Whether every logit at that distance or farther weighs nothing.
    #[inline(always)]
    pub(crate) fn vanishes(self, distance: f32) -> bool {
        distance * self.factor <= NOTHING_BELOW
    }
}

/// A weight as an f32 in units of 2^-40, from `distance = logit - highest`, at most 0; minus infinity gives 0 once
/// rounded. `fused` is `a * b + c` with one rounding.
#[inline(always)]
pub(crate) fn scaled(distance: f32, scale: Scale, fused: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let distance = if distance > scale.floor { distance } else { scale.floor };
    let rounded = distance * scale.factor + ROUNDER;
    let whole = rounded - ROUNDER;
    let part = fused(distance, scale.factor, -whole);
    let [c1, c2, c3, c4, c5] = COEFFICIENTS;
    let mut power = fused(c5, part, c4);
    power = fused(power, part, c3);
    power = fused(power, part, c2);
    power = fused(power, part, c1);
    power = fused(power, part, 1.0);
    f32::from_bits(power.to_bits().wrapping_add(rounded.to_bits() << 23))
}

/// A scaled weight, or a part of one, as a whole number: ties to even. `value` lies in 0 to 2^40.
#[inline(always)]
pub(crate) fn whole(value: f32) -> u64 {
    (f64::from(value) + WHOLE).to_bits().wrapping_sub(WHOLE.to_bits())
}

/// The weight of a token, by the definition.
pub fn weight(distance: f32, scale: Scale) -> u64 {
    whole(scaled(distance, scale, f32::mul_add))
}

/// A neighbor's contribution to a mass, by the definition: its weight times its similarity, negative ones counting 0.
pub fn contribution(distance: f32, similarity: f32, scale: Scale) -> u64 {
    let similarity = if similarity > 0.0 { similarity } else { 0.0 };
    whole(similarity * scaled(distance, scale, f32::mul_add))
}

/// The natural logarithm of `part / whole`, `part` at most `whole` and both below 2^53; minus infinity for 0.
///
/// From f64 additions, multiplications and divisions alone, each rounded once and in this order: a library's logarithm
/// differs from machine to machine in its last bit. Relative error below 1e-7, that of rounding to f32.
pub fn log_ratio(part: u64, whole: u64) -> f32 {
    if part == 0 {
        return f32::NEG_INFINITY;
    }
    let bits = (part as f64 / whole as f64).to_bits();
    let mut exponent = (bits >> 52) as i32 - 1023;
    let mut mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    // ln m = 2 (s + s^3 / 3 + s^5 / 5 + ...) with s = (m - 1) / (m + 1), here at most 0.172.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let series = (0..10).rev().fold(0.0, |sum, term| sum * (s * s) + 1.0 / f64::from(2 * term + 1));
    (f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * s * series) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_the_library_to_the_last_bit_of_f32() {
        let whole = 64 * UNIT;
        for part in (1..4_000u64).chain((1..40_000).map(|step| step * (whole / 40_000))) {
            let exact = (part as f64 / whole as f64).ln();
            let error = (f64::from(log_ratio(part, whole)) - exact).abs();
            assert!(error <= 6e-8 * exact.abs(), "{part}: {error}");
        }
        assert_eq!(log_ratio(whole, whole), 0.0);
        assert_eq!(log_ratio(0, whole), f32::NEG_INFINITY);
    }

    #[test]
    fn the_most_probable_token_weighs_one_and_a_masked_one_nothing() {
        for temperature in [1e-6, 0.5, 1.0, 1e6] {
            let scale = Scale::new(temperature);
            assert_eq!(weight(0.0, scale), UNIT);
            assert_eq!(weight(-0.0, scale), UNIT);
            assert_eq!(weight(f32::NEG_INFINITY, scale), 0);
        }
    }

    #[test]
    fn weights_are_exponentials_to_a_few_parts_in_ten_million() {
        for temperature in [0.1, 0.5, 1.0, 1.7] {
            let scale = Scale::new(temperature);
            for step in 0..200_000 {
                let distance = -(step as f32) * 1e-4;
                let exact = (f64::from(distance) / temperature).exp() * UNIT as f64;
                let error = (weight(distance, scale) as f64 - exact).abs();
                // Beside the polynomial's 1.2e-7: rounding log2(e)/T to f32 counts with the exponent, and six roundings.
                let exponent = f64::from(-distance) / temperature;
                assert!(
                    error <= 0.5 + exact * (3e-7 + 6e-8 * exponent),
                    "{distance} at {temperature}: {error}"
                );
            }
        }
    }

    #[test]
    fn what_vanishes_is_zero() {
        for temperature in [1e-6, 0.3, 1.0, 50.0, 1e6] {
            let scale = Scale::new(temperature);
            for step in 0..4_000 {
                let distance = -(step as f32) * temperature as f32 / 50.0;
                if scale.vanishes(distance) {
                    assert_eq!(weight(distance, scale), 0, "{distance} at {temperature}");
                }
            }
        }
    }

    #[test]
    fn rounding_to_whole_numbers_is_to_nearest_with_ties_to_even() {
        for (value, expected) in [(0.0, 0), (0.5, 0), (0.500_000_1, 1), (1.5, 2), (2.5, 2), (3.25, 3)] {
            assert_eq!(whole(value), expected, "{value}");
        }
    }
}
