//! The engine: plan, journal, media store, execute, decode, score, summarise.

mod media_store;
mod summary;

pub use media_store::{MAX_SIDE, MediaStore, encode_png, pixel_digest};
pub use summary::{ArmSummary, Cell, Comparison, FacetTable, PlanCounts, RunSummary};
