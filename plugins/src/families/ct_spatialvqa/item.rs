//! One pair as a question.

use super::facets;
use crate::datasets::ct_rate::pairs::Pair;
use crate::datasets::ct_rate::{FINDINGS_FACT, IMPRESSIONS_FACT, REPEAT_FACT};
use situs_core::prelude::*;
use situs_core::scene::{Backdrop, Scene};
use situs_core::space::{Plane, Preset};

/// What pictures of a stack show.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    /// Axial slices.
    pub frames: usize,
    /// Longer picture side in pixels.
    pub long_side: u32,
}

/// Stable name of a pair: `valid_1_a_1.nii.gz::3`.
pub fn name(case: &str, index: usize) -> String {
    format!("{case}::{index}")
}

/// The question of a pair. Its name and its place in the question file stand in the evidence as `item` and `row`; the
/// report, if there is one, in `private.context`, for reviewers alone.
pub fn question(asking: &Asking, pair: &Pair, case: &Case, entry: &CatalogueEntry) -> Question {
    let item = name(&case.name, pair.index);
    let mut facets = facets::of(pair);
    facets.insert("modality".to_owned(), case.modality.word().to_owned());
    facets.insert("repeat".to_owned(), case.facts.get(REPEAT_FACT).map_or("no", String::as_str).to_owned());
    facets.insert("item".to_owned(), item.clone());
    let mut evidence = Evidence { relation: pair.answer.clone(), ..Evidence::default() };
    evidence.facts.insert("item".to_owned(), item.clone().into());
    if let Some(row) = pair.row {
        evidence.facts.insert("row".to_owned(), row.into());
    }
    if let Some(categories) = &pair.categories {
        evidence.facts.insert("categories".to_owned(), categories.clone().into());
    }
    Question {
        id: String::new(),
        volumes: Vec::new(),
        cases: vec![case.name.clone()],
        cluster: String::new(),
        template: "free-text".to_owned(),
        cell: pair.categories.as_ref().and_then(|names| names.first()).cloned().unwrap_or_default(),
        bundle: item,
        structures: Vec::new(),
        text: pair.question.clone(),
        options: Vec::new(),
        truth: pair.answer.clone(),
        chance: 0.0,
        facets,
        scene: Some(scene(asking, entry)),
        evidence,
        private: match report(case) {
            Some(report) => serde_json::json!({ "context": report }),
            None => serde_json::Value::Null,
        },
    }
}

/// The report of a case, section by section.
pub fn report(case: &Case) -> Option<String> {
    let section = |name: &str, fact: &str| {
        let text = case.facts.get(fact).map(|text| text.trim()).filter(|text| !text.is_empty())?;
        Some(format!("{name}: {text}"))
    };
    let sections: Vec<String> = [section("Findings", FINDINGS_FACT), section("Impressions", IMPRESSIONS_FACT)]
        .into_iter()
        .flatten()
        .collect();
    (!sections.is_empty()).then(|| sections.join("\n\n"))
}

/// The scan as a stack of axial slices in the usual view, feet first.
fn scene(asking: &Asking, entry: &CatalogueEntry) -> Scene {
    let view = Preset::StandardRadiological.view(Plane::Axial);
    let slices = entry.grid.shape[2];
    let frames = crate::renderers::uniform_slices(slices, asking.frames);
    let steps = frames.len().saturating_sub(1).max(1);
    let span = frames.last().copied().unwrap_or(0) - frames.first().copied().unwrap_or(0);
    Scene {
        view,
        step_mm: span as f64 / steps as f64 * entry.grid.affine.spacing()[2],
        stack: true,
        long_side: asking.long_side,
        backdrop: Backdrop::Image,
        marks: Vec::new(),
        keep_clear: Vec::new(),
        frames,
    }
}
