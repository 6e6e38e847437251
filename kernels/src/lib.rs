//! Truncated sampling over logits: plain slices in, token ids out.
//!
//! The order of the rules is fixed: temperature; top-k, ties to the lower id; top-p over the mass renormalised within
//! top-k, keeping the token that crosses; min-p relative to the maximum. All arithmetic on probabilities is f64.
//!
//! ```
//! use situs_kernels::{Candidates, Truncation};
//!
//! let rule = Truncation { top_k: Some(2), ..Truncation::default() };
//! let mut candidates = Candidates::default();
//! let token = candidates.draw(&[0.0, 2.0, 1.0], &rule, u64::MAX)?;
//! assert_eq!(token, 2);
//! # Ok::<(), situs_kernels::RowFault>(())
//! ```

mod argmax;
mod draw;
pub mod neighbors;
mod row;
pub mod semantic;
mod simd;
mod truncation;

pub use argmax::argmax;
pub use draw::unit;
pub use neighbors::{NeighborTable, TableFault};
pub use row::RowFault;
pub use simd::Level;
pub use truncation::{Candidate, Candidates, Refused, Truncation};
