//! The backend `candle`.

use crate::checkpoint::Precision;
use crate::native::{Native, Tokens};
use crate::reply::answer;
use crate::session::Decoding;
use serde_json::{Map, Value};
use situs_core::model_backend::{EmbeddingSource, SAMPLING_FIELDS, Vocabulary};
use situs_core::prelude::*;
use situs_plugins::neighbors::EmbeddingFile;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Most sequences that are decoded together.
const MAX_SLOTS: usize = 64;

situs_core::component! {
    /// Runs a published vision-language checkpoint from a local folder, on the CPU, step by step.
    ///
    /// Families: Qwen3-VL; Qwen2.5-VL, and with it Lingshu; Gemma 3, and with it MedGemma; PaliGemma 1 and 2; LLaVA 1.5 and
    /// LLaVA-NeXT, and with them LLaVA-Med in transformers' layout. The folder is what the model hubs hold: config.json,
    /// *.safetensors, tokenizer.json, a chat template. Weights are mapped, not copied; sums and activations are f32.
    /// Prompts that begin alike (the same pictures, then another question) are computed once up to where they differ.
    ///
    /// As a judge or another consulted model it gives whole replies: greedy unless the sampling asked for says otherwise.
    model "candle";
    pub struct Candle {
        /// Folder of the checkpoint.
        pub dir: PathBuf = PathBuf::new(),
        /// Numbers that weights are rounded to: `f32`, `bf16` or `f16`. Weights stored with fewer bits stay exact.
        pub dtype: Precision = Precision::F32,
        /// Sequences that are decoded together.
        pub slots: usize = 4,
        /// Most positions of prompt and reply: one for each token of text, for a picture its longer side in tokens. Not
        /// set: what the model was made for.
        pub context: Option<usize> = None,
        /// Most pictures in a prompt.
        pub max_pictures: usize = 128,
        /// Send pictures that follow each other as the frames of one video: two slices make one step of time, so half
        /// the tokens. Otherwise each is a picture of its own.
        pub video: bool = false,
        /// Frames a second of such a video.
        pub fps: f64 = 2.0,
        /// Text of a system message in front of every prompt.
        pub system: Option<String> = None,
        /// Further variables of the chat template, e.g. `enable_thinking`.
        pub template: Map<String, Value> = Map::new(),
    }
}

/// What a session needs of the parameters, checked.
pub(crate) struct Settings {
    pub(crate) context: usize,
    pub(crate) max_pictures: usize,
    pub(crate) video: bool,
    pub(crate) fps: f64,
    pub(crate) system: Option<String>,
    pub(crate) template: Map<String, Value>,
}

#[typetag::serde(name = "candle")]
impl ModelBackendSpec for Candle {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        if !(1..=MAX_SLOTS).contains(&self.slots) {
            return Err(Fault::config(format!("1 to {MAX_SLOTS}, found {}", self.slots)).at("slots"));
        }
        if !(self.fps > 0.0 && self.fps.is_finite()) {
            return Err(Fault::config(format!("must be above 0, found {}", self.fps)).at("fps"));
        }
        if self.dir.as_os_str().is_empty() {
            return Err(Fault::config("which checkpoint?").at("dir").help("set model.dir to its folder"));
        }
        let dir = cx.path(&self.dir);
        let native = Native::open(&dir, self.dtype).map_err(|fault| fault.at("dir"))?;
        if self.video && native.model.marks().video.is_none() {
            let kind = native.checkpoint.model_type()?;
            let what = format!("true, but models of type '{kind}' take no videos");
            return Err(Fault::config(what).at("video").help("leave it out: slices are sent as pictures"));
        }
        let made_for = native.model.decoder().shape().context;
        let context = self.context.unwrap_or(made_for);
        if !(2..=made_for).contains(&context) {
            let what = format!("2 to {made_for}, what the model was made for; found {context}");
            return Err(Fault::config(what).at("context"));
        }
        let folder = dir.canonicalize().unwrap_or(dir);
        let name = folder
            .file_name()
            .map_or_else(|| "candle".to_owned(), |name| name.to_string_lossy().into_owned());
        let mut digest = Digest::new("situs-candle-1");
        digest
            .text(&native.checkpoint.digest()?)
            .json(&(&self.context, self.max_pictures, self.video, self.fps))
            .json(&(&self.system, &self.template));
        let card = ModelCard {
            name,
            digest: digest.hex(),
            slots: self.slots,
            parallel: 1,
            stepwise: true,
            honours: SAMPLING_FIELDS.iter().map(|field| (*field).to_owned()).collect(),
            pictures: PictureForm::Pixels,
            reads_answers: false,
            deterministic: true,
        };
        let settings = Settings {
            context,
            max_pictures: self.max_pictures,
            video: self.video,
            fps: self.fps,
            system: self.system.clone(),
            template: self.template.clone(),
        };
        Ok(Box::new(Loaded {
            native: Arc::new(native),
            settings: Arc::new(settings),
            card,
            tokens: OnceLock::new(),
            embeddings: OnceLock::new(),
            whole: Mutex::new(None),
        }))
    }
}

struct Loaded {
    native: Arc<Native>,
    settings: Arc<Settings>,
    card: ModelCard,
    tokens: OnceLock<Result<Tokens, Fault>>,
    /// SHA-256 of the embedding matrix: reading it all takes a second or two.
    embeddings: OnceLock<Result<String, Fault>>,
    /// The session behind whole replies: prompts of a judge begin alike, and what they share is computed once.
    whole: Mutex<Option<Decoding>>,
}

impl Loaded {
    fn decoding(&self, slots: usize) -> Decoding {
        Decoding::new(Arc::clone(&self.native), Arc::clone(&self.settings), slots)
    }
}

impl ModelBackend for Loaded {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn vocabulary(&self) -> Result<Option<Vocabulary<'_>>, Fault> {
        match self.tokens.get_or_init(|| self.native.tokens()) {
            Ok(tokens) => Ok(Some(Vocabulary { texts: &tokens.texts, content: &tokens.content })),
            Err(fault) => Err(fault.clone()),
        }
    }

    fn embeddings(&self) -> Result<Option<EmbeddingSource<'_>>, Fault> {
        let tensor = self.native.model.decoder().embeddings().name();
        let Some(path) = self.native.checkpoint.file_of(tensor) else { return Ok(None) };
        let read = || Ok(EmbeddingFile::open(path, tensor)?.sha256().to_owned());
        match self.embeddings.get_or_init(read) {
            Ok(sha256) => Ok(Some(EmbeddingSource::File {
                path: path.to_owned(),
                tensor: tensor.to_owned(),
                sha256: sha256.clone(),
            })),
            Err(fault) => Err(fault.clone()),
        }
    }

    fn reply(&self, request: &Request, sampling: &Sampling, media: &dyn Media) -> Result<Reply, Fault> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out while it works, so that one that breaks is not used again.
        let mut session = whole.take().unwrap_or_else(|| self.decoding(1));
        let reply = answer(&mut session, request, sampling, media)?;
        *whole = Some(session);
        Ok(reply)
    }

    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        Ok(Box::new(self.decoding(self.card.slots)))
    }
}
