//! McNemar's test on discordant pairs, for independent questions only.

use super::quantile::normal_tails;
use statrs::function::beta::checked_beta_reg;
use statrs::function::gamma::ln_gamma;

/// McNemar's test in its usual forms; two-sided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mcnemar {
    /// Exact binomial p value, at most 1.
    pub exact_p: f64,
    /// Mid-p value: half of the observed outcome's mass counted.
    pub mid_p: f64,
    /// (b - c)^2 / (b + c) and its p value; `None` without discordant pairs.
    pub chi2: Option<(f64, f64)>,
    /// (|b - c| - 1)^2 / (b + c) and its p value; `None` without discordant pairs.
    pub chi2_corrected: Option<(f64, f64)>,
}

/// All forms, for `b` items right in the first condition only and `c` in the second only.
pub fn mcnemar(b: u64, c: u64) -> Mcnemar {
    let (tail, mass) = lower_tail(b, c);
    let discordant = b as f64 + c as f64;
    let distance = (b as f64 - c as f64).abs();
    let chi2 = |distance: f64| {
        (discordant > 0.0).then(|| {
            let statistic = distance * distance / discordant;
            (statistic, normal_tails(statistic.sqrt()))
        })
    };
    Mcnemar {
        exact_p: (2.0 * tail).min(1.0),
        mid_p: (2.0 * tail - mass).clamp(0.0, 1.0),
        chi2: chi2(distance),
        chi2_corrected: chi2(distance - 1.0),
    }
}

/// The exact two-sided binomial p value; 1 without discordant pairs.
pub fn mcnemar_exact(b: u64, c: u64) -> f64 {
    mcnemar(b, c).exact_p
}

/// P(X <= k) and P(X = k) for k the smaller of the two and X ~ Binomial(b + c, 1/2).
fn lower_tail(b: u64, c: u64) -> (f64, f64) {
    let (few, many) = (b.min(c) as f64, b.max(c) as f64);
    if many == 0.0 {
        return (1.0, 1.0);
    }
    // P(X <= k) = I_{1/2}(n - k, k + 1).
    let tail = checked_beta_reg(many, few + 1.0, 0.5).unwrap_or(1.0);
    let n = few + many;
    let mass =
        (ln_gamma(n + 1.0) - ln_gamma(few + 1.0) - ln_gamma(many + 1.0) - n * std::f64::consts::LN_2).exp();
    (tail, mass)
}
