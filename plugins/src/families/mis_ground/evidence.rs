//! Why an answer is what it is, and under which factor levels it is counted.

use super::assemble::{Claims, Writer};
use super::drawn::{Drawn, Set, screen_axis};
use super::factors::{Ablation, Asks, Dim, TextPrompt, Words};
use super::grid::Cell;
use super::measure::Basis;
use situs_core::question::{Evidence, Position};
use situs_core::space::{BodyAxis, ScreenAxis, View};
use situs_core::volume::side_of;
use std::collections::BTreeMap;

impl Writer<'_> {
    pub(super) fn evidence(
        &self,
        cell: &Cell<'_>,
        set: &Set,
        drawn: &Drawn,
        view: &View,
        asked: &[usize],
        claims: Claims,
    ) -> Evidence {
        let centre = match (drawn.basis, cell.dim) {
            (Basis::BoxCentre, Dim::Slice) => "slice-box-centre",
            (Basis::BoxCentre, Dim::Stack) => "volume-box-centre",
            (_, Dim::Slice) => "slice-centroid",
            (_, Dim::Stack) => "volume-centroid",
        };
        let positions: Vec<Position> = asked
            .iter()
            .map(|site| {
                let seen = self.on_screen(set, drawn, view, *site);
                Position {
                    structure: self.name(set, *site).to_owned(),
                    centre: centre.to_owned(),
                    ras_mm: self.body.affine().apply(set.stage.sites[*site].centre(drawn.basis)),
                    screen_px: Some(seen.px),
                    frame: seen.frame.filter(|_| cell.dim == Dim::Stack),
                }
            })
            .collect();
        let per_site = |value: &dyn Fn(usize) -> serde_json::Value| -> serde_json::Value {
            asked.iter().map(|site| (self.name(set, *site).to_owned(), value(*site))).collect()
        };
        let mut facts = BTreeMap::from([
            ("obliquity_deg".to_owned(), serde_json::json!(self.body.affine().obliquity())),
            ("marks".to_owned(), serde_json::json!(drawn.marks.len())),
            // Questions of one case that share this ask about the same pair: forms, ablations, view statements.
            ("drawn_as".to_owned(), serde_json::json!(cell.draw_key())),
        ]);
        if !asked.is_empty() {
            facts.insert(
                "area_mm2".to_owned(),
                per_site(&|site| serde_json::json!(set.stage.sites[site].area_mm2)),
            );
            let structure = |site: usize| self.body.candidates[set.stage.sites[site].candidate].index;
            // 26-connected in the volume; a slice may cut one part in several places.
            facts.insert(
                "parts".to_owned(),
                per_site(&|site| serde_json::json!(self.body.anatomy.parts(structure(site)))),
            );
            if cell.dim == Dim::Slice {
                let in_slice = |site: usize| serde_json::json!(set.stage.sites[site].slice_parts);
                facts.insert("parts_in_slice".to_owned(), per_site(&in_slice));
            }
            facts.insert(
                "touches_border".to_owned(),
                per_site(&|site| {
                    let measured = &self.body.anatomy.measured().structures[structure(site)];
                    serde_json::json!(measured.touches_border)
                }),
            );
            facts.insert(
                "volume_centroid_ras_mm".to_owned(),
                per_site(&|site| {
                    let candidate = &self.body.candidates[set.stage.sites[site].candidate];
                    serde_json::json!(candidate.volume_centroid)
                }),
            );
        }
        let mut evidence = Evidence {
            positions,
            relation: claims.relation,
            stated: claims.stated,
            facts,
            ..Evidence::default()
        };
        match drawn.gap {
            Some(gap) => {
                evidence.margin_mm = Some(gap.world_mm.abs());
                evidence.margin_px = gap.px;
                evidence.margin_frames = gap.frames;
                evidence.required_mm = Some(gap.required_mm);
            }
            None => from_the_nearest_rival(&mut evidence, cell.dim),
        }
        evidence
    }

    pub(super) fn facets(
        &self,
        cell: &Cell<'_>,
        set: &Set,
        drawn: &Drawn,
        view: &View,
    ) -> BTreeMap<String, String> {
        let depth = match drawn.axis {
            Some(axis) if axis == cell.plane.through() => "cross_slice",
            Some(_) => "in_plane",
            None => "none",
        };
        let screen = match drawn.axis.map(|axis| screen_axis(view, axis)) {
            Some(ScreenAxis::Horizontal) => "horizontal",
            Some(ScreenAxis::Vertical) => "vertical",
            Some(ScreenAxis::Frames) => "frames",
            None => "none",
        };
        let truncated = self
            .asked(cell, drawn)
            .into_iter()
            .any(|site| self.body.candidates[set.stage.sites[site].candidate].truncated);
        let shape_only = cell.ablation == Ablation::MarksOnWhite && !cell.template.asks.compares();
        let yes_no = |value: bool| if value { "yes" } else { "no" };
        let fact = |name: &str| self.case.facts.get(name).map(String::as_str);
        let marks = drawn.marks.len().to_string();
        [
            ("modality", cell.modality.word()),
            ("dim", cell.dim.word()),
            ("plane", cell.plane.word()),
            ("orientation", cell.preset.name()),
            ("visual", cell.visual.word()),
            ("identity", cell.identity.word()),
            ("text", cell.text.word()),
            ("target", cell.target().word()),
            ("question_type", cell.template.question.word()),
            ("words", cell.words.word()),
            ("template", cell.template.group.as_str()),
            ("ablation", cell.ablation.word()),
            ("view_statement", cell.view_statement.word()),
            ("axis", drawn.axis.map_or("none", BodyAxis::name)),
            ("screen_axis", screen),
            ("depth", depth),
            ("name_leaks_answer", self.leak(cell, set, drawn)),
            ("margin", margin_band(drawn)),
            ("truncated", yes_no(truncated)),
            ("shape_only", yes_no(shape_only)),
            ("marks", marks.as_str()),
            ("oblique", oblique_band(self.body.affine().obliquity())),
            // Whether anatomy helps: a prior is right of a typical patient only, whom a text alone is about.
            ("mirror", yes_no(fact("mirrored") == Some("yes"))),
            ("arrangement", fact("arrangement").unwrap_or("anatomical")),
            // The prompt gives the distance of frames in mm, but not the size of a pixel.
            (
                "needs_scale",
                yes_no(
                    cell.dim == Dim::Stack
                        && cell.words == Words::Anat
                        && cell.template.asks == Asks::Dominant,
                ),
            ),
        ]
        .into_iter()
        .map(|(name, level)| (name.to_owned(), level.to_owned()))
        .collect()
    }

    /// Whether the side words of the printed names give the answer away.
    fn leak(&self, cell: &Cell<'_>, set: &Set, drawn: &Drawn) -> &'static str {
        let prints_names = matches!(cell.text, TextPrompt::Name | TextPrompt::NameAndMark);
        let Some((a, b)) = drawn.pair.filter(|_| prints_names && drawn.axis == Some(BodyAxis::RightLeft))
        else {
            return "none";
        };
        match (side_of(self.display(set, a)), side_of(self.display(set, b))) {
            (Some(a), Some(b)) if a != b => "full",
            (Some(_), None) | (None, Some(_)) => "partial",
            _ => "none",
        }
    }
}

/// Where no axis is asked, the margin is the distance of A from the nearest other candidate: in mm, and in a slice in
/// pixels, each to whichever is nearest by that measure. The frames of a stack show no such distance.
fn from_the_nearest_rival(evidence: &mut Evidence, dim: Dim) {
    let Some((a, rivals)) = evidence.positions.split_first() else { return };
    let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let nearest = rivals
        .iter()
        .map(|rival| (apart(&a.ras_mm, &rival.ras_mm), &rival.structure))
        .min_by(|(one, _), (other, _)| one.total_cmp(other));
    let Some((mm, rival)) = nearest else { return };
    let in_pixels = rivals
        .iter()
        .filter_map(|rival| Some(apart(&a.screen_px?, &rival.screen_px?)))
        .min_by(f64::total_cmp)
        .filter(|_| dim == Dim::Slice);
    let rival = serde_json::json!(rival);
    evidence.margin_mm = Some(mm);
    evidence.margin_px = in_pixels;
    evidence.facts.insert("nearest_rival".to_owned(), rival);
}

/// How clear of the required margin a relation is.
fn margin_band(drawn: &Drawn) -> &'static str {
    let Some(gap) = drawn.gap.filter(|gap| gap.required_mm > 0.0) else { return "none" };
    match gap.mm / gap.required_mm {
        ratio if ratio < 2.0 => "1-2x",
        ratio if ratio < 4.0 => "2-4x",
        _ => "4x+",
    }
}

/// Obliquity in degrees by band.
fn oblique_band(degrees: f64) -> &'static str {
    match degrees {
        _ if degrees >= 15.0 => "15+",
        _ if degrees >= 5.0 => "5-15",
        _ => "no",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obliquity_is_banded_in_degrees() {
        assert_eq!(
            [0.0, 4.9, 5.0, 14.9, 15.0, 44.0].map(oblique_band),
            ["no", "no", "5-15", "5-15", "15+", "15+"]
        );
    }
}
