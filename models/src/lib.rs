//! Native models: published checkpoints loaded from a local folder and decoded step by step, so that every sampler
//! works on every model. Link this crate with `use situs_models as _;` and the registry finds its backends.
//!
//! A family is one file in `families`, registered by itself; checkpoint reading, prompts, pixels, layers, sessions and
//! the comparison with references are the same for all.

pub mod backend;
mod checkpoint;
mod compute;
pub mod embeddings;
mod families;
mod layers;
mod model;
mod native;
pub mod parity;
mod pixels;
mod prompt;
mod reply;
pub mod sbert;
mod session;
pub mod small;
