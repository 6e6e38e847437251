//! What a family has to say; everything else is the same for all.

use crate::checkpoint::Checkpoint;
use crate::layers::{Angles, Decoder};
use crate::pixels::{Grid, Patches, PixelRules};
use crate::prompt::Dressed;
use candle_core::Tensor;
use situs_core::fault::Fault;

/// A family of models, found by the `model_type` of its checkpoints.
pub(crate) struct Family {
    /// `model_type` in `config.json`.
    pub(crate) model_type: &'static str,
    /// Loads a checkpoint of the family.
    pub(crate) load: fn(&Checkpoint) -> Result<Box<dyn Model>, Fault>,
}

inventory::collect!(Family);

/// Loads the model of a checkpoint.
///
/// # Errors
/// A family that is not known (those that are, are told); whatever the family finds wrong.
pub(crate) fn load(checkpoint: &Checkpoint) -> Result<Box<dyn Model>, Fault> {
    let asked = checkpoint.model_type()?;
    match inventory::iter::<Family>().find(|family| family.model_type == asked) {
        Some(family) => (family.load)(checkpoint),
        None => {
            let mut known: Vec<&str> = inventory::iter::<Family>().map(|family| family.model_type).collect();
            known.sort_unstable();
            Err(Fault::unsupported(format!(
                "{}: model_type '{asked}' is not known",
                checkpoint.folder().join("config.json").display()
            ))
            .help(format!("known: {}; serve other models and use the backend 'openai'", known.join(", "))))
        }
    }
}

/// Token ids of placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Stands for a token of a picture.
    pub(crate) image: u32,
    /// Stands for a token of a video, in a model that takes videos.
    pub(crate) video: Option<u32>,
    /// Opens a picture, where one is opened.
    pub(crate) start: Option<u32>,
    /// Closes a picture, where one is closed.
    pub(crate) end: Option<u32>,
}

/// Texts of the placeholders.
pub(crate) struct MarkTexts {
    /// Of [`Marks::image`].
    pub(crate) image: String,
    /// Of [`Marks::video`].
    pub(crate) video: Option<String>,
    /// Of [`Marks::start`]; empty where there is none.
    pub(crate) start: String,
    /// Of [`Marks::end`]; empty where there is none.
    pub(crate) end: String,
}

/// How positions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// Tokens of a picture spread along its rows and columns.
    Spread,
    /// Every token stands one behind the one before, whatever it shows.
    Plain {
        /// Position of the first token.
        first: u32,
    },
}

/// Tokens of a prompt that see tokens behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// None.
    Never,
    /// Those of a picture, the picture's other tokens.
    WithinPictures,
    /// All, the whole prompt.
    WholePrompt,
}

/// Placeholders that stand side by side, and where their tokens stand in space and time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Run {
    /// The patches behind them.
    pub(crate) grid: Grid,
    /// Positions between two steps of time.
    pub(crate) interval: f64,
}

/// A video of a prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Clip {
    /// Its patches.
    pub(crate) grid: Grid,
    /// Its frames, before the last one is repeated to fill a step of time.
    pub(crate) frames: usize,
    /// Frames a second.
    pub(crate) fps: f64,
}

/// What takes the place of one placeholder of the chat template.
pub(crate) struct Expansion {
    /// Text with one placeholder for each run.
    pub(crate) text: String,
    /// The runs.
    pub(crate) runs: Vec<Run>,
}

/// What a vision tower makes of a picture or video.
pub(crate) struct Sight {
    /// Features in place of the embeddings, `[tokens, hidden]`.
    pub(crate) features: Tensor,
    /// Features added after the first layers of the decoder, one tensor a layer.
    pub(crate) lifts: Vec<Tensor>,
}

/// A loaded vision-language model. What most families do alike is the default.
pub(crate) trait Model: Send + Sync {
    /// The text decoder.
    fn decoder(&self) -> &Decoder;
    /// Rotary positions of the decoder.
    fn angles(&self) -> &Angles;
    /// How pictures become pixels.
    fn pixels(&self) -> &PixelRules;
    /// Placeholders.
    fn marks(&self) -> Marks;
    /// Runs the vision tower.
    fn see(&self, patches: &Patches) -> Result<Sight, Fault>;

    /// How positions are counted.
    fn counting(&self) -> Counting {
        Counting::Spread
    }

    /// Which tokens of a prompt see tokens behind them.
    fn ahead(&self) -> Ahead {
        Ahead::Never
    }

    /// What the chat template prints for a picture.
    fn printed<'t>(&self, texts: &'t MarkTexts) -> &'t str {
        &texts.image
    }

    /// What takes its place: a text with one placeholder for the picture's tokens.
    fn picture(&self, texts: &MarkTexts) -> String {
        texts.image.clone()
    }

    /// Tokens of a picture or of a video's run of that grid.
    fn tokens(&self, grid: Grid) -> usize {
        grid.tokens(self.pixels().merge)
    }

    /// What stands for a video in a prompt, in a family that names a placeholder of videos.
    fn video(&self, _clip: Clip, _texts: &MarkTexts) -> Expansion {
        Expansion { text: String::new(), runs: Vec::new() }
    }

    /// The chat template of checkpoints that bring none.
    fn template(&self) -> Option<&'static str> {
        None
    }

    /// What the published processor makes of a rendered template before it looks at pictures; `bos` is the token that
    /// opens texts.
    fn dress(&self, rendered: String, _texts: &MarkTexts, bos: Option<&str>) -> Dressed {
        let bare = bos.is_some_and(|bos| rendered.starts_with(bos));
        Dressed { text: rendered, bare }
    }
}
