//! The table that a library exports, made from its own inventory once.

use super::super::abi;
use super::log;
use super::serve::{call, create, destroy};
use crate::registry::{Entry, Kind, entry_fields};
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

/// Names the package whose components are exported; filled when a host first opens the library.
pub struct Table {
    package: &'static str,
    version: &'static str,
    made: OnceLock<Option<Made>>,
}

impl Table {
    /// A table of that package's components.
    pub const fn new(package: &'static str, version: &'static str) -> Self {
        Self { package, version, made: OnceLock::new() }
    }
}

/// The C table with everything that it points at.
struct Made {
    plugin: abi::Plugin,
    _components: Vec<abi::Component>,
    _texts: Vec<CString>,
}

// SAFETY: constant once made; the pointers are to memory that it owns, or to constants.
unsafe impl Send for Made {}
// SAFETY: as above.
unsafe impl Sync for Made {}

/// The table for this host; null when the host speaks another major version or the table cannot be made.
///
/// # Safety
/// `host` is null or points at a host's table that lives as long as the process.
pub unsafe fn open(table: &'static Table, host: *const abi::Host) -> *const abi::Plugin {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller's promise; every version of the table begins with size and major.
        let host = unsafe { host.as_ref() }?;
        if (host.size as usize) < size_of::<abi::Host>() || host.major != abi::MAJOR {
            return None;
        }
        log::forward(host);
        super::serve::set_workers(host.workers as usize);
        table.made.get_or_init(|| made(table)).as_ref()
    }));
    opened.ok().flatten().map_or(std::ptr::null(), |made| &raw const made.plugin)
}

fn made(table: &Table) -> Option<Made> {
    let mut texts: Vec<CString> = Vec::new();
    let mut text = |text: &str| -> Option<*const c_char> {
        // The string's bytes stay where they are when the list grows.
        texts.push(CString::new(text).ok()?);
        texts.last().map(|text| text.as_ptr())
    };
    let mut entries: Vec<&'static Entry> =
        inventory::iter::<Entry>.into_iter().filter(|entry| entry.origin == table.package).collect();
    entries.sort_by_key(|entry| (entry.kind, entry.name));
    let mut components = Vec::new();
    for entry in entries {
        let fields = serde_json::to_string(&entry_fields(entry)).ok()?;
        let shared = if entry.kind == Kind::Sampler { 0 } else { abi::SHARED };
        components.push(abi::Component {
            size: size_of::<abi::Component>() as u32,
            kind: entry.kind as u32,
            flags: shared | abi::PNG,
            reserved: 0,
            name: text(entry.name)?,
            summary: text(entry.summary.trim())?,
            fields_json: text(&fields)?,
            user: std::ptr::from_ref(entry).cast(),
            create: Some(create),
            call: Some(call),
            destroy: Some(destroy),
        });
    }
    let plugin = abi::Plugin {
        size: size_of::<abi::Plugin>() as u32,
        major: abi::MAJOR,
        minor: abi::MINOR,
        count: u32::try_from(components.len()).ok()?,
        name: text(table.package)?,
        version: text(table.version)?,
        components: components.as_ptr(),
        stride: size_of::<abi::Component>() as u32,
        reserved: 0,
        needs: text("kept-media png-flag")?,
    };
    Some(Made { plugin, _components: components, _texts: texts })
}
