//! The engine: plan, journal, media store, execute, decode, score, summarise.

mod exit;
mod folder;
mod journal;
mod select;
mod summary;

pub use exit::{Exit, RunError, exit_of};
pub use folder::{RunFolder, read_json, write_json, write_whole};
pub use journal::{Index, Journal, Line, Place};
pub use select::{Candidate, Quota, select};
pub use summary::{ArmSummary, Cell, Comparison, FacetTable, PlanCounts, RunSummary};
