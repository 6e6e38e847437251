//! What makes a row of logits unusable.

use std::fmt;

/// A row from which no token can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFault {
    /// The logit of this token is not a number.
    NotANumber {
        /// Token id.
        token: usize,
    },
    /// The logit of this token is plus infinity, which has no softmax.
    Infinite {
        /// Token id.
        token: usize,
    },
    /// Every logit is minus infinity, or there is none.
    NoFinite {
        /// Width of the row.
        width: usize,
    },
    /// The row is wider than token ids reach.
    TooWide {
        /// Width of the row.
        width: usize,
    },
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber { token } => write!(f, "the logit of token {token} is NaN"),
            Self::Infinite { token } => write!(f, "the logit of token {token} is +infinity"),
            Self::NoFinite { width } => write!(f, "none of the {width} logits is finite"),
            Self::TooWide { width } => {
                write!(f, "a row of {width} logits is wider than 32-bit token ids reach")
            }
        }
    }
}

impl std::error::Error for RowFault {}
