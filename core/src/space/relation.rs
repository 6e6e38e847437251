//! Relations between two structures: anatomical words from the world, colloquial words from the picture.

use super::{BodyAxis, Direction, Point, View};
use serde::{Deserialize, Serialize};

/// An axis of the displayed picture, or of the order of its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScreenAxis {
    /// Columns, left to right.
    Horizontal,
    /// Rows, top to bottom.
    Vertical,
    /// Frames, first to last.
    Frames,
}

/// Where A is seen from B in the patient's body: the same answer in every view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Anatomical(pub Direction);

impl Anatomical {
    /// The relation of A to B along one body axis, with the distance in mm. `a` and `b` are RAS+ mm.
    pub fn between(a: Point, b: Point, axis: BodyAxis) -> (Self, f64) {
        let difference = a[axis.index()] - b[axis.index()];
        (Self(Direction::along(axis, difference)), difference.abs())
    }

    /// Answer word: "superior", "patient's right".
    pub fn word(self) -> &'static str {
        match self.0 {
            Direction::Right => "patient's right",
            Direction::Left => "patient's left",
            other => other.word(),
        }
    }

    /// The other end of the axis.
    #[must_use]
    pub fn opposite(self) -> Self {
        Self(self.0.opposite())
    }
}

/// Where A is seen from B on the displayed picture: depends on the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colloquial {
    /// Smaller row.
    Above,
    /// Larger row.
    Below,
    /// Smaller column.
    ImageLeft,
    /// Larger column.
    ImageRight,
    /// Smaller frame number.
    Earlier,
    /// Larger frame number.
    Later,
}

impl Colloquial {
    /// All six.
    pub const ALL: [Colloquial; 6] =
        [Self::Above, Self::Below, Self::ImageLeft, Self::ImageRight, Self::Earlier, Self::Later];

    /// The relation whose coordinate is smaller (`difference` < 0) or larger along a screen axis.
    pub fn along(axis: ScreenAxis, difference: f64) -> Self {
        match (axis, difference < 0.0) {
            (ScreenAxis::Vertical, true) => Self::Above,
            (ScreenAxis::Vertical, false) => Self::Below,
            (ScreenAxis::Horizontal, true) => Self::ImageLeft,
            (ScreenAxis::Horizontal, false) => Self::ImageRight,
            (ScreenAxis::Frames, true) => Self::Earlier,
            (ScreenAxis::Frames, false) => Self::Later,
        }
    }

    /// The screen axis it is read on.
    pub fn axis(self) -> ScreenAxis {
        match self {
            Self::Above | Self::Below => ScreenAxis::Vertical,
            Self::ImageLeft | Self::ImageRight => ScreenAxis::Horizontal,
            Self::Earlier | Self::Later => ScreenAxis::Frames,
        }
    }

    /// The other end of the axis.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Above => Self::Below,
            Self::Below => Self::Above,
            Self::ImageLeft => Self::ImageRight,
            Self::ImageRight => Self::ImageLeft,
            Self::Earlier => Self::Later,
            Self::Later => Self::Earlier,
        }
    }

    /// Answer word: "above", "image left", "earlier".
    pub fn word(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
            Self::ImageLeft => "image left",
            Self::ImageRight => "image right",
            Self::Earlier => "earlier",
            Self::Later => "later",
        }
    }

    /// What this word means in the patient's body when the picture shows `view`.
    pub fn meaning(self, view: &View) -> Direction {
        match self {
            Self::Above => view.up(),
            Self::Below => view.down,
            Self::ImageLeft => view.left(),
            Self::ImageRight => view.right,
            Self::Earlier => view.frame.opposite(),
            Self::Later => view.frame,
        }
    }
}
