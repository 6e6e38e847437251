//! Sums of what was seen, to be logged.

use std::collections::BTreeMap;

/// Means by name.
#[derive(Default, Clone)]
pub struct Tally {
    sums: BTreeMap<String, (f64, f64)>,
}

impl Tally {
    pub fn add(&mut self, name: impl Into<String>, sum: f64, count: f64) {
        let entry = self.sums.entry(name.into()).or_default();
        entry.0 += sum;
        entry.1 += count;
    }

    pub fn means(&self) -> BTreeMap<String, f64> {
        let mean = |(sum, count): &(f64, f64)| (sum / count.max(1e-9) * 1e4).round() / 1e4;
        self.sums.iter().map(|(name, sums)| (name.clone(), mean(sums))).collect()
    }
}
