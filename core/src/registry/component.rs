//! Kinds of component, and what building one gives.

use crate::dataset::Dataset;
use crate::fault::Fault;
use crate::metric::Metric;
use crate::model_backend::ModelBackend;
use crate::prompt_renderer::PromptRenderer;
use crate::question_family::QuestionFamily;
use crate::sampler::Sampler;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The six kinds of component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u32)]
pub enum Kind {
    /// Source of cases.
    Dataset = 1,
    /// Writes questions, reads replies.
    Family = 2,
    /// Draws prompts.
    Renderer = 3,
    /// Answers.
    Model = 4,
    /// Chooses tokens.
    Sampler = 5,
    /// Scores.
    Metric = 6,
}

impl Kind {
    /// All six, in order.
    pub const ALL: [Kind; 6] =
        [Self::Dataset, Self::Family, Self::Renderer, Self::Model, Self::Sampler, Self::Metric];

    /// Name as in configs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Family => "family",
            Self::Renderer => "renderer",
            Self::Model => "model",
            Self::Sampler => "sampler",
            Self::Metric => "metric",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A built component of any kind.
#[allow(missing_docs)]
pub enum Live {
    Dataset(Box<dyn Dataset>),
    Family(Box<dyn QuestionFamily>),
    Renderer(Box<dyn PromptRenderer>),
    Model(Box<dyn ModelBackend>),
    Sampler(Box<dyn Sampler>),
    Metric(Box<dyn Metric>),
}

/// A trait object that the registry can build.
pub trait Slot {
    /// Its kind.
    const KIND: Kind;
    /// Takes it out of the common enum.
    fn from_live(live: Live) -> Option<Box<Self>>;
}

macro_rules! slot {
    ($trait:ident, $variant:ident) => {
        impl Slot for dyn $trait {
            const KIND: Kind = Kind::$variant;
            fn from_live(live: Live) -> Option<Box<Self>> {
                match live {
                    Live::$variant(component) => Some(component),
                    _ => None,
                }
            }
        }
        impl From<Box<dyn $trait>> for Live {
            fn from(component: Box<dyn $trait>) -> Self {
                Live::$variant(component)
            }
        }
    };
}

slot!(Dataset, Dataset);
slot!(QuestionFamily, Family);
slot!(PromptRenderer, Renderer);
slot!(ModelBackend, Model);
slot!(Sampler, Sampler);
slot!(Metric, Metric);

/// A component with the parameters it was really built from.
pub struct Built<S: ?Sized> {
    /// The component.
    pub component: Box<S>,
    /// `use` and all parameters, defaults filled in.
    pub resolved: super::Params,
    /// Package or library it comes from.
    pub origin: String,
    /// Digest of the library file, for loaded components.
    pub sha256: Option<String>,
}

impl<S: ?Sized> Built<S> {
    /// `{use, origin, sha256, params}`, as the manifest stores it.
    pub fn identity(&self) -> Identity {
        let mut params = self.resolved.clone();
        let name = match params.remove("use") {
            Some(serde_json::Value::String(name)) => name,
            _ => String::new(),
        };
        Identity { name, origin: self.origin.clone(), sha256: self.sha256.clone(), params }
    }
}

/// A component as the manifest stores it; the registry builds it again from this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Name within the kind.
    #[serde(rename = "use")]
    pub name: String,
    /// Package or library.
    pub origin: String,
    /// Digest of the library file, for loaded components.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// All parameters, defaults filled in.
    pub params: super::Params,
}

impl Identity {
    /// The parameters as the registry takes them.
    pub fn to_params(&self) -> super::Params {
        let mut params = self.params.clone();
        params.insert("use".to_owned(), serde_json::Value::String(self.name.clone()));
        params
    }
}

/// Deserialises a spec from parameters; the path of a wrong value goes into `Fault::at`.
///
/// # Errors
/// Unknown fields and wrong types.
pub fn spec_from<T: serde::de::DeserializeOwned>(params: &serde_json::Value) -> Result<T, Fault> {
    serde_path_to_error::deserialize(params).map_err(|error| {
        let mut fault = Fault::config(error.inner().to_string());
        for segment in error.path().iter().collect::<Vec<_>>().into_iter().rev() {
            match segment {
                serde_path_to_error::Segment::Seq { index } => fault = fault.at(*index),
                serde_path_to_error::Segment::Map { key } => fault = fault.at(key.as_str()),
                serde_path_to_error::Segment::Enum { variant } => fault = fault.at(variant.as_str()),
                serde_path_to_error::Segment::Unknown => {}
            }
        }
        fault
    })
}
