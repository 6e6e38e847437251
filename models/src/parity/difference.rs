//! How far numbers are apart.

use super::Compared;
use super::reference::Recorded;

/// Largest differences of one stage.
pub(super) struct Difference {
    case: String,
    stage: &'static str,
    tolerance: f64,
    largest: Option<f64>,
    fits: bool,
}

impl Difference {
    /// Nothing compared yet.
    pub(super) fn new(case: &str, stage: &'static str, tolerance: f64) -> Self {
        Self { case: case.to_owned(), stage, tolerance, largest: None, fits: true }
    }

    /// Compares rows of ours with a tensor, which may hold the last rows alone.
    pub(super) fn add(&mut self, ours: &[f32], expected: &Recorded) {
        let skipped = (ours.len() / expected.width).saturating_sub(expected.rows) * expected.width;
        let ours = ours.get(skipped..).unwrap_or_default();
        if ours.len() != expected.values.len() || expected.values.is_empty() {
            self.fits = false;
            return;
        }
        let mut largest = self.largest.unwrap_or(0.0);
        for (one, other) in ours.iter().zip(&expected.values) {
            let apart = (f64::from(*one) - other).abs();
            // Not a number is as far away as can be.
            largest = if apart <= largest { largest } else { apart };
        }
        self.largest = Some(largest);
    }

    /// Notes a difference that no number tells.
    pub(super) fn unfit(&mut self) {
        self.fits = false;
    }

    /// The result; a stage in which nothing was compared is skipped.
    pub(super) fn done(self) -> Compared {
        let skipped = self.largest.is_none() && self.fits;
        Compared {
            pass: self.fits && self.largest.is_some_and(|largest| largest <= self.tolerance),
            max_abs: self.largest.filter(|largest| self.fits && largest.is_finite()),
            case: self.case,
            stage: self.stage.to_owned(),
            tolerance: self.tolerance,
            skipped,
        }
    }
}
