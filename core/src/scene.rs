//! What a question shows: view, frames, backdrop and marks, before a single pixel is drawn.

use crate::space::View;
use serde::{Deserialize, Serialize};

/// Colour of a mark; the word is the one printed in prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Colour {
    Red,
    Blue,
    Green,
    Yellow,
    Magenta,
    Cyan,
}

impl Colour {
    /// The palette, at most one mark each.
    pub const ALL: [Colour; 6] =
        [Self::Red, Self::Blue, Self::Green, Self::Yellow, Self::Magenta, Self::Cyan];

    /// The word printed in prompts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Blue => "blue",
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Magenta => "magenta",
            Self::Cyan => "cyan",
        }
    }

    /// 8-bit RGB of solid strokes.
    pub fn rgb(self) -> [u8; 3] {
        match self {
            Self::Red => [235, 30, 30],
            Self::Blue => [40, 70, 255],
            Self::Green => [20, 190, 40],
            Self::Yellow => [250, 220, 0],
            Self::Magenta => [240, 40, 230],
            Self::Cyan => [0, 215, 230],
        }
    }
}

/// Form of a visual prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkShape {
    /// Coloured overlay over the structure, with an outline.
    Mask,
    /// Rectangle around the structure.
    Box,
    /// Dot at the centroid.
    Point,
}

impl MarkShape {
    /// "mask", "box", "point".
    pub fn word(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::Box => "box",
            Self::Point => "point",
        }
    }
}

/// One mark on the picture. Every mark has a colour; a letter plate is drawn when `letter` is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Class name of the structure it belongs to.
    pub structure: String,
    /// Form.
    pub shape: MarkShape,
    /// Colour of strokes and fill.
    pub colour: Colour,
    /// Letter A-F on a plate beside the mark.
    pub letter: Option<char>,
}

/// What lies behind the marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backdrop {
    /// The volume's own pixels.
    Image,
    /// White: marks only.
    White,
    /// No picture at all: text only.
    None,
}

/// Everything a renderer needs to draw a question's pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// World directions of the screen and of later frames.
    pub view: View,
    /// Canonical slice indices along the through-plane axis, in frame order: one for a slice, several for a stack.
    pub frames: Vec<usize>,
    /// Whether the frames are presented as a stack (numbered frames) or as a single slice.
    pub stack: bool,
    /// Distance between frames in mm (0 for a single slice).
    pub step_mm: f64,
    /// Longer picture side in pixels.
    pub long_side: u32,
    /// What lies behind the marks.
    pub backdrop: Backdrop,
    /// Marks, targets first.
    pub marks: Vec<Mark>,
    /// Structures whose centres no letter plate may cover (targets, marked or not).
    #[serde(default)]
    pub keep_clear: Vec<String>,
}
