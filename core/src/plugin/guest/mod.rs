//! The library's side: turns its own inventory of components into a C table, catches panics, and serves calls.
//!
//! Inside a library the inventory lists what that library registered and what its crates brought along. Entries of other
//! packages are left out: those are the host's to offer.

mod dataset;
mod family;
mod kept;
mod lent;
mod log;
mod metric;
mod model;
mod renderer;
mod reply;
mod sampler;
mod serve;
mod session;
mod table;

pub use table::{Table, open};

/// Exports the components of this crate as a plug-in.
///
/// One line at the top of a crate of type `cdylib`. Without the feature `plugin` of `situs-core` it is nothing, so that
/// two plug-ins can also be linked into one program: the entry symbol exists once in a process' symbol table.
#[cfg(feature = "plugin")]
#[macro_export]
macro_rules! export_plugin {
    () => {
        #[allow(unsafe_code)]
        const _: () = {
            static TABLE: $crate::plugin::guest::Table =
                $crate::plugin::guest::Table::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

            #[unsafe(no_mangle)]
            unsafe extern "C" fn situs_plugin_v1(
                host: *const $crate::plugin::abi::Host,
            ) -> *const $crate::plugin::abi::Plugin {
                // SAFETY: a host passes its own table.
                unsafe { $crate::plugin::guest::open(&TABLE, host) }
            }
        };
    };
}

/// Exports nothing: the feature `plugin` of `situs-core` is off.
#[cfg(not(feature = "plugin"))]
#[macro_export]
macro_rules! export_plugin {
    () => {};
}
