//! Quantiles and tails of the standard distributions, without panics.

use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::erf::{erfc, erfc_inv};
use std::f64::consts::SQRT_2;

/// Quantile of the standard normal distribution.
pub(super) fn normal_quantile(probability: f64) -> Option<f64> {
    (probability > 0.0 && probability < 1.0).then(|| -SQRT_2 * erfc_inv(2.0 * probability))
}

/// How many standard errors an interval of `level` reaches to each side under normality.
pub(super) fn two_sided_z(level: f64) -> Option<f64> {
    normal_quantile(0.5 + level / 2.0).filter(|_| super::is_level(level))
}

/// The same under Student's t with `freedom` degrees of freedom.
pub(super) fn two_sided_t(level: f64, freedom: f64) -> Option<f64> {
    if !super::is_level(level) || !is_freedom(freedom) {
        return None;
    }
    let distribution = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(distribution.inverse_cdf(0.5 + level / 2.0)).filter(|quantile| quantile.is_finite())
}

/// Two-sided p value of a standard normal deviate.
pub(super) fn normal_tails(deviate: f64) -> f64 {
    erfc(deviate.abs() / SQRT_2)
}

/// Two-sided p value of a Student t deviate.
pub(super) fn student_tails(deviate: f64, freedom: f64) -> Option<f64> {
    if !deviate.is_finite() || !is_freedom(freedom) {
        return None;
    }
    Some(2.0 * StudentsT::new(0.0, 1.0, freedom).ok()?.cdf(-deviate.abs()))
}

fn is_freedom(freedom: f64) -> bool {
    freedom.is_finite() && freedom >= 1.0
}
