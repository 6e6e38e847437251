//! The step and the table build on NVIDIA GPUs of compute capability 9.0 and later.
//!
//! One launch takes rows of logits on the device to token ids; only 64 bytes a row come back. Tokens are those of
//! [`crate::semantic::Reference`], bit for bit: every sum is one of whole numbers, every other operation is rounded once
//! in a fixed order (see [`crate::semantic::weight`]).
//!
//! Always compiled, and nothing of CUDA is needed to build or to start: the driver and the compiler (NVRTC) are looked for
//! when a GPU is asked for. [`survey`] says what was found. Where NVRTC is missing, carried PTX is used, which has the
//! step's slowest form alone.
//!
//! ```no_run
//! use situs_kernels::Truncation;
//! use situs_kernels::cuda::{Gpu, GpuFault, GpuStepper, RowLayout, StepRule};
//! use situs_kernels::semantic::Otherwise;
//!
//! let gpu = Gpu::open(0)?;
//! let logits = gpu.stream().clone_htod(&vec![0.5f32; 2 * 1000]).map_err(|error| GpuFault::driver("copy", error))?;
//! let rule = StepRule {
//!     truncation: Truncation { top_k: Some(50), ..Truncation::default() },
//!     otherwise: Otherwise::Draw,
//!     rescore: None,
//!     draw: 7,
//! };
//! let layout = RowLayout::dense(2, 1000);
//! let steps = GpuStepper::new(&gpu).step(&logits, layout, &[rule; 2], None, false)?;
//! # Ok::<(), GpuFault>(())
//! ```
#![allow(unsafe_code, reason = "calls of the driver and of compiled kernels")]

pub mod arguments;
mod build;
mod compile;
mod fault;
mod floor;
mod form;
mod gpu;
mod libraries;
mod logits;
mod matmul;
mod source;
mod step;
mod table;

pub use arguments::StepRule;
pub use build::GpuBuild;
pub use compile::{Code, Compiled, compile};
/// The bindings, by whose slices and streams logits are handed over.
pub use cudarc;
pub use fault::GpuFault;
pub use floor::Floor;
pub use form::{Form, NumberFormat};
pub use gpu::{Gpu, LOWEST_CAPABILITY, Recorded, Survey, survey};
pub use logits::{GpuLogits, LogitSource, LogitView};
pub use source::{CARRIED, CARRIED_OPTION, carried_is_of_source, digest};
pub use step::{GpuStepper, LogitNumber, Prepared, RowLayout};
pub use table::GpuTable;
