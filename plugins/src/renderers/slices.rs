//! Slices and stacks as pictures.

pub mod letters;
