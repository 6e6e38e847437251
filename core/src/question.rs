//! A question with its exact answer and the evidence to recompute it by hand.

use crate::scene::Scene;
use crate::space::Point;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Position of one structure as the answer used it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Class name.
    pub structure: String,
    /// How the centre was taken: `slice-centroid`, `volume-centroid`, `slice-box-centre`, `volume-box-centre`.
    pub centre: String,
    /// RAS+ mm.
    pub ras_mm: Point,
    /// Picture column and row in pixels, (0, 0) at the outer corner of the top left pixel.
    pub screen_px: Option<[f64; 2]>,
    /// Position in frame order, in frames (may be fractional); `None` for a single slice.
    pub frame: Option<f64>,
}

/// Why the answer is what it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Positions of the structures asked about; first A, then B, then further candidates.
    pub positions: Vec<Position>,
    /// Relation in words, e.g. `A superior B`.
    pub relation: String,
    /// What the statement of a closed or inverted question says, in the same words; `None` for open ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated: Option<String>,
    /// Distance along the asked axis in mm; where no axis is asked, distance of A from the nearest other candidate.
    pub margin_mm: Option<f64>,
    /// The same on the picture, in pixels, where the picture shows it.
    pub margin_px: Option<f64>,
    /// Distance along the frame order, in frames.
    pub margin_frames: Option<f64>,
    /// Smallest margin that was required, in mm.
    pub required_mm: Option<f64>,
    /// Further facts, by name (areas, parts, obliquity, ...).
    #[serde(default)]
    pub facts: BTreeMap<String, serde_json::Value>,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Digest over volume, family with parameters and version, template, facets, structures, text. Set by the engine.
    #[serde(default)]
    pub id: String,
    /// Digests of the volumes shown. Set by the engine.
    #[serde(default)]
    pub volumes: Vec<String>,
    /// Cases it is about, by name; most have one.
    pub cases: Vec<String>,
    /// Patient, else case. Set by the engine when empty.
    #[serde(default)]
    pub cluster: String,
    /// Template id, e.g. `RA-C`.
    pub template: String,
    /// Cell of the factor grid it fills; quotas are per cell.
    pub cell: String,
    /// Questions with the same bundle are selected together (closed and inverted forms of one pair).
    pub bundle: String,
    /// Class names it is about: A, B, then further candidates.
    pub structures: Vec<String>,
    /// The text, without pictures.
    pub text: String,
    /// Allowed answers, in the order printed.
    pub options: Vec<String>,
    /// The right answer, one of `options` when there are any.
    pub truth: String,
    /// Probability of a right guess among the options.
    pub chance: f64,
    /// Factor levels: modality, plane, orientation, ...
    pub facets: BTreeMap<String, String>,
    /// What is shown, for renderers that draw.
    pub scene: Option<Scene>,
    /// Why the answer is what it is.
    pub evidence: Evidence,
    /// Data that only the family itself reads (relation asked, spoken forms, ...).
    #[serde(default)]
    pub private: serde_json::Value,
}

impl Question {
    /// The level of a facet, or `"-"`.
    pub fn facet(&self, name: &str) -> &str {
        self.facets.get(name).map_or("-", String::as_str)
    }

    /// Identity without one facet: questions that differ in that facet alone share it. In a mirror the same organs bear
    /// the other side's names, so there the draw pairs questions, not the names.
    pub fn pair_key(&self, facet: &str) -> String {
        let drawn = facet == "mirror" && !self.bundle.is_empty();
        let pair = if drawn { std::slice::from_ref(&self.bundle) } else { self.structures.as_slice() };
        let rest: BTreeMap<&String, &String> =
            self.facets.iter().filter(|(name, _)| *name != facet).collect();
        crate::digest::Digest::new("situs-pair-2").json(&self.cases).json(&pair).json(&rest).short()
    }
}

/// A bundle of reasons why something was not asked, drawn or used, with how often.
pub type Reasons = BTreeMap<String, u64>;
