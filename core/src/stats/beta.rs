//! Intervals of a proportion from the Beta distribution: Bayesian and exact ones. Trials are taken as independent.

use statrs::distribution::{Beta, ContinuousCDF};

/// Equal-tailed interval of the posterior Beta(a + successes, b + n - successes).
///
/// `(1, 1)` is the uniform prior. `None` when `successes > n`, a prior count is not positive or the level is no level.
pub fn pooled_beta(successes: u64, n: u64, a: f64, b: f64, level: f64) -> Option<(f64, f64)> {
    let failures = n.checked_sub(successes)?;
    if !super::is_level(level) {
        return None;
    }
    let tail = (1.0 - level) / 2.0;
    let posterior = (a + successes as f64, b + failures as f64);
    Some((beta_quantile(posterior, tail)?, beta_quantile(posterior, 1.0 - tail)?))
}

/// Jeffreys interval, Beta(successes + 1/2, failures + 1/2), with the lower limit 0 when nothing succeeded and the
/// upper limit 1 when everything did (Brown, Cai and DasGupta 2001). `None` for `n = 0`.
pub fn jeffreys(successes: u64, n: u64, level: f64) -> Option<(f64, f64)> {
    if n == 0 {
        return None;
    }
    let (lower, upper) = pooled_beta(successes, n, 0.5, 0.5, level)?;
    Some((if successes == 0 { 0.0 } else { lower }, if successes == n { 1.0 } else { upper }))
}

/// Clopper and Pearson's exact interval: covers at least `level`, usually more. `None` for `n = 0`.
pub fn clopper_pearson(successes: u64, n: u64, level: f64) -> Option<(f64, f64)> {
    let failures = n.checked_sub(successes)?;
    if n == 0 || !super::is_level(level) {
        return None;
    }
    let tail = (1.0 - level) / 2.0;
    let (k, misses) = (successes as f64, failures as f64);
    let lower = if successes == 0 { 0.0 } else { beta_quantile((k, misses + 1.0), tail)? };
    let upper = if failures == 0 { 1.0 } else { beta_quantile((k + 1.0, misses), 1.0 - tail)? };
    Some((lower, upper))
}

fn beta_quantile((a, b): (f64, f64), probability: f64) -> Option<f64> {
    let distribution = Beta::new(a, b).ok()?;
    Some(distribution.inverse_cdf(probability)).filter(|quantile| (0.0..=1.0).contains(quantile))
}
