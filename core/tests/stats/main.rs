//! Statistics against values computed elsewhere: scipy 1.17.1, statsmodels 0.15.0, scikit-learn 1.9.1,
//! krippendorff 0.9.0, scorio 0.2.3, or by hand where a comment says so.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agreement;
mod comparisons;
mod degenerate;
mod means;
mod proportions;
mod resampling;
mod trials;

fn near(value: f64, expected: f64) {
    within(value, expected, 1e-9);
}

fn within(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} is not {expected}");
}

fn near_pair(value: Option<(f64, f64)>, expected: (f64, f64)) {
    let (lower, upper) = value.expect("an interval");
    near(lower, expected.0);
    near(upper, expected.1);
}
