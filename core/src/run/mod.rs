//! The engine: plan, journal, media store, execute, decode, score, summarise.

mod audit;
mod build;
mod consult;
mod control;
mod decode;
mod desk;
mod engine;
mod execute;
mod exit;
mod folder;
mod gate;
mod journal;
mod lanes;
mod manifest;
mod media;
mod media_store;
mod parts;
mod plan;
mod population;
mod progress;
mod recorded;
mod rehearse;
mod reliance;
mod score;
mod scores_file;
mod select;
mod stopwatch;
mod summary;
mod tables;

pub use audit::{Audit, BlindFigure, audit};
pub use build::build;
pub(crate) use desk::panic_text;
pub use engine::{Outcome, RunOptions, Timings, load_records, run, score};
pub use exit::{Exit, RunError, exit_of};
pub use folder::{file_sha256, read_json, write_json, write_whole};
pub use journal::{Index, Journal, Line, Place};
pub use manifest::{ArmManifest, Manifest};
pub use media::RunMedia;
pub use media_store::{MediaStore, encode_png, pixel_digest};
pub use plan::{PlanFile, QuestionReader};
pub use progress::{Progress, Silent};
pub use rehearse::{Rehearsal, rehearse};
pub use scores_file::count_rows;
pub use select::{Candidate, Quota, select};
pub use stopwatch::Decoding;
pub use summary::{
    ArmSummary, Cell, Comparison, CompositeFigure, Contrast, ControlFigure, FacetTable, PlanCounts,
    RepeatedFigure, RunSummary,
};
