//! The renderers through their public interface: pictures and volumes made from small arrays, read back from PNG and NPY.

#![allow(clippy::unwrap_used)]

mod fixture;
mod letters;
mod pipelines;
mod slices;
mod views;
mod volume;
