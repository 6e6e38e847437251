//! The dynamic boundary: a component in a library file is as good as a built-in one.
//!
//! [`abi`] holds the C types, `wire` the JSON messages, `host` what loads a library and makes ordinary components of its
//! rows, [`guest`] what a library written in Rust exports through [`export_plugin!`](crate::export_plugin). A library in
//! C needs `include/situs_plugin.h` alone.
//!
//! Components never call the host back. Where a trait hands out host services (`&dyn Media`, `&dyn ModelBackend`), the
//! guest passes a stand-in that gives what came with the call and remembers what was missing; then it asks for that and
//! is called again. So `render`, `ask` and `prepare` may run twice and must not depend on the first try.

#![allow(unsafe_code)]

pub mod abi;
pub mod guest;
#[cfg(feature = "engine")]
mod host;
mod tensor;
mod wire;

#[cfg(feature = "engine")]
pub(crate) use host::load;
#[cfg(feature = "engine")]
pub use host::{
    LibraryInfo, MAX_COMPONENTS, MAX_FIELDS_BYTES, MAX_JSON_BYTES, MAX_NAME_BYTES, MAX_TENSOR_BYTES,
    MAX_TENSORS, MAX_VOCABULARY,
};
