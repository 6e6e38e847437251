//! Why a command stopped, and how that is told to a person.

use situs_core::config::ConfigError;
use situs_core::fault::{Cause, Fault, dotted};
use situs_core::run::{Exit, RunError, exit_of};
use std::fmt::Write as _;

/// Why a command stopped.
pub(crate) enum Failure {
    /// A fault of a component or the engine.
    Fault(Fault),
    /// Bad input of a command that reads files: always the data exit code.
    Input(Fault),
    /// A config that cannot be used, with its place.
    Config(ConfigError),
    /// Stopped by a person.
    Interrupted,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Failure::Fault(fault)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Failure::Config(error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Config(error) => Failure::Config(error),
            RunError::Fault(fault) => Failure::Fault(fault),
            RunError::Interrupted => Failure::Interrupted,
        }
    }
}

impl Failure {
    /// The exit code that fits.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Input(fault) if fault.cause != Cause::Internal => Exit::Data,
            Failure::Fault(fault) | Failure::Input(fault) => exit_of(fault),
            Failure::Config(error) => exit_of(&error.fault),
            Failure::Interrupted => Exit::Interrupted,
        }
    }

    /// One line that says what, the source line where a config is to blame, and advice where there is some.
    pub(crate) fn text(&self) -> String {
        match self {
            Failure::Fault(fault) | Failure::Input(fault) => {
                let place =
                    if fault.at.is_empty() { String::new() } else { format!("{}: ", dotted(&fault.at)) };
                with_help(format!("situs: {place}{}", fault.what), fault)
            }
            Failure::Config(error) => {
                let place = match (error.overridden, error.line()) {
                    (true, _) => "command line".to_owned(),
                    (false, Some(line)) => format!("{}:{line}", error.name),
                    (false, None) => error.name.clone(),
                };
                let mut text = format!("situs: {place}: {}", error.message());
                if !error.overridden {
                    text.push_str(&source_line(error));
                }
                with_help(text, &error.fault)
            }
            Failure::Interrupted => "situs: interrupted; the same command again resumes".to_owned(),
        }
    }
}

fn with_help(mut text: String, fault: &Fault) -> String {
    if let Some(help) = &fault.help {
        let _ = write!(text, "\n  help: {help}");
    }
    text
}

/// The offending line of the config, underlined.
fn source_line(error: &ConfigError) -> String {
    let (Some(span), Some(number)) = (&error.span, error.line()) else { return String::new() };
    let Some(before) = error.text.get(..span.start) else { return String::new() };
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let Some(line) = error.text.get(start..).and_then(|rest| rest.lines().next()) else {
        return String::new();
    };
    let column = error.text.get(start..span.start).map_or(0, |text| text.chars().count());
    let room = line.chars().count().saturating_sub(column).max(1);
    let width = error.text.get(span.clone()).map_or(1, |text| text.chars().count()).clamp(1, room);
    let gutter = number.to_string();
    let blank = " ".repeat(gutter.len());
    format!("\n  {gutter} | {line}\n  {blank} | {}{}", " ".repeat(column), "^".repeat(width))
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
        ] {
            assert_eq!(Failure::Fault(Fault::new(cause, "x")).exit() as u8, code, "{cause:?}");
        }
        let unsupported = Failure::Input(Fault::unsupported("complex voxels"));
        assert_eq!(unsupported.exit(), Exit::Data, "an unreadable file is bad data, whatever the reason");
        assert_eq!(Failure::Interrupted.exit() as u8, 130);
    }

    #[test]
    fn a_config_error_shows_the_line_and_underlines_the_place() {
        let text = "[sampler]\nuse = \"semantic\"\nneighbors = \"many\"\n".to_owned();
        let at = text.find("neighbors").unwrap();
        let error = ConfigError {
            name: "run.toml".into(),
            span: Some(at..at + "neighbors".len()),
            text,
            fault: Fault::config("expected u32, found string \"many\"")
                .at("neighbors")
                .at("sampler")
                .help("a whole number"),
            overridden: false,
        };
        assert_eq!(
            Failure::Config(error).text(),
            "situs: run.toml:3: sampler.neighbors: expected u32, found string \"many\"\n  \
             3 | neighbors = \"many\"\n    | ^^^^^^^^^\n  help: a whole number"
        );
    }

    #[test]
    fn advice_stands_on_a_line_of_its_own() {
        let fault = Fault::config("unknown sampler 'greddy'").help("did you mean 'greedy'?").at("use");
        assert_eq!(
            Failure::Fault(fault).text(),
            "situs: use: unknown sampler 'greddy'\n  help: did you mean 'greedy'?"
        );
    }
}
