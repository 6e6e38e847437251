//! Qwen2.5-VL and models of its kind, such as Lingshu: attention within windows in the vision tower, absolute time of
//! video frames in the rotary positions.
//!
//! Checked against `Qwen2_5_VLForConditionalGeneration` of transformers 5.23.0.

mod vision;

use crate::checkpoint::{Checkpoint, Part, rope};
use crate::layers::{Angles, Decoder, Mixing, Shape};
use crate::model::{Clip, Expansion, Family, MarkTexts, Marks, Model, Run, Sight};
use crate::pixels::{Bounds, Defaults, Filter, Patches, PixelRules, Sizing};
use situs_core::fault::Fault;
use vision::Tower;

inventory::submit! {
    Family { model_type: "qwen2_5_vl", load }
}

/// What the published processors take where a file says nothing.
const PIXELS: Defaults = Defaults {
    mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
    deviation: [0.268_629_54, 0.261_302_58, 0.275_777_11],
    filter: Filter::Cubic,
    sizing: Sizing::Bounded {
        image: Bounds { least: 3136.0, most: 1_003_520.0 },
        video: Bounds { least: 100_352.0, most: 602_112.0 },
        video_counts_frames: false,
    },
};

struct Qwen25Vl {
    decoder: Decoder,
    angles: Angles,
    tower: Tower,
    pixels: PixelRules,
    marks: Marks,
    tokens_per_second: f64,
}

fn load(checkpoint: &Checkpoint) -> Result<Box<dyn Model>, Fault> {
    let config = checkpoint.config();
    // Published files keep the fields of the decoder at the top.
    let text = config.table("text_config").unwrap_or_else(|| config.clone());
    let vision = config.need_table("vision_config")?;
    let tied = config.flag("tie_word_embeddings") || text.flag("tie_word_embeddings");
    let shape = Shape { input_bias: true, output_bias: false, ..Shape::read(&text, tied)? };
    let rope = rope(&text, shape.head / 2, 1_000_000.0, [16, 24, 24])?;
    let angles = Angles::new(&rope, shape.head, Mixing::Blocks);
    let pixels = PixelRules::read(checkpoint, &vision, 14, &PIXELS)?;
    let visual = Part::new(checkpoint, &["visual.", "model.visual."]);
    let tower = Tower::read(&vision, &visual, &pixels, shape.hidden)?;
    let language = Part::new(checkpoint, &["model.", "model.language_model.", "language_model.model."]);
    let decoder = Decoder::read(checkpoint, &language, &["lm_head.", "language_model.lm_head."], shape)?;
    let marks = Marks {
        image: config.token("image_token_id", 151_655)?,
        video: Some(config.token("video_token_id", 151_656)?),
        start: Some(config.token("vision_start_token_id", 151_652)?),
        end: Some(config.token("vision_end_token_id", 151_653)?),
    };
    let tokens_per_second = vision.number("tokens_per_second", 4.0)?;
    Ok(Box::new(Qwen25Vl { decoder, angles, tower, pixels, marks, tokens_per_second }))
}

impl Model for Qwen25Vl {
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

    /// All steps of time in one run; time passes in the positions.
    fn video(&self, clip: Clip, texts: &MarkTexts) -> Expansion {
        let seconds = self.pixels.temporal as f64 / clip.fps;
        let run = Run { grid: clip.grid, interval: self.tokens_per_second * seconds };
        Expansion { text: texts.video.clone().unwrap_or_default(), runs: vec![run] }
    }

    fn see(&self, patches: &Patches) -> Result<Sight, Fault> {
        self.tower.forward(patches)
    }
}
