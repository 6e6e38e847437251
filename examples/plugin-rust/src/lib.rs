//! Which organ is larger? A benchmark in a library file: its questions, a metric for them, and a sampler.
//!
//!     cargo build --manifest-path examples/plugin-rust/Cargo.toml
//!     situs run examples/plugin-rust/larger.toml

situs_core::export_plugin!();

pub mod first_option;
pub mod larger;
pub mod typical;
