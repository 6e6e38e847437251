//! One component of each kind, as a library. The tests compile the same file into themselves and compare.

situs_core::export_plugin!();

pub mod components;
