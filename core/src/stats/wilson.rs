//! Intervals of a proportion from the normal distribution. Trials are taken as independent.

use super::quantile::two_sided_z;

/// Wilson's score interval. `None` for `n = 0`, `successes > n` or a level outside (0, 1).
pub fn wilson(successes: u64, n: u64, level: f64) -> Option<(f64, f64)> {
    let (p, n, z) = proportion(successes, n, level)?;
    let square = z * z;
    let centre = (p + square / (2.0 * n)) / (1.0 + square / n);
    let half = z / (1.0 + square / n) * (p * (1.0 - p) / n + square / (4.0 * n * n)).sqrt();
    // At the ends the two terms are equal but for rounding.
    let lower = if p == 0.0 { 0.0 } else { (centre - half).max(0.0) };
    let upper = if p == 1.0 { 1.0 } else { (centre + half).min(1.0) };
    Some((lower, upper))
}

/// Agresti and Coull's interval, clipped to [0, 1].
pub fn agresti_coull(successes: u64, n: u64, level: f64) -> Option<(f64, f64)> {
    let (p, n, z) = proportion(successes, n, level)?;
    let trials = n + z * z;
    let centre = (p * n + z * z / 2.0) / trials;
    let half = z * (centre * (1.0 - centre) / trials).sqrt();
    Some(((centre - half).max(0.0), (centre + half).min(1.0)))
}

/// The textbook interval p +- z sqrt(p (1 - p) / n), clipped to [0, 1]: for comparison, it covers too little.
pub fn wald(successes: u64, n: u64, level: f64) -> Option<(f64, f64)> {
    let (p, n, z) = proportion(successes, n, level)?;
    let half = z * (p * (1.0 - p) / n).sqrt();
    Some(((p - half).max(0.0), (p + half).min(1.0)))
}

fn proportion(successes: u64, n: u64, level: f64) -> Option<(f64, f64, f64)> {
    if n == 0 || successes > n {
        return None;
    }
    Some((successes as f64 / n as f64, n as f64, two_sided_z(level)?))
}
