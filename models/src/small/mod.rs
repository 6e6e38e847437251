//! `small`: a vision-language model of our own, one million parameters, trained on phantoms alone by
//! `examples/train_small`. Real pixels in, real logits out, one token at a time: enough to try every sampler without a
//! download, and to see what a model that looks wins over one that does not.

mod network;
mod picture;
mod session;
mod unfold;
mod vocabulary;

pub use network::{CELLS, Given, Memory, Network, PROMPT, Places, Pointed, REPLY, SIDE, Sight, Thought};
pub use picture::Reduced;
pub use session::prompt_positions;
pub use vocabulary::Vocabulary;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use session::SmallSession;
use situs_core::fault::file_fault;
use situs_core::model_backend::{EmbeddingSource, RowReader};
use situs_core::prelude::*;
use std::path::{Path, PathBuf};

/// Trained weights, f16.
const WEIGHTS: &[u8] = include_bytes!("weights.safetensors");
/// Largest file of weights that is read, in bytes.
const MOST_WEIGHTS: u64 = 64 << 20;
/// Sequences that a session decodes at once.
const SLOTS: usize = 8;

situs_core::component! {
    /// A small vision-language model trained on phantoms: one slice, marks by colour or letter; decodes step by step.
    model "small";
    pub struct SmallSpec {
        /// Whether it looks at the picture; without, it answers from the text alone.
        pub pictures: bool = true,
        /// Other weights than the ones inside, as `examples/train_small` writes them.
        pub weights: Option<PathBuf> = None,
    }
}

#[typetag::serde(name = "small")]
impl ModelBackendSpec for SmallSpec {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        let Some(path) = &self.weights else { return Ok(Box::new(Small::load(WEIGHTS, self.pictures)?)) };
        let path = cx.path(path);
        let weights = read(&path).map_err(|fault| fault.at("weights"))?;
        let small = Small::load(&weights, self.pictures);
        Ok(Box::new(small.map_err(|fault| Fault::data(fault.what).within(path.display()).at("weights"))?))
    }
}

/// Reads a file of weights.
fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let size = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
    if size > MOST_WEIGHTS {
        return Err(Fault::data(format!(
            "{}: {size} bytes; at most {MOST_WEIGHTS} are read",
            path.display()
        )));
    }
    std::fs::read(path).map_err(|error| file_fault("read", path, &error))
}

/// The model with its vocabulary.
pub struct Small {
    card: ModelCard,
    network: Network,
    vocabulary: Vocabulary,
    embeddings: Vec<f32>,
    pictures: bool,
}

fn broken(error: candle_core::Error) -> Fault {
    Fault::internal(format!("small: {error}"))
}

impl Small {
    /// A model over weights in the safetensors format; `pictures`: whether it looks.
    ///
    /// # Errors
    /// Weights of another network.
    pub fn load(weights: &[u8], pictures: bool) -> Result<Self, Fault> {
        let vocabulary = Vocabulary::embedded();
        let vb = VarBuilder::from_slice_safetensors(weights, DType::F32, &Device::Cpu).map_err(broken)?;
        let network = Network::new(&vb, vocabulary.len()).map_err(broken)?;
        let embeddings = network.words().flatten_all().and_then(|words| words.to_vec1()).map_err(broken)?;
        let digest = Digest::new("small-1").add(weights).json(&vocabulary.texts()).json(&pictures).short();
        let card = ModelCard {
            slots: SLOTS,
            parallel: 1,
            stepwise: true,
            honours: Vec::new(),
            pictures: if pictures { PictureForm::Png } else { PictureForm::None },
            ..ModelCard::baseline("small", digest)
        };
        Ok(Self { card, network, vocabulary, embeddings, pictures })
    }
}

impl ModelBackend for Small {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn vocabulary(&self) -> Result<Option<situs_core::model_backend::Vocabulary<'_>>, Fault> {
        Ok(Some(situs_core::model_backend::Vocabulary {
            texts: self.vocabulary.texts(),
            content: self.vocabulary.content(),
        }))
    }

    fn embeddings(&self) -> Result<Option<EmbeddingSource<'_>>, Fault> {
        let mut digest = Digest::new("small-embeddings-1");
        self.embeddings.iter().for_each(|value| {
            digest.add(&value.to_le_bytes());
        });
        let rows = Rows { values: &self.embeddings, rows: self.vocabulary.len() };
        Ok(Some(EmbeddingSource::Rows { reader: Box::new(rows), sha256: digest.hex() }))
    }

    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        Ok(Box::new(SmallSession::new(self)))
    }
}

/// Rows of the word embeddings.
struct Rows<'a> {
    values: &'a [f32],
    rows: usize,
}

impl RowReader for Rows<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn width(&self) -> usize {
        self.values.len() / self.rows.max(1)
    }

    fn read(&self, first: usize, count: usize, out: &mut Vec<f32>) -> Result<(), Fault> {
        let width = self.width();
        let range =
            first.checked_mul(width).zip(first.checked_add(count).and_then(|end| end.checked_mul(width)));
        let rows = range.and_then(|(start, end)| self.values.get(start..end));
        let rows = rows.ok_or_else(|| {
            Fault::internal(format!("small has {} embeddings, not {count} from {first}", self.rows))
        })?;
        out.clear();
        out.extend_from_slice(rows);
        Ok(())
    }
}
