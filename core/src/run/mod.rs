//! The engine: plan, journal, media store, execute, decode, score, summarise.

mod summary;

pub use summary::{ArmSummary, Cell, Comparison, FacetTable, PlanCounts, RunSummary};
