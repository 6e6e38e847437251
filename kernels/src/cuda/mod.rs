//! The step and the table build on NVIDIA GPUs.
pub mod arguments;
