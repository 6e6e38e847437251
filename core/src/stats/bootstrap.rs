//! Percentile bootstrap over clusters, for figures that are no plain means.

use crate::digest::Draw;
use rayon::prelude::*;

/// A bootstrapped figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BootstrapResult {
    /// The figure on the data as they are.
    pub estimate: f64,
    /// Standard deviation over the replicates; `None` for one cluster.
    pub se: Option<f64>,
    /// 95 % percentile interval; `None` for one cluster.
    pub interval: Option<(f64, f64)>,
    /// Replicates on which the figure was undefined; they are left out.
    pub undefined: usize,
}

/// Draws clusters with replacement, adds up their sums and takes the figure of each total.
///
/// `sums_per_cluster` holds one row of additive statistics a cluster, all of one width; `finish` turns a total into
/// the figure, or `None` where it is undefined. For two conditions on the same clusters put both in one row and let
/// `finish` take the difference. Replicate r depends on `seed` and r alone, so the number of threads does not matter.
///
/// `None` when there are no clusters, rows differ in width, a sum is not finite, or the figure itself is undefined.
pub fn bootstrap_clusters(
    sums_per_cluster: &[Vec<f64>],
    finish: &(dyn Fn(&[f64]) -> Option<f64> + Sync),
    replicates: usize,
    seed: u64,
) -> Option<BootstrapResult> {
    let width = sums_per_cluster.first()?.len();
    let clusters = sums_per_cluster.len();
    if sums_per_cluster.iter().any(|row| row.len() != width || row.iter().any(|sum| !sum.is_finite())) {
        return None;
    }
    let rows: Vec<f64> = sums_per_cluster.iter().flatten().copied().collect();
    let mut total = vec![0.0; width];
    for row in sums_per_cluster {
        add(&mut total, row);
    }
    let estimate = finish(&total).filter(|figure| figure.is_finite())?;
    if clusters == 1 || replicates == 0 {
        return Some(BootstrapResult { estimate, se: None, interval: None, undefined: 0 });
    }

    let draws = Draw::new(seed).of("bootstrap");
    let figures: Vec<Option<f64>> = (0..replicates)
        .into_par_iter()
        .map_init(
            || vec![0.0; width],
            |total, replicate| {
                total.fill(0.0);
                let mut stream = Stream(draws.of(replicate).bits());
                for _ in 0..clusters {
                    let start = stream.below(clusters) * width;
                    add(total, rows.get(start..start + width).unwrap_or_default());
                }
                finish(total).filter(|figure| figure.is_finite())
            },
        )
        .collect();
    let mut defined: Vec<f64> = figures.into_iter().flatten().collect();
    let undefined = replicates - defined.len();
    defined.sort_by(f64::total_cmp);
    let tail = (1.0 - super::LEVEL) / 2.0;
    let interval = percentile(&defined, tail).zip(percentile(&defined, 1.0 - tail));
    Some(BootstrapResult { estimate, se: deviation(&defined), interval, undefined })
}

fn add(total: &mut [f64], row: &[f64]) {
    for (total, value) in total.iter_mut().zip(row) {
        *total += value;
    }
}

/// Linear interpolation between order statistics, as numpy's default.
fn percentile(sorted: &[f64], part: f64) -> Option<f64> {
    let position = part * (sorted.len().checked_sub(1)? as f64);
    let below = sorted.get(position.floor() as usize)?;
    let above = sorted.get(position.ceil() as usize)?;
    Some(below + (above - below) * position.fract())
}

fn deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    Some((values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt())
}

/// SplitMix64: fast enough for ten million draws; each replicate's stream starts from a keyed draw.
pub(super) struct Stream(pub(super) u64);

impl Stream {
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.bits()) * count as u128) >> 64) as usize
    }
}
