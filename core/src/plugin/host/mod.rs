//! The host's side: loads libraries, checks everything that comes back, and implements the ordinary traits over handles.

mod collector;
mod component;
mod dataset;
mod family;
mod handle;
#[cfg(test)]
mod in_process;
mod lender;
mod library;
mod metric;
mod model;
mod renderer;
mod sampler;
mod session;

pub use collector::{MAX_JSON_BYTES, MAX_TENSOR_BYTES, MAX_TENSORS};
pub(crate) use library::load;
pub use library::{LibraryInfo, MAX_COMPONENTS, MAX_FIELDS_BYTES, MAX_NAME_BYTES};
pub use session::MAX_VOCABULARY;
