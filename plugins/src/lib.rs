//! The built-in components of Situs. Each is one file in the folder of its kind and registers itself; link this crate
//! with `use situs_plugins as _;` and [`situs_core::registry::Registry::builtin`] finds them all.

pub mod backends;
mod baseline;
pub mod datasets;
pub mod families;
mod http;
pub mod judging;
mod known_addresses;
pub mod lints;
pub mod location_boxes;
pub mod metrics;
pub mod neighbors;
mod printed_number;
pub mod released_rows;
pub mod renderers;
pub mod replies;
mod request_body;
mod rescoring;
pub mod samplers;
mod stepping;
pub mod text;
