//! The words of a question: placeholders, references to structures, blocks in order.

use super::assemble::Writer;
use super::drawn::{Drawn, Marked, Set, screen_axis};
use super::factors::{Ablation, Asks, Dim, Identity, QuestionType, TextPrompt, ViewStatement, Visual, Words};
use super::grid::Cell;
use super::measure::{Basis, Stage};
use super::templates::{ByIdentity, Values, fill};
use situs_core::fault::Fault;
use situs_core::space::{BodyAxis, Direction, ScreenAxis, View};
use situs_core::volume::side_of;

impl Writer<'_> {
    /// Whether "left" or "right" stands in a prompt, before its options, without saying whose.
    pub(super) fn has_lone_side(&self, text: &str, set: &Set, drawn: &Drawn) -> bool {
        let mut phrases: Vec<&str> =
            vec!["own left and right", "patient's left", "patient's right-left", "patient's right"];
        phrases.extend(["left edge of the image", "right edge of the image"]);
        if self.modality_text.ends_with("of the patient") {
            phrases.push(&self.modality_text);
        }
        let pair = drawn.pair.into_iter().flat_map(|(a, b)| [a, b]);
        phrases
            .extend(pair.chain(drawn.marks.iter().map(|mark| mark.site)).map(|site| self.display(set, site)));
        lone_side(text.rsplit_once("exactly one of:").map_or(text, |(asked, _)| asked), &phrases)
    }

    /// Values for all placeholders that do not depend on the answer.
    pub(super) fn values(
        &self,
        cell: &Cell<'_>,
        set: &Set,
        drawn: &Drawn,
        view: &View,
    ) -> Result<Values, Fault> {
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
    pub(super) fn label(cell: &Cell<'_>, mark: &Marked) -> String {
        match cell.identity {
            Identity::Colour => mark.colour.word().to_owned(),
            _ => mark.letter.to_string(),
        }
    }

    /// The prompt: blocks in order, one blank line between.
    pub(super) fn text(
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
        printed.into_iter().any(|site| side_of(self.display(set, site)).is_some())
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
        assert!(!lone_side(
            "toward the patient's left, the left edge of the image, the left kidney",
            &phrases
        ));
        assert!(lone_side("the kidney on the left", &phrases));
        assert!(lone_side("left of the left kidney", &phrases));
        assert!(!lone_side("a cleft, a bright spot", &phrases));
    }
}
