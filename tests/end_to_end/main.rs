//! From configs and files to scored tables, through the program and the public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod audit;
mod bad_input;
mod control_arms;
mod controls;
mod ct_spatialvqa;
mod disk;
mod files;
mod judging;
#[cfg(feature = "native")]
mod native;
mod orientation;
mod program;
mod real_data;
mod released_rows;
mod replay;
mod resume;
mod server;
mod spatialmed;
mod spatialmed_controls;
#[path = "../../plugins/tests/support/stub_server.rs"]
mod stub_server;

// Built-in components register themselves; without this line they would not be linked in.
use situs_plugins as _;
