//! Native models: published checkpoints loaded from a local folder and decoded step by step, so that every sampler
//! works on every model. Link this crate with `use situs_models as _;` and the registry finds its backends.

pub mod small;
