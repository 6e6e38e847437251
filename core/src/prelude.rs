//! Everything a component's file needs.

pub use crate::case::{
    Case, DatasetCard, Modality, NamedBox, NamedMask, StructureSource, VolumeRef, VolumeSource,
};
pub use crate::dataset::{Dataset, DatasetSpec};
pub use crate::digest::{Digest, Draw};
pub use crate::fault::{Cause, Fault};
pub use crate::media::{Media, Picture};
pub use crate::metric::{Metric, MetricSpec};
pub use crate::model_backend::{
    Flow, HostRows, Logits, LogitsPlace, ModelBackend, ModelBackendSpec, ModelCard, PictureForm, Session,
    SlotId,
};
pub use crate::prompt::{ImageRef, Part, Prompt};
pub use crate::prompt_renderer::{PromptRenderer, PromptRendererSpec};
pub use crate::question::{Evidence, Position, Question, Reasons};
pub use crate::question_family::{AskContext, Asked, QuestionFamily, QuestionFamilySpec};
pub use crate::record::{Answer, AnswerState, Record, Score, Scored, Summary};
pub use crate::registry::BuildContext;
pub use crate::reply::{Consultation, Finish, Key, Replies, Reply, Request, Sampling, Tokens};
pub use crate::sampler::{Pick, Row, Sampler, SamplerSpec, TableCard};
pub use crate::structure::{
    Catalogue, CatalogueEntry, Grid, Measured, OtherPatients, Section, Structure, Warning,
};
pub use crate::volume::{Segmentation, Volume};
pub use serde::{Deserialize, Serialize};
