//! A first component of one's own: a metric, used by name in a config like any built-in one.
//!
//!     cargo run --example first_component

use situs_core::config::{Overrides, RunConfig};
use situs_core::prelude::*;
use situs_core::registry::Registry;
use situs_core::run::{RunOptions, Silent, run};
use std::sync::Arc;

// Built-in components register themselves; this links them in.
use situs_plugins as _;

situs_core::component! {
    /// How often a model says yes: share of statements that it calls true. Half of them are.
    metric "says-true";
    pub struct SaysTrue {
        /// The answer that is counted.
        pub word: String = "true".to_owned(),
    }
}

#[typetag::serde(name = "says-true")]
impl MetricSpec for SaysTrue {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for SaysTrue {
    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let applies = record.question.options.contains(&self.word);
        let says = record.answer.value.as_ref() == Some(&self.word);
        Ok(applies.then(|| Score::mean(if says { 1.0 } else { 0.0 })))
    }
}

const CONFIG: &str = r#"
[dataset]
use = "phantom"
cases = 2
[family]
use = "mis-ground"
dims = ["2d"]
[renderer]
use = "slices"
[model]
use = "random"
[run]
questions = 60
[metrics.says-true]
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::builtin()?;
    let overrides = Overrides::default();
    let config = RunConfig::parse("first_component.toml", CONFIG.to_owned(), None, &overrides, &registry)?;
    let folder = tempfile::tempdir()?;
    let options = RunOptions { folder: folder.path().to_owned(), limit: None, stop: Arc::default() };
    let outcome = run(&config, &registry, &options, &Silent)?;
    for arm in &outcome.summary.arms {
        let figure = &arm.overall.figures["says-true"];
        println!("{}: {:?} {:?}, n = {}", arm.name, figure.value, figure.interval, figure.n);
    }
    Ok(())
}
