//! What a phantom is made of: parts with shapes and grey values, and the outline of the body around them.

use super::shape::{Placing, Shape};

/// A structure, or scenery that is seen but has no label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// Class name.
    pub(super) name: String,
    /// Whether it carries a label; the rest is scenery.
    pub(super) labelled: bool,
    /// Mean grey value: HU in CT.
    pub(super) value: f64,
    /// Most it moves on its own between patients, in mm.
    pub(super) wobble: f64,
    /// Solids; later parts overwrite earlier ones.
    pub(super) shapes: Vec<Shape>,
}

pub(super) fn part(name: &str, value: f64, wobble: f64, shapes: Vec<Shape>) -> Part {
    Part { name: name.to_owned(), labelled: true, value, wobble, shapes }
}

/// A part on the patient's right and its mirror image on the left: `NAME_right`, `NAME_left`.
pub(super) fn pair(name: &str, value: f64, wobble: f64, right: Vec<Shape>) -> [Part; 2] {
    let left = right.iter().map(|shape| shape.placed(&MIRROR, 0.0)).collect();
    [part(&format!("{name}_right"), value, wobble, right), part(&format!("{name}_left"), value, wobble, left)]
}

/// The other side of the median plane.
pub(super) const MIRROR: Placing = Placing { from: [0.0; 3], scale: [-1.0, 1.0, 1.0], to: [0.0; 3] };

/// The name of the structure's partner on the other side, if its name has a side.
pub(super) fn other_side(name: &str) -> Option<String> {
    let words: Vec<&str> = name.split('_').collect();
    let swapped: Vec<&str> = words
        .iter()
        .map(|word| match *word {
            "left" => "right",
            "right" => "left",
            other => other,
        })
        .collect();
    (swapped != words).then(|| swapped.join("_"))
}

/// Cross-section of the body at one height: half width, half depth, and y of its middle, in mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Girth {
    pub(super) z: f64,
    pub(super) width: f64,
    pub(super) depth: f64,
    pub(super) middle: f64,
}

pub(super) const fn girth(z: f64, width: f64, depth: f64, middle: f64) -> Girth {
    Girth { z, width, depth, middle }
}

/// Mean grey values around the parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tissue {
    pub(super) air: f64,
    pub(super) table: f64,
    pub(super) fat: f64,
    pub(super) muscle: f64,
    /// Between the structures, within the wall of muscle.
    pub(super) inner: f64,
}

/// A whole phantom before a patient is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Anatomy {
    /// Size of the field of view in body mm: x and y around zero, z from zero.
    pub(super) extent: [f64; 3],
    /// In order of painting.
    pub(super) parts: Vec<Part>,
    /// Outline, in rising z.
    pub(super) outline: Vec<Girth>,
    /// Grey values of the rest.
    pub(super) tissue: Tissue,
    /// Whether a table lies below the back.
    pub(super) table: bool,
    /// Whether grey values are magnitudes, never below zero (MR).
    pub(super) magnitude: bool,
}

impl Anatomy {
    /// The outline at a height, linear between its stations.
    pub(super) fn girth(&self, z: f64) -> Girth {
        let after = self.outline.iter().position(|station| station.z >= z);
        let (low, high) = match after {
            None => (self.outline.last(), self.outline.last()),
            Some(0) => (self.outline.first(), self.outline.first()),
            Some(index) => (self.outline.get(index - 1), self.outline.get(index)),
        };
        let (Some(low), Some(high)) = (low, high) else { return girth(z, 0.0, 0.0, 0.0) };
        let share = if high.z > low.z { (z - low.z) / (high.z - low.z) } else { 0.0 };
        let mix = |a: f64, b: f64| a + share * (b - a);
        girth(z, mix(low.width, high.width), mix(low.depth, high.depth), mix(low.middle, high.middle))
    }
}

impl Girth {
    /// At most 1 inside the body. The section is squarer than an ellipse, leans to one side and is wider on the left,
    /// so that a mirrored picture differs from a true one.
    pub(super) fn level(&self, x: f64, y: f64) -> f64 {
        const LEAN: f64 = 0.06;
        const WIDER_LEFT: f64 = 0.03;
        let v = (y - self.middle) / self.depth;
        let x = x - LEAN * self.depth * v;
        let u = x / (self.width * if x < 0.0 { 1.0 + WIDER_LEFT } else { 1.0 - WIDER_LEFT });
        let (u2, v2) = (u * u, v * v);
        0.6 * (u2 + v2) + 0.4 * (u2 * u2 + v2 * v2)
    }
}
