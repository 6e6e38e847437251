//! Truncated sampling over logits: plain slices in, token ids out.
//!
//! The order of the rules is fixed: temperature; top-k, ties to the lower id; top-p over the mass renormalised within
//! top-k, keeping the token that crosses; min-p relative to the maximum. One implementation serves every sampler, with
//! rescoring and without: probabilities are whole numbers in units of 2^-40, made in f32 ([`semantic::weight`]), and their
//! sums have no order, so every machine, batch and thread count gives the same token.
//!
//! ```
//! use situs_kernels::Truncation;
//! use situs_kernels::semantic::{LogitRow, Otherwise, StepFault, StepRow, Stepper};
//!
//! let row = StepRow {
//!     logits: LogitRow::F32(&[0.0, 2.0, 1.0]),
//!     truncation: Truncation { top_k: Some(2), ..Truncation::default() },
//!     otherwise: Otherwise::Draw,
//!     rescore: None,
//!     draw: 7,
//! };
//! let step = Stepper::new().step(&row, None, false)?;
//! assert!([1, 2].contains(&step.token) && step.candidates == Some(2));
//! # Ok::<(), StepFault>(())
//! ```

mod argmax;
pub mod cuda;
pub mod neighbors;
mod row;
pub mod semantic;
mod simd;
mod truncation;

pub use argmax::argmax;
pub use neighbors::{NeighborTable, TableFault};
pub use row::RowFault;
pub use simd::Level;
pub use truncation::{Refused, Truncation};
