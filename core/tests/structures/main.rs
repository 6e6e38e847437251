//! Structures and their measurements, through the public interface.

mod fixture;
mod golden;
mod orientation;
mod slices;
mod sources;
mod store;
