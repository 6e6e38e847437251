//! Volumes through the public interface: reading, describing, resampling, windowing.

mod awkward;
mod hostile;
mod image;
mod labels;
mod orientation;
mod reference;
mod resampling;
mod windowing;
