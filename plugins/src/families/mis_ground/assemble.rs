//! From a cell and what it drew to a question: text, options, truth, scene and evidence.

use super::classes::{Classes, side};
use super::drawn::{Drawn, Marked, OnScreen, Set, on_screen, relation_words, screen_axis};
use super::factors::{Ablation, Asks, Dim, Identity, QuestionType, TextPrompt, ViewStatement, Visual, Words};
use super::grid::Cell;
use super::measure::{Basis, Body, Stage};
use super::pairs::axes;
use super::read::Private;
use super::spec::MisGround;
use super::templates::{ByIdentity, Templates, Values, fill};
use situs_core::case::{Case, DatasetCard};
use situs_core::digest::Digest;
use situs_core::fault::Fault;
use situs_core::question::{Evidence, Position, Question};
use situs_core::scene::{Backdrop, Mark, MarkShape, Scene};
use situs_core::space::{Anatomical, BodyAxis, Colloquial, Direction, Plane, ScreenAxis, View};
use std::collections::BTreeMap;

/// What stays the same for all questions of a case.
pub(super) struct Writer<'a> {
    pub(super) spec: &'a MisGround,
    pub(super) templates: &'a Templates,
    pub(super) classes: &'a Classes,
    pub(super) case: &'a Case,
    pub(super) body: &'a Body<'a>,
    /// What the volume is called, without article.
    pub(super) modality_text: String,
}

/// What the volume is called: by the case, else by the parameters, else by the data set. Never guessed.
///
/// # Errors
/// A config fault where none of them says it.
pub(super) fn modality_text(spec: &MisGround, case: &Case, card: &DatasetCard) -> Result<String, Fault> {
    let case_text = case.facts.get("modality_text").map(String::as_str);
    [case_text, Some(&spec.modality_text), Some(&card.modality_text)]
        .into_iter()
        .flatten()
        .find(|text| !text.trim().is_empty())
        .map(str::to_owned)
        .ok_or_else(|| {
            Fault::config(format!("the data set {:?} does not say what its volumes are called", card.name))
                .help("set it, for example to \"CT scan of the torso\"")
                .at("modality_text")
        })
}

/// The answer side of a question.
struct Answered {
    options: Vec<String>,
    truth: String,
    relation: String,
}

impl Writer<'_> {
    /// The question of one cell; `None` where a side word would stand alone in its text.
    ///
    /// # Errors
    /// An internal fault when the template file does not fit its use.
    pub(super) fn question(&self, cell: &Cell<'_>, set: &Set, drawn: &Drawn) -> Result<Option<Question>, Fault> {
        let view = cell.view;
        let mut values = self.values(cell, set, drawn, &view)?;
        let answered = self.answer(cell, set, drawn, &view, &mut values)?;
        let options: Vec<String> = drawn
            .rest
            .order(answered.options.len())
            .into_iter()
            .filter_map(|place| answered.options.get(place).cloned())
            .collect();
        values.insert("options", options.join(", "));
        let text = self.text(cell, set, drawn, &values)?;
        if self.has_lone_side(&text, set, drawn) {
            return Ok(None);
        }
        let asked = self.asked(cell, drawn);
        let structures: Vec<String> =
            asked.iter().map(|site| self.name(set, *site).to_owned()).collect();
        Ok(Some(Question {
            id: String::new(),
            volumes: Vec::new(),
            cases: vec![self.case.name.clone()],
            cluster: String::new(),
            template: cell.template.id.clone(),
            cell: cell.id(),
            bundle: Digest::new("mis-ground-bundle-1")
                .text(&self.case.name)
                .text(&cell.draw_key())
                .text(cell.ablation.word())
                .text(cell.view_statement.word())
                .short(),
            structures,
            text,
            chance: 1.0 / answered.options.len().max(1) as f64,
            private: self.private(cell, set, drawn, &view, &options)?,
            options,
            truth: answered.truth,
            facets: self.facets(cell, set, drawn, &view),
            scene: Some(self.scene(cell, set, drawn, view, &asked)),
            evidence: self.evidence(cell, set, drawn, &view, &asked, answered.relation),
        }))
    }

    /// Whether "left" or "right" stands in a prompt, before its options, without saying whose.
    fn has_lone_side(&self, text: &str, set: &Set, drawn: &Drawn) -> bool {
        let mut phrases: Vec<&str> =
            vec!["own left and right", "patient's left", "patient's right-left", "patient's right"];
        phrases.extend(["left edge of the image", "right edge of the image"]);
        if self.modality_text.ends_with("of the patient") {
            phrases.push(&self.modality_text);
        }
        let pair = drawn.pair.into_iter().flat_map(|(a, b)| [a, b]);
        phrases.extend(pair.chain(drawn.marks.iter().map(|mark| mark.site)).map(|site| self.display(set, site)));
        lone_side(text.rsplit_once("exactly one of:").map_or(text, |(asked, _)| asked), &phrases)
    }

    fn name(&self, set: &Set, site: usize) -> &str {
        &self.body.candidates[set.stage.sites[site].candidate].name
    }

    fn display(&self, set: &Set, site: usize) -> &str {
        &self.body.candidates[set.stage.sites[site].candidate].display
    }

    /// Sites that the question is about: A, B, and all marks where they are candidates.
    fn asked(&self, cell: &Cell<'_>, drawn: &Drawn) -> Vec<usize> {
        let mut asked: Vec<usize> = drawn.pair.into_iter().flat_map(|(a, b)| [a, b]).collect();
        let all_compete = cell.template.asks == Asks::MarkFarthest
            || cell.template.question == QuestionType::Open
                && matches!(cell.template.asks, Asks::NameOfMark | Asks::MarkOfName);
        if all_compete {
            asked.extend(drawn.marks.iter().map(|mark| mark.site).skip(2));
        }
        asked
    }

    fn on_screen(&self, set: &Set, drawn: &Drawn, view: &View, site: usize) -> OnScreen {
        on_screen(self.body, &set.stage, view, set.stage.sites[site].centre(drawn.basis))
    }

    /// Words for the ends of the asked axis: where A lies, and the other end.
    fn ends(
        &self,
        cell: &Cell<'_>,
        set: &Set,
        drawn: &Drawn,
        view: &View,
    ) -> Option<(&'static str, &'static str)> {
        let ((a, b), axis, gap) = (drawn.pair?, drawn.axis?, drawn.gap?);
        let places = (self.on_screen(set, drawn, view, a), self.on_screen(set, drawn, view, b));
        Some(relation_words(cell.words, view, axis, gap.world_mm, places))
    }

    /// Values for all placeholders that do not depend on the answer.
    fn values(&self, cell: &Cell<'_>, set: &Set, drawn: &Drawn, view: &View) -> Result<Values, Fault> {
        let stage = &set.stage;
        let mut values = Values::from([
            ("plane", cell.plane.word().to_owned()),
            ("other_plane", drawn.other_plane.word().to_owned()),
            ("modality", self.modality_text.clone()),
            ("a_modality", format!("{} {}", article(&self.modality_text), self.modality_text)),
            ("n", stage.frames.len().to_string()),
            ("step_mm", step(stage)),
            ("frame_dir", view.frame.word().to_owned()),
            ("up", view.up().word().to_owned()),
            ("down", view.down.word().to_owned()),
            ("left", view.left().word().to_owned()),
            ("right", view.right.word().to_owned()),
            ("view_lead", self.view_lead(view)?),
        ]);
        if let Some((a, b)) = drawn.pair {
            for (site, own, name, short) in
                [(a, "A", "nameA", "markA_short"), (b, "B", "nameB", "markB_short")]
            {
                values.insert(name, self.display(set, site).to_owned());
                let mark = drawn.marks.iter().find(|mark| mark.site == site);
                values.insert(own, self.reference(cell, set, site, mark)?);
                if let Some(mark) = mark {
                    values.insert(short, self.by_identity(cell, set, &self.templates.reference.short, mark)?);
                }
            }
            for (own, mark) in [("A", "markA"), ("B", "markB")] {
                if let Some(text) = values.get(own).filter(|_| cell.text == TextPrompt::Mark).cloned() {
                    values.insert(mark, text);
                }
            }
        }
        if let Some(axis) = drawn.axis {
            let name = match (cell.words, screen_axis(view, axis)) {
                (Words::Coll, ScreenAxis::Vertical) => "vertical",
                (Words::Coll, _) => "horizontal",
                _ => axis.name(),
            };
            values.insert("axis", self.templates.text("axis", name)?.to_owned());
        }
        if !drawn.marks.is_empty() {
            values.insert("k", drawn.marks.len().to_string());
            values.insert("mark_list", self.mark_list(cell, set, drawn)?);
        }
        Ok(values)
    }

    fn view_lead(&self, view: &View) -> Result<String, Fault> {
        if view.preset.is_standard() {
            return Ok(self.templates.text("display", view.preset.name())?.to_owned());
        }
        // The array's axes grow toward the screen's right, its bottom, and later frames.
        let growth = |axis: BodyAxis| {
            [view.right, view.down, view.frame]
                .into_iter()
                .find(|direction| direction.axis() == axis)
                .unwrap_or(axis.positive())
        };
        let [x, y, z] = BodyAxis::ALL.map(growth);
        let first_is_down = view.down.axis().index() < view.right.axis().index();
        let layout = if first_is_down { "first_down" } else { "first_across" };
        let values = Values::from([
            ("code", [x, y, z].map(Direction::letter).iter().collect()),
            ("x", x.word().to_owned()),
            ("y", y.word().to_owned()),
            ("z", z.word().to_owned()),
            ("layout", self.templates.text("display", layout)?.to_owned()),
        ]);
        fill(self.templates.text("display", "storage")?, &values)
    }

    fn by_identity(
        &self,
        cell: &Cell<'_>,
        set: &Set,
        forms: &ByIdentity,
        mark: &Marked,
    ) -> Result<String, Fault> {
        let form = match cell.identity {
            Identity::Colour => &forms.colour,
            Identity::Letter => &forms.letter,
            Identity::Both | Identity::None => &forms.both,
        };
        let values = Values::from([
            ("name", self.display(set, mark.site).to_owned()),
            ("noun", self.shape_forms(cell).noun.clone()),
            ("colour", mark.colour.word().to_owned()),
            ("letter", mark.letter.to_string()),
        ]);
        fill(form, &values)
    }

    fn shape_forms(&self, cell: &Cell<'_>) -> &ByIdentity {
        match cell.visual {
            Visual::Box => &self.templates.reference.boxed,
            Visual::Point => &self.templates.reference.point,
            Visual::Mask | Visual::None => &self.templates.reference.mask,
        }
    }

    /// How the text refers to a structure.
    fn reference(
        &self,
        cell: &Cell<'_>,
        set: &Set,
        site: usize,
        mark: Option<&Marked>,
    ) -> Result<String, Fault> {
        match (cell.text, mark) {
            (TextPrompt::Mark, Some(mark)) => self.by_identity(cell, set, self.shape_forms(cell), mark),
            (TextPrompt::NameAndMark, Some(mark)) => {
                self.by_identity(cell, set, &self.templates.reference.name_and_mark, mark)
            }
            _ => {
                let values = Values::from([("name", self.display(set, site).to_owned())]);
                fill(&self.templates.reference.name, &values)
            }
        }
    }

    /// All marks, by letter or by the order of the palette, so that the list tells nothing about the answer.
    fn mark_list(&self, cell: &Cell<'_>, set: &Set, drawn: &Drawn) -> Result<String, Fault> {
        let mut marks = drawn.marks.clone();
        match cell.identity {
            Identity::Colour => marks.sort_by_key(|mark| mark.colour),
            _ => marks.sort_by_key(|mark| mark.letter),
        }
        let listed: Result<Vec<String>, Fault> = marks
            .iter()
            .map(|mark| self.by_identity(cell, set, &self.templates.reference.listed, mark))
            .collect();
        Ok(listed?.join(", "))
    }

    /// The label of a mark as an answer.
    fn label(cell: &Cell<'_>, mark: &Marked) -> String {
        match cell.identity {
            Identity::Colour => mark.colour.word().to_owned(),
            _ => mark.letter.to_string(),
        }
    }

    /// Options and truth; adds the placeholders that depend on them.
    fn answer(
        &self,
        cell: &Cell<'_>,
        set: &Set,
        drawn: &Drawn,
        view: &View,
        values: &mut Values,
    ) -> Result<Answered, Fault> {
        let open = cell.template.question == QuestionType::Open;
        let missing = || Fault::internal(format!("the cell {} drew no pair", cell.id()));
        let (mut options, mut truth, relation): (Vec<String>, String, String);
        match cell.template.asks {
            Asks::Plane => {
                options = Plane::ALL.map(|plane| plane.word().to_owned()).to_vec();
                truth = cell.plane.word().to_owned();
                relation = format!("plane {truth}");
            }
            Asks::NameOfMark => {
                options = drawn.marks.iter().map(|mark| self.display(set, mark.site).to_owned()).collect();
                truth = options.first().cloned().ok_or_else(missing)?;
                relation = "mark A belongs to structure A".to_owned();
            }
            Asks::MarkOfName => {
                options = drawn.marks.iter().map(|mark| Self::label(cell, mark)).collect();
                truth = options.first().cloned().ok_or_else(missing)?;
                relation = "mark A belongs to structure A".to_owned();
            }
            Asks::Relation | Asks::Dominant => {
                let (word, opposite) = self.ends(cell, set, drawn, view).ok_or_else(missing)?;
                values.insert("rel", self.templates.phrase(word)?.rel.clone());
                values.insert("rel_opposite", self.templates.phrase(opposite)?.rel.clone());
                options = match cell.template.asks {
                    Asks::Dominant => self.all_words(cell, set, view),
                    _ => vec![word.to_owned(), opposite.to_owned()],
                };
                truth = word.to_owned();
                relation = format!("A {word} B");
            }
            Asks::NameFarther | Asks::MarkFarther | Asks::MarkFarthest => {
                let (word, opposite) = self.ends(cell, set, drawn, view).ok_or_else(missing)?;
                let (a, b) = drawn.pair.ok_or_else(missing)?;
                // Where the farthest of all marks is asked for, A is the winner.
                let a_wins = drawn.toward_a || cell.template.asks == Asks::MarkFarthest;
                let toward = if a_wins { word } else { opposite };
                values.insert("toward", self.templates.phrase(toward)?.toward.clone());
                let (winner, loser) = if a_wins { (a, b) } else { (b, a) };
                values.insert("name_true", self.display(set, winner).to_owned());
                values.insert("name_false", self.display(set, loser).to_owned());
                let letters = if a_wins { ("markA", "markB") } else { ("markB", "markA") };
                for (role, own) in [("mark_true", letters.0), ("mark_false", letters.1)] {
                    if let Some(text) = values.get(own).cloned() {
                        values.insert(role, text);
                    }
                }
                let answer = |site: usize| match cell.template.asks {
                    Asks::NameFarther => Some(self.display(set, site).to_owned()),
                    _ => drawn.marks.iter().find(|m| m.site == site).map(|m| Self::label(cell, m)),
                };
                options = self.asked(cell, drawn).into_iter().filter_map(answer).collect();
                truth = answer(winner).ok_or_else(missing)?;
                relation = if a_wins { format!("A farther {toward} than B") } else { format!("B farther {toward} than A") };
            }
        }
        if !open {
            options = vec!["true".to_owned(), "false".to_owned()];
            truth = (cell.template.question == QuestionType::Closed).to_string();
        }
        Ok(Answered { options, truth, relation })
    }

    /// All direction words that a question about the largest displacement allows.
    fn all_words(&self, cell: &Cell<'_>, set: &Set, view: &View) -> Vec<String> {
        axes(&set.stage, cell.words)
            .into_iter()
            .flat_map(|axis| [axis.positive(), axis.positive().opposite()])
            .filter_map(|direction| match cell.words {
                Words::Anat => Some(Anatomical(direction).word()),
                _ => Colloquial::ALL
                    .into_iter()
                    .find(|relation| relation.meaning(view) == direction)
                    .map(Colloquial::word),
            })
            .map(str::to_owned)
            .collect()
    }

    /// The prompt: blocks in order, one blank line between.
    fn text(
        &self,
        cell: &Cell<'_>,
        set: &Set,
        drawn: &Drawn,
        values: &Values,
    ) -> Result<String, Fault> {
        let template = match (&cell.template.text_3d, cell.dim) {
            (Some(text), Dim::Stack) => text,
            _ => &cell.template.text,
        };
        let question = fill(template, values)?;
        let block = |name: &str| fill(self.templates.text("blocks", name)?, values);
        let mut blocks = vec![block(input_block(cell))?];
        match cell.view_statement {
            ViewStatement::Edges => blocks.push(block("Ve")?),
            ViewStatement::Convention => blocks.push(block("Vc")?),
            ViewStatement::None => {}
        }
        if !drawn.marks.is_empty() {
            blocks.push(block(if cell.dim == Dim::Stack { "M_3d" } else { "M" })?);
        }
        if self.prints_side(cell, set, drawn) {
            blocks.push(block("N")?);
        }
        if cell.template.asks.compares() {
            let centre = match (drawn.basis, cell.dim) {
                (Basis::BoxCentre, _) => "Rsb",
                (_, Dim::Slice) => "Rs2",
                (_, Dim::Stack) => "Rs3",
            };
            let frame = if cell.words == Words::Anat { "Ra" } else { "Rc" };
            blocks.push(format!("{} {}", block(frame)?, block(centre)?));
        }
        blocks.push(question);
        blocks.push(block(if self.spec.reasoning { "Fr" } else { "Fd" })?);
        Ok(blocks.join("\n\n"))
    }

    /// Whether a printed structure name holds a side word; the same for the closed and the inverted form.
    fn prints_side(&self, cell: &Cell<'_>, set: &Set, drawn: &Drawn) -> bool {
        let Some((a, b)) = drawn.pair else { return false };
        let printed: Vec<usize> = match (cell.template.asks, cell.text) {
            (Asks::NameOfMark, _) if cell.template.question == QuestionType::Open => {
                drawn.marks.iter().map(|mark| mark.site).collect()
            }
            (Asks::NameOfMark, _) => vec![a, b],
            (Asks::MarkOfName, _) => vec![a],
            (_, TextPrompt::Name | TextPrompt::NameAndMark) => vec![a, b],
            _ => Vec::new(),
        };
        printed.into_iter().any(|site| side(self.display(set, site)).is_some())
    }

    fn scene(&self, cell: &Cell<'_>, set: &Set, drawn: &Drawn, view: View, asked: &[usize]) -> Scene {
        let mut frames = set.stage.frames.clone();
        if view.frame.sign() < 0.0 {
            frames.reverse();
        }
        let shape = match cell.visual {
            Visual::Mask => Some(MarkShape::Mask),
            Visual::Box => Some(MarkShape::Box),
            Visual::Point => Some(MarkShape::Point),
            Visual::None => None,
        };
        let has_letter = matches!(cell.identity, Identity::Letter | Identity::Both);
        let marks = shape.map_or_else(Vec::new, |shape| {
            drawn
                .marks
                .iter()
                .map(|mark| Mark {
                    structure: self.name(set, mark.site).to_owned(),
                    shape,
                    colour: mark.colour,
                    letter: has_letter.then_some(mark.letter),
                })
                .collect()
        });
        Scene {
            view,
            frames,
            stack: cell.dim == Dim::Stack,
            step_mm: set.stage.step_mm,
            long_side: self.spec.long_side,
            backdrop: match cell.ablation {
                Ablation::None => Backdrop::Image,
                Ablation::TextOnly => Backdrop::None,
                Ablation::MarksOnWhite => Backdrop::White,
            },
            marks,
            keep_clear: asked.iter().map(|site| self.name(set, *site).to_owned()).collect(),
        }
    }

    fn evidence(
        &self,
        cell: &Cell<'_>,
        set: &Set,
        drawn: &Drawn,
        view: &View,
        asked: &[usize],
        relation: String,
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
            facts.insert(
                "volume_centroid_ras_mm".to_owned(),
                per_site(&|site| {
                    let candidate = &self.body.candidates[set.stage.sites[site].candidate];
                    serde_json::json!(candidate.volume_centroid)
                }),
            );
        }
        let gap = drawn.gap;
        Evidence {
            positions,
            relation,
            margin_mm: gap.map(|gap| gap.world_mm.abs()),
            margin_px: gap.and_then(|gap| gap.px),
            margin_frames: gap.and_then(|gap| gap.frames),
            required_mm: gap.map(|gap| gap.required_mm),
            facts,
        }
    }

    fn facets(&self, cell: &Cell<'_>, set: &Set, drawn: &Drawn, view: &View) -> BTreeMap<String, String> {
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
            // The prompt gives the distance of frames in mm, but not the size of a pixel.
            ("needs_scale", yes_no(cell.dim == Dim::Stack && cell.words == Words::Anat && cell.template.asks == Asks::Dominant)),
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
        match (side(self.display(set, a)), side(self.display(set, b))) {
            (Some(a), Some(b)) if a != b => "full",
            (Some(_), None) | (None, Some(_)) => "partial",
            _ => "none",
        }
    }

    fn private(
        &self,
        cell: &Cell<'_>,
        set: &Set,
        drawn: &Drawn,
        view: &View,
        options: &[String],
    ) -> Result<serde_json::Value, Fault> {
        let open = cell.template.question == QuestionType::Open;
        let private = if !open {
            Private::Truth
        } else {
            match cell.template.asks {
                Asks::Plane => Private::Plane,
                Asks::Relation | Asks::Dominant => Private::Words { words: cell.words, view: *view },
                Asks::NameOfMark | Asks::NameFarther => Private::Name {
                    spoken: self
                        .asked(cell, drawn)
                        .into_iter()
                        .map(|site| (self.display(set, site).to_owned(), self.classes.spoken(self.name(set, site))))
                        .filter(|(display, _)| options.contains(display))
                        .collect(),
                },
                Asks::MarkOfName | Asks::MarkFarther | Asks::MarkFarthest => Private::Mark {
                    letters: drawn
                        .marks
                        .iter()
                        .filter(|_| cell.identity != Identity::Colour)
                        .map(|mark| (mark.letter.to_string(), Self::label(cell, mark)))
                        .collect(),
                    colours: drawn
                        .marks
                        .iter()
                        .map(|mark| (mark.colour.word().to_owned(), Self::label(cell, mark)))
                        .collect(),
                },
            }
        };
        serde_json::to_value(private).map_err(|error| Fault::internal(error.to_string()))
    }
}

fn input_block(cell: &Cell<'_>) -> &'static str {
    match (cell.ablation, cell.dim, cell.template.asks) {
        (Ablation::TextOnly, Dim::Slice, _) => "I0_2",
        (Ablation::TextOnly, Dim::Stack, _) => "I0_3",
        (Ablation::MarksOnWhite, Dim::Slice, _) => "I2w",
        (Ablation::MarksOnWhite, Dim::Stack, _) => "I3w",
        (Ablation::None, Dim::Slice, Asks::Plane) => "I2s",
        (Ablation::None, Dim::Stack, Asks::Plane) => "I3s",
        (Ablation::None, Dim::Slice, _) => "I2",
        (Ablation::None, Dim::Stack, _) => "I3",
    }
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

/// Distance of frames in mm; "about" where rounding to whole slices makes them uneven.
fn step(stage: &Stage) -> String {
    let mut steps = stage.frames.windows(2).map(|pair| pair[1] - pair[0]);
    let first = steps.next();
    let even = steps.all(|step| Some(step) == first);
    format!("{}{}", if even { "" } else { "about " }, short_number(stage.step_mm))
}

/// Whether "left" or "right" stands as a word outside all of these phrases.
fn lone_side(text: &str, phrases: &[&str]) -> bool {
    let is_word = |start: usize, end: usize| {
        let ends = (text[..start].chars().next_back(), text[end..].chars().next());
        [ends.0, ends.1].into_iter().flatten().all(|c| !c.is_alphanumeric())
    };
    let covered = |start: usize, phrase: &str| {
        text.match_indices(phrase).any(|(at, found)| at <= start && start < at + found.len())
    };
    ["left", "right"].into_iter().any(|side| {
        text.match_indices(side).any(|(start, found)| {
            is_word(start, start + found.len()) && !phrases.iter().any(|phrase| covered(start, phrase))
        })
    })
}

/// "an MR scan", "a CT scan".
fn article(noun: &str) -> &'static str {
    let word = noun.split_whitespace().next().unwrap_or_default();
    let spelled = word.chars().all(|c| !c.is_lowercase());
    let vowel = |letters: &str| word.chars().next().is_some_and(|c| letters.contains(c));
    // Spelled words begin with the sound of their first letter's name.
    if (spelled && vowel("AEFHILMNORSX")) || (!spelled && vowel("aeioAEIO")) { "an" } else { "a" }
}

/// At most two decimals, without trailing zeros.
fn short_number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_follow_the_sound_and_numbers_lose_their_zeros() {
        assert_eq!(article("MR scan (DESS) of a knee"), "an");
        assert_eq!(article("CT scan of the torso"), "a");
        assert_eq!(article("abdominal MR scan"), "an");
        assert_eq!(short_number(7.5), "7.5");
        assert_eq!(short_number(12.0), "12");
        assert_eq!(short_number(10.0), "10");
    }

    #[test]
    fn a_side_word_needs_an_owner() {
        let phrases = ["patient's left", "left edge of the image", "left kidney"];
        assert!(!lone_side("toward the patient's left, the left edge of the image, the left kidney", &phrases));
        assert!(lone_side("the kidney on the left", &phrases));
        assert!(lone_side("left of the left kidney", &phrases));
        assert!(!lone_side("a cleft, a bright spot", &phrases));
    }

    #[test]
    fn obliquity_is_banded_in_degrees() {
        assert_eq!([0.0, 4.9, 5.0, 14.9, 15.0, 44.0].map(oblique_band), ["no", "no", "5-15", "5-15", "15+", "15+"]);
    }
}
