//! Structures and their measurements, through the public interface.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the failure")]

mod fixture;
mod golden;
mod orientation;
mod slices;
mod sources;
mod store;
