//! How many questions a comparison needs (Miller 2024, section 5).

use super::quantile::normal_quantile;

/// What a paired comparison of two conditions has to find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerPlan {
    /// Smallest difference of means worth finding.
    pub difference: f64,
    /// Variance over questions of the difference of expected scores.
    pub between_questions: f64,
    /// Variance of one trial's score around its question's expectation, first and second condition.
    pub within_question: [f64; 2],
    /// Trials a question, first and second condition.
    pub trials: [u32; 2],
    /// Two-sided error of the first kind, e.g. 0.05.
    pub alpha: f64,
    /// Chance to find the difference, e.g. 0.8.
    pub power: f64,
    /// Design effect of clustering; 1 for independent questions.
    pub design_effect: f64,
}

/// Questions needed, rounded up. `None` when a number is out of its range.
pub fn sample_size(plan: &PowerPlan) -> Option<u64> {
    let variances = [plan.between_questions, plan.within_question[0], plan.within_question[1]];
    let positive = |value: f64| value.is_finite() && value > 0.0;
    if variances.iter().any(|variance| !(variance.is_finite() && *variance >= 0.0))
        || !positive(plan.design_effect)
        || !positive(plan.difference.abs())
        || plan.trials.contains(&0)
        || !(plan.alpha > 0.0 && plan.alpha < 1.0)
    {
        return None;
    }
    let reach = normal_quantile(1.0 - plan.alpha / 2.0)? + normal_quantile(plan.power)?;
    let variance = plan.between_questions
        + plan.within_question[0] / f64::from(plan.trials[0])
        + plan.within_question[1] / f64::from(plan.trials[1]);
    let n = reach.max(0.0).powi(2) * variance / plan.difference.powi(2) * plan.design_effect;
    n.is_finite().then(|| n.ceil() as u64)
}
