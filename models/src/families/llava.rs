//! LLaVA 1.5 and LLaVA-NeXT (1.6) with Llama or Mistral text, and models of their kind, such as LLaVA-Med 1.5 in the layout
//! of transformers: rows of a layer within a CLIP tower, projected one by one. NeXT cuts a picture into tiles of the
//! tower's size, beside the picture as a whole, and ends every row of the tiled picture with a learnt mark.
//!
//! Checked against `LlavaForConditionalGeneration` and `LlavaNextForConditionalGeneration` of transformers 5.23.0.

mod packing;
mod text;

use crate::checkpoint::{Checkpoint, Config, Part};
use crate::layers::{Activation, Angles, Clip, Decoder, FeedForward, Mixing, VISION_TOWER, broken};
use crate::model::{Counting, Family, Marks, Model, Sight};
use crate::pixels::{Defaults, Filter, Grid, Patches, Pieces, PixelRules, Sizing, Tiling};
use candle_core::Tensor;
use packing::Packing;
use serde_json::Value;
use situs_core::fault::Fault;

inventory::submit! {
    Family { model_type: "llava", load: whole }
}

inventory::submit! {
    Family { model_type: "llava_next", load: tiled }
}

/// What the published processors take where a file says nothing.
const PIXELS: Defaults = Defaults {
    mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
    deviation: [0.268_629_54, 0.261_302_58, 0.275_777_11],
    filter: Filter::Cubic,
    sizing: Sizing::Square { side: 336 },
};

struct Llava {
    decoder: Decoder,
    angles: Angles,
    tower: Clip,
    projector: FeedForward,
    pixels: PixelRules,
    packing: Option<Packing>,
    /// Patches along each side of a picture of the tower's size.
    side: usize,
    /// Whether the row of the class token is kept in front of those of the patches.
    class_token: bool,
    image: u32,
}

/// A picture is one picture of the tower's size.
fn whole(checkpoint: &Checkpoint) -> Result<Box<dyn Model>, Fault> {
    load(checkpoint, false)
}

/// A picture is cut into tiles.
fn tiled(checkpoint: &Checkpoint) -> Result<Box<dyn Model>, Fault> {
    load(checkpoint, true)
}

fn load(checkpoint: &Checkpoint, tiled: bool) -> Result<Box<dyn Model>, Fault> {
    let config = checkpoint.config();
    let vision = config.need_table("vision_config")?;
    let (shape, rope) = text::shape(&config, &config.need_table("text_config")?)?;
    let angles = Angles::new(&rope, shape.head, Mixing::Blocks);
    let kind = vision.word("model_type", "clip_vision_model");
    if kind != "clip_vision_model" {
        let what = vision.fault("model_type", &format!("'{kind}' is not known")).what;
        return Err(Fault::unsupported(what).help("'clip_vision_model' is computed within LLaVA"));
    }
    let rules = PixelRules::read_square(checkpoint, &vision, Ok, &PIXELS)?;
    let (pixels, patch) = (rules.square().unwrap_or(0), rules.patch);
    let side = pixels / patch;
    let rules = rules.with_pieces(pieces(checkpoint, &config, pixels, tiled)?);
    let class_token = class_token(&config, tiled)?;
    let tower = Part::new(checkpoint, &VISION_TOWER);
    let tower = Clip::read(&vision, &tower, (side, patch), |layers| layer(&config, layers))?;
    let projector = Part::new(checkpoint, &["multi_modal_projector.", "model.multi_modal_projector."]);
    let projector = projector_of(&config, &projector, [tower.width(), shape.hidden, shape.hidden])?;
    let packing = if tiled {
        let newline = Part::new(checkpoint, &["", "model."]).vector("image_newline", shape.hidden)?;
        Some(Packing { side, newline })
    } else {
        None
    };
    let language = Part::new(checkpoint, &["language_model.model.", "model.language_model."]);
    let decoder = Decoder::read(checkpoint, &language, &["language_model.lm_head.", "lm_head."], shape)?;
    let image = config.token("image_token_index", config.token("image_token_id", 32_000)?)?;
    Ok(Box::new(Llava {
        decoder,
        angles,
        tower,
        projector,
        pixels: rules,
        packing,
        side,
        class_token,
        image,
    }))
}

/// How pictures get the tower's size.
fn pieces(
    checkpoint: &Checkpoint,
    config: &Config<'_>,
    side: usize,
    tiled: bool,
) -> Result<Pieces, Fault> {
    let nested = checkpoint.json("processor_config.json")?;
    let table = match nested.as_ref().and_then(|table| table.get("image_processor")).cloned() {
        Some(table) => table,
        None => checkpoint.json("preprocessor_config.json")?.unwrap_or(Value::Null),
    };
    let table = Config::new(checkpoint.folder().join("preprocessor_config.json"), &table);
    if table.get("do_center_crop").and_then(Value::as_bool) == Some(false) {
        let what = table.fault("do_center_crop", "false; this step is always done").what;
        return Err(Fault::unsupported(what));
    }
    for name in ["size", "crop_size"] {
        let lengths = match table.get(name) {
            Some(Value::Object(lengths)) => lengths.values().collect(),
            found => found.into_iter().collect::<Vec<_>>(),
        };
        let odd = lengths.into_iter().find(|length| !length.is_null() && length.as_u64() != Some(side as u64));
        if let Some(odd) = odd {
            return Err(table.fault(name, &format!("{odd}; config.json has a tower for {side} pixels")));
        }
    }
    if tiled {
        let tiling = Tiling::read(config, side)?;
        if table.get("image_grid_pinpoints").is_some() && Tiling::read(&table, side)? != tiling {
            return Err(table.fault("image_grid_pinpoints", "config.json says otherwise"));
        }
        return Ok(Pieces::Tiles(tiling));
    }
    if !table.flag("do_pad") {
        return Ok(Pieces::Middle);
    }
    let processor = table.word("image_processor_type", "");
    if !processor.starts_with("LlavaImageProcessor") {
        let what = table.fault("do_pad", &format!("true for '{processor}'")).what;
        return Err(Fault::unsupported(what).help("the padding of LlavaImageProcessor is computed"));
    }
    Ok(Pieces::Padded)
}

/// Whether the class token's row goes to the decoder.
fn class_token(config: &Config<'_>, tiled: bool) -> Result<bool, Fault> {
    match config.word("vision_feature_select_strategy", "default") {
        "default" => Ok(false),
        "full" if !tiled => Ok(true),
        other => {
            let what = config.fault("vision_feature_select_strategy", &format!("'{other}'")).what;
            Err(Fault::unsupported(what).help("'default' is computed, and 'full' where there are no tiles"))
        }
    }
}

/// The layer whose rows are taken, counted from 1. `vision_feature_layer` counts what goes into the first layer too, and
/// from the end where it is negative.
fn layer(config: &Config<'_>, layers: usize) -> Result<usize, Fault> {
    let found = match config.get("vision_feature_layer") {
        Some(Value::Array(items)) if items.len() == 1 => items.first(),
        found => found,
    };
    let asked = found.map_or(Some(-2), Value::as_i64);
    let from_start = |asked: i64| if asked < 0 { asked.checked_add(layers as i64 + 1) } else { Some(asked) };
    let layer = asked.and_then(from_start).and_then(|layer| usize::try_from(layer).ok());
    layer.filter(|layer| (1..=layers).contains(layer)).ok_or_else(|| {
        let found = found.map_or_else(String::new, Value::to_string);
        config.fault("vision_feature_layer", &format!("one of {layers} layers is expected, found {found}"))
    })
}

fn projector_of(config: &Config<'_>, part: &Part<'_>, sizes: [usize; 3]) -> Result<FeedForward, Fault> {
    if !config.flag_or("multimodal_projector_bias", true) {
        let what = config.fault("multimodal_projector_bias", "false").what;
        return Err(Fault::unsupported(what).help("projectors with biases are computed"));
    }
    let activation = Activation::read_from(config, "projector_hidden_act", "gelu")?;
    FeedForward::read(part, ["linear_1", "linear_2"], sizes, activation)
}

impl Model for Llava {
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
        Marks { image: self.image, video: None, start: None, end: None }
    }

    fn counting(&self) -> Counting {
        Counting::Plain { first: 0 }
    }

    fn tokens(&self, grid: Grid) -> usize {
        match &self.packing {
            Some(packing) => packing.tokens(grid),
            None => grid.patches() + usize::from(self.class_token),
        }
    }

    fn see(&self, patches: &Patches) -> Result<Sight, Fault> {
        let each = patches.values.len() / patches.tiles.map_or(1, |[rows, columns]| 1 + rows * columns);
        let seen = patches.values.chunks_exact(each.max(1)).map(|picture| self.project(picture));
        let seen = seen.collect::<Result<Vec<_>, _>>()?;
        let features = match &self.packing {
            Some(packing) => packing.pack(&seen, patches)?,
            None => Tensor::cat(&seen, 0).map_err(broken)?,
        };
        Ok(Sight { features, lifts: Vec::new() })
    }
}

impl Llava {
    /// Features `[patches, hidden]` of one picture of the tower's size.
    fn project(&self, picture: &[f32]) -> Result<Tensor, Fault> {
        let rows = self.tower.forward(picture)?;
        let skipped = usize::from(!self.class_token);
        let kept = self.side * self.side + 1 - skipped;
        let rows = rows.narrow(0, skipped, kept).and_then(|rows| self.projector.forward(&rows));
        rows.map_err(broken)
    }
}
