//! PaliGemma 1 and 2, and models of their kind, such as RadGrounder: a SigLIP tower with a linear projector, a prompt
//! whose tokens all see each other, positions that count from one. Which Gemma decodes, the first or the second, is told
//! by `model_type` of the text configuration.
//!
//! Checked against `PaliGemmaForConditionalGeneration` of transformers 5.23.0, whose processor puts pictures first, then
//! the token that opens texts, the text and a line break. Checkpoints bring no chat template; ours prints the pictures,
//! then the texts, between `prefix` and `suffix` where they are given (`model.template`). RadGrounder was trained with
//! `prefix = "\n"` and `suffix = "\nAnswer: "`.
//!
//! Locations and segments (`<loc0000>`, `<seg000>`) are tokens that were added without being special: they stay in
//! replies, and are not content.

use crate::checkpoint::{Checkpoint, Part, rope};
use crate::layers::{Angles, Decoder, Generation, Linear, Mixing, Siglip, VISION_TOWER, broken, gemma_shape};
use crate::model::{Ahead, Counting, Family, MarkTexts, Marks, Model, Sight};
use crate::pixels::{Defaults, Filter, Patches, PixelRules, Sizing};
use crate::prompt::Dressed;
use situs_core::fault::Fault;

inventory::submit! {
    Family { model_type: "paligemma", load }
}

/// What the published processor takes where a file says nothing.
const PIXELS: Defaults = Defaults {
    mean: [0.5; 3],
    deviation: [0.5; 3],
    filter: Filter::Cubic,
    sizing: Sizing::Square { side: 224 },
};

/// Pictures of all messages, then their texts.
const TEMPLATE: &str = "\
{%- for message in messages -%}{%- if message.content is not string -%}{%- for part in message.content -%}
{%- if part.type == 'image' -%}<image>{%- endif -%}
{%- endfor -%}{%- endif -%}{%- endfor -%}{{- prefix | default('') -}}
{%- set texts = namespace(before='') -%}
{%- for message in messages -%}
{%- if message.content is string -%}{{- texts.before + message.content -}}{%- set texts.before = '\\n\\n' -%}
{%- else -%}{%- for part in message.content -%}
{%- if part.type == 'text' -%}{{- texts.before + part.text -}}{%- set texts.before = '\\n\\n' -%}{%- endif -%}
{%- endfor -%}{%- endif -%}{%- endfor -%}{{- suffix | default('') -}}";

struct PaliGemma {
    decoder: Decoder,
    angles: Angles,
    tower: Siglip,
    projector: Linear,
    pixels: PixelRules,
    marks: Marks,
}

fn load(checkpoint: &Checkpoint) -> Result<Box<dyn Model>, Fault> {
    let config = checkpoint.config();
    let text = config.need_table("text_config")?;
    let vision = config.need_table("vision_config")?;
    let generation = match text.word("model_type", "gemma") {
        "gemma" => Generation::One,
        "gemma2" => Generation::Two,
        other => {
            let what = text.fault("model_type", &format!("'{other}' is not known")).what;
            return Err(Fault::unsupported(what).help("gemma (version 1) and gemma2 (version 2) are computed"));
        }
    };
    let language = Part::new(checkpoint, &["language_model.model.", "model.language_model."]);
    if generation == Generation::One && language.has("layers.0.pre_feedforward_layernorm.weight") {
        let what = text.fault("model_type", "'gemma', but the weights are of version 2: they have its norms").what;
        return Err(Fault::data(what).help("config.json and weights are of different models"));
    }
    let shape = gemma_shape(&text, config.flag_or("tie_word_embeddings", true), generation)?;
    let rope = rope(&text, shape.head / 2, 10_000.0, [shape.head / 2, 0, 0])?;
    let angles = Angles::new(&rope, shape.head, Mixing::Blocks);
    let pixels = PixelRules::read_square(checkpoint, &vision, Ok, &PIXELS)?;
    let tower = Siglip::read(&vision, &Part::new(checkpoint, &VISION_TOWER), &pixels)?;
    let projector =
        Part::new(checkpoint, &["multi_modal_projector.linear.", "model.multi_modal_projector.linear."]);
    let projector = Linear::read(&projector, shape.hidden, tower.shape().width, true)?;
    let decoder = Decoder::read(checkpoint, &language, &["language_model.lm_head.", "lm_head."], shape)?;
    let image = config.token("image_token_id", config.token("image_token_index", 256_000)?)?;
    let marks = Marks { image, video: None, start: None, end: None };
    Ok(Box::new(PaliGemma { decoder, angles, tower, projector, pixels, marks }))
}

impl Model for PaliGemma {
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
        Counting::Plain { first: 1 }
    }

    fn ahead(&self) -> Ahead {
        Ahead::WholePrompt
    }

    fn template(&self) -> Option<&'static str> {
        Some(TEMPLATE)
    }

    fn dress(&self, rendered: String, texts: &MarkTexts, bos: Option<&str>) -> Dressed {
        let pictures = rendered.rfind(&texts.image).map_or(0, |at| at + texts.image.len());
        let (pictures, text) = rendered.split_at(pictures);
        Dressed { text: format!("{pictures}{}{text}\n", bos.unwrap_or("<bos>")), bare: true }
    }

    fn see(&self, patches: &Patches) -> Result<Sight, Fault> {
        let rows = self.tower.forward(patches)?;
        Ok(Sight { features: self.projector.forward(&rows).map_err(broken)?, lifts: Vec::new() })
    }
}
