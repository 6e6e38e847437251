//! One decoding step with semantic rescoring: temperature, softmax over the whole vocabulary, truncation to candidates,
//! and a choice among them by the probability mass of their neighborhoods (MIS-SemSam, arXiv 2603.14579, section 2.4).
//!
//! A step: the candidates are what [`crate::Truncation`] leaves, most probable first, ties to the lower id. When one of
//! them is not content, the step defers to the default rule. Otherwise each candidate `c` gets the mass
//! `sum over kept k of max(0, S[c, k]) * p(neighbor k of c)` and one is chosen by score.
//!
//! [`Stepper`] runs on whatever vector instructions the machine has, [`Reference`] on none. Both give the same bits, and
//! so does every batch size and number of threads: see [`weight`] for the number format.
//!
//! ```
//! use situs_kernels::semantic::*;
//! use situs_kernels::{NeighborTable, Truncation};
//!
//! // "Left" (0) is the most probable token, but "right" (1) and "Right" (2) are one word in two spellings.
//! let table = NeighborTable {
//!     rows: 3,
//!     k: 2,
//!     ids: vec![0, 1, 1, 2, 2, 1],
//!     similarities: vec![1.0, 0.1, 1.0, 0.9, 1.0, 0.9],
//!     content: vec![1; 3],
//! };
//! let logits = [0.40f32.ln(), 0.35f32.ln(), 0.25f32.ln()];
//! let row = StepRow {
//!     logits: LogitRow::F32(&logits),
//!     truncation: Truncation { top_k: Some(2), ..Truncation::default() },
//!     otherwise: Otherwise::Greedy,
//!     rescore: Some(Rescore {
//!         neighbors: 2,
//!         threshold: None,
//!         score: Score::Support,
//!         select: Select::Argmax,
//!         mass: Mass::Full,
//!     }),
//!     draw: 0,
//! };
//! let step = Stepper::new().step(&row, Some(&table), true)?;
//! assert_eq!((step.default_token, step.token), (0, 1));
//! # Ok::<(), StepFault>(())
//! ```

mod decide;
mod fast;
pub(crate) mod logits;
mod philox;
mod reference;
mod rule;
pub mod weight;

pub use decide::{Outcome, Step, StepRow};
pub use fast::Stepper;
pub use logits::{LogitRow, f16_to_f32};
pub use philox::{philox, row_bits};
pub use reference::Reference;
pub use rule::{
    MAX_CANDIDATES, MAX_ROWS, MAX_TEMPERATURE, MIN_TEMPERATURE, MOST_KEPT_NEIGHBORS, Mass, Otherwise,
    Rescore, Score, Select, StepFault, check_plain, check_truncation,
};
