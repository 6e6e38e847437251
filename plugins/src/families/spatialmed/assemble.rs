//! From a draft to a question: options dealt out, text, facets, evidence.

use super::body::{Body, Site};
use super::Item;
use super::draft::{Answers, Draft, Textbook, Turn};
use super::options::Choice;
use super::population::{Population, Verdict};
use super::spec::{Profile, SpatialMed, Variant};
use super::templates::{Template, Templates, Unit};
use crate::families::mis_ground::templates::fill;
use crate::replies::choice::letter;
use serde_json::json;
use situs_core::prelude::*;
use situs_core::scene::{Backdrop, Scene};
use situs_core::space::{Plane, Preset};
use situs_core::volume::{distance, side_of};
use std::collections::BTreeMap;

/// Slices of the stack that renderers for volumes and single planes show.
const FRAMES: usize = 9;
/// Longer picture side in pixels.
const LONG_SIDE: u32 = 512;

/// What the reader of replies needs beside the options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Private {
    /// Unit of a free number.
    pub(super) unit: Option<Unit>,
}

/// What stays the same for all questions of a case.
pub(super) struct Assembler<'a> {
    pub(super) spec: &'a SpatialMed,
    pub(super) templates: &'a Templates,
    pub(super) case: &'a Case,
    pub(super) body: &'a Body<'a>,
    pub(super) population: &'a Population<'a>,
    pub(super) modality_text: String,
}

/// Options as printed.
struct Dealt {
    options: Vec<Choice>,
    truth: usize,
}

impl Assembler<'_> {
    /// One item in every variant.
    pub(super) fn questions(&self, item: &Item<'_>) -> Result<Vec<Question>, Fault> {
        let dealt = deal(&item.draft.answers, &item.turn);
        self.spec.variants.iter().map(|variant| self.question(item, dealt.as_ref(), *variant)).collect()
    }

    /// The question itself, as a writer or the template words it.
    pub(super) fn stem(&self, item: &Item<'_>) -> Result<String, Fault> {
        match &item.stem {
            Some(stem) => Ok(stem.clone()),
            None => fill(&item.template.text, &item.draft.values),
        }
    }

    fn question(&self, item: &Item<'_>, dealt: Option<&Dealt>, variant: Variant) -> Result<Question, Fault> {
        let Item { template, draft, verdict, .. } = item;
        let stem = self.stem(item)?;
        let options: Vec<String> =
            dealt.map(|dealt| dealt.options.iter().map(|option| option.text.clone()).collect()).unwrap_or_default();
        let truth = match (&draft.answers, dealt) {
            (Answers::Number(value), _) => number_text(*value)?,
            (_, Some(dealt)) => options.get(dealt.truth).cloned().unwrap_or_default(),
            _ => String::new(),
        };
        let unit = matches!(draft.answers, Answers::Number(_)).then_some(template.unit.unwrap_or(Unit::None));
        let mut cases = vec![self.case.name.clone()];
        let mut cluster = String::new();
        if let Some(other) = &draft.other {
            cases.insert(usize::from(!other.first), other.name.clone());
            let mut patients = [self.body.cluster(), other.cluster.as_str()];
            patients.sort_unstable();
            cluster = patients.join("+");
        }
        Ok(Question {
            id: String::new(),
            volumes: Vec::new(),
            cases,
            cluster,
            template: template.id.clone(),
            cell: format!("{}/{}", template.id, variant.word()),
            bundle: Digest::new("spatialmed-item-1").text(&self.case.name).text(&item.name).short(),
            structures: self.sites(draft).map(|site| site.name.clone()).collect(),
            text: self.text(template, draft, &stem, &options, unit, variant)?,
            chance: if options.is_empty() { 0.0 } else { 1.0 / options.len() as f64 },
            facets: self.facets(template, draft, *verdict, &options, variant),
            scene: Some(self.scene()),
            evidence: self.evidence(draft, dealt, unit, &stem),
            private: serde_json::to_value(Private { unit })
                .map_err(|error| Fault::internal(error.to_string()))?,
            options,
            truth,
        })
    }

    fn sites<'d>(&'d self, draft: &'d Draft) -> impl Iterator<Item = &'d Site> {
        draft.sites.iter().filter_map(|site| self.body.sites.get(*site))
    }

    /// Blocks: names, definitions, question, options, how to answer.
    fn text(
        &self,
        template: &Template,
        draft: &Draft,
        stem: &str,
        options: &[String],
        unit: Option<Unit>,
        variant: Variant,
    ) -> Result<String, Fault> {
        let mut blocks = Vec::new();
        if self.sites(draft).any(|site| side_of(&site.display).is_some()) {
            blocks.push(self.templates.side_names().to_owned());
        }
        for term in &template.terms {
            blocks.push(self.templates.term(term)?.to_owned());
        }
        blocks.push(stem.to_owned());
        if !options.is_empty() {
            let lines = options.iter().enumerate().map(|(place, option)| format!("{}. {option}", letter(place)));
            let lines: Vec<String> = [self.templates.options().to_owned()].into_iter().chain(lines).collect();
            blocks.push(lines.join("\n"));
        }
        let answer = self.templates.answer(unit)?;
        blocks.push(match variant {
            Variant::Direct => answer,
            Variant::Reason => format!("{} {answer}", self.templates.reason()),
        });
        Ok(blocks.join("\n\n"))
    }

    fn facets(
        &self,
        template: &Template,
        draft: &Draft,
        verdict: Verdict,
        options: &[String],
        variant: Variant,
    ) -> BTreeMap<String, String> {
        let of_one = draft.sites.len() < 3 || draft.values.contains_key("A");
        let first = self.sites(draft).next();
        let about = first.filter(|_| of_one);
        let yes_no = |known: Option<bool>| match known {
            Some(true) => "yes",
            Some(false) => "no",
            None => "-",
        };
        let prior = match verdict {
            Verdict::Right | Verdict::Trivial => "yes",
            Verdict::Wrong => "no",
            Verdict::Unknown => "unknown",
        };
        let answer = if options.is_empty() { "number" } else { "choice" };
        let tumour = self.sites(draft).find_map(|site| site.tumour.as_deref()).unwrap_or("-");
        [
            ("task", template.task.word()),
            ("template", template.id.as_str()),
            ("variant", variant.word()),
            ("answer", answer),
            ("modality", self.case.modality.word()),
            ("organ", about.map_or("several", |site| site.organ.as_str())),
            ("region", first.map_or("-", |site| site.region.as_str())),
            ("tumour", tumour),
            ("size", about.map_or("-", Site::size_bucket)),
            ("size_tertile", about.map_or("-", |site| self.tertile(site))),
            ("axis", draft.axis.unwrap_or("-")),
            ("profile", self.spec.profile.word()),
            ("scale_statement", if self.spec.scale_statement { "on" } else { "off" }),
            ("prior_right", prior),
            ("population_known", yes_no(draft.population)),
            ("modality_text", &self.modality_text),
        ]
        .into_iter()
        .map(|(facet, level)| (facet.to_owned(), level.to_owned()))
        .collect()
    }

    /// Third of the structure's volumes over all patients.
    fn tertile(&self, site: &Site) -> &'static str {
        if self.body.boxes_only {
            return "-";
        }
        let Some(others) = self.population.values(&site.name, |measure| measure.volume) else { return "unknown" };
        let below = others.iter().filter(|volume| **volume < site.measure.volume).count();
        match 3 * below / (others.len() + 1) {
            0 => "lower",
            1 => "middle",
            _ => "upper",
        }
    }

    /// For renderers of stacks and volumes; those that show planes by structure look at the structures.
    fn scene(&self) -> Scene {
        let view = Preset::StandardRadiological.view(Plane::Axial);
        let axis = view.plane.through().index();
        let slices = self.body.grid.shape[axis];
        let count = FRAMES.min(slices.max(1));
        let frames: Vec<usize> = (0..count)
            .map(|place| {
                let at = (place as f64 + 0.5) / count as f64 * slices as f64;
                (at as usize).min(slices.saturating_sub(1))
            })
            .collect();
        Scene {
            view,
            step_mm: slices as f64 * self.body.spacing()[axis] / count as f64,
            frames,
            stack: true,
            long_side: LONG_SIDE,
            backdrop: Backdrop::Image,
            marks: Vec::new(),
            keep_clear: Vec::new(),
        }
    }

    fn evidence(&self, draft: &Draft, dealt: Option<&Dealt>, unit: Option<Unit>, stem: &str) -> Evidence {
        let positions = self
            .sites(draft)
            .map(|site| Position {
                structure: site.name.clone(),
                centre: "volume-box-centre".to_owned(),
                ras_mm: site.measure.centre,
                screen_px: None,
                frame: None,
            })
            .collect();
        let measured: BTreeMap<&str, serde_json::Value> = self
            .sites(draft)
            .map(|site| {
                let measure = &site.measure;
                let told = json!({
                    "volume_cm3": measure.volume,
                    "box_mm": measure.size,
                    "box_voxels": [measure.voxel_box.min, measure.voxel_box.max],
                    "centroid_ras_mm": measure.centroid,
                });
                (site.name.as_str(), told)
            })
            .collect();
        let mut facts = BTreeMap::from([
            ("measured".to_owned(), json!(measured)),
            ("stem".to_owned(), json!(stem)),
        ]);
        if let Some(dealt) = dealt {
            let values: Vec<Option<f64>> = dealt.options.iter().map(|option| option.value).collect();
            facts.insert("truth_index".to_owned(), json!(dealt.truth));
            if values.iter().any(Option::is_some) {
                facts.insert("option_values".to_owned(), json!(values));
            }
        }
        if let Answers::Number(value) = draft.answers {
            facts.insert("value".to_owned(), json!(value));
            facts.insert("unit".to_owned(), json!(unit.map(Unit::key)));
        }
        if let Textbook::Value(number) | Textbook::Median(number, _) = &draft.textbook {
            facts.insert(
                "population_median".to_owned(),
                json!(self.population.median(self.body, &draft.sites, number.as_ref())),
            );
        }
        if let [a, b] = draft.sites[..]
            && let (Some(a), Some(b)) = (self.body.sites.get(a), self.body.sites.get(b))
        {
            facts.insert(
                "box_centre_distance_mm".to_owned(),
                json!(distance(a.measure.centre, b.measure.centre)),
            );
            facts.insert(
                "centroid_distance_mm".to_owned(),
                json!(distance(a.measure.centroid, b.measure.centroid)),
            );
        }
        Evidence {
            positions,
            relation: draft.relation.clone(),
            margin_mm: draft.margin.map(|(margin, _)| margin),
            required_mm: draft.margin.map(|(_, required)| required),
            facts,
            ..Evidence::default()
        }
    }
}

/// Options in the order printed: ranges as they rise; others with the truth at its balanced letter.
fn deal(answers: &Answers, turn: &Turn) -> Option<Dealt> {
    let Answers::Choice { options, truth, ordered } = answers else { return None };
    if *ordered {
        return Some(Dealt { options: options.clone(), truth: *truth });
    }
    let right = options.get(*truth)?.clone();
    let wrong: Vec<&Choice> =
        options.iter().enumerate().filter(|(place, _)| place != truth).map(|(_, option)| option).collect();
    let mut dealt: Vec<Choice> =
        turn.draw.of("deal").order(wrong.len()).into_iter().map(|place| wrong[place].clone()).collect();
    let letter = turn.letter(options.len());
    dealt.insert(letter.min(dealt.len()), right);
    Some(Dealt { options: dealt, truth: letter })
}

/// A target as text, exact far beyond any score's steps.
///
/// # Errors
/// A target that no relative error can be taken of: 0, or not finite.
fn number_text(value: f64) -> Result<String, Fault> {
    if !value.is_finite() || value == 0.0 {
        return Err(Fault::internal(format!("{value} cannot be the answer of a question about a size")));
    }
    let decimals = (6 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.decimals$}");
    Ok(if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text })
}

/// Whether a profile's items belong to a template.
pub(super) fn belongs(template: &Template, profile: Profile) -> bool {
    template.profile == profile
}
