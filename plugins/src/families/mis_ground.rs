//! `mis-ground`: where structures lie in a slice or a stack, over the whole factor grid of the MIS-Ground benchmark.
//!
//! The grid, its validity rules, wording and reading rules are data (`mis_ground/data/templates.toml`); the answers come
//! from world positions and views, never from array indices.

mod assemble;
pub(super) mod classes;
mod drawn;
mod evidence;
mod factors;
mod grid;
mod measure;
mod pairs;
mod read;
mod spec;
pub(super) mod templates;
mod wording;
#[cfg(test)]
mod tests;

pub use factors::{
    Ablation, Asks, Dim, Identity, QuestionType, Target, TextPrompt, ViewStatement, Visual, Words,
};
pub use spec::{Eligibility, Margin, Margins, MisGround, SliceFilter, SliceRange};

use assemble::{Writer, modality_text};
use classes::Classes;
use drawn::{Drawn, Set};
use grid::{Cell, cells};
use measure::{Anatomy, Basis, Body};
use read::{Private, Reader};
use situs_core::prelude::*;
use situs_core::space::{BodyAxis, Plane};
use std::collections::BTreeMap;
use templates::Templates;

#[typetag::serde(name = "mis-ground")]
impl QuestionFamilySpec for MisGround {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn QuestionFamily>, Fault> {
        Ok(Box::new(Family::new(self, cx)?))
    }
}

/// The family as built: parameters, templates and class names.
struct Family {
    spec: MisGround,
    templates: Templates,
    classes: Classes,
    version: String,
}

impl Family {
    fn new(spec: &MisGround, cx: &BuildContext) -> Result<Self, Fault> {
        spec.check(cx)?;
        let templates = Templates::embedded()?;
        if let Some((place, unknown)) = spec
            .templates
            .iter()
            .enumerate()
            .find(|(_, id)| templates.list.iter().all(|template| template.id != **id))
        {
            let known: Vec<&str> = templates.list.iter().map(|template| template.id.as_str()).collect();
            return Err(Fault::config(format!("unknown template {unknown:?}"))
                .help(format!("known: {}", known.join(", ")))
                .at(place)
                .at("templates"));
        }
        let classes = Classes::load(&spec.classes, cx).map_err(|fault| fault.at("classes"))?;
        let version = format!("{}/classes+{}", templates.version, classes.digest);
        Ok(Self { spec: spec.clone(), templates, classes, version })
    }

    /// The questions of a case whose structures are known.
    fn ask_of(
        &self,
        case: &Case,
        card: &DatasetCard,
        anatomy: &dyn Anatomy,
        seed: u64,
    ) -> Result<Asked, Fault> {
        let mut left_out = Reasons::new();
        let is_ct = case.modality == Modality::Ct;
        let knee = case.facts.get("region").is_some_and(|region| region == "knee");
        let body = Body::new(anatomy, &self.spec, &self.classes, is_ct, knee, &mut left_out);
        let root = Draw::new(seed).of("mis-ground").of(&case.name);
        let mirrored = case.facts.get("mirrored").is_some_and(|mirrored| mirrored == "yes");
        let sets = self.stages(&body, is_ct, mirrored, &root, &mut left_out)?;
        let writer = Writer {
            spec: &self.spec,
            templates: &self.templates,
            classes: &self.classes,
            case,
            body: &body,
            modality_text: modality_text(&self.spec, case, card)?,
        };
        let grids: Vec<Vec<Cell<'_>>> = sets
            .iter()
            .map(|set| cells(&self.spec, &self.templates, case.modality, set.stage.dim, set.stage.plane))
            .collect();
        let drawn = self.draw_all(&body, &sets, &grids, &root);
        let mut questions = Vec::new();
        let mut leave = |reason: String| *left_out.entry(reason).or_default() += 1;
        for (set, cells) in sets.iter().zip(&grids) {
            for cell in cells {
                if let Some(draw) = drawn.get(&cell.draw_key()) {
                    match writer.question(cell, set, draw)? {
                        Some(question) => questions.push(question),
                        None => leave("text: a side word stands alone".to_owned()),
                    }
                } else {
                    let kind = cell.template.group.split('-').next().unwrap_or_default();
                    leave(format!("cell: no valid pair for {kind}"));
                }
            }
        }
        Ok(Asked::Questions { questions, left_out })
    }

    /// What the cells of a case draw, by draw key.
    fn draw_all(
        &self,
        body: &Body<'_>,
        sets: &[Set],
        grids: &[Vec<Cell<'_>>],
        root: &Draw,
    ) -> BTreeMap<String, Drawn> {
        let mut keys: BTreeMap<String, (&Set, &Cell<'_>)> = BTreeMap::new();
        for (set, cells) in sets.iter().zip(grids) {
            for cell in cells {
                keys.entry(cell.draw_key()).or_insert((set, cell));
            }
        }
        let draw = |(key, (set, cell))| Some((key, drawn::draw(&self.spec, body, set, cell, root)?));
        keys.into_iter().filter_map(draw).collect()
    }

    /// The drawn slices and the stacks of a case.
    fn stages(
        &self,
        body: &Body<'_>,
        is_ct: bool,
        mirrored: bool,
        root: &Draw,
        left_out: &mut Reasons,
    ) -> Result<Vec<Set>, Fault> {
        let planes: Vec<Plane> =
            Plane::ALL.into_iter().filter(|plane| self.spec.planes.contains(plane)).collect();
        let mut sets = Vec::new();
        if self.spec.dims.contains(&Dim::Slice) {
            // The order of all planes, whichever are asked for: leaving one out moves no other.
            let order = root.of("planes").order(Plane::ALL.len()).into_iter().map(|place| Plane::ALL[place]);
            for plane in order.filter(|plane| planes.contains(plane)) {
                if sets.len() >= self.spec.slices_per_volume {
                    break;
                }
                match self.draw_slice(body, plane, is_ct, mirrored, &root.of("slice").of(plane))? {
                    Some(set) => sets.push(set),
                    None => {
                        let reason = format!(
                            "slice: none with {} valid pairs, {plane}",
                            self.spec.eligibility.slice_pairs
                        );
                        *left_out.entry(reason).or_default() += 1;
                    }
                }
            }
        }
        if self.spec.dims.contains(&Dim::Stack) {
            for plane in planes {
                let stage = body.stack(plane, self.spec.frames);
                if stage.frames.len() < 2 {
                    *left_out.entry(format!("stack: a single slice, {plane}")).or_default() += 1;
                    continue;
                }
                let pairs = pairs::find(body, &stage, &self.spec);
                sets.push(Set { stage, pairs });
            }
        }
        sets.sort_by_key(|set| (set.stage.dim, set.stage.plane));
        Ok(sets)
    }

    /// A uniform draw among the slices of the middle part that hold enough valid pairs.
    fn draw_slice(
        &self,
        body: &Body<'_>,
        plane: Plane,
        is_ct: bool,
        mirrored: bool,
        draw: &Draw,
    ) -> Result<Option<Set>, Fault> {
        let rules = &self.spec.eligibility;
        let counts = body.visible_counts(plane);
        let edge = (1.0 - rules.slice_middle) / 2.0 * counts.len() as f64;
        let fewest = fewest_structures(rules.slice_pairs);
        let mut middle: Vec<usize> = (0..counts.len())
            .filter(|slice| {
                let centre = *slice as f64 + 0.5;
                centre >= edge && centre <= counts.len() as f64 - edge && counts[*slice] >= fewest
            })
            .collect();
        // The slice of a mirrored patient is the mirrored slice.
        if mirrored && plane.through() == BodyAxis::RightLeft {
            middle.reverse();
        }
        let basis = if is_ct { Basis::Centroid } else { Basis::BoxCentre };
        // The first acceptable slice of a uniform order is a uniform draw among the acceptable ones.
        for place in draw.order(middle.len()) {
            let stage = body.slice(plane, middle[place])?;
            let pairs = pairs::find(body, &stage, &self.spec);
            if pairs.askable(basis) >= rules.slice_pairs {
                return Ok(Some(Set { stage, pairs }));
            }
        }
        Ok(None)
    }
}

/// Structures needed for a number of pairs.
fn fewest_structures(pairs: usize) -> usize {
    (0..).find(|count: &usize| count * count.saturating_sub(1) / 2 >= pairs).unwrap_or(usize::MAX)
}

impl QuestionFamily for Family {
    fn version(&self) -> &str {
        &self.version
    }

    fn ask(&self, cx: &AskContext<'_>) -> Result<Asked, Fault> {
        if let Some(range) = self.spec.slice_filter.range().filter(|_| cx.case.modality == Modality::Ct) {
            let slices = cx.entry.grid.shape[BodyAxis::SuperiorInferior.index()];
            if !(range.min..=range.max).contains(&slices) {
                let reason = format!("slice_filter {}..={}: {slices} slices", range.min, range.max);
                return Ok(Asked::Questions {
                    questions: Vec::new(),
                    left_out: Reasons::from([(reason, 1)]),
                });
            }
        }
        let segmentation = cx.media.segmentation(cx.case)?;
        if segmentation.grid().shape != cx.entry.grid.shape {
            return Err(Fault::data(format!(
                "{}: the structures' grid has {:?} voxels, the image {:?}",
                cx.case.name,
                segmentation.grid().shape,
                cx.entry.grid.shape
            )));
        }
        self.ask_of(cx.case, cx.card, segmentation.as_ref(), cx.seed)
    }

    fn read(&self, question: &Question, reply: &Reply) -> Result<Answer, Fault> {
        let private: Private = serde_json::from_value(question.private.clone()).map_err(|error| {
            Fault::internal(format!("question {}: its reading data are damaged: {error}", question.id))
        })?;
        let reader = Reader {
            rules: &self.templates.reading,
            classes: &self.classes,
            lenient: self.spec.lenient_register,
        };
        Ok(reader.read(question, &private, reply))
    }
}
