//! Components from library files: as good as built-in ones, whatever the library does.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub, missing_docs)]

mod authors;
#[path = "toy/src/components.rs"]
mod components;
mod examples;
mod header;
mod laws;
mod misuse;
mod rude;
mod same;
mod workshop;
