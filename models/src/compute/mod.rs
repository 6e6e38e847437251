//! Products of activations with weights, and attention, on the CPU.
//!
//! One kernel serves all of them: some rows of activations lie side by side in the lanes of a panel, and every output is
//! one chain of fused multiply-adds over the depth, in order. So an output depends on its own row alone: neither the
//! rows computed with it, nor the split of a prompt into parts, nor the number of threads changes a bit of it.

mod attention;
mod exponential;
mod panel;
mod product;

pub(crate) use attention::{Keyed, Query, Scores, attend, attend_within};
pub(crate) use exponential::cap;
pub(crate) use product::product;
