//! What families share: products, norms, rotary positions, attention, the text decoder.

mod angles;
mod cache;
mod clip;
mod decoder;
mod encoder;
mod feed_forward;
mod floats;
mod gemma;
mod groups;
mod linear;
mod norm;
mod siglip;
mod vision_attention;

pub(crate) use angles::{Angles, Mixing, Place, Turns, frames, grid_angles, grid_places};
pub(crate) use cache::KvCache;
pub(crate) use clip::Clip;
pub(crate) use decoder::{Decoder, Shape, ShapeDefaults, Sliding, Span};
pub(crate) use encoder::{EncoderLayer, EncoderShape, VISION_TOWER};
pub(crate) use feed_forward::{Activation, FeedForward, Gated};
pub(crate) use floats::{broken, floats, matrix};
pub(crate) use gemma::{Generation, gemma_shape};
pub(crate) use groups::attend_groups;
pub(crate) use linear::Linear;
pub(crate) use norm::{LayerNorm, RmsNorm};
pub(crate) use siglip::Siglip;
pub(crate) use vision_attention::VisionAttention;
