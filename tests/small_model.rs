//! A release step: does the picture reach the small model? 2,400 questions, minutes rather than seconds:
//!
//!     cargo test --release --test small_model -- --ignored

#![cfg(feature = "native")]
#![allow(clippy::unwrap_used)]

use situs_core::config::{Overrides, RunConfig};
use situs_core::registry::Registry;
use situs_core::run::{RunOptions, Silent, run};
use situs_models as _;
use situs_plugins as _;
use std::path::Path;
use std::sync::Arc;

/// What the model has to win over who does not look, at the lower end of the paired 95 % interval.
const LEAST_GAIN: f64 = 0.15;

#[test]
#[ignore = "a release step: 2,400 questions"]
fn the_picture_is_worth_fifteen_points_over_the_text_and_over_names() {
    let registry = Registry::builtin().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/small-model.toml");
    let config = RunConfig::load(&path, &Overrides::default(), &registry).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions { folder: folder.path().to_owned(), limit: None, stop: Arc::default() };
    let summary = run(&config, &registry, &options, &Silent).unwrap().summary;
    for blind in ["small text-only", "prior"] {
        let gain = summary
            .comparisons
            .iter()
            .find(|comparison| comparison.metric == "accuracy" && comparison.a == "small" && comparison.b == blind)
            .unwrap();
        let [low, _] = gain.interval.unwrap();
        assert!(gain.n >= 2000, "{blind}: {} questions", gain.n);
        assert!(low >= LEAST_GAIN, "{blind}: {gain:?}");
    }
}
