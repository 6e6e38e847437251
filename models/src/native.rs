//! A loaded checkpoint: model, tokenizer, chat template, stop tokens.

use crate::checkpoint::{Checkpoint, Precision};
use crate::layers::{KvCache, Place, Span, broken, floats, matrix};
use crate::model::{MarkTexts, Model, Sight, load};
use crate::prompt::{Layout, Shown, Template, Words, lay_out};
use candle_core::Tensor;
use serde_json::{Map, Value};
use situs_core::fault::Fault;
use situs_plugins::neighbors::{ContentRule, Tokenizer};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Rows of a prompt that are computed together: enough to keep the products busy, few enough to bound their memory. A
/// block whose tokens see each other is not parted, however long.
const ROWS_TOGETHER: usize = 1024;

/// A checkpoint, ready to be asked.
pub(crate) struct Native {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) model: Box<dyn Model>,
    pub(crate) words: Words,
    pub(crate) stops: Vec<u32>,
    template: Template,
    texts: MarkTexts,
}

/// Text and kind of every token.
pub(crate) struct Tokens {
    /// Texts by id.
    pub(crate) texts: Vec<String>,
    /// Whether a token is ordinary text.
    pub(crate) content: Vec<bool>,
}

impl Native {
    /// Loads a folder.
    ///
    /// # Errors
    /// Whatever is missing, damaged, contradictory or not computed here, by name.
    pub(crate) fn open(folder: &Path, precision: Precision) -> Result<Self, Fault> {
        let checkpoint = Checkpoint::open(folder, precision)?;
        let model = load(&checkpoint)?;
        let words = Words::read(&checkpoint)?;
        let rows = model.decoder().shape().vocabulary;
        if words.highest() as usize >= rows {
            let what = format!(
                "{}: the tokenizer has token {}, the model {rows} embedding rows",
                folder.display(),
                words.highest()
            );
            return Err(Fault::data(what).help("the tokenizer belongs to another model"));
        }
        let template = Template::read(&checkpoint, model.template())?;
        let texts = words.marks(model.marks())?;
        let stops = stops(&checkpoint, &words, &template)?;
        Ok(Self { checkpoint, model, words, stops, template, texts })
    }

    /// Texts and kinds of the tokens, one for each embedding row.
    ///
    /// # Errors
    /// A tokenizer of another model.
    pub(crate) fn tokens(&self) -> Result<Tokens, Fault> {
        let rows = self.model.decoder().shape().vocabulary;
        let tokenizer = Tokenizer::read(&self.checkpoint.folder().join("tokenizer.json"))?;
        let flags = tokenizer.content(rows, ContentRule::default())?;
        let texts = (0..rows as u32).map(|id| tokenizer.text(id).unwrap_or_default()).collect();
        Ok(Tokens { texts, content: flags.into_iter().map(|flag| flag == 1).collect() })
    }

    /// Messages as text.
    ///
    /// # Errors
    /// Whatever the template complains about.
    pub(crate) fn render(&self, messages: &Value, more: &Map<String, Value>) -> Result<String, Fault> {
        self.template.render(messages, more)
    }

    /// A rendered text as tokens with its pictures in place.
    ///
    /// # Errors
    /// Another number of placeholders than pictures.
    pub(crate) fn lay_out(&self, rendered: String, shown: &[Shown]) -> Result<Layout, Fault> {
        let bos = self.template.token("bos_token");
        lay_out(self.model.as_ref(), &self.words, &self.texts, rendered, bos, shown)
    }

    /// Takes tokens of a prompt into a cache that holds all before them. Gives the hidden state of the last one, or of
    /// all where `trace` is asked for. No token of `rows` may see one behind them.
    ///
    /// `sight` gives the features of a picture or video of the prompt by its index.
    ///
    /// # Errors
    /// A token beyond the embedding rows.
    pub(crate) fn take_in(
        &self,
        layout: &Layout,
        rows: Range<usize>,
        sight: &dyn Fn(usize) -> Option<Arc<Sight>>,
        cache: &mut KvCache,
        trace: Option<&mut Vec<Tensor>>,
    ) -> Result<Tensor, Fault> {
        let together = if trace.is_some() { rows.len().max(1) } else { ROWS_TOGETHER };
        let mut trace = trace;
        let mut last = None;
        let mut start = rows.start;
        while start < rows.end {
            let part = start..layout.part_end(start, together).min(rows.end);
            let (states, lifts) = self.inputs(layout, part.clone(), sight)?;
            let angles = self.model.angles().at(&layout.places[part.clone()]).map_err(broken)?;
            let blocks = &layout.blocks[part.clone()];
            let mut spans = [Span { rows: 0..part.len(), blocks, cache: &mut *cache }];
            let states =
                self.model.decoder().forward(states, &angles, &mut spans, &lifts, trace.as_deref_mut())?;
            last = Some(states);
            start = part.end;
        }
        let states = last.ok_or_else(|| Fault::internal("no tokens to take in"))?;
        if trace.is_some() {
            return Ok(states);
        }
        let count = states.dims2().map_err(broken)?.0;
        states.narrow(0, count - 1, 1).map_err(broken)
    }

    /// One token for each of several sequences; gives their hidden states in order.
    ///
    /// # Errors
    /// A token beyond the embedding rows.
    pub(crate) fn step(
        &self,
        tokens: &[u32],
        places: &[Place],
        caches: Vec<&mut KvCache>,
    ) -> Result<Tensor, Fault> {
        let decoder = self.model.decoder();
        let rows = matrix(decoder.embed(tokens)?, tokens.len(), decoder.shape().hidden).map_err(broken)?;
        let angles = self.model.angles().at(places).map_err(broken)?;
        let mut spans: Vec<Span<'_>> = caches
            .into_iter()
            .enumerate()
            .map(|(row, cache)| Span { rows: row..row + 1, blocks: &[], cache })
            .collect();
        decoder.forward(rows, &angles, &mut spans, &[], None)
    }

    /// Embeddings of tokens with the features of pictures in their place, and what is added after the first layers.
    fn inputs(
        &self,
        layout: &Layout,
        rows: Range<usize>,
        sight: &dyn Fn(usize) -> Option<Arc<Sight>>,
    ) -> Result<(Tensor, Vec<Tensor>), Fault> {
        let decoder = self.model.decoder();
        let hidden = decoder.shape().hidden;
        let mut values = decoder.embed(&layout.ids[rows.clone()])?;
        let mut lifts: Vec<Vec<f32>> = Vec::new();
        for placed in &layout.placed {
            let from = placed.tokens.start.max(rows.start);
            let to = placed.tokens.end.min(rows.end);
            if from >= to {
                continue;
            }
            let missing = || Fault::internal(format!("picture {} was not looked at", placed.shown));
            let sight = sight(placed.shown).ok_or_else(missing)?;
            let first = placed.first + from - placed.tokens.start;
            let source = first * hidden..(first + to - from) * hidden;
            let target = (from - rows.start) * hidden..(to - rows.start) * hidden;
            paste(&sight.features, source.clone(), &mut values, target.clone())?;
            lifts.resize_with(sight.lifts.len().max(lifts.len()), || vec![0.0; rows.len() * hidden]);
            for (lift, seen) in lifts.iter_mut().zip(&sight.lifts) {
                paste(seen, source.clone(), lift, target.clone())?;
            }
        }
        let tensor = |values: Vec<f32>| matrix(values, rows.len(), hidden).map_err(broken);
        Ok((tensor(values)?, lifts.into_iter().map(tensor).collect::<Result<_, _>>()?))
    }
}

fn paste(from: &Tensor, source: Range<usize>, to: &mut [f32], target: Range<usize>) -> Result<(), Fault> {
    let copied = floats(from, |values| {
        let fits = values.get(source).zip(to.get_mut(target));
        Ok(fits.filter(|(from, to)| from.len() == to.len()).map(|(from, to)| to.copy_from_slice(from)))
    });
    copied
        .map_err(broken)?
        .ok_or_else(|| Fault::internal("a picture has another number of features than of placeholders"))
}

/// Tokens that end a reply: of `generation_config.json`, else of `config.json`, its top first, else the tokenizer's.
fn stops(checkpoint: &Checkpoint, words: &Words, template: &Template) -> Result<Vec<u32>, Fault> {
    let ids = |table: &Value| -> Vec<u32> {
        let found = match table.get("eos_token_id") {
            Some(Value::Array(ids)) => ids.iter().filter_map(Value::as_u64).collect(),
            Some(id) => id.as_u64().into_iter().collect(),
            None => Vec::new(),
        };
        found.into_iter().filter_map(|id| u32::try_from(id).ok()).collect()
    };
    let generation = checkpoint.json("generation_config.json")?.unwrap_or(Value::Null);
    let config = checkpoint.json("config.json")?.unwrap_or(Value::Null);
    let text = config.get("text_config").unwrap_or(&Value::Null);
    let named = [&generation, &config, text].into_iter().map(ids).find(|ids| !ids.is_empty());
    let stops = named.unwrap_or_else(|| {
        template.token("eos_token").and_then(|token| words.id(token)).into_iter().collect()
    });
    if stops.is_empty() {
        let what = format!("{}: no token ends a reply", checkpoint.folder().display());
        return Err(Fault::data(what).help("name it as eos_token_id in generation_config.json"));
    }
    Ok(stops)
}
