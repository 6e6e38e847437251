//! Gemma 3 with pictures, and models of its kind, such as MedGemma and MedGemma 1.5: a SigLIP tower whose patches are
//! averaged to few tokens, which see each other; layers that slide and layers that do not turn with different bases.
//!
//! Checked against `Gemma3ForConditionalGeneration` of transformers 5.23.0. Crops beside the picture ("pan and scan")
//! are not made: published checkpoints leave them off.

use crate::checkpoint::{Checkpoint, Config, Part, Rope, rope_of_layers};
use crate::layers::{Angles, Decoder, Generation, Linear, Mixing, RmsNorm, Siglip, VISION_TOWER, broken, gemma_shape};
use crate::model::{Ahead, Counting, Family, MarkTexts, Marks, Model, Sight};
use crate::pixels::{Defaults, Filter, Patches, PixelRules, Sizing};
use candle_core::{Result as Computed, Tensor};
use situs_core::fault::Fault;
use std::sync::Arc;

inventory::submit! {
    Family { model_type: "gemma3", load }
}

/// What the published processor takes where a file says nothing; the side is that of a tower that does not say its own.
const PIXELS: Defaults = Defaults {
    mean: [0.5; 3],
    deviation: [0.5; 3],
    filter: Filter::Linear,
    sizing: Sizing::Square { side: 224 },
};
/// Most tokens of a picture.
const MAX_TOKENS: usize = 1 << 20;

struct Gemma3 {
    decoder: Decoder,
    angles: Angles,
    tower: Siglip,
    projector: Projector,
    pixels: PixelRules,
    marks: Marks,
}

/// Patches of a token averaged, normalised and brought to the width of the decoder.
struct Projector {
    norm: RmsNorm,
    linear: Linear,
    /// Patches of a token.
    pool: usize,
}

fn load(checkpoint: &Checkpoint) -> Result<Box<dyn Model>, Fault> {
    let config = checkpoint.config();
    let text = config.need_table("text_config")?;
    let vision = config.need_table("vision_config")?;
    if text.flag("use_bidirectional_attention") {
        let what = text.fault("use_bidirectional_attention", "true").what;
        return Err(Fault::unsupported(what).help("models that only embed texts give no replies"));
    }
    let tied = config.flag_or("tie_word_embeddings", true);
    let shape = gemma_shape(&text, tied, Generation::Three)?;
    let (all, sliding) = ropes(&text, shape.head / 2)?;
    let angles = Angles::new(&all, shape.head, Mixing::Blocks).with_sliding(&sliding, shape.head);
    let pixels = PixelRules::read_square(checkpoint, &vision, |_| side_of_tokens(&config), &PIXELS)?;
    let tower = Siglip::read(&vision, &Part::new(checkpoint, &VISION_TOWER), &pixels)?;
    let part = Part::new(checkpoint, &["multi_modal_projector.", "model.multi_modal_projector."]);
    let projector = Projector::read(&part, &tower, pixels.merge, shape.hidden)?;
    let language = Part::new(checkpoint, &["language_model.model.", "model.language_model."]);
    let decoder = Decoder::read(checkpoint, &language, &["language_model.lm_head.", "lm_head."], shape)?;
    let mark = |name: &str, older: &str, default| config.token(name, config.token(older, default)?);
    let marks = Marks {
        image: mark("image_token_id", "image_token_index", 262_144)?,
        video: None,
        start: Some(mark("boi_token_id", "boi_token_index", 255_999)?),
        end: Some(mark("eoi_token_id", "eoi_token_index", 256_000)?),
    };
    Ok(Box::new(Gemma3 { decoder, angles, tower, projector, pixels, marks }))
}

/// Tokens along a side of a picture.
fn side_of_tokens(config: &Config<'_>) -> Result<usize, Fault> {
    let tokens = config.count("mm_tokens_per_image", Some(256), MAX_TOKENS)?;
    let side = tokens.isqrt();
    if side * side != tokens {
        return Err(config.fault("mm_tokens_per_image", &format!("{tokens} tokens are no square")));
    }
    Ok(side)
}

/// Rotary positions of layers that see everything, and of those that slide, in both layouts of `config.json`.
fn ropes(text: &Config<'_>, half: usize) -> Result<(Rope, Rope), Fault> {
    const ALL: f64 = 1_000_000.0;
    const SLIDING: f64 = 10_000.0;
    let all = text.number("rope_theta", ALL)?;
    let sliding = text.number("rope_local_base_freq", SLIDING)?;
    let plain = |theta| Rope { theta, factor: 1.0, sections: [half, 0, 0] };
    let newer = text.table("rope_parameters");
    let of = |kind: &str, theta| match newer.as_ref().and_then(|newer| newer.table(kind)) {
        Some(table) => rope_of_layers(&table, half, theta),
        None => Ok(plain(theta)),
    };
    match text.table("rope_scaling").filter(|_| newer.is_none()) {
        Some(older) => Ok((rope_of_layers(&older, half, all)?, plain(sliding))),
        None => Ok((of("full_attention", all)?, of("sliding_attention", sliding)?)),
    }
}

impl Projector {
    fn read(part: &Part<'_>, tower: &Siglip, merge: usize, hidden: usize) -> Result<Self, Fault> {
        let shape = tower.shape();
        // Stored with rows and columns exchanged.
        let weight = part.weight("mm_input_projection_weight", &[shape.width, hidden])?.transposed();
        Ok(Self {
            norm: RmsNorm::read_above_one(&part.within("mm_soft_emb_norm"), shape.width, shape.epsilon)?,
            linear: Linear::new(Arc::new(weight), None),
            pool: merge * merge,
        })
    }

    fn forward(&self, rows: &Tensor) -> Computed<Tensor> {
        let (count, width) = rows.dims2()?;
        let pooled = rows.reshape((count / self.pool, self.pool, width))?.mean(1)?;
        self.linear.forward(&self.norm.forward(&pooled)?)
    }
}

impl Model for Gemma3 {
    fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    fn angles(&self) -> &Angles {
        &self.angles
    }

    fn pixels(&self) -> &PixelRules {
        &self.pixels
    }

    fn marks(&self) -> Marks {
        self.marks
    }

    fn counting(&self) -> Counting {
        Counting::Plain { first: 0 }
    }

    fn ahead(&self) -> Ahead {
        Ahead::WithinPictures
    }

    fn printed<'t>(&self, texts: &'t MarkTexts) -> &'t str {
        &texts.start
    }

    fn picture(&self, texts: &MarkTexts) -> String {
        format!("\n\n{}{}{}\n\n", texts.start, texts.image, texts.end)
    }

    fn see(&self, patches: &Patches) -> Result<Sight, Fault> {
        let rows = self.tower.forward(patches)?;
        Ok(Sight { features: self.projector.forward(&rows).map_err(broken)?, lifts: Vec::new() })
    }
}
