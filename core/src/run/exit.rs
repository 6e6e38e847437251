//! Exit codes: what a script may rely on.

use crate::config::ConfigError;
use crate::fault::{Cause, Fault};
use std::fmt;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done and scored.
    Done = 0,
    /// A defect, or the disk is full; the journal stays valid.
    Internal = 1,
    /// Usage, config, a locked or drifted folder.
    Usage = 2,
    /// Finished with more failed questions than allowed.
    Failures = 3,
    /// Data missing or damaged, or nothing left to ask.
    Data = 4,
    /// Backend unreachable or unauthorised before its first reply.
    Unreachable = 5,
    /// A check, audit or comparison found differences.
    Differences = 6,
    /// Interrupted; running the same command again resumes.
    Interrupted = 130,
}

/// Why a run did not finish.
#[derive(Debug, Clone)]
pub enum RunError {
    /// The config is wrong.
    Config(ConfigError),
    /// Anything else.
    Fault(Fault),
    /// A person stopped it.
    Interrupted,
}

impl RunError {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Interrupted => Exit::Interrupted,
            Self::Config(error) => exit_of(&error.fault),
            Self::Fault(fault) => exit_of(fault),
        }
    }
}

/// The exit code of a fault that ends a command.
pub fn exit_of(fault: &Fault) -> Exit {
    match fault.cause {
        Cause::Config | Cause::Unsupported => Exit::Usage,
        Cause::Data => Exit::Data,
        Cause::Transient { .. } | Cause::Unreachable => Exit::Unreachable,
        Cause::Rejected | Cause::Internal => Exit::Internal,
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
            Self::Interrupted => f.write_str("interrupted; the same command again resumes"),
        }
    }
}

impl std::error::Error for RunError {}

impl From<Fault> for RunError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<ConfigError> for RunError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
