//! Volumes through the public interface: reading, describing, resampling, windowing.

// Functions that tests share are tests too, which clippy does not see.
#![allow(clippy::unwrap_used)]

mod awkward;
mod hostile;
mod image;
mod labels;
mod orientation;
mod reference;
mod resampling;
mod windowing;
