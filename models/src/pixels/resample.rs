//! Resizing of 8-bit pictures with antialiasing, as torchvision resizes 8-bit tensors.
//!
//! Weights are 16-bit whole numbers and each pass, first along rows, then along columns, rounds to 8 bits; so results
//! are equal to the pixel. Pillow differs by up to one grey level.

/// How a pixel is made of its neighbors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Straight lines.
    Linear,
    /// Cubic convolution, a = -0.5.
    Cubic,
}

impl Filter {
    /// Support on each side, in source pixels of an enlargement.
    fn reach(self) -> f64 {
        match self {
            Self::Linear => 1.0,
            Self::Cubic => 2.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        match self {
            Self::Linear => (1.0 - x.abs()).max(0.0),
            Self::Cubic => cubic(x),
        }
    }
}

/// Weights of the source pixels of one target pixel.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// Resizes RGB pixels, row by row, from `size` to `target` (width, height).
pub(crate) fn resample(rgb: &[u8], size: (usize, usize), target: (usize, usize), filter: Filter) -> Vec<u8> {
    let (width, height) = size;
    let mut pixels = rgb.to_vec();
    if width != target.0 {
        let (taps, precision) = taps(width, target.0, filter);
        pixels = along_rows(&pixels, width, &taps, precision);
    }
    if height != target.1 {
        let (taps, precision) = taps(height, target.1, filter);
        pixels = along_columns(&pixels, target.0, &taps, precision);
    }
    pixels
}

fn along_rows(pixels: &[u8], width: usize, taps: &[Taps], precision: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels.len() / width.max(1) * taps.len());
    for row in pixels.chunks_exact(width * 3) {
        let row = row.as_chunks::<3>().0;
        for tap in taps {
            let mut sums = [1i32 << (precision - 1); 3];
            for (pixel, weight) in row.iter().skip(tap.first).zip(&tap.weights) {
                for channel in 0..3 {
                    sums[channel] += i32::from(pixel[channel]) * weight;
                }
            }
            out.extend(sums.map(|sum| (sum >> precision).clamp(0, 255) as u8));
        }
    }
    out
}

fn along_columns(pixels: &[u8], width: usize, taps: &[Taps], precision: u32) -> Vec<u8> {
    let stride = width * 3;
    let mut out = Vec::with_capacity(stride * taps.len());
    let mut sums = vec![0i32; stride];
    for tap in taps {
        sums.fill(1 << (precision - 1));
        for (row, weight) in pixels.chunks_exact(stride).skip(tap.first).zip(&tap.weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i32::from(*value) * weight;
            }
        }
        out.extend(sums.iter().map(|sum| (sum >> precision).clamp(0, 255) as u8));
    }
    out
}

/// Weights of every target pixel, and their binary digits behind the point: as many as the largest weight leaves room
/// for in 16 bits.
fn taps(from: usize, to: usize, filter: Filter) -> (Vec<Taps>, u32) {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = filter.reach() * stretch;
    let exact: Vec<(usize, Vec<f64>)> = (0..to)
        .map(|target| {
            let center = scale * (target as f64 + 0.5);
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            let mut weights: Vec<f64> = (first..end)
                .map(|source| filter.weight((source as f64 - center + 0.5) * (1.0 / stretch)))
                .collect();
            let total: f64 = weights.iter().sum();
            if total != 0.0 {
                weights.iter_mut().for_each(|weight| *weight /= total);
            }
            (first, weights)
        })
        .collect();
    let largest =
        exact.iter().flat_map(|(_, weights)| weights).fold(0.0f64, |most, weight| most.max(*weight));
    let mut precision = 0;
    while precision < 22 && ((0.5 + largest * f64::from(1u32 << (precision + 1))) as i64) < 1 << 15 {
        precision += 1;
    }
    let unit = f64::from(1u32 << precision);
    let taps = exact
        .into_iter()
        .map(|(first, weights)| {
            let weights = weights.iter().map(|weight| (weight * unit).round_half_away()).collect();
            Taps { first, weights }
        })
        .collect();
    (taps, precision.max(1))
}

trait RoundHalfAway {
    fn round_half_away(self) -> i32;
}

impl RoundHalfAway for f64 {
    fn round_half_away(self) -> i32 {
        (self + 0.5f64.copysign(self)) as i32
    }
}

/// Keys' cubic convolution kernel with a = -0.5.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_picture_stays_flat() {
        let flat = vec![77u8; 40 * 30 * 3];
        for filter in [Filter::Linear, Filter::Cubic] {
            assert!(resample(&flat, (40, 30), (28, 56), filter).iter().all(|value| *value == 77));
        }
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let pixels: Vec<u8> = (0..6 * 4 * 3).map(|byte| (byte * 7 % 256) as u8).collect();
        assert_eq!(resample(&pixels, (6, 4), (6, 4), Filter::Cubic), pixels);
    }
}
