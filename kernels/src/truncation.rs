//! Temperature, top-k, top-p and min-p: which tokens of a row remain.

/// The truncation rules, in the order in which they apply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truncation {
    /// Divides the logits; 0 keeps the most probable token only.
    pub temperature: f64,
    /// Keeps the k largest logits, ties to the lower id; `None` keeps all.
    pub top_k: Option<usize>,
    /// Keeps the smallest set of most probable tokens whose mass, within top-k, reaches this; 1 keeps all.
    pub top_p: f64,
    /// Keeps tokens with at least this fraction of the largest probability; 0 keeps all.
    pub min_p: f64,
}

impl Default for Truncation {
    /// Plain softmax.
    fn default() -> Self {
        Self { temperature: 1.0, top_k: None, top_p: 1.0, min_p: 0.0 }
    }
}

/// A parameter outside its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Name of the parameter.
    pub field: &'static str,
    /// What is wrong with which value.
    pub reason: String,
}

impl Truncation {
    /// Checks the ranges: temperature finite and not negative, k at least 1, top-p in (0, 1], min-p in [0, 1].
    ///
    /// # Errors
    /// The first parameter outside its range.
    pub fn check(&self) -> Result<(), Refused> {
        let refuse = |field, reason| Err(Refused { field, reason });
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            return refuse(
                "temperature",
                format!("must be a finite number of at least 0, found {}", self.temperature),
            );
        }
        if self.top_k == Some(0) {
            return refuse("top_k", "must be at least 1".to_owned());
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return refuse("top_p", format!("must be above 0 and at most 1, found {}", self.top_p));
        }
        if !(0.0..=1.0).contains(&self.min_p) {
            return refuse("min_p", format!("must lie in 0 to 1, found {}", self.min_p));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_outside_their_range_are_named() {
        let plain = Truncation::default();
        for (rule, field) in [
            (Truncation { temperature: -1.0, ..plain }, "temperature"),
            (Truncation { temperature: f64::NAN, ..plain }, "temperature"),
            (Truncation { top_k: Some(0), ..plain }, "top_k"),
            (Truncation { top_p: 0.0, ..plain }, "top_p"),
            (Truncation { top_p: 1.1, ..plain }, "top_p"),
            (Truncation { min_p: f64::NAN, ..plain }, "min_p"),
        ] {
            assert_eq!(rule.check().unwrap_err().field, field);
        }
        assert_eq!(plain.check(), Ok(()));
    }
}
