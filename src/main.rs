//! The `situs` command: results on stdout, progress and errors on stderr, an exit code that says who has to act.

mod cli;
mod commands;
mod exit;
mod output;
mod published;
mod report;

// Built-in components register themselves; without this line they would not be linked in.
#[cfg(feature = "native")]
use situs_models as _;
use situs_plugins as _;

use clap::Parser as _;
use std::process::ExitCode;

/// Keeps the pages of one volume for the next one, which loads in two thirds of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Cli::parse();
    log_to_stderr();
    let exit = commands::dispatch(arguments).unwrap_or_else(|failure| {
        output::note(&failure.text());
        failure.exit()
    });
    ExitCode::from(exit as u8)
}

/// Turns on logging when `SITUS_LOG` asks for it, e.g. `SITUS_LOG=debug`.
fn log_to_stderr() {
    let Ok(filter) = std::env::var("SITUS_LOG") else { return };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Complaints about a stderr that nobody reads would go to that stderr, and panic.
        .log_internal_errors(false)
        .with_ansi(std::env::var_os("NO_COLOR").is_none())
        .init();
}
