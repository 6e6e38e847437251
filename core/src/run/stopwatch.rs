//! Where the time of step-by-step decoding goes, arm by arm.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Time spent on the replies of one arm.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Tokens chosen.
    pub tokens: u64,
    /// In the model, prompts included; a step of several sequences counts for each by its share.
    pub model: Duration,
    /// In the sampler.
    pub sampler: Duration,
}

/// Speed of step-by-step decoding of one arm, as `timings.json` tells it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Decoding {
    /// Tokens chosen.
    pub tokens: u64,
    /// Seconds in the model, prompts included.
    pub model_seconds: f64,
    /// Seconds in the sampler.
    pub sampler_seconds: f64,
    /// Tokens a second of model and sampler together.
    pub tokens_per_second: Option<f64>,
    /// Tokens a second of the model alone, as if choosing took no time.
    pub tokens_per_second_without_sampler: Option<f64>,
}

impl From<Spent> for Decoding {
    fn from(spent: Spent) -> Self {
        let per_second = |time: Duration| (!time.is_zero()).then(|| spent.tokens as f64 / time.as_secs_f64());
        Self {
            tokens: spent.tokens,
            model_seconds: spent.model.as_secs_f64(),
            sampler_seconds: spent.sampler.as_secs_f64(),
            tokens_per_second: per_second(spent.model + spent.sampler),
            tokens_per_second_without_sampler: per_second(spent.model),
        }
    }
}
