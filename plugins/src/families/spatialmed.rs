//! `spatialmed`: direction, distance, extent, volume and comparison of structures by multiple choice, and volumes as free
//! numbers, after the SpatialMed benchmark (arXiv 2603.13800).
//!
//! Texts and anatomical limits are data (`spatialmed/data/`); truths come from masks through the world; distractors obey
//! rules that keep guessing at chance.

mod agents;
mod anatomy;
mod assemble;
mod body;
mod direction;
mod distance;
mod draft;
mod extent;
mod free;
mod options;
mod population;
mod retrieval;
mod spec;
mod templates;
mod volume;
mod voxel;

pub use agents::Agents;
pub use spec::{Profile, SpatialMed, Task, Variant};

use crate::families::mis_ground::classes::Classes;
use crate::replies::{self, choice, number};
use agents::{Pipeline, Stage};
use anatomy::Anatomy;
use assemble::{Assembler, Private, belongs};
use body::Body;
use draft::{Answers, Draft, Drafter, Refusal, Turn};
use population::{Population, Verdict};
use situs_core::prelude::*;
use std::collections::BTreeSet;
use templates::{Template, Templates, Unit};

/// Tries at one item before it is given up.
const TRIES: usize = 40;

#[typetag::serde(name = "spatialmed")]
impl QuestionFamilySpec for SpatialMed {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn QuestionFamily>, Fault> {
        Ok(Box::new(Family::new(self, cx)?))
    }
}

/// One item that passed the rules.
struct Item<'a> {
    /// `TASK/NUMBER`, unique within its case.
    name: String,
    template: &'a Template,
    draft: Draft,
    verdict: Verdict,
    turn: Turn,
    /// Wording other than the template's.
    stem: Option<String>,
}

/// The family as built.
struct Family {
    spec: SpatialMed,
    templates: Templates,
    anatomy: Anatomy,
    classes: Classes,
    pipeline: Pipeline,
    version: String,
}

impl Family {
    fn new(spec: &SpatialMed, cx: &BuildContext) -> Result<Self, Fault> {
        spec.check()?;
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
        let anatomy = Anatomy::embedded()?;
        let classes = Classes::load("all", cx)?;
        let pipeline = Pipeline::new(&spec.agents, cx).map_err(|fault| fault.at("agents"))?;
        let mut version =
            format!("{}/anatomy+{}/classes+{}", templates.version, anatomy.digest, classes.digest);
        if let Some(texts) = pipeline.version() {
            version.push_str(&format!("/texts+{texts}"));
        }
        Ok(Self { spec: spec.clone(), templates, anatomy, classes, pipeline, version })
    }

    /// Templates of a task, as far as the parameters allow them.
    fn of_task(&self, task: Task) -> Vec<&Template> {
        self.templates
            .list
            .iter()
            .filter(|template| {
                template.task == task
                    && belongs(template, self.spec.profile)
                    && (self.spec.templates.is_empty() || self.spec.templates.contains(&template.id))
            })
            .collect()
    }

    fn modality_text(&self, cx: &AskContext<'_>) -> String {
        let case_text = cx.case.facts.get("modality_text").map(String::as_str);
        [case_text, Some(&self.spec.modality_text), Some(&cx.card.modality_text)]
            .into_iter()
            .flatten()
            .find(|text| !text.trim().is_empty())
            .map_or_else(|| format!("{} scan", cx.case.modality.word()), str::to_owned)
    }
}

/// Makes the items of one task.
struct TaskItems<'a> {
    drafter: Drafter<'a>,
    root: Draw,
}

impl TaskItems<'_> {
    fn draft<'t>(
        &self,
        task: Task,
        templates: &[&'t Template],
        count: usize,
        left_out: &mut Reasons,
    ) -> Result<Vec<Item<'t>>, Fault> {
        let mut leave = |stage: &str, reason: &str| {
            *left_out.entry(format!("{stage}: {}: {reason}", task.word())).or_default() += 1;
        };
        let root = self.root.of(task.word());
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut items = Vec::new();
        for item in 0..count {
            let which = root.of(item).of("template").below(templates.len());
            let Some(template) = templates.get(which).copied() else { continue };
            let mut made = None;
            for attempt in 0..TRIES {
                let turn = Turn::new(&root, item, attempt);
                match self.drafter.draft(template, &turn) {
                    Err(Refusal::Broken(fault)) => return Err(fault),
                    Err(Refusal::Rule(reason)) => leave("2 item", reason),
                    Ok(draft) => {
                        if !seen.insert(identity(template, &draft)) {
                            leave("2 item", "drawn before");
                            continue;
                        }
                        let verdict = self.verdict(&draft);
                        if verdict == Verdict::Trivial {
                            leave("3 trivial", "a book tells the answer in nearly all patients");
                            continue;
                        }
                        made = Some((draft, verdict, turn));
                        break;
                    }
                }
            }
            let Some((draft, verdict, turn)) = made else {
                leave("2 item", "given up after all tries");
                continue;
            };
            let name = format!("{}/{item}", task.word());
            items.push(Item { name, template, draft, verdict, turn, stem: None });
        }
        Ok(items)
    }

    fn verdict(&self, draft: &Draft) -> Verdict {
        match &draft.answers {
            Answers::Choice { options, truth, .. } => self.drafter.population.verdict(
                self.drafter.body,
                &draft.sites,
                &draft.textbook,
                options,
                *truth,
            ),
            Answers::Number(_) => Verdict::Unknown,
        }
    }
}

/// What makes two items of a case the same.
fn identity(template: &Template, draft: &Draft) -> String {
    let other = draft.other.as_ref().map(|other| other.name.as_str()).unwrap_or_default();
    format!("{} {:?} {:?} {other}", template.id, draft.sites, draft.values)
}

/// Why a case has nobody to be compared with; a pair of patients is asked about from the case that comes first by name.
fn no_partner(population: &Population<'_>, body: &Body<'_>) -> Option<&'static str> {
    let mut others = population.others.iter().filter_map(|case| population.entry(*case));
    if population.is_empty() {
        Some("not run: one case")
    } else if others.all(|other| !body.comes_before(&other.case)) {
        Some("asked from the other patient")
    } else {
        None
    }
}

impl QuestionFamily for Family {
    fn version(&self) -> &str {
        &self.version
    }

    fn ask(&self, cx: &AskContext<'_>) -> Result<Asked, Fault> {
        let mut left_out = Reasons::new();
        let body = Body::new(cx, &self.spec, (&self.anatomy, &self.classes, &self.templates), &mut left_out)?;
        let population = Population::new(cx, self.spec.population, self.spec.trivial_from);
        let drafts = TaskItems {
            drafter: Drafter { templates: &self.templates, body: &body, population: &population },
            root: Draw::new(cx.seed).of("spatialmed").of(&cx.case.name),
        };
        let mut items = Vec::new();
        for task in Task::ALL.into_iter().filter(|task| self.spec.tasks.contains(task)) {
            let templates = self.of_task(task);
            if let Some(reason) = no_partner(&population, &body).filter(|_| task == Task::Cross) {
                let count = if templates.is_empty() { 0 } else { self.spec.items as u64 };
                *left_out.entry(format!("2 item: cross: {reason}")).or_default() += count;
                continue;
            }
            items.extend(drafts.draft(task, &templates, self.spec.items, &mut left_out)?);
        }
        let assembler = Assembler {
            spec: &self.spec,
            templates: &self.templates,
            case: cx.case,
            body: &body,
            population: &population,
            modality_text: self.modality_text(cx),
        };
        Ok(match self.pipeline.run(items, &assembler, cx.replies, &mut left_out)? {
            Stage::Needs(needs) => Asked::Needs(needs),
            Stage::Done(questions) => Asked::Questions { questions, left_out },
        })
    }

    fn read(&self, question: &Question, reply: &Reply) -> Result<Answer, Fault> {
        read_answer(question, reply)
    }
}

/// Reads a reply: the last tag pair, a letter or the text of an option, or one number with its unit.
fn read_answer(question: &Question, reply: &Reply) -> Result<Answer, Fault> {
    let private: Private = serde_json::from_value(question.private.clone()).map_err(|error| {
        Fault::internal(format!("question {}: its reading data are damaged: {error}", question.id))
    })?;
    if reply.finish == Finish::Refused {
        return Ok(Answer::without_value(AnswerState::Refused));
    }
    let text = replies::after_thinking(&reply.text);
    let Some(inner) = replies::last_tag(text) else {
        let state = match reply.finish {
            Finish::Length => AnswerState::Truncated,
            _ if replies::refuses(text) => AnswerState::Refused,
            _ => AnswerState::Unparsed,
        };
        // Without the tags even a plain number is a fault of form; without one, none was given.
        let silent = |unit: &Unit| {
            state == AnswerState::Unparsed && read_number(text, *unit, &question.truth).state != AnswerState::Answered
        };
        let answer = Answer::without_value(state);
        return Ok(if private.unit.as_ref().is_some_and(silent) { answer.flag("no_commitment") } else { answer });
    };
    if inner.len() > replies::MOST_ANSWER_BYTES {
        return Ok(Answer::without_value(AnswerState::Unparsed));
    }
    Ok(match private.unit {
        Some(unit) => read_number(inner, unit, &question.truth),
        None => read_choice(inner, &question.options),
    })
}

fn read_choice(inner: &str, options: &[String]) -> Answer {
    match choice::read(inner, options) {
        choice::Reading::One(index) => {
            options.get(index).map_or(Answer::without_value(AnswerState::Unparsed), Answer::answered)
        }
        choice::Reading::Several => Answer::without_value(AnswerState::Unparsed).flag("several_options"),
        choice::Reading::Nothing if replies::abstains(inner) => Answer::without_value(AnswerState::Abstained),
        choice::Reading::Nothing => Answer::without_value(AnswerState::Unparsed),
    }
}

fn read_number(inner: &str, unit: Unit, truth: &str) -> Answer {
    let asked = match unit {
        Unit::Cm3 => number::Asked::Cm3,
        Unit::None => number::Asked::Ratio,
        Unit::Percent => number::Asked::Percent,
    };
    let unparsed = || Answer::without_value(AnswerState::Unparsed);
    match number::read(inner, asked) {
        number::Reading::Value { value, flags } => {
            // Where the truth itself is below 1 %, a bare 0.4 need be no fraction.
            let is_small = truth.parse().is_ok_and(|truth: f64| truth <= 1.0);
            let flags = flags.into_iter().filter(|flag| *flag != "fraction" || !is_small);
            flags.fold(Answer::answered(value.to_string()), Answer::flag)
        }
        number::Reading::NoCommitment => unparsed().flag("no_commitment"),
        number::Reading::WrongUnit => unparsed().flag("wrong_unit"),
        number::Reading::Nothing if replies::abstains(inner) => {
            Answer::without_value(AnswerState::Abstained).flag("no_commitment")
        }
        number::Reading::Nothing => unparsed().flag("no_commitment"),
    }
}
