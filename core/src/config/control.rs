//! Controls: the same questions under conditions in which a model that looks must answer differently, or must not.
//!
//! A control belongs to an arm. The arm stands beside a plain one of the same model, sampler and renderer, and both are
//! asked the same questions, so that every control is a paired comparison.

use crate::fault::Fault;
use crate::registry::suggest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is changed between a question as planned and what a model is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Control {
    /// The text alone: pictures and their headings are taken out.
    NoImage,
    /// Every picture is uniformly grey and every volume uniformly zero, of the same size.
    Blank,
    /// Text and truth stay; the pictures are those of another patient's question of the same form.
    WrongPatient,
    /// The patient is mirrored, with the sides in names swapped; the truths are the mirrored patient's.
    Mirror,
    /// The slices of a stack or volume come in another order, under the headings of the right one.
    ShuffledSlices,
    /// The allowed answers are printed in another order.
    ShuffledOptions,
}

impl Control {
    /// All of them.
    pub const ALL: [Control; 6] = [
        Self::NoImage,
        Self::Blank,
        Self::WrongPatient,
        Self::Mirror,
        Self::ShuffledSlices,
        Self::ShuffledOptions,
    ];

    /// Its name in configs, on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoImage => "no-image",
            Self::Blank => "blank",
            Self::WrongPatient => "wrong-patient",
            Self::Mirror => "mirror",
            Self::ShuffledSlices => "shuffled-slices",
            Self::ShuffledOptions => "shuffled-options",
        }
    }

    /// The control of a name.
    ///
    /// # Errors
    /// A config fault with the names there are.
    pub fn parse(name: &str) -> Result<Self, Fault> {
        let names = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|control| control.name() == name).ok_or_else(|| {
            let hint =
                suggest(name, &names).map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
            Fault::config(format!("unknown control '{name}'"))
                .help(format!("{hint}known: {}", names.join(", ")))
        })
    }

    /// Whether pictures carry nothing about the patient asked about: what is right then, was right without sight.
    pub fn hides_the_patient(self) -> bool {
        matches!(self, Self::NoImage | Self::Blank | Self::WrongPatient)
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Control> for &'static str {
    fn from(control: Control) -> Self {
        control.name()
    }
}

impl TryFrom<String> for Control {
    type Error = Fault;

    fn try_from(name: String) -> Result<Self, Fault> {
        Self::parse(&name)
    }
}
