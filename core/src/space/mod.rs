//! Space: world directions, affines, axis codes, views and relations. Every direction word of the project lives here.
//!
//! The world frame is NIfTI's RAS+ in millimetres: +x toward the patient's right, +y anterior, +z superior.

mod affine;
mod direction;
mod relation;
mod view;

pub use affine::{Affine, Orientation};
pub use direction::{BodyAxis, Direction};
pub use relation::{Anatomical, Colloquial, ScreenAxis};
pub use view::{Canvas, Plane, Preset, View};

/// A point or vector in millimetres or voxels; the name of the variable says which.
pub type Point = [f64; 3];
