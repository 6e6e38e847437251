//! The text model's sizes: Llama or Mistral, with the fields that published files leave out.

use crate::checkpoint::{Config, Rope, rope};
use crate::layers::{Shape, ShapeDefaults, Sliding};
use serde_json::Value;
use situs_core::fault::Fault;

/// Largest window that is believed.
const MAX_WINDOW: usize = 1 << 24;

/// What both text models have where a file says nothing.
const COMMON: ShapeDefaults = ShapeDefaults {
    vocabulary: Some(32_000),
    hidden: Some(4096),
    middle: Some(11_008),
    layers: Some(32),
    heads: Some(32),
    key_heads: None,
    head: None,
    context: Some(2048),
};

/// Sizes and rotary positions.
///
/// # Errors
/// A text model that is neither Llama nor Mistral; sizes that do not fit each other; what is not computed.
pub(super) fn shape(config: &Config<'_>, text: &Config<'_>) -> Result<(Shape, Rope), Fault> {
    let mistral = match text.word("model_type", "llama") {
        "llama" => false,
        "mistral" => true,
        other => {
            let what = text.fault("model_type", &format!("'{other}' is not known")).what;
            return Err(Fault::unsupported(what).help("'llama' and 'mistral' are computed within LLaVA"));
        }
    };
    if text.flag("mlp_bias") {
        let what = text.fault("mlp_bias", "true").what;
        return Err(Fault::unsupported(what).help("feed-forward layers with biases are not computed"));
    }
    let tied = config.flag("tie_word_embeddings") || text.flag("tie_word_embeddings");
    let mut shape = if mistral {
        let own = ShapeDefaults { middle: Some(14_336), key_heads: Some(8), context: Some(131_072), ..COMMON };
        Shape { input_bias: false, output_bias: false, ..Shape::read_with(text, tied, own)? }
    } else {
        Shape::read_with(text, tied, COMMON)?
    };
    if mistral {
        let window = match text.fields().and_then(|fields| fields.get("sliding_window")) {
            Some(Value::Null) => None,
            _ => Some(text.count("sliding_window", Some(4096), MAX_WINDOW)?),
        };
        shape.sliding =
            window.map(|window| Sliding { window, layers: vec![true; shape.layers], cuts_blocks: true });
    }
    let half = shape.head / 2;
    Ok((shape, rope(text, half, 10_000.0, [half, 0, 0])?))
}
