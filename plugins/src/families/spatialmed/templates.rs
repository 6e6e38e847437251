//! The template file: blocks, terms, phrases and templates, with the digest that is part of every question.

use super::spec::{Profile, Task};
use crate::families::mis_ground::templates::{Values, fill, write_canonical};
use serde::Deserialize;
use situs_core::digest::sha256_hex;
use situs_core::fault::Fault;
use situs_core::space::Direction;
use std::collections::BTreeMap;

const SOURCE: &str = include_str!("data/templates.toml");

/// How options and truth are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub(super) enum Rule {
    MainDirection,
    TwoAxes,
    FarthestToward,
    Statement,
    OrderAlong,
    Distance,
    Closest,
    Farthest,
    DistanceRange,
    Gap,
    Extent,
    LongestAxis,
    BoxSizes,
    ExtentThreshold,
    LargestExtent,
    Volume,
    VolumeRange,
    VolumeThreshold,
    JointVolume,
    VolumeShare,
    Larger,
    VolumeOrder,
    LargestVolume,
    SmallestVolume,
    VolumeRatioRange,
    Absolute,
    AbsoluteJoint,
    Ratio,
    TumourPercent,
    JointPercent,
    Percent,
    SecondByFirst,
    SecondPercent,
    FirstBySecond,
    LargerBySmaller,
    MeanVolume,
    VoxelBox,
    VoxelSizes,
    VoxelDistance,
}

/// Unit that a free number is asked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    Cm3,
    None,
    Percent,
}

impl Unit {
    /// Key of the phrase that asks for it.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Cm3 => "cm3",
            Self::None => "none",
            Self::Percent => "percent",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    pub(super) id: String,
    pub(super) task: Task,
    #[serde(default = "world")]
    pub(super) profile: Profile,
    pub(super) rule: Rule,
    pub(super) terms: Vec<String>,
    #[serde(default)]
    pub(super) unit: Option<Unit>,
    pub(super) text: String,
}

fn world() -> Profile {
    Profile::World
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Blocks {
    side_names: String,
    options: String,
    reason: String,
    answer_choice: String,
    answer_number: String,
    tumour: String,
    unit: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    blocks: Blocks,
    terms: BTreeMap<String, String>,
    toward: BTreeMap<String, String>,
    from: BTreeMap<String, String>,
    relation: BTreeMap<String, String>,
    phrase: BTreeMap<String, String>,
    template: Vec<Template>,
}

/// The parsed template file.
#[derive(Debug, Clone)]
pub(super) struct Templates {
    /// `1+<SHA-256 of the canonical JSON>`.
    pub(super) version: String,
    /// All templates, in order of the file.
    pub(super) list: Vec<Template>,
    file: File,
}

impl Templates {
    /// Parses the embedded file.
    ///
    /// # Errors
    /// An internal fault when the embedded file is broken.
    pub(super) fn embedded() -> Result<Self, Fault> {
        let broken = |error: &dyn std::fmt::Display| Fault::internal(format!("templates.toml: {error}"));
        let value: toml::Value = toml::from_str(SOURCE).map_err(|error| broken(&error))?;
        let file: File = toml::from_str(SOURCE).map_err(|error| broken(&error))?;
        let json = serde_json::to_value(&value).map_err(|error| broken(&error))?;
        let mut canonical = String::new();
        write_canonical(&json, &mut canonical);
        let version = format!("{}+{}", file.version, sha256_hex(canonical.as_bytes()));
        Ok(Self { version, list: file.template.clone(), file })
    }

    /// The definition of a term.
    pub(super) fn term(&self, name: &str) -> Result<&str, Fault> {
        found(&self.file.terms, "terms", name)
    }

    /// "toward the patient's right".
    pub(super) fn toward(&self, direction: Direction) -> Result<&str, Fault> {
        found(&self.file.toward, "toward", direction.word())
    }

    /// "from the patient's right".
    pub(super) fn from(&self, direction: Direction) -> Result<&str, Fault> {
        found(&self.file.from, "from", direction.word())
    }

    /// "farther toward the patient's right".
    pub(super) fn relation(&self, direction: Direction) -> Result<&str, Fault> {
        found(&self.file.relation, "relation", direction.word())
    }

    /// A phrase of options, filled in.
    pub(super) fn phrase(&self, name: &str, values: &Values) -> Result<String, Fault> {
        fill(found(&self.file.phrase, "phrase", name)?, values)
    }

    /// "the renal tumour (all its parts together)".
    pub(super) fn tumour(&self, kind: &str) -> Result<String, Fault> {
        fill(&self.file.blocks.tumour, &Values::from([("kind", kind.to_owned())]))
    }

    pub(super) fn side_names(&self) -> &str {
        &self.file.blocks.side_names
    }

    pub(super) fn options(&self) -> &str {
        &self.file.blocks.options
    }

    pub(super) fn reason(&self) -> &str {
        &self.file.blocks.reason
    }

    /// The line that asks for the answer: a letter, or a number in a unit.
    pub(super) fn answer(&self, unit: Option<Unit>) -> Result<String, Fault> {
        let Some(unit) = unit else { return Ok(self.file.blocks.answer_choice.clone()) };
        let phrase = found(&self.file.blocks.unit, "blocks.unit", unit.key())?;
        fill(&self.file.blocks.answer_number, &Values::from([("unit", phrase.to_owned())]))
    }
}

fn found<'a>(table: &'a BTreeMap<String, String>, name: &str, key: &str) -> Result<&'a str, Fault> {
    table
        .get(key)
        .map(String::as_str)
        .ok_or_else(|| Fault::internal(format!("templates.toml has no {name}.{key}")))
}
