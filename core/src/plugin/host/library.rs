//! Loading a library: handshake, every field of every row checked, all rows or none.

use super::super::abi;
use super::component::ForeignComponent;
use crate::digest::sha256_of;
use crate::fault::{Fault, file_fault};
use crate::registry::{Component, FieldInfo, Kind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Most components of one library.
pub const MAX_COMPONENTS: u32 = 1024;
/// Longest name or version, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// Longest summary, in bytes.
const MAX_SUMMARY_BYTES: usize = 4096;
/// Longest list of fields, in bytes.
pub const MAX_FIELDS_BYTES: usize = 1 << 20;
/// Largest distance of two rows, in bytes.
const MAX_STRIDE: u32 = 4096;

/// A loaded library, as the manifest stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryInfo {
    /// Name that it gives itself: the origin of its components.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// One row of a library, checked.
pub(crate) struct Row {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) summary: String,
    /// `None` when the library lists none.
    pub(super) fields: Option<Vec<FieldInfo>>,
    pub(super) flags: u32,
    pub(super) create: abi::CreateFn,
    pub(super) call: abi::CallFn,
    pub(super) destroy: abi::DestroyFn,
    pub(super) library: Arc<LibraryInfo>,
    original: Original,
}

/// Where the row stands in the library.
struct Original(*const abi::Component);

// SAFETY: rows are constant, and their library is never unloaded.
unsafe impl Send for Original {}
// SAFETY: as above.
unsafe impl Sync for Original {}

impl Row {
    /// The row as `create` wants to see it.
    pub(super) fn original(&self) -> *const abi::Component {
        self.original.0
    }

    /// A defect of this component, named.
    pub(super) fn broken(&self, what: &str) -> Fault {
        Fault::internal(format!("{} '{}' of plug-in {}: {what}", self.kind, self.name, self.library.name))
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// A defect of the component.
    pub(super) fn parsed<T: DeserializeOwned>(&self, what: &str, bytes: &[u8]) -> Result<T, Fault> {
        // Text first: what a reader skips would not be looked at.
        let text = std::str::from_utf8(bytes)
            .map_err(|error| self.broken(&format!("the reply of {what} is no UTF-8: {error}")))?;
        serde_json::from_str(text)
            .map_err(|error| self.broken(&format!("the reply of {what} cannot be read: {error}")))
    }
}

/// Loads a library and gives its components. With `pin`, only a file of that SHA-256 is loaded.
///
/// The library's code runs, and it is never unloaded. Nothing is searched: the path is the file.
///
/// # Errors
/// A missing file, another digest than the pin, no plug-in, another major version, features that this host lacks, a row
/// with a null pointer, text that is no UTF-8, and so on, each naming the file.
pub(crate) fn load(path: &Path, pin: Option<&str>) -> Result<(LibraryInfo, Vec<Box<dyn Component>>), Fault> {
    let shown = path.display();
    let config = |fault: Fault| Fault { cause: crate::fault::Cause::Config, ..fault };
    // A name without a slash would be looked for in the system's folders.
    let path = std::fs::canonicalize(path).map_err(|error| config(file_fault("load", path, &error)))?;
    let file = std::fs::File::open(&path).map_err(|error| config(file_fault("read", &path, &error)))?;
    let sha256 = sha256_of(file).map_err(|error| config(file_fault("read", &path, &error)))?;
    if let Some(pin) = pin.filter(|pin| !pin.eq_ignore_ascii_case(&sha256)) {
        return Err(Fault::config(format!("{shown} has SHA-256 {sha256}, but {pin} is asked for"))
            .at("sha256")
            .help("build it again from the sources that were meant, or change the pin"));
    }
    // SAFETY: loading runs the library's initialisers: the person who named the file trusts its code.
    let library = unsafe { libloading::Library::new(&path) }
        .map_err(|error| Fault::config(format!("{shown} cannot be loaded: {}", chain(&error))))?;
    // SAFETY: the symbol's name carries the version of its type.
    let entry = unsafe { library.get::<abi::EntryFn>(abi::ENTRY) }.map(|symbol| *symbol);
    // Threads, thread-locals and vtables of the library outlive any component: it stays until the process ends.
    std::mem::forget(library);
    let entry = entry.map_err(|_| {
        Fault::config(format!("{shown} is no plug-in: it does not export {}", abi::ENTRY))
            .help("a plug-in in Rust needs `situs_core::export_plugin!();` and crate-type cdylib")
    })?;
    // SAFETY: the type is that of the header; the host's table lives as long as the process.
    let table = unsafe { entry(host_table()) };
    // SAFETY: what the entry symbol gives is such a table or null.
    unsafe { rows_of(table, path, sha256) }.map_err(|fault| fault.within(shown))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// What this host offers, made when the first library is loaded.
pub(super) fn host_table() -> *const abi::Host {
    struct Table(abi::Host);
    // SAFETY: constant; its pointers are to constants.
    unsafe impl Send for Table {}
    // SAFETY: as above.
    unsafe impl Sync for Table {}
    static TABLE: OnceLock<Table> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let level = tracing::level_filters::LevelFilter::current().into_level();
        Table(abi::Host {
            size: size_of::<abi::Host>() as u32,
            major: abi::MAJOR,
            minor: abi::MINOR,
            workers: u32::try_from(rayon::current_num_threads()).unwrap_or(0),
            log: Some(log),
            log_level: level.map_or(0, level_number),
            reserved: 0,
            features: abi::FEATURES.as_ptr(),
        })
    });
    &raw const table.0
}

fn level_number(level: tracing::Level) -> u32 {
    match level {
        tracing::Level::ERROR => 1,
        tracing::Level::WARN => 2,
        tracing::Level::INFO => 3,
        tracing::Level::DEBUG => 4,
        tracing::Level::TRACE => 5,
    }
}

/// Longest line that a plug-in may log, in bytes.
const MAX_LOG_BYTES: usize = 1 << 16;

unsafe extern "C" fn log(level: u32, pointer: *const u8, length: usize) {
    if pointer.is_null() {
        return;
    }
    // SAFETY: not null, and the plug-in vouches for `length` bytes; more than a line is not looked at.
    let bytes = unsafe { std::slice::from_raw_parts(pointer, length.min(MAX_LOG_BYTES)) };
    let line = String::from_utf8_lossy(bytes);
    match level {
        1 => tracing::error!(target: "plugin", "{line}"),
        2 => tracing::warn!(target: "plugin", "{line}"),
        3 => tracing::info!(target: "plugin", "{line}"),
        4 => tracing::debug!(target: "plugin", "{line}"),
        _ => tracing::trace!(target: "plugin", "{line}"),
    }
}

/// Checks a table and gives its components.
///
/// # Errors
/// As [`load`], without the file's name.
///
/// # Safety
/// `table` is null or points at a plug-in's table that lives as long as the process, `size` bytes long.
pub(super) unsafe fn rows_of(
    table: *const abi::Plugin,
    path: PathBuf,
    sha256: String,
) -> Result<(LibraryInfo, Vec<Box<dyn Component>>), Fault> {
    if table.is_null() || !table.is_aligned() {
        return Err(Fault::config("the library refuses this host: it gave no table of components")
            .help("a plug-in and a host of one major version understand each other"));
    }
    // SAFETY: a table begins with its size; not null and aligned.
    let size = unsafe { (&raw const (*table).size).read() } as usize;
    if size < abi::PLUGIN_MIN {
        return Err(Fault::config(format!(
            "its table has {size} bytes, at least {} are needed",
            abi::PLUGIN_MIN
        )));
    }
    // SAFETY: all bit patterns are valid: numbers, raw pointers and optional functions.
    let mut plugin: abi::Plugin = unsafe { std::mem::zeroed() };
    // SAFETY: the table is `size` bytes long, and no more than our struct is written.
    unsafe {
        std::ptr::copy_nonoverlapping(
            table.cast::<u8>(),
            (&raw mut plugin).cast::<u8>(),
            size.min(size_of::<abi::Plugin>()),
        );
    }
    if plugin.major != abi::MAJOR {
        return Err(Fault::config(format!(
            "it was built for version {}.{} of the boundary, this host has {}.{}",
            plugin.major,
            plugin.minor,
            abi::MAJOR,
            abi::MINOR
        ))
        .help("build it with the version of situs-core that belongs to this program"));
    }
    // SAFETY: texts of the table end with a zero byte.
    let (name, version, needs) = unsafe {
        (
            text(plugin.name, "its name", MAX_NAME_BYTES)?,
            text(plugin.version, "its version", MAX_NAME_BYTES)?,
            if plugin.needs.is_null() {
                String::new()
            } else {
                text(plugin.needs, "its needs", MAX_SUMMARY_BYTES)?
            },
        )
    };
    if name.is_empty() {
        return Err(Fault::config("its name is empty"));
    }
    let features = abi::FEATURES.to_str().unwrap_or_default();
    if let Some(lacking) =
        needs.split_whitespace().find(|need| !features.split_whitespace().any(|known| known == *need))
    {
        return Err(Fault::config(format!("it needs the feature '{lacking}' of a newer host"))
            .help(format!("this host has: {features}")));
    }
    if plugin.count > MAX_COMPONENTS {
        return Err(Fault::config(format!(
            "it claims {} components, at most {MAX_COMPONENTS} are taken",
            plugin.count
        )));
    }
    if plugin.count == 0 {
        return Err(Fault::config("it has no components")
            .help("components register with situs_core::component! in the crate that exports the plug-in"));
    }
    let misplaced = plugin.components.is_null() || !plugin.components.is_aligned();
    let stride = plugin.stride;
    if misplaced
        || (stride as usize) < abi::COMPONENT_MIN
        || stride > MAX_STRIDE
        || !(stride as usize).is_multiple_of(align_of::<abi::Component>())
    {
        return Err(Fault::config(format!(
            "its list of components is null or misaligned, or their distance of {stride} bytes is impossible"
        )));
    }
    let library = Arc::new(LibraryInfo { name, version, path, sha256 });
    let mut components: Vec<Box<dyn Component>> = Vec::new();
    for index in 0..plugin.count {
        // SAFETY: `count` rows, `stride` bytes apart.
        let row = unsafe { plugin.components.byte_add(index as usize * stride as usize) };
        // SAFETY: such a row.
        let row = unsafe { checked_row(row, stride, &library) }
            .map_err(|fault| fault.within(format!("component {index}")))?;
        components.push(Box::new(ForeignComponent::new(Arc::new(row))));
    }
    Ok((LibraryInfo::clone(&library), components))
}

/// # Safety
/// `row` points at a component that lives as long as the process, in a list with that distance.
unsafe fn checked_row(
    row: *const abi::Component,
    stride: u32,
    library: &Arc<LibraryInfo>,
) -> Result<Row, Fault> {
    // SAFETY: at least as many bytes as our struct has, by the check of the distance.
    let read = unsafe { row.read() };
    if (read.size as usize) < abi::COMPONENT_MIN || read.size > stride {
        return Err(Fault::config(format!(
            "it has {} bytes, but at least {} and at most the distance of {stride} are needed",
            read.size,
            abi::COMPONENT_MIN
        )));
    }
    // SAFETY: texts of a row end with a zero byte.
    let (name, summary) = unsafe {
        (text(read.name, "its name", MAX_NAME_BYTES)?, text(read.summary, "its summary", MAX_SUMMARY_BYTES)?)
    };
    let named = |what: String| Fault::config(format!("'{name}': {what}"));
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| *kind as u32 == read.kind)
        .ok_or_else(|| named(format!("kind {} is unknown", read.kind)))?;
    if name.is_empty() || name.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
        return Err(Fault::config(format!("{name:?} cannot be the name of a component")));
    }
    let fields = if read.fields_json.is_null() {
        None
    } else {
        // SAFETY: as above.
        let json = unsafe { text(read.fields_json, "its list of fields", MAX_FIELDS_BYTES)? };
        let fields: Vec<FieldInfo> = serde_json::from_str(&json)
            .map_err(|error| named(format!("its list of fields cannot be read: {error}")))?;
        Some(fields)
    };
    if fields.is_none() && read.flags & abi::CHECK_FIELDS != 0 {
        return Err(named("it wants its fields checked, but lists none".to_owned()));
    }
    let missing = |what: &str| named(format!("the function `{what}` is null"));
    Ok(Row {
        create: read.create.ok_or_else(|| missing("create"))?,
        call: read.call.ok_or_else(|| missing("call"))?,
        destroy: read.destroy.ok_or_else(|| missing("destroy"))?,
        kind,
        summary,
        fields,
        flags: read.flags,
        library: Arc::clone(library),
        original: Original(row),
        name,
    })
}

/// A text of the plug-in, at most `most` bytes long.
///
/// # Errors
/// Null, too long, or no UTF-8.
///
/// # Safety
/// `pointer` is null or points at bytes up to a zero byte, or at least `most + 1` bytes.
unsafe fn text(pointer: *const c_char, what: &str, most: usize) -> Result<String, Fault> {
    if pointer.is_null() {
        return Err(Fault::config(format!("{what} is null")));
    }
    // SAFETY: every byte up to the zero byte may be read.
    let length = (0..=most).find(|at| unsafe { pointer.add(*at).read() } == 0);
    let Some(length) = length else {
        return Err(Fault::config(format!("{what} is longer than {most} bytes")));
    };
    // SAFETY: the bytes that were just looked at, with their zero byte.
    let bytes = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), length + 1) };
    let text = CStr::from_bytes_with_nul(bytes).map_err(|_| Fault::config(format!("{what} is malformed")))?;
    text.to_str().map(str::to_owned).map_err(|_| Fault::config(format!("{what} is no UTF-8")))
}
