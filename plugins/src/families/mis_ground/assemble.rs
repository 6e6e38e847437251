//! From a cell and what it drew to a question: options, truth, scene, and what the reader of replies needs.

use super::classes::Classes;
use super::drawn::{Drawn, OnScreen, Set, on_screen, relation_words};
use super::factors::{Ablation, Asks, Dim, Identity, QuestionType, Visual, Words};
use super::grid::Cell;
use super::measure::Body;
use super::pairs::axes;
use super::read::Private;
use super::spec::MisGround;
use super::templates::{Templates, Values};
use situs_core::case::{Case, DatasetCard};
use situs_core::digest::Digest;
use situs_core::fault::Fault;
use situs_core::question::Question;
use situs_core::scene::{Backdrop, Mark, MarkShape, Scene};
use situs_core::space::{Anatomical, Colloquial, Plane, View};

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
    claims: Claims,
}

/// What holds, and what a statement says.
pub(super) struct Claims {
    /// The relation that holds.
    pub(super) relation: String,
    /// The relation that a closed or inverted question states.
    pub(super) stated: Option<String>,
}

impl Writer<'_> {
    /// The question of one cell; `None` where a side word would stand alone in its text.
    ///
    /// # Errors
    /// An internal fault when the template file does not fit its use.
    pub(super) fn question(
        &self,
        cell: &Cell<'_>,
        set: &Set,
        drawn: &Drawn,
    ) -> Result<Option<Question>, Fault> {
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
        let structures: Vec<String> = asked.iter().map(|site| self.name(set, *site).to_owned()).collect();
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
            evidence: self.evidence(cell, set, drawn, &view, &asked, answered.claims),
        }))
    }

    pub(super) fn name(&self, set: &Set, site: usize) -> &str {
        &self.body.candidates[set.stage.sites[site].candidate].name
    }

    pub(super) fn display(&self, set: &Set, site: usize) -> &str {
        &self.body.candidates[set.stage.sites[site].candidate].display
    }

    /// Sites that the question is about: A, B, and all marks where they are candidates.
    pub(super) fn asked(&self, cell: &Cell<'_>, drawn: &Drawn) -> Vec<usize> {
        let mut asked: Vec<usize> = drawn.pair.into_iter().flat_map(|(a, b)| [a, b]).collect();
        let all_compete = cell.template.asks == Asks::MarkFarthest
            || cell.template.question == QuestionType::Open
                && matches!(cell.template.asks, Asks::NameOfMark | Asks::MarkOfName);
        if all_compete {
            asked.extend(drawn.marks.iter().map(|mark| mark.site).skip(2));
        }
        asked
    }

    pub(super) fn on_screen(&self, set: &Set, drawn: &Drawn, view: &View, site: usize) -> OnScreen {
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

    /// Options and truth; adds the placeholders that depend on them.
    fn answer(
        &self,
        cell: &Cell<'_>,
        set: &Set,
        drawn: &Drawn,
        view: &View,
        values: &mut Values,
    ) -> Result<Answered, Fault> {
        let missing = || Fault::internal(format!("the cell {} drew no pair", cell.id()));
        // The relation that holds, and its inversion.
        let (mut options, mut truth, relation, inversion): (Vec<String>, String, String, String);
        match cell.template.asks {
            Asks::Plane => {
                options = Plane::ALL.map(|plane| plane.word().to_owned()).to_vec();
                truth = cell.plane.word().to_owned();
                relation = format!("plane {truth}");
                inversion = format!("plane {}", drawn.other_plane.word());
            }
            Asks::NameOfMark => {
                options = drawn.marks.iter().map(|mark| self.display(set, mark.site).to_owned()).collect();
                truth = options.first().cloned().ok_or_else(missing)?;
                relation = "mark A belongs to structure A".to_owned();
                inversion = "mark A belongs to structure B".to_owned();
            }
            Asks::MarkOfName => {
                options = drawn.marks.iter().map(|mark| Self::label(cell, mark)).collect();
                truth = options.first().cloned().ok_or_else(missing)?;
                relation = "mark A belongs to structure A".to_owned();
                inversion = "mark B belongs to structure A".to_owned();
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
                inversion = format!("A {opposite} B");
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
                let (won, lost) = if a_wins { ("A", "B") } else { ("B", "A") };
                relation = format!("{won} farther {toward} than {lost}");
                inversion = format!("{lost} farther {toward} than {won}");
            }
        }
        let stated = match cell.template.question {
            QuestionType::Open => None,
            QuestionType::Closed => Some(relation.clone()),
            QuestionType::Inverted => Some(inversion),
        };
        if stated.is_some() {
            options = vec!["true".to_owned(), "false".to_owned()];
            truth = (stated.as_ref() == Some(&relation)).to_string();
        }
        Ok(Answered { options, truth, claims: Claims { relation, stated } })
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
                        .map(|site| {
                            (self.display(set, site).to_owned(), self.classes.spoken(self.name(set, site)))
                        })
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
