//! Bayes@N and avg@N over repeated trials (arXiv 2510.04265), and a Bayesian comparison of two conditions.

use super::quantile::two_sided_z;
use statrs::function::beta::checked_beta_reg;

/// Mean over questions of a weighted outcome, from several trials a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trials {
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the posterior, the set of questions held fixed.
    pub sigma: f64,
    /// 95 % under normality, not clipped.
    pub interval: (f64, f64),
}

/// Posterior mean and deviation with one uniform Dirichlet prior a question.
///
/// `outcomes[i][t]` is the category of question i in trial t, `weights[c]` the worth of category c (`[0, 1]` for wrong
/// and right). `prior`, if given, holds earlier outcomes of the same questions. Each question is shrunk toward the mean
/// weight: with one trial and right or wrong, a score s reads (s + 1) / 3, so prefer [`super::pooled_beta`] below four
/// trials.
///
/// `None` when there are no questions or trials, rows differ in length, a category has no weight, or a weight is not
/// finite.
pub fn bayes_at_n(outcomes: &[Vec<usize>], weights: &[f64], prior: Option<&[Vec<usize>]>) -> Option<Trials> {
    posterior(outcomes, weights, prior).map(|posterior| posterior.summary(posterior.mean, posterior.sigma))
}

/// The plain mean over all trials, with the deviation of Bayes@N carried over to it.
pub fn avg_at_n(outcomes: &[Vec<usize>], weights: &[f64]) -> Option<Trials> {
    let posterior = posterior(outcomes, weights, None)?;
    let trials = outcomes.first()?.len() as f64;
    let total: f64 = outcomes.iter().flatten().filter_map(|category| weights.get(*category)).sum();
    let mean = total / (trials * outcomes.len() as f64);
    Some(posterior.summary(mean, posterior.sigma * posterior.total / trials))
}

struct Posterior {
    mean: f64,
    sigma: f64,
    total: f64,
    z: f64,
}

impl Posterior {
    fn summary(&self, mean: f64, sigma: f64) -> Trials {
        Trials { mean, sigma, interval: (mean - self.z * sigma, mean + self.z * sigma) }
    }
}

fn posterior(outcomes: &[Vec<usize>], weights: &[f64], prior: Option<&[Vec<usize>]>) -> Option<Posterior> {
    let trials = outcomes.first()?.len();
    let earlier = prior.map_or(0, |rows| rows.first().map_or(0, Vec::len));
    let uneven = outcomes.iter().any(|row| row.len() != trials)
        || prior
            .is_some_and(|rows| rows.len() != outcomes.len() || rows.iter().any(|row| row.len() != earlier));
    let base = *weights.first()?;
    if trials == 0 || uneven || weights.iter().any(|weight| !weight.is_finite()) {
        return None;
    }
    // Worked in units of the largest distance between weights, so that large weights do not cancel.
    let scale = weights.iter().map(|weight| (weight - base).abs()).fold(0.0, f64::max);
    let unit = if scale > 0.0 { scale } else { 1.0 };
    let steps: Vec<f64> = weights.iter().map(|weight| (weight - base) / unit).collect();
    let total = (weights.len() + trials + earlier) as f64;
    let (mut mean, mut variance) = (0.0, 0.0);
    for (question, row) in outcomes.iter().enumerate() {
        let mut first: f64 = steps.iter().sum();
        let mut second: f64 = steps.iter().map(|step| step * step).sum();
        let before = prior.and_then(|rows| rows.get(question));
        for category in row.iter().chain(before.into_iter().flatten()) {
            let step = steps.get(*category)?;
            first += step;
            second += step * step;
        }
        mean += first / total;
        // Rounding may leave a tiny negative variance where all outcomes agree.
        variance += (second / total - (first / total).powi(2)).max(0.0);
    }
    let questions = outcomes.len() as f64;
    Some(Posterior {
        mean: base + unit * mean / questions,
        sigma: unit * (variance / (total + 1.0)).sqrt() / questions,
        total,
        z: two_sided_z(super::LEVEL)?,
    })
}

/// Probability that the first condition is the better one, for items right in the first only and the second only.
///
/// Uniform Dirichlet prior over (both, first only, second only, neither); items are taken as independent.
pub fn probability_better(first_only: u64, second_only: u64) -> f64 {
    checked_beta_reg(second_only as f64 + 1.0, first_only as f64 + 1.0, 0.5).unwrap_or(0.5)
}
