//! Sizes of the text decoders of Gemma, with what published configurations leave out.

use super::Activation;
use super::decoder::{Shape, ShapeDefaults, Sliding};
use crate::checkpoint::Config;
use crate::compute::Scores;
use situs_core::fault::Fault;

/// Largest window that is believed.
const MAX_WINDOW: usize = 1 << 24;
/// The bend of all generations.
const ACTIVATION: &str = "gelu_pytorch_tanh";

/// Which Gemma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// Plain attention.
    One,
    /// Capped scores and logits, every other layer slides.
    Two,
    /// Queries and keys normalised, five of six layers slide.
    Three,
}

/// Reads the text configuration of a generation; defaults are those of its class in transformers 5.23.0.
///
/// # Errors
/// Sizes that are absurd or do not fit each other; kinds of layers that are not known.
pub(crate) fn gemma_shape(text: &Config<'_>, tied: bool, generation: Generation) -> Result<Shape, Fault> {
    let shape = Shape::read_with(text, tied, defaults(generation))?;
    let activation = match generation {
        // The first configurations say gelu and mean its approximation.
        Generation::One if text.word("hidden_act", "gelu") == "gelu" => Activation::GeluTanh,
        Generation::One => Activation::read(text, ACTIVATION)?,
        _ => Activation::read_from(text, "hidden_activation", ACTIVATION)?,
    };
    let embedding_scale = (shape.hidden as f64).sqrt() as f32;
    let shape = Shape { activation, embedding_scale, norms_above_one: true, ..shape };
    if generation == Generation::One {
        return Ok(shape);
    }
    let two = generation == Generation::Two;
    let cap = |field: &str, default: f64| -> Result<Option<f32>, Fault> {
        let found = text.number_or_none(field, two.then_some(default))?;
        if !two && found.is_some() {
            let what = text.fault(field, "a number; this generation caps nothing").what;
            return Err(Fault::unsupported(what));
        }
        Ok(found.map(|bound| bound as f32))
    };
    let scalar = text.number("query_pre_attn_scalar", 256.0)?;
    let scores = Scores { scale: scalar.powf(-0.5) as f32, cap: cap("attn_logit_softcapping", 50.0)? };
    Ok(Shape {
        scores,
        logit_cap: cap("final_logit_softcapping", 30.0)?,
        output_norms: true,
        head_norms: !two,
        sliding: sliding(text, shape.layers, generation)?,
        ..shape
    })
}

fn defaults(generation: Generation) -> ShapeDefaults {
    let (vocabulary, context) = match generation {
        Generation::Three => (262_208, 131_072),
        _ => (256_000, 8192),
    };
    let (hidden, middle, layers, heads, key_heads) = match generation {
        Generation::One => (3072, 24_576, 28, 16, 16),
        _ => (2304, 9216, 26, 8, 4),
    };
    ShapeDefaults {
        vocabulary: Some(vocabulary),
        hidden: Some(hidden),
        middle: Some(middle),
        layers: Some(layers),
        heads: Some(heads),
        key_heads: Some(key_heads),
        head: Some(256),
        context: Some(context),
    }
}

/// Which layers slide: `layer_types`, or every layer but each n-th one.
fn sliding(text: &Config<'_>, count: usize, generation: Generation) -> Result<Option<Sliding>, Fault> {
    let Some(window) = text.number_or_none("sliding_window", Some(4096.0))? else {
        return match generation {
            Generation::Three => Err(text.fault("sliding_window", "null; layers of two kinds need one")),
            _ => Ok(None),
        };
    };
    if window.fract() != 0.0 || window > MAX_WINDOW as f64 {
        return Err(text.fault("sliding_window", &format!("{window} is no number of tokens")));
    }
    let layers = match text.words("layer_types")? {
        Some(kinds) if kinds.len() == count => kinds
            .into_iter()
            .map(|kind| match kind {
                "sliding_attention" => Ok(true),
                "full_attention" => Ok(false),
                other => {
                    let what = text.fault("layer_types", &format!("'{other}' is not known")).what;
                    Err(Fault::unsupported(what).help("sliding_attention and full_attention are computed"))
                }
            })
            .collect::<Result<_, _>>()?,
        Some(kinds) => {
            return Err(text.fault("layer_types", &format!("{} kinds of {count} layers", kinds.len())));
        }
        None if generation == Generation::Three => {
            let pattern = text.count("_sliding_window_pattern", Some(6), MAX_WINDOW)?;
            let pattern = text.count("sliding_window_pattern", Some(pattern), MAX_WINDOW)?;
            (1..=count).map(|layer| layer % pattern != 0).collect()
        }
        None => (1..=count).map(|layer| layer % 2 != 0).collect(),
    };
    Ok(Some(Sliding { window: window as usize, layers, cuts_blocks: generation == Generation::Three }))
}
