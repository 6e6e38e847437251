//! The six directions of the patient's body.

use serde::{Deserialize, Serialize};

/// An axis of the body, in world order x, y, z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyAxis {
    /// World x: left to right.
    RightLeft,
    /// World y: posterior to anterior.
    AnteriorPosterior,
    /// World z: inferior to superior.
    SuperiorInferior,
}

impl BodyAxis {
    /// All three, in world order.
    pub const ALL: [BodyAxis; 3] = [Self::RightLeft, Self::AnteriorPosterior, Self::SuperiorInferior];

    /// Index of the world coordinate: 0, 1, 2.
    pub fn index(self) -> usize {
        self as usize
    }

    /// As written in a question: "right-left", "anterior-posterior", "superior-inferior".
    pub fn name(self) -> &'static str {
        match self {
            Self::RightLeft => "right-left",
            Self::AnteriorPosterior => "anterior-posterior",
            Self::SuperiorInferior => "superior-inferior",
        }
    }

    /// The direction in which the world coordinate grows.
    pub fn positive(self) -> Direction {
        match self {
            Self::RightLeft => Direction::Right,
            Self::AnteriorPosterior => Direction::Anterior,
            Self::SuperiorInferior => Direction::Superior,
        }
    }
}

/// A direction of the patient's body; right is always the patient's right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Toward the patient's right, +x.
    Right,
    /// Toward the patient's left, -x.
    Left,
    /// Toward the front, +y.
    Anterior,
    /// Toward the back, -y.
    Posterior,
    /// Toward the head, +z.
    Superior,
    /// Toward the feet, -z.
    Inferior,
}

impl Direction {
    /// All six.
    pub const ALL: [Direction; 6] =
        [Self::Right, Self::Left, Self::Anterior, Self::Posterior, Self::Superior, Self::Inferior];

    /// The axis it lies on.
    pub fn axis(self) -> BodyAxis {
        match self {
            Self::Right | Self::Left => BodyAxis::RightLeft,
            Self::Anterior | Self::Posterior => BodyAxis::AnteriorPosterior,
            Self::Superior | Self::Inferior => BodyAxis::SuperiorInferior,
        }
    }

    /// +1 when the world coordinate grows this way, else -1.
    pub fn sign(self) -> f64 {
        match self {
            Self::Right | Self::Anterior | Self::Superior => 1.0,
            Self::Left | Self::Posterior | Self::Inferior => -1.0,
        }
    }

    /// The other way along the same axis.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Right => Self::Left,
            Self::Left => Self::Right,
            Self::Anterior => Self::Posterior,
            Self::Posterior => Self::Anterior,
            Self::Superior => Self::Inferior,
            Self::Inferior => Self::Superior,
        }
    }

    /// The direction along `axis` in which the coordinate grows (`sign` > 0) or falls.
    pub fn along(axis: BodyAxis, sign: f64) -> Self {
        if sign > 0.0 { axis.positive() } else { axis.positive().opposite() }
    }

    /// Lower-case word: "right", "anterior".
    pub fn word(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Left => "left",
            Self::Anterior => "anterior",
            Self::Posterior => "posterior",
            Self::Superior => "superior",
            Self::Inferior => "inferior",
        }
    }

    /// Letter of an axis code in nibabel's sense: the direction toward which the index grows.
    pub fn letter(self) -> char {
        match self {
            Self::Right => 'R',
            Self::Left => 'L',
            Self::Anterior => 'A',
            Self::Posterior => 'P',
            Self::Superior => 'S',
            Self::Inferior => 'I',
        }
    }

    /// Reads an axis-code letter.
    pub fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.letter() == letter)
    }

    /// Component of a world vector along this direction.
    pub fn component(self, vector: super::Point) -> f64 {
        self.sign() * vector[self.axis().index()]
    }
}
