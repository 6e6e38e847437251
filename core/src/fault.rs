//! What went wrong, where, with which value, and what to do about it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Who has to act on a [`Fault`]: decides retries, answer states and exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The configuration is wrong; nothing was started.
    Config,
    /// Input data are missing, damaged or contradictory.
    Data,
    /// The component cannot do what was asked of it.
    Unsupported,
    /// May pass by itself: overload, time-out, a dropped connection.
    Transient {
        /// How long the other side asked us to wait, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// Nobody answers at the other end, or it does not let us in.
    Unreachable,
    /// The other side understood the request and refused it; sending it again will not help.
    Rejected,
    /// A defect of this program or a plug-in, or a full disk.
    Internal,
}

/// One step of the path to an offending value: a table key or an array index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Segment {
    /// Index into an array.
    Index(usize),
    /// Key of a table.
    Key(String),
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Segment::Index(index) => write!(f, "[{index}]"),
            Segment::Key(key) => f.write_str(key),
        }
    }
}

impl From<&str> for Segment {
    fn from(key: &str) -> Self {
        Segment::Key(key.to_owned())
    }
}

impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Segment::Index(index)
    }
}

/// Joins path segments the way a person writes them: `arm[1].sampler.top_k`.
pub fn dotted(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        if matches!(segment, Segment::Key(_)) && !text.is_empty() {
            text.push('.');
        }
        text.push_str(&segment.to_string());
    }
    text
}

/// The one error type of components and engine. It crosses the plug-in boundary as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Fault {
    /// Who has to act.
    pub cause: Cause,
    /// What happened, with the place and the value.
    pub what: String,
    /// Path inside the component's parameters, if one of them is to blame; the config loader turns it into a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<Segment>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.at.is_empty() {
            write!(f, "{}: ", dotted(&self.at))?;
        }
        f.write_str(&self.what)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl Fault {
    /// A fault with no path and no advice yet.
    pub fn new(cause: Cause, what: impl Into<String>) -> Self {
        Self { cause, what: what.into(), at: Vec::new(), help: None }
    }

    /// The configuration is wrong.
    pub fn config(what: impl Into<String>) -> Self {
        Self::new(Cause::Config, what)
    }

    /// Input data are missing, damaged or contradictory.
    pub fn data(what: impl Into<String>) -> Self {
        Self::new(Cause::Data, what)
    }

    /// The component cannot do this.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::new(Cause::Unsupported, what)
    }

    /// May pass by itself.
    pub fn transient(what: impl Into<String>, retry_after_ms: Option<u64>) -> Self {
        Self::new(Cause::Transient { retry_after_ms }, what)
    }

    /// Nobody answers, or we are not let in.
    pub fn unreachable(what: impl Into<String>) -> Self {
        Self::new(Cause::Unreachable, what)
    }

    /// Refused for good.
    pub fn rejected(what: impl Into<String>) -> Self {
        Self::new(Cause::Rejected, what)
    }

    /// A defect here, in a plug-in, or a full disk.
    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(Cause::Internal, what)
    }

    /// Names the parameter to blame; outer segments are put in front by callers.
    #[must_use]
    pub fn at(mut self, segment: impl Into<Segment>) -> Self {
        self.at.insert(0, segment.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Puts the place in front of what happened: `place: what`.
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.what = format!("{place}: {}", self.what);
        self
    }

    /// Whether sending the same request again may help.
    pub fn may_pass(&self) -> bool {
        matches!(self.cause, Cause::Transient { .. } | Cause::Unreachable)
    }
}

/// A data fault for a file that could not be read or written; an internal one, with advice, where room is missing.
pub fn file_fault(action: &str, path: &std::path::Path, error: &std::io::Error) -> Fault {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let what = format!("cannot {action} {}: {error}", path.display());
    match error.kind() {
        StorageFull | FileTooLarge | QuotaExceeded => {
            Fault::internal(what).help("make room and run the same command again")
        }
        _ => Fault::data(what),
    }
}
