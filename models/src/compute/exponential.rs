//! Softmax over the columns of a panel of scores.

use super::panel::LANES;
use pulp::{Arch, Simd, WithSimd};

/// Which keys each lane sees.
pub(crate) struct Sights {
    /// The first one.
    pub(crate) starts: [usize; LANES],
    /// One behind the last one.
    pub(crate) ends: [usize; LANES],
}

/// Turns scores `[key][lane]` into weights `exp(score - highest)` in place, lane by lane; gives the sum of each lane.
///
/// Weights of keys that a lane does not see are 0. Exponentials are the project's own, so that they are the same on
/// every machine.
pub(crate) fn weigh(scores: &mut [f32], lanes: usize, sights: &Sights) -> [f32; LANES] {
    Arch::new().dispatch(Weigh { scores, lanes, sights })
}

/// Bends numbers towards a bound: `bound * tanh(x / bound)`.
pub(crate) fn cap(values: &mut [f32], bound: f32) {
    Arch::new().dispatch(Cap { values, bound });
}

struct Cap<'a> {
    values: &'a mut [f32],
    bound: f32,
}

impl WithSimd for Cap<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for value in self.values {
            *value = self.bound * tangent(*value / self.bound);
        }
    }
}

struct Weigh<'a> {
    scores: &'a mut [f32],
    lanes: usize,
    sights: &'a Sights,
}

impl WithSimd for Weigh<'_> {
    type Output = [f32; LANES];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f32; LANES] {
        if self.lanes == LANES {
            lanes::<LANES>(self.scores, self.sights)
        } else {
            lanes::<{ super::panel::FEW_LANES }>(self.scores, self.sights)
        }
    }
}

#[inline(always)]
fn lanes<const L: usize>(scores: &mut [f32], sights: &Sights) -> [f32; LANES] {
    let rows = scores.as_chunks_mut::<L>().0;
    let Sights { starts, ends } = sights;
    let all_from = starts.iter().take(L).copied().max().unwrap_or(0);
    for (key, row) in rows.iter_mut().enumerate().take(all_from) {
        for lane in 0..L {
            if key < starts[lane] {
                row[lane] = f32::NEG_INFINITY;
            }
        }
    }
    let all_to = ends.iter().take(L).copied().min().unwrap_or(0);
    for (key, row) in rows.iter_mut().enumerate().skip(all_to) {
        for lane in 0..L {
            if key >= ends[lane] {
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

/// Hyperbolic tangent.
#[inline(always)]
fn tangent(x: f32) -> f32 {
    // Where the difference below would lose digits: Taylor's series, whose next term is below 1e-8 of the value.
    const NEAR: f32 = 0.25;
    let square = x * x;
    let mut series = 62.0 / 2835.0;
    series = square.mul_add(series, -17.0 / 315.0);
    series = square.mul_add(series, 2.0 / 15.0);
    series = square.mul_add(series, -1.0 / 3.0);
    series = (square * series).mul_add(x, x);
    let fallen = exponential(-2.0 * x.abs());
    let far = ((1.0 - fallen) / (1.0 + fallen)).copysign(x);
    if x.abs() < NEAR { series } else { far }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capped_numbers_are_those_of_double_precision() {
        for step in -40_000..=40_000 {
            let x = step as f32 / 100.0;
            let mut capped = [x];
            cap(&mut capped, 30.0);
            let exact = 30.0 * (f64::from(x) / 30.0).tanh();
            let off = (f64::from(capped[0]) - exact).abs();
            assert!(off <= 6e-7 * exact.abs(), "{x}: {off}");
        }
    }

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
        let mut sights = Sights { starts: [0; LANES], ends: [3; LANES] };
        sights.ends[1] = 1;
        sights.starts[2] = 1;
        let sums = weigh(&mut scores, LANES, &sights);
        assert_eq!((sums[0], sums[1], sums[2]), (3.0, 1.0, 2.0));
        assert_eq!((scores[LANES + 1], scores[2]), (0.0, 0.0));
    }
}
