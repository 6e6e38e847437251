//! The family `spatialmed` and the renderer `three-view` through their public interfaces.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agents;
mod bench;
mod dataset_layouts;
mod items;
mod reading;
mod scoring;
mod views;
