//! Exit codes, and how an error is told to a person.

use situs_core::fault::{Cause, Fault, dotted};
use std::process::ExitCode;

/// What the process says to its caller. The numbers are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; all scored.
    Done = 0,
    /// A defect here, or a full disk; the journal stays valid.
    Internal = 1,
    /// Usage, configuration, a locked or drifted run folder.
    Usage = 2,
    /// Data missing or damaged.
    Data = 4,
    /// Nobody answers at the other end, or we are not let in.
    Unreachable = 5,
    /// A check, audit or comparison found differences.
    Differs = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command stopped.
pub(crate) enum Failure {
    /// A fault of a component or the engine.
    Fault(Fault),
    /// Bad input of a command that reads files: always the data exit code.
    Input(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Failure::Fault(fault)
    }
}

impl Failure {
    /// The exit code that fits.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Input(fault) if fault.cause != Cause::Internal => Exit::Data,
            Failure::Fault(fault) | Failure::Input(fault) => exit_for(fault.cause),
        }
    }

    /// One line on stderr, and a second one with advice where there is some.
    pub(crate) fn print(&self) {
        match self {
            Failure::Fault(fault) | Failure::Input(fault) => print_fault(fault),
        }
    }
}

fn exit_for(cause: Cause) -> Exit {
    match cause {
        Cause::Config | Cause::Unsupported => Exit::Usage,
        Cause::Data => Exit::Data,
        Cause::Transient { .. } | Cause::Unreachable | Cause::Rejected => Exit::Unreachable,
        Cause::Internal => Exit::Internal,
    }
}

fn print_fault(fault: &Fault) {
    let place = if fault.at.is_empty() { String::new() } else { format!("{}: ", dotted(&fault.at)) };
    eprintln!("situs: {place}{}", fault.what);
    if let Some(help) = &fault.help {
        eprintln!("  help: {help}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_the_exit_code_of_the_contract() {
        for (cause, code) in [
            (Cause::Internal, 1),
            (Cause::Config, 2),
            (Cause::Unsupported, 2),
            (Cause::Data, 4),
            (Cause::Unreachable, 5),
            (Cause::Rejected, 5),
        ] {
            assert_eq!(Failure::Fault(Fault::new(cause, "x")).exit() as u8, code, "{cause:?}");
        }
        let unsupported = Failure::Input(Fault::unsupported("complex voxels"));
        assert_eq!(unsupported.exit(), Exit::Data, "an unreadable file is bad data, whatever the reason");
    }
}
