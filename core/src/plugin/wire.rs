//! The JSON messages of the boundary, one definition for both sides.
//!
//! Each is what `include/situs_plugin.h` lists. 64 random bits cross as 16 hexadecimal digits, since JSON readers in
//! other languages stop at 2^53. A number that is not finite becomes `null` and is refused where it is read.

use crate::case::{Case, DatasetCard};
use crate::fault::Fault;
use crate::model_backend::ModelCard;
use crate::prompt::Prompt;
use crate::question::{Question, Reasons};
use crate::record::{Record, Score};
use crate::reply::{self, Consultation, Key, Replies, Reply};
use crate::space::Affine;
use crate::structure::{CatalogueEntry, Measured, Warning};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// 64 bits as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bits(pub(crate) u64);

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let plain = text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let bits = u64::from_str_radix(&text, 16).ok().filter(|_| plain);
        bits.map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("expected 16 hexadecimal digits, found {text:?}"))
        })
    }
}

/// Request of `create`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Create<'a> {
    pub(crate) params: Cow<'a, Value>,
    pub(crate) base: Option<PathBuf>,
    pub(crate) seed: Bits,
    pub(crate) workers: usize,
}

/// A data set of itself.
#[derive(Serialize, Deserialize)]
pub(crate) struct DatasetSelf<'a> {
    pub(crate) card: Cow<'a, DatasetCard>,
    pub(crate) len: usize,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct CaseAt {
    pub(crate) index: usize,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct VolumeAt<'a> {
    pub(crate) key: Cow<'a, str>,
}

/// A volume without its voxels.
#[derive(Serialize, Deserialize)]
pub(crate) struct VolumeHead<'a> {
    pub(crate) affine: Affine,
    #[serde(default)]
    pub(crate) names: Cow<'a, BTreeMap<u32, String>>,
    #[serde(default)]
    pub(crate) warnings: Cow<'a, [Warning]>,
}

/// A mask's box, both ends inclusive.
#[derive(Serialize, Deserialize)]
pub(crate) struct MaskBox {
    pub(crate) min: [usize; 3],
    pub(crate) max: [usize; 3],
}

/// What a segmentation was made from.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SegmentationForm {
    LabelMap,
    Masks,
    Boxes,
}

/// A segmentation without its voxels.
#[derive(Serialize, Deserialize)]
pub(crate) struct SegmentationHead<'a> {
    pub(crate) form: SegmentationForm,
    pub(crate) measured: Cow<'a, Measured>,
    pub(crate) shared: Vec<(usize, usize, u64)>,
    pub(crate) masks: Vec<Option<MaskBox>>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct LentVolume<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) stamp: u32,
    pub(crate) head: Option<VolumeHead<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<Cow<'a, Fault>>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct LentSegmentation<'a> {
    pub(crate) case: Cow<'a, str>,
    pub(crate) stamp: u32,
    pub(crate) head: Option<SegmentationHead<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<Cow<'a, Fault>>,
}

/// What the host lends to a call.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Lent<'a> {
    #[serde(default)]
    pub(crate) volumes: Vec<LentVolume<'a>>,
    #[serde(default)]
    pub(crate) segmentations: Vec<LentSegmentation<'a>>,
}

/// What a plug-in wants to be lent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    pub(crate) volumes: Vec<String>,
    #[serde(default)]
    pub(crate) segmentations: Vec<String>,
    /// Whether the plug-in remembers what it was lent, by stamp.
    #[serde(default)]
    pub(crate) keep: bool,
}

impl Wanted {
    pub(crate) fn is_empty(&self) -> bool {
        self.volumes.is_empty() && self.segmentations.is_empty()
    }
}

/// A family of itself.
#[derive(Serialize, Deserialize)]
pub(crate) struct FamilySelf<'a> {
    pub(crate) version: Cow<'a, str>,
}

/// All measurements with the data set's card.
#[derive(Serialize, Deserialize)]
pub(crate) struct Measurements<'a> {
    pub(crate) card: Cow<'a, DatasetCard>,
    pub(crate) digest: Cow<'a, str>,
    pub(crate) cases: Cow<'a, [CatalogueEntry]>,
}

/// Replies to consultations, with the keys that got none.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Given<'a> {
    #[serde(default)]
    pub(crate) replies: Vec<(Cow<'a, Key>, Cow<'a, Reply>)>,
    #[serde(default)]
    pub(crate) failed: Vec<Cow<'a, Key>>,
}

impl<'a> Given<'a> {
    #[cfg(feature = "engine")]
    pub(crate) fn all(replies: &'a Replies) -> Self {
        Self {
            replies: replies.given().map(|(key, reply)| (Cow::Borrowed(key), Cow::Borrowed(reply))).collect(),
            failed: replies.without_reply().map(Cow::Borrowed).collect(),
        }
    }

    #[cfg(feature = "engine")]
    pub(crate) fn about(replies: &'a Replies, about: &'a str) -> Self {
        let (given, failed) = replies.own(about);
        Self {
            replies: given.map(|(key, reply)| (Cow::Borrowed(key), Cow::Borrowed(reply))).collect(),
            failed: failed.map(Cow::Borrowed).collect(),
        }
    }

    pub(crate) fn into_replies(self) -> Replies {
        let mut replies = Replies::default();
        self.replies
            .into_iter()
            .for_each(|(key, reply)| replies.insert(key.into_owned(), reply.into_owned()));
        self.failed.into_iter().for_each(|key| replies.fail(key.into_owned()));
        replies
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Ask<'a> {
    pub(crate) case: Cow<'a, Case>,
    /// Set when the case is not in the catalogue.
    #[serde(default)]
    pub(crate) entry: Option<Cow<'a, CatalogueEntry>>,
    pub(crate) seed: Bits,
    #[serde(default)]
    pub(crate) replies: Vec<(Cow<'a, Key>, Cow<'a, Reply>)>,
    #[serde(default)]
    pub(crate) failed: Vec<Cow<'a, Key>>,
    pub(crate) lent: Lent<'a>,
}

/// Exactly one of `questions`, `needs` and `lend` is set.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct AskReply {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) questions: Option<Vec<Question>>,
    #[serde(default, skip_serializing_if = "Reasons::is_empty")]
    pub(crate) left_out: Reasons,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) needs: Option<Vec<Need>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lend: Option<Wanted>,
}

/// A consultation, its seed as hexadecimal digits.
#[derive(Serialize, Deserialize)]
pub(crate) struct Need {
    pub(crate) key: Key,
    pub(crate) role: String,
    pub(crate) prompt: Prompt,
    #[serde(default)]
    pub(crate) sampling: Sampling,
}

impl From<Consultation> for Need {
    fn from(need: Consultation) -> Self {
        let Consultation { key, role, prompt, sampling } = need;
        Self { key, role, prompt, sampling: (&sampling).into() }
    }
}

impl From<Need> for Consultation {
    fn from(need: Need) -> Self {
        let Need { key, role, prompt, sampling } = need;
        Self { key, role, prompt, sampling: sampling.into() }
    }
}

/// Sampling parameters, the seed as hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sampling {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<Bits>,
}

impl From<&reply::Sampling> for Sampling {
    fn from(sampling: &reply::Sampling) -> Self {
        let reply::Sampling { temperature, top_k, top_p, min_p, max_tokens, seed } = *sampling;
        Self { temperature, top_k, top_p, min_p, max_tokens, seed: seed.map(Bits) }
    }
}

impl From<Sampling> for reply::Sampling {
    fn from(sampling: Sampling) -> Self {
        let Sampling { temperature, top_k, top_p, min_p, max_tokens, seed } = sampling;
        Self { temperature, top_k, top_p, min_p, max_tokens, seed: seed.map(|Bits(seed)| seed) }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Read<'a> {
    pub(crate) question: Cow<'a, Question>,
    pub(crate) reply: Cow<'a, Reply>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Render<'a> {
    pub(crate) cases: Vec<Cow<'a, Case>>,
    pub(crate) question: Cow<'a, Question>,
    pub(crate) lent: Lent<'a>,
}

/// One of the two is set.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct RenderReply {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) done: Option<Prompt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lend: Option<Wanted>,
}

/// A request without the right answer, which never crosses.
#[derive(Serialize, Deserialize)]
pub(crate) struct Request<'a> {
    pub(crate) id: Cow<'a, str>,
    #[serde(default)]
    pub(crate) question: Cow<'a, str>,
    pub(crate) prompt: Cow<'a, Prompt>,
    #[serde(default)]
    pub(crate) options: Cow<'a, [String]>,
    pub(crate) trial: u32,
    pub(crate) draw: Bits,
}

impl<'a> From<&'a reply::Request> for Request<'a> {
    fn from(request: &'a reply::Request) -> Self {
        Self {
            id: Cow::Borrowed(&request.id),
            question: Cow::Borrowed(&request.question),
            prompt: Cow::Borrowed(&request.prompt),
            options: Cow::Borrowed(&request.options),
            trial: request.trial,
            draw: Bits(request.draw),
        }
    }
}

impl From<Request<'_>> for reply::Request {
    fn from(request: Request<'_>) -> Self {
        Self {
            id: request.id.into_owned(),
            question: request.question.into_owned(),
            prompt: request.prompt.into_owned(),
            options: request.options.into_owned(),
            trial: request.trial,
            draw: request.draw.0,
            truth: None,
        }
    }
}

/// `reply` and `admit`, the latter without sampling.
#[derive(Serialize, Deserialize)]
pub(crate) struct Asked<'a> {
    pub(crate) request: Request<'a>,
    #[serde(default)]
    pub(crate) sampling: Option<Sampling>,
    #[serde(default)]
    pub(crate) paths: BTreeMap<String, PathBuf>,
}

/// Where embeddings are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Embeddings {
    File { path: PathBuf, tensor: String, sha256: String },
    Rows { rows: usize, width: usize, sha256: String },
}

/// Two parts of a model that a sampler may ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ModelParts {
    #[serde(default)]
    pub(crate) vocabulary: bool,
    #[serde(default)]
    pub(crate) embeddings: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Prepare<'a> {
    pub(crate) card: Cow<'a, ModelCard>,
    /// Which of the two were looked up; what was and is null does not exist.
    pub(crate) given: ModelParts,
    #[serde(default)]
    pub(crate) vocabulary: Option<Cow<'a, [String]>>,
    #[serde(default)]
    pub(crate) embeddings: Option<Embeddings>,
}

/// What a sampler says after it was prepared.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Prepared {
    #[serde(default)]
    pub(crate) digest: Option<String>,
}

/// Without `needs` the sampler is ready.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct PrepareReply {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) done: Option<Prepared>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) needs: Option<ModelParts>,
}

/// A sampler of itself.
#[derive(Serialize, Deserialize)]
pub(crate) struct SamplerSelf {
    #[serde(default)]
    pub(crate) remote: Option<Sampling>,
    #[serde(default = "usual_tokens")]
    pub(crate) max_tokens: u32,
}

/// Most new tokens of a sampler that does not say.
pub(crate) fn usual_tokens() -> u32 {
    1024
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Consult<'a> {
    pub(crate) records: Cow<'a, [Record]>,
    #[serde(default)]
    pub(crate) replies: Vec<(Cow<'a, Key>, Cow<'a, Reply>)>,
    #[serde(default)]
    pub(crate) failed: Vec<Cow<'a, Key>>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ScoreOf<'a> {
    pub(crate) record: Cow<'a, Record>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) replies: Vec<(Cow<'a, Key>, Cow<'a, Reply>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) failed: Vec<Cow<'a, Key>>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Summarise<'a> {
    pub(crate) records: Vec<Cow<'a, Record>>,
    pub(crate) scores: Vec<Option<Cow<'a, Score>>>,
    pub(crate) seed: Bits,
    pub(crate) replicates: u32,
}

/// Reads a message.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn read<'a, T: Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::internal(format!("{what} cannot be read: {error}")))
}

/// What a question or a record takes; a buffer that grew to it would be moved five times.
const USUAL_BYTES: usize = 4096;

/// Writes a message.
///
/// # Errors
/// Never for the messages of this module.
pub(crate) fn write(message: &impl Serialize) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut bytes, message)
        .map_err(|error| Fault::internal(format!("cannot be written as JSON: {error}")))?;
    Ok(bytes)
}
