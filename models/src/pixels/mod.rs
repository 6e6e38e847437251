//! From pictures to the numbers that a vision tower takes, as the published processors make them.

mod patches;
mod pieces;
mod resample;
mod rules;
mod tiling;

pub(crate) use patches::{Grid, Patches, cut_planes};
pub(crate) use pieces::Pieces;
pub(crate) use resample::Filter;
use resample::resample;
pub(crate) use rules::{Bounds, Defaults, PixelRules, Sizing};
pub(crate) use tiling::Tiling;
