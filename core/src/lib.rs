//! The core of Situs: 3-D medical volumes in, questions with exact answers, pictures, replies, scores out.
//!
//! Three kinds of type are never mixed in one struct: a **Spec** is what a person wrote (parameters of a component), a
//! **State** is what a run produced ([`case::Case`], [`question::Question`], [`record::Record`], ...), and **Behaviour**
//! is the six traits and the engine in [`run`].
//!
//! ```text
//! Dataset -case-> QuestionFamily -question-> PromptRenderer -prompt-> ModelBackend <-> Sampler
//!         -reply-> QuestionFamily.read -answer-> Metric -score-> statistics -> report
//! ```
//!
//! A component is a struct of parameters in [`component!`] plus one of the six spec traits; nothing else names it.

#[cfg(test)]
extern crate self as situs_core;

pub mod build_context;
pub mod case;
pub mod config;
#[cfg(feature = "engine")]
pub mod conformance;
pub mod dataset;
pub mod digest;
pub mod fault;
pub mod media;
pub mod metric;
pub mod model_backend;
pub mod plugin;
pub mod prelude;
pub mod prompt;
pub mod prompt_renderer;
pub mod question;
pub mod question_family;
pub mod record;
pub mod registry;
pub mod reply;
#[cfg(feature = "engine")]
pub mod run;
pub mod sampler;
pub mod scene;
pub mod space;
pub mod stats;
pub mod structure;
pub mod volume;

#[doc(hidden)]
pub use inventory;
#[doc(hidden)]
pub use serde_json;
