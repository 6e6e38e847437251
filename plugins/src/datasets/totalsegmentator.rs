//! TotalSegmentator.
mod tables;
pub use tables::LabelTable;
