//! The conformance kit: laws that every component keeps, whatever it does. It runs over every built-in in the tests and
//! over the components of a library with `situs plugin check`.
//!
//! A law is kept, broken, or skipped with a reason: a component that needs a server or a file cannot be built from its
//! defaults, and a renderer of text draws no pictures to mirror.

mod dataset;
mod family;
mod metric;
mod model;
mod params;
mod renderer;
mod room;
mod sampler;

use crate::dataset::Dataset;
use crate::fault::{Cause, Fault};
use crate::registry::{BuildContext, Component, Kind, Live, Params, Slot};
use room::Room;
use serde::Serialize;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How a component stands to a law.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It keeps it.
    Kept,
    /// It breaks it, and how.
    Broken(String),
    /// The law does not apply, and why.
    Skipped(String),
}

/// One component and one law.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Kind of the component.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The law, as a sentence.
    pub law: &'static str,
    /// How it stands to it.
    pub outcome: Outcome,
}

/// Why a law is not kept.
enum Not {
    Broken(String),
    Skipped(String),
}

impl From<Fault> for Not {
    fn from(fault: Fault) -> Self {
        Not::Broken(fault.to_string())
    }
}

type Law = Result<(), Not>;

fn broken<T>(what: impl Into<String>) -> Result<T, Not> {
    Err(Not::Broken(what.into()))
}

fn skipped<T>(why: impl Into<String>) -> Result<T, Not> {
    Err(Not::Skipped(why.into()))
}

/// Says how two things differ that should be the same.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, one: &T, other: &T) -> Law {
    if one == other {
        return Ok(());
    }
    let cut = |value: &T| format!("{value:?}").chars().take(200).collect::<String>();
    broken(format!("{what}: {} and {}", cut(one), cut(other)))
}

/// The kit with the patients that it shows to components.
pub struct Kit {
    dataset: Arc<dyn Dataset>,
    orders: usize,
}

impl Kit {
    /// A kit that shows the first cases of a data set. They are stored in all 48 orders; small ones do.
    pub fn new(dataset: Arc<dyn Dataset>) -> Self {
        Self { dataset, orders: 48 }
    }

    /// The same kit with only the first of the storage orders, for components that take long.
    #[must_use]
    pub fn with_orders(mut self, orders: usize) -> Self {
        self.orders = orders.min(48);
        self
    }

    /// Puts one component through all laws of its kind. `params` are parameters without `use`, empty for the defaults.
    pub fn check(&self, component: &dyn Component, params: &Params) -> Vec<Verdict> {
        let mut sheet = Sheet { component, params: Value::Object(params.clone()), verdicts: Vec::new() };
        params::check(&mut sheet);
        match component.kind() {
            Kind::Dataset => dataset::check(&mut sheet),
            Kind::Family => family::check(&mut sheet, self),
            Kind::Renderer => renderer::check(&mut sheet, self),
            Kind::Model => model::check(&mut sheet),
            Kind::Sampler => sampler::check(&mut sheet),
            Kind::Metric => metric::check(&mut sheet),
        }
        sheet.verdicts
    }
}

/// The verdicts on one component.
struct Sheet<'a> {
    component: &'a dyn Component,
    params: Value,
    verdicts: Vec<Verdict>,
}

impl Sheet<'_> {
    /// Tries one law; a panic breaks it.
    fn law(&mut self, law: &'static str, work: impl FnOnce(&Self) -> Law) {
        let tried = catch_unwind(AssertUnwindSafe(|| work(self)));
        let outcome = match tried {
            Ok(Ok(())) => Outcome::Kept,
            Ok(Err(Not::Broken(what))) => Outcome::Broken(what),
            Ok(Err(Not::Skipped(why))) => Outcome::Skipped(why),
            Err(panic) => Outcome::Broken(format!("panicked: {}", crate::run::panic_text(panic.as_ref()))),
        };
        let (kind, name) = (self.component.kind(), self.component.name().to_owned());
        self.verdicts.push(Verdict { kind, name, law, outcome });
    }

    /// Builds the component; one that cannot be built from these parameters is skipped.
    fn build<S: Slot + ?Sized>(&self) -> Result<Box<S>, Not> {
        let (live, _) = self.live()?;
        S::from_live(live).map_or_else(|| broken("it builds a component of another kind"), Ok)
    }

    fn live(&self) -> Result<(Live, Value), Not> {
        self.component.build(&self.params, &context()).map_err(|fault| match fault.cause {
            Cause::Internal => Not::from(fault),
            _ => Not::Skipped(format!("it cannot be built from these parameters: {fault}")),
        })
    }
}

fn context() -> BuildContext {
    BuildContext { base: None, seed: 17, workers: 0 }
}

/// The first usable case of the kit with its room.
fn first_room(kit: &Kit) -> Result<(crate::case::Case, Room), Not> {
    let room = Room::new(Arc::clone(&kit.dataset), false)?;
    Ok((kit.dataset.case(0)?, room))
}
