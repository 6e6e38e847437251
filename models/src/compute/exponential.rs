//! Softmax over the columns of a panel of scores.

use super::panel::LANES;
use pulp::{Arch, Simd, WithSimd};

/// Turns scores `[key][lane]` into weights `exp(score - highest)` in place, lane by lane; gives the sum of each lane.
///
/// Lane `i` sees the first `visible[i]` keys; weights of others are 0. Exponentials are the project's own, so that they
/// are the same on every machine.
pub(crate) fn weigh(scores: &mut [f32], lanes: usize, visible: &[usize; LANES]) -> [f32; LANES] {
    Arch::new().dispatch(Weigh { scores, lanes, visible })
}

struct Weigh<'a> {
    scores: &'a mut [f32],
    lanes: usize,
    visible: &'a [usize; LANES],
}

impl WithSimd for Weigh<'_> {
    type Output = [f32; LANES];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f32; LANES] {
        if self.lanes == LANES {
            lanes::<LANES>(self.scores, self.visible)
        } else {
            lanes::<{ super::panel::FEW_LANES }>(self.scores, self.visible)
        }
    }
}

#[inline(always)]
fn lanes<const L: usize>(scores: &mut [f32], visible: &[usize; LANES]) -> [f32; LANES] {
    let rows = scores.as_chunks_mut::<L>().0;
    let all = visible.iter().take(L).copied().min().unwrap_or(0);
    for (key, row) in rows.iter_mut().enumerate().skip(all) {
        for lane in 0..L {
            if key >= visible[lane] {
                row[lane] = f32::NEG_INFINITY;
            }
        }
    }
    let mut highest = [f32::NEG_INFINITY; L];
    for row in rows.iter() {
        for lane in 0..L {
            highest[lane] = if row[lane] > highest[lane] { row[lane] } else { highest[lane] };
        }
    }
    let mut sums = [0.0; LANES];
    for row in rows.iter_mut() {
        for lane in 0..L {
            row[lane] = exponential(row[lane] - highest[lane]);
        }
        for lane in 0..L {
            sums[lane] += row[lane];
        }
    }
    sums
}

/// `e^x` for `x` at most 0, within two units in the last place; 0 below -87.
#[inline(always)]
fn exponential(x: f32) -> f32 {
    // Adding and taking away 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
    const WHOLE: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let shifted = x.mul_add(std::f32::consts::LOG2_E, WHOLE);
    let whole = shifted - WHOLE;
    let rest = whole.mul_add(-LN2_LOW, whole.mul_add(-LN2_HIGH, x));
    // Taylor's series: below half a unit in the last place for |rest| <= ln(2) / 2.
    let mut sum = 1.0 / 5040.0;
    sum = rest.mul_add(sum, 1.0 / 720.0);
    sum = rest.mul_add(sum, 1.0 / 120.0);
    sum = rest.mul_add(sum, 1.0 / 24.0);
    sum = rest.mul_add(sum, 1.0 / 6.0);
    sum = rest.mul_add(sum, 0.5);
    sum = rest.mul_add(sum, 1.0);
    sum = rest.mul_add(sum, 1.0);
    let scaled = f32::from_bits(sum.to_bits().wrapping_add(shifted.to_bits() << 23));
    if x < -87.0 { 0.0 } else { scaled }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_double_precision() {
        for step in 0..=87_000 {
            let x = -(step as f32) / 1000.0;
            let exact = f64::from(x).exp();
            let off = (f64::from(exponential(x)) - exact).abs() / exact;
            assert!(off < 2.5e-7, "{x}: {off}");
        }
        assert_eq!(exponential(0.0), 1.0);
        assert_eq!(exponential(f32::NEG_INFINITY), 0.0);
    }

    #[test]
    fn keys_out_of_sight_weigh_nothing() {
        let mut scores = vec![1.0; 3 * LANES];
        let mut visible = [3; LANES];
        visible[1] = 1;
        let sums = weigh(&mut scores, LANES, &visible);
        assert_eq!((sums[0], sums[1]), (3.0, 1.0));
        assert_eq!(scores[LANES + 1], 0.0);
    }
}
