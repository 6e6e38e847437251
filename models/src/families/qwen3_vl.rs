//! Qwen3-VL: interleaved rotary positions, features of several depths of the vision tower added to the first layers of
//! the decoder, time of video frames written into the prompt.
//!
//! Checked against `Qwen3VLForConditionalGeneration` of transformers 5.23.0.

mod vision;

use crate::checkpoint::{Checkpoint, Part, rope};
use crate::layers::{Angles, Decoder, Mixing, Shape};
use crate::model::{Clip, Expansion, Family, MarkTexts, Marks, Model, Run, Sight};
use crate::pixels::{Bounds, Defaults, Filter, Grid, Patches, PixelRules, Sizing};
use situs_core::fault::Fault;
use std::fmt::Write as _;
use vision::Tower;

inventory::submit! {
    Family { model_type: "qwen3_vl", load }
}

/// What the published processors take where a file says nothing.
const PIXELS: Defaults = Defaults {
    mean: [0.5; 3],
    deviation: [0.5; 3],
    filter: Filter::Cubic,
    sizing: Sizing::Bounded {
        image: Bounds { least: 65_536.0, most: 16_777_216.0 },
        video: Bounds { least: 131_072.0, most: 786_432.0 },
        video_counts_frames: true,
    },
};

struct Qwen3Vl {
    decoder: Decoder,
    angles: Angles,
    tower: Tower,
    pixels: PixelRules,
    marks: Marks,
}

fn load(checkpoint: &Checkpoint) -> Result<Box<dyn Model>, Fault> {
    let config = checkpoint.config();
    let text = config.need_table("text_config")?;
    let vision = config.need_table("vision_config")?;
    let tied = config.flag("tie_word_embeddings") || text.flag("tie_word_embeddings");
    let shape = Shape { head_norms: true, ..Shape::read(&text, tied)? };
    let rope = rope(&text, shape.head / 2, 500_000.0, [24, 20, 20])?;
    let angles = Angles::new(&rope, shape.head, Mixing::Interleaved);
    let pixels = PixelRules::read(checkpoint, &vision, 16, &PIXELS)?;
    let visual = Part::new(checkpoint, &["model.visual.", "visual."]);
    let tower = Tower::read(&vision, &visual, &pixels, shape.hidden)?;
    let language = Part::new(checkpoint, &["model.language_model.", "language_model.model."]);
    let decoder = Decoder::read(checkpoint, &language, &["lm_head.", "language_model.lm_head."], shape)?;
    let marks = Marks {
        image: config.token("image_token_id", 151_655)?,
        video: Some(config.token("video_token_id", 151_656)?),
        start: Some(config.token("vision_start_token_id", 151_652)?),
        end: Some(config.token("vision_end_token_id", 151_653)?),
    };
    Ok(Box::new(Qwen3Vl { decoder, angles, tower, pixels, marks }))
}

impl Model for Qwen3Vl {
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

    /// Each step of time is a picture of its own, behind the mean time of its frames.
    fn video(&self, clip: Clip, texts: &MarkTexts) -> Expansion {
        let Clip { grid, frames, fps } = clip;
        let frame = Run { grid: Grid { time: 1, ..grid }, interval: 1.0 };
        let steps = self.pixels.temporal;
        let seconds = |frame: usize| frame.min(frames.saturating_sub(1)) as f64 / fps;
        let mut text = String::new();
        for time in 0..grid.time {
            let (first, last) = (seconds(time * steps), seconds(time * steps + steps - 1));
            let _ = write!(text, "<{:.1} seconds>", (first + last) / 2.0);
            text.push_str(&texts.start);
            text.push_str(texts.video.as_deref().unwrap_or_default());
            text.push_str(&texts.end);
        }
        Expansion { text, runs: vec![frame; grid.time] }
    }

    fn see(&self, patches: &Patches) -> Result<Sight, Fault> {
        self.tower.forward(patches)
    }
}
