//! BERT and its kin: attention of all tokens of a text over all others, norms behind what is added.

use crate::checkpoint::{Checkpoint, Config, Part, Weight};
use crate::layers::{Activation, FeedForward, LayerNorm, Linear, attend_groups, broken, floats, matrix};
use candle_core::{Result, Tensor};
use situs_core::fault::Fault;
use std::ops::Range;

/// Largest size that a configuration may claim for one dimension.
const MAX_WIDTH: usize = 1 << 20;
/// Most layers.
const MAX_LAYERS: usize = 1024;
/// Most embedding rows.
const MAX_ROWS: usize = 1 << 24;

/// What an architecture calls its parts.
struct Kin {
    model_type: &'static str,
    /// In front of all names, in some files.
    prefix: &'static str,
    /// Fields of `config.json`: width, width between products, heads, layers, bend.
    fields: [&'static str; 5],
    layers: &'static str,
    /// Queries, keys, values, what brings them together, the norm behind.
    attention: [&'static str; 5],
    /// Both products, the norm behind.
    feed_forward: [&'static str; 3],
    /// Whether tokens have a segment.
    segments: bool,
    /// Whether positions are counted from behind the padding token's id.
    behind_padding: bool,
}

const BERT: Kin = Kin {
    model_type: "bert",
    prefix: "bert.",
    fields: ["hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "hidden_act"],
    layers: "encoder.layer",
    attention: [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
        "attention.output.LayerNorm",
    ],
    feed_forward: ["intermediate.dense", "output.dense", "output.LayerNorm"],
    segments: true,
    behind_padding: false,
};

const KIN: [Kin; 4] = [
    BERT,
    Kin { model_type: "roberta", prefix: "roberta.", behind_padding: true, ..BERT },
    Kin { model_type: "xlm-roberta", prefix: "roberta.", behind_padding: true, ..BERT },
    Kin {
        model_type: "distilbert",
        prefix: "distilbert.",
        fields: ["dim", "hidden_dim", "n_heads", "n_layers", "activation"],
        layers: "transformer.layer",
        attention: [
            "attention.q_lin",
            "attention.k_lin",
            "attention.v_lin",
            "attention.out_lin",
            "sa_layer_norm",
        ],
        feed_forward: ["ffn.lin1", "ffn.lin2", "output_layer_norm"],
        segments: false,
        behind_padding: false,
    },
];

/// Token ids to one vector a token.
pub(super) struct Encoder {
    words: Weight,
    places: Weight,
    /// What is added to tokens of the first segment, the only one here.
    segment: Vec<f32>,
    /// The padding token, where positions are counted from behind its id: it has its own one, wherever it stands.
    padding: Option<usize>,
    norm: LayerNorm,
    layers: Vec<Layer>,
    /// Embedding rows.
    pub(super) vocabulary: usize,
    /// Most tokens of a text.
    pub(super) positions: usize,
    /// Numbers of a vector.
    pub(super) width: usize,
}

struct Layer {
    queries: Linear,
    keys: Linear,
    values: Linear,
    output: Linear,
    seen: LayerNorm,
    feed_forward: FeedForward,
    fed: LayerNorm,
    heads: usize,
}

struct Sizes {
    width: usize,
    middle: usize,
    heads: usize,
    epsilon: f64,
    activation: Activation,
}

impl Encoder {
    /// Reads the encoder of a checkpoint.
    ///
    /// # Errors
    /// Another architecture; a tensor that is missing or of another shape, by name; sizes that are absurd.
    pub(super) fn read(checkpoint: &Checkpoint) -> std::result::Result<Self, Fault> {
        let config = checkpoint.config();
        let kind = checkpoint.model_type()?;
        let Some(kin) = KIN.iter().find(|kin| kin.model_type == kind) else {
            let known = KIN.map(|kin| kin.model_type).join(", ");
            let what = config.fault("model_type", &format!("'{kind}'")).what;
            return Err(
                Fault::unsupported(what).help(format!("sentence embeddings are computed with {known}"))
            );
        };
        let sizes = Sizes::read(&config, kin)?;
        let &Sizes { width, epsilon, .. } = &sizes;
        let vocabulary = config.count("vocab_size", None, MAX_ROWS)?;
        let places = config.count("max_position_embeddings", None, MAX_ROWS)?;
        let padding = if kin.behind_padding { Some(config.token("pad_token_id", 1)? as usize) } else { None };
        let first_place = padding.map_or(0, |padding| padding + 1);
        if first_place >= places {
            return Err(
                config.fault("max_position_embeddings", &format!("none of {places} is left for text"))
            );
        }
        let part = Part::new(checkpoint, &["", kin.prefix]);
        let embeddings = part.within("embeddings");
        let table = |name: &str, rows: usize| embeddings.within(name).weight("weight", &[rows, width]);
        let mut segment = vec![0.0; width];
        if kin.segments {
            let segments = config.count("type_vocab_size", Some(2), MAX_ROWS)?;
            table("token_type_embeddings", segments)?.widen(0..width, &mut segment);
        }
        let layer = |index: usize| Layer::read(&part.within(kin.layers).within(index), &sizes, kin);
        let [.., layers, _] = kin.fields;
        let layers = config.count(layers, None, MAX_LAYERS)?;
        Ok(Self {
            words: table("word_embeddings", vocabulary)?,
            places: table("position_embeddings", places)?,
            segment,
            padding,
            norm: LayerNorm::read(&embeddings.within("LayerNorm"), width, epsilon)?,
            layers: (0..layers).map(layer).collect::<std::result::Result<_, _>>()?,
            vocabulary,
            positions: places - first_place,
            width,
        })
    }

    /// Vectors `[tokens, width]`, row by row, of the tokens of several texts; `texts` cover all tokens in order.
    ///
    /// # Errors
    /// A token beyond the vocabulary, a text beyond the positions.
    pub(super) fn forward(
        &self,
        tokens: &[u32],
        texts: &[Range<usize>],
    ) -> std::result::Result<Vec<f32>, Fault> {
        let rows = self.embed(tokens, texts)?;
        let run = || {
            let mut rows = self.norm.forward(&matrix(rows, tokens.len(), self.width)?)?;
            for layer in &self.layers {
                rows = layer.forward(&rows, texts)?;
            }
            floats(&rows, |values| Ok(values.to_vec()))
        };
        run().map_err(broken)
    }

    fn embed(&self, tokens: &[u32], texts: &[Range<usize>]) -> std::result::Result<Vec<f32>, Fault> {
        let width = self.width;
        let mut rows = Vec::with_capacity(tokens.len() * width);
        let (mut word, mut place) = (Vec::new(), Vec::new());
        for text in texts {
            let mut next = self.padding.map_or(0, |padding| padding + 1);
            for token in &tokens[text.clone()] {
                let token = *token as usize;
                let at = self.padding.filter(|padding| *padding == token).unwrap_or(next);
                next += usize::from(self.padding != Some(token));
                if token >= self.vocabulary || at >= self.places.matrix().0 {
                    return Err(Fault::internal(format!("token {token} at position {at} has no embedding")));
                }
                self.words.widen(token * width..(token + 1) * width, &mut word);
                self.places.widen(at * width..(at + 1) * width, &mut place);
                let parts = word.iter().zip(&self.segment).zip(&place);
                rows.extend(parts.map(|((word, segment), place)| word + segment + place));
            }
        }
        Ok(rows)
    }
}

impl Sizes {
    fn read(config: &Config<'_>, kin: &Kin) -> std::result::Result<Self, Fault> {
        let [width, middle, heads, _, bend] = kin.fields;
        let width = config.count(width, None, MAX_WIDTH)?;
        let count = config.count(heads, None, width)?;
        if width % count != 0 {
            return Err(config.fault(heads, &format!("{count} heads of a width of {width}")));
        }
        let positions = config.word("position_embedding_type", "absolute");
        if positions != "absolute" {
            let what = config.fault("position_embedding_type", &format!("'{positions}'")).what;
            return Err(Fault::unsupported(what).help("'absolute' is computed"));
        }
        if config.flag("is_decoder") {
            return Err(Fault::unsupported(
                config.fault("is_decoder", "true; tokens see both ways here").what,
            ));
        }
        Ok(Self {
            width,
            middle: config.count(middle, None, MAX_WIDTH)?,
            heads: count,
            epsilon: config.number("layer_norm_eps", 1e-12)?,
            activation: Activation::read_from(config, bend, "gelu")?,
        })
    }
}

impl Layer {
    fn read(part: &Part<'_>, sizes: &Sizes, kin: &Kin) -> std::result::Result<Self, Fault> {
        let &Sizes { width, middle, heads, epsilon, activation } = sizes;
        let [queries, keys, values, output, seen] = kin.attention;
        let [first, second, fed] = kin.feed_forward;
        let project = |name: &str| Linear::read(&part.within(name), width, width, true);
        Ok(Self {
            queries: project(queries)?,
            keys: project(keys)?,
            values: project(values)?,
            output: project(output)?,
            seen: LayerNorm::read(&part.within(seen), width, epsilon)?,
            feed_forward: FeedForward::read(part, [first, second], [width, middle, width], activation)?,
            fed: LayerNorm::read(&part.within(fed), width, epsilon)?,
            heads,
        })
    }

    fn forward(&self, rows: &Tensor, texts: &[Range<usize>]) -> Result<Tensor> {
        let (query, keys, values) =
            (self.queries.forward(rows)?, self.keys.forward(rows)?, self.values.forward(rows)?);
        let seen = self.output.forward(&attend_groups(&query, &keys, &values, self.heads, texts)?)?;
        let rows = self.seen.forward(&(rows + seen)?)?;
        let fed = self.feed_forward.forward(&rows)?;
        self.fed.forward(&(rows + fed)?)
    }
}
