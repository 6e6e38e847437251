//! The C types of the boundary. `include/situs_plugin.h` says the same in C; a test compiles it and compares.
//!
//! Ownership: memory of a request belongs to the host and is valid during the call; memory of a reply belongs to the
//! plug-in and is copied inside the callback. Only handles change owner. Structs that carry a `size` may grow at their
//! end within one major version.

use std::ffi::{c_char, c_void};

/// Versions with another major do not understand each other.
pub const MAJOR: u32 = 1;
/// Grows with additions; what a plug-in cannot do without it names in `needs`.
pub const MINOR: u32 = 0;
/// What this host can do beyond the first version, separated by blanks.
pub const FEATURES: &std::ffi::CStr = c"kept-media png-flag";
/// Name of the one symbol that a plug-in exports.
pub const ENTRY: &str = "situs_plugin_v1";

/// Status of a call: done.
pub const OK: i32 = 0;
/// The component refused; the reply's bytes are a fault as JSON.
pub const FAULT: i32 = 1;
/// The component panicked and the plug-in caught it; the reply's bytes are a fault as JSON.
pub const PANIC: i32 = 2;
/// The component has no such method.
pub const MISSING: i32 = 3;

/// `call` may be entered from several threads at once on one handle.
pub const SHARED: u32 = 1;
/// The host refuses parameters that `fields_json` does not list.
pub const CHECK_FIELDS: u32 = 1 << 1;
/// Pictures come as PNG files whatever the model's card says.
pub const PNG: u32 = 1 << 2;

/// Element types of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Dtype {
    /// Unsigned bytes.
    U8 = 1,
    /// Unsigned 32-bit integers.
    U32 = 2,
    /// 32-bit floats.
    F32 = 3,
    /// 64-bit floats.
    F64 = 4,
}

/// Borrowed bytes; `ptr` may be null when `len` is 0.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Bytes {
    /// First byte.
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: usize,
}

/// A borrowed array, row-major.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Tensor {
    /// A [`Dtype`].
    pub dtype: u32,
    /// Number of dimensions, 0 to 4.
    pub ndim: u32,
    /// `ndim` lengths.
    pub shape: *const usize,
    /// The elements, aligned to their type.
    pub data: *const c_void,
}

/// Where a plug-in puts its reply. The host copies at once.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Reply {
    /// First argument of the callbacks.
    pub ctx: *mut c_void,
    /// Gives the bytes of the reply, once.
    pub bytes: Option<unsafe extern "C" fn(*mut c_void, *const u8, usize)>,
    /// Gives one tensor; several in order.
    pub tensor: Option<unsafe extern "C" fn(*mut c_void, *const Tensor)>,
    /// Hands over a child handle.
    pub child: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
}

/// One sequence of a `pick`; the request's bytes are an array of these, 8-byte aligned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Row {
    /// Random bits.
    pub draw: u64,
    /// Row of the logits.
    pub index: u32,
    /// Step, 0 for the first token.
    pub step: u32,
    /// Tokens so far; the histories of all rows follow each other in the second tensor.
    pub history: u32,
    /// 0.
    pub reserved: u32,
}

/// Makes a component from parameters.
pub type CreateFn = unsafe extern "C" fn(*const Component, Bytes, *const Reply, *mut *mut c_void) -> i32;
/// Calls a method.
pub type CallFn = unsafe extern "C" fn(*mut c_void, u32, Bytes, *const Tensor, usize, *const Reply) -> i32;
/// Frees a handle.
pub type DestroyFn = unsafe extern "C" fn(*mut c_void);

/// One component of a plug-in.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Component {
    /// Bytes of this struct.
    pub size: u32,
    /// A `Kind`: 1 dataset, 2 family, 3 renderer, 4 model, 5 sampler, 6 metric.
    pub kind: u32,
    /// [`SHARED`], [`CHECK_FIELDS`], [`PNG`].
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// Name within the kind, UTF-8.
    pub name: *const c_char,
    /// One sentence, UTF-8.
    pub summary: *const c_char,
    /// `[{"name", "type", "default", "doc"}]`; null: no fields are listed.
    pub fields_json: *const c_char,
    /// The plug-in's own.
    pub user: *const c_void,
    /// Makes a component.
    pub create: Option<CreateFn>,
    /// Calls a method.
    pub call: Option<CallFn>,
    /// Frees a handle.
    pub destroy: Option<DestroyFn>,
}

/// What the entry symbol gives; lives as long as the process.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Plugin {
    /// Bytes of this struct.
    pub size: u32,
    /// [`MAJOR`] that it was built for.
    pub major: u32,
    /// [`MINOR`] that it was built for.
    pub minor: u32,
    /// Number of components.
    pub count: u32,
    /// Name of the plug-in, UTF-8: the origin of its components.
    pub name: *const c_char,
    /// Its version, UTF-8.
    pub version: *const c_char,
    /// The components, `stride` bytes apart.
    pub components: *const Component,
    /// Distance of two components in bytes.
    pub stride: u32,
    /// 0.
    pub reserved: u32,
    /// Features that the host must have, separated by blanks; null: none.
    pub needs: *const c_char,
}

/// What the host offers to a plug-in; lives as long as the process.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Host {
    /// Bytes of this struct.
    pub size: u32,
    /// [`MAJOR`] of the host.
    pub major: u32,
    /// [`MINOR`] of the host.
    pub minor: u32,
    /// Threads that a plug-in should use by itself; 0: as many as there are cores.
    pub workers: u32,
    /// Logs UTF-8 text: 1 error, 2 warning, 3 info, 4 debug, 5 trace.
    pub log: Option<unsafe extern "C" fn(u32, *const u8, usize)>,
    /// The most detailed level that anybody reads; 0: none.
    pub log_level: u32,
    /// 0.
    pub reserved: u32,
    /// [`FEATURES`] of the host.
    pub features: *const c_char,
}

/// The entry symbol's type.
pub type EntryFn = unsafe extern "C" fn(*const Host) -> *const Plugin;

/// Fields up to here were there in the first version: less is no component.
pub const COMPONENT_MIN: usize = size_of::<Component>();
/// Fields up to here were there in the first version: less is no plug-in.
pub const PLUGIN_MIN: usize = std::mem::offset_of!(Plugin, needs);

/// Numbers of the methods, by kind. 0 is called once after `create`.
pub mod method {
    /// What a component says of itself: data sets, families, models, samplers.
    pub const DESCRIBE: u32 = 0;

    /// A case of a data set.
    pub const CASE: u32 = 1;
    /// A volume of a data set.
    pub const VOLUME: u32 = 2;

    /// All measurements, once per handle and digest.
    pub const CATALOGUE: u32 = 1;
    /// Questions of a case.
    pub const ASK: u32 = 2;
    /// Reads a reply.
    pub const READ: u32 = 3;

    /// The prompt of a question.
    pub const RENDER: u32 = 1;

    /// Token texts of a model.
    pub const VOCABULARY: u32 = 1;
    /// Where a model's embeddings are.
    pub const EMBEDDINGS: u32 = 2;
    /// Rows of embeddings.
    pub const ROWS: u32 = 3;
    /// A whole answer.
    pub const REPLY: u32 = 4;
    /// A session, as a child handle.
    pub const SESSION: u32 = 5;

    /// Takes a request in.
    pub const ADMIT: u32 = 1;
    /// Logits of live slots.
    pub const LOGITS: u32 = 2;
    /// Appends a token.
    pub const PUSH: u32 = 3;
    /// Ends a slot.
    pub const FINISH: u32 = 4;
    /// Frees a slot.
    pub const CANCEL: u32 = 5;

    /// Tables and the like.
    pub const PREPARE: u32 = 1;
    /// Chooses tokens.
    pub const PICK: u32 = 2;

    /// Judge requests of a metric.
    pub const CONSULT: u32 = 1;
    /// Scores a record.
    pub const SCORE: u32 = 2;
    /// From sums to a figure.
    pub const FIGURE: u32 = 3;
    /// A summary of its own.
    pub const SUMMARISE: u32 = 4;
}
