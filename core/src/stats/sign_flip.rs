//! Sign-flip test of paired differences by cluster.

use super::bootstrap::Stream;
use crate::digest::Draw;
use rayon::prelude::*;

/// Most clusters for which all sign patterns are tried.
const EXACT_CLUSTERS: usize = 20;
/// Random sign patterns otherwise.
const RANDOM_PATTERNS: u64 = 100_000;

/// Two-sided p value of no difference: under it, each cluster's sum of paired differences is as likely with the other
/// sign.
///
/// All sign patterns up to 20 clusters; beyond, 100,000 patterns drawn from `seed`, with the observed one counted in.
/// `None` when there are no clusters or a sum is not finite.
pub fn sign_flip_test(cluster_sums: &[f64], seed: u64) -> Option<f64> {
    if cluster_sums.is_empty() || cluster_sums.iter().any(|sum| !sum.is_finite()) {
        return None;
    }
    // Sums that differ only by the order of rounding count as equal.
    let slack = 1e-12 * cluster_sums.iter().map(|sum| sum.abs()).sum::<f64>();
    let observed = cluster_sums.iter().sum::<f64>().abs() - slack;
    if cluster_sums.len() <= EXACT_CLUSTERS {
        let patterns = 1_u64 << cluster_sums.len();
        let extreme = (0..patterns)
            .into_par_iter()
            .filter(|pattern| flipped(cluster_sums, |position| pattern >> position & 1 == 1) >= observed)
            .count();
        return Some(extreme as f64 / patterns as f64);
    }
    let draws = Draw::new(seed).of("sign-flip");
    let extreme = (0..RANDOM_PATTERNS)
        .into_par_iter()
        .filter(|pattern| {
            let mut stream = Stream(draws.of(pattern).bits());
            let mut bits = 0;
            let sum = flipped(cluster_sums, |position| {
                if position % 64 == 0 {
                    bits = stream.bits();
                }
                bits >> (position % 64) & 1 == 1
            });
            sum >= observed
        })
        .count();
    Some((extreme + 1) as f64 / (RANDOM_PATTERNS + 1) as f64)
}

fn flipped(sums: &[f64], mut flip: impl FnMut(usize) -> bool) -> f64 {
    sums.iter().enumerate().map(|(position, sum)| if flip(position) { -sum } else { *sum }).sum::<f64>().abs()
}
