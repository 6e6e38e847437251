//! Items worded and checked by models: a writer with retrieved texts, a clinical validator, and specialists who answer
//! without the image. Models never touch what is true: names, sides, numbers and the rules of options are checked by code.

use super::assemble::Assembler;
use super::draft::{Answers, Draft};
use super::options::{Choice, printed, read_length_or_volume, well_apart};
use super::retrieval::Library;
use super::{Item, read_answer};
use serde::Deserialize;
use serde_json::json;
use situs_core::prelude::*;
use situs_core::registry::BuildContext as Context;
use std::path::PathBuf;

situs_core::component_table! {
    /// Roles (`[models.<role>]`) that word and check items. Without roles items are worded by the templates alone.
    pub struct Agents {
        /// Folder of .txt and .md files whose nearest passages writer and specialists are given; none: no retrieval.
        pub texts: Option<PathBuf> = None,
        /// Passages per item.
        pub passages: usize = 5,
        /// Role that words the question anew and proposes distractors.
        pub writer: Option<String> = None,
        /// Role that judges relevance, plausible values and non-triviality.
        pub validator: Option<String> = None,
        /// Roles that answer without the image; an item most of them get right is dropped. The paper has three.
        pub specialists: Vec<String> = Vec::new(),
        /// Most new tokens of a reply.
        pub max_tokens: u32 = 1024,
    }
}

/// Longest new wording of a question.
const MOST_STEM_CHARS: usize = 600;
/// A free number counts as right within this relative error.
const NUMBER_RIGHT_WITHIN: f64 = 0.1;
/// Most specialists.
const MOST_SPECIALISTS: usize = 15;

impl Agents {
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.specialists.len() == 2 || self.specialists.len() > MOST_SPECIALISTS {
            return Err(Fault::config(format!(
                "{} specialists: one, or 3 to {MOST_SPECIALISTS}",
                self.specialists.len()
            ))
            .at("specialists"));
        }
        if self.passages == 0 || self.passages > 50 {
            return Err(
                Fault::config(format!("expected 1 to 50 passages, found {}", self.passages)).at("passages")
            );
        }
        Ok(())
    }

    fn is_off(&self) -> bool {
        self.writer.is_none() && self.validator.is_none() && self.specialists.is_empty()
    }
}

/// The pipeline as built.
pub(super) struct Pipeline {
    agents: Agents,
    library: Option<Library>,
}

/// What the writer says.
#[derive(Debug, Deserialize)]
struct Written {
    #[serde(default)]
    question: String,
    #[serde(default)]
    distractors: Vec<String>,
}

/// What the validator says.
#[derive(Debug, Deserialize)]
struct Judged {
    relevant: bool,
    plausible: bool,
    non_trivial: bool,
}

/// Where a case stands.
pub(super) enum Stage {
    /// These must be answered first.
    Needs(Vec<Consultation>),
    /// The questions that are left.
    Done(Vec<Question>),
}

impl Pipeline {
    pub(super) fn new(agents: &Agents, cx: &Context) -> Result<Self, Fault> {
        let library = match &agents.texts {
            Some(folder) => Some(Library::open(&cx.path(folder)).map_err(|fault| fault.at("texts"))?),
            None => None,
        };
        Ok(Self { agents: agents.clone(), library })
    }

    /// Part of the identity of every item.
    pub(super) fn version(&self) -> Option<String> {
        self.library.as_ref().map(|library| library.digest.clone())
    }

    /// Takes the items of a case as far as the replies allow; counts what is dropped.
    pub(super) fn run(
        &self,
        items: Vec<Item<'_>>,
        assembler: &Assembler<'_>,
        replies: &Replies,
        left_out: &mut Reasons,
    ) -> Result<Stage, Fault> {
        let case = &assembler.case.name;
        let mut funnel = Funnel { left_out };
        if self.agents.is_off() {
            let questions = items.iter().map(|item| assembler.questions(item)).collect::<Result<Vec<_>, _>>()?;
            return Ok(Stage::Done(questions.into_iter().flatten().collect()));
        }
        funnel.total("1 generated", items.len());
        let mut items = items;
        if let Some(role) = &self.agents.writer {
            let needs = self.missing(case, replies, &items, "writer", role, |item| self.writer_prompt(item, assembler))?;
            if !needs.is_empty() {
                return Ok(Stage::Needs(needs));
            }
            for item in &mut items {
                self.reword(item, replies.get(case, &key("writer", item)), assembler, &mut funnel);
            }
        }
        if let Some(role) = &self.agents.validator {
            let needs =
                self.missing(case, replies, &items, "validator", role, |item| validator_prompt(item, assembler))?;
            if !needs.is_empty() {
                return Ok(Stage::Needs(needs));
            }
            items.retain(|item| match verdict(replies.get(case, &key("validator", item))) {
                Ok(()) => true,
                Err(reason) => {
                    funnel.leave("4 validator", reason);
                    false
                }
            });
            funnel.total("2 past the validator", items.len());
        }
        let mut kept = Vec::new();
        let mut needs = Vec::new();
        for item in &items {
            let questions = assembler.questions(item)?;
            let Some(first) = questions.first() else { continue };
            for (place, role) in self.agents.specialists.iter().enumerate() {
                let name = format!("{}/{place}", key("specialist", item));
                self.need(case, replies, name, role, || self.specialist_prompt(item, first, assembler), &mut needs);
            }
            if needs.is_empty() && self.survives(item, first, case, replies, &mut funnel)? {
                kept.extend(questions);
            }
        }
        if !needs.is_empty() {
            return Ok(Stage::Needs(needs));
        }
        if !self.agents.specialists.is_empty() {
            funnel.total("3 past the specialists", kept.len() / assembler.spec.variants.len().max(1));
        }
        Ok(Stage::Done(kept))
    }

    /// Consultations of one stage that have no outcome yet.
    fn missing(
        &self,
        case: &str,
        replies: &Replies,
        items: &[Item<'_>],
        stage: &str,
        role: &str,
        prompt: impl Fn(&Item<'_>) -> Result<String, Fault>,
    ) -> Result<Vec<Consultation>, Fault> {
        let mut needs = Vec::new();
        for item in items {
            let text = prompt(item)?;
            self.need(case, replies, key(stage, item), role, || text, &mut needs);
        }
        Ok(needs)
    }

    fn need(
        &self,
        case: &str,
        replies: &Replies,
        name: String,
        role: &str,
        prompt: impl FnOnce() -> String,
        needs: &mut Vec<Consultation>,
    ) {
        let key = Key { about: case.to_owned(), name };
        if !replies.contains(&key) {
            needs.push(Consultation {
                key,
                role: role.to_owned(),
                prompt: Prompt::text(prompt()),
                sampling: Sampling {
                    temperature: Some(0.0),
                    max_tokens: Some(self.agents.max_tokens),
                    ..Sampling::default()
                },
            });
        }
    }

    /// Retrieved passages, as a block of a prompt.
    fn passages(&self, item: &Item<'_>, assembler: &Assembler<'_>) -> String {
        let Some(library) = &self.library else { return String::new() };
        let names: Vec<&str> = item
            .draft
            .sites
            .iter()
            .filter_map(|site| assembler.body.sites.get(*site))
            .map(|site| site.display.as_str())
            .collect();
        let query = match (item.template.task.word(), names.as_slice()) {
            ("dist" | "dir", [a, b, ..]) => format!("The distance between {a} and {b}"),
            (_, names) => format!("The volume of {}", names.join(" and ")),
        };
        let found = library.search(&query, self.agents.passages);
        if found.is_empty() {
            return String::new();
        }
        let listed: Vec<String> =
            found.iter().enumerate().map(|(place, passage)| format!("[{}] {passage}", place + 1)).collect();
        format!("Passages from medical texts:\n{}\n\n", listed.join("\n\n"))
    }

    fn writer_prompt(&self, item: &Item<'_>, assembler: &Assembler<'_>) -> Result<String, Fault> {
        let data = data_of(item, assembler)?;
        Ok(format!(
            "{}You word questions for an examination in radiology. The item below was measured from a segmented {}. \
             Word its question anew, clinically and without changing what is asked: every structure name, axis, direction \
             and number of the question must stay as it is, and the answer must not appear. For an item with numeric \
             options you may propose three other wrong values in the same unit.\n\nItem:\n{data}\n\nReply with JSON alone: \
             {{\"question\": \"...\", \"distractors\": [\"...\"]}}",
            self.passages(item, assembler),
            assembler.modality_text
        ))
    }

    /// Takes over what the writer may change, as far as code finds that it keeps the rules.
    fn reword(&self, item: &mut Item<'_>, reply: Option<&Reply>, assembler: &Assembler<'_>, funnel: &mut Funnel<'_>) {
        let Some(written) = reply.and_then(|reply| json_in::<Written>(&reply.text)) else {
            funnel.total("writer: kept the template, no readable reply", 1);
            return;
        };
        match kept_wording(&written.question, item, assembler) {
            Ok(stem) => item.stem = Some(stem),
            Err(reason) => funnel.total(&format!("writer: kept the template, {reason}"), 1),
        }
        if !written.distractors.is_empty() && !take_distractors(&mut item.draft, &written.distractors) {
            funnel.total("writer: kept the options, proposals break the rules", 1);
        }
    }

    fn specialist_prompt(&self, item: &Item<'_>, question: &Question, assembler: &Assembler<'_>) -> String {
        format!(
            "{}You are a medical specialist. No image is given: answer from knowledge alone.\n\n{}",
            self.passages(item, assembler),
            question.text
        )
    }

    /// Whether an item needs its image: fewer than half of the specialists are right without it.
    fn survives(
        &self,
        item: &Item<'_>,
        question: &Question,
        case: &str,
        replies: &Replies,
        funnel: &mut Funnel<'_>,
    ) -> Result<bool, Fault> {
        let all = self.agents.specialists.len();
        if all == 0 {
            return Ok(true);
        }
        let kind = match question.options.len() {
            0 => "a free number".to_owned(),
            count => format!("{count} options"),
        };
        let guessing = by_guessing(all, question.chance);
        funnel.total(&format!("specialists: {kind} (guessing alone drops {:.0} %)", 100.0 * guessing), 1);
        let mut right = 0;
        for place in 0..all {
            if let Some(reply) = replies.get(case, &format!("{}/{place}", key("specialist", item))) {
                right += usize::from(is_right(question, &read_answer(question, reply)?));
            }
        }
        let survives = 2 * right < all + usize::from(all == 1);
        if !survives {
            funnel.leave("5 specialists", &format!("most are right without the image, {kind}"));
        }
        Ok(survives)
    }
}

/// Counts what is left out, and what reaches each stage.
struct Funnel<'a> {
    left_out: &'a mut Reasons,
}

impl Funnel<'_> {
    fn leave(&mut self, stage: &str, reason: &str) {
        *self.left_out.entry(format!("{stage}: {reason}")).or_default() += 1;
    }

    fn total(&mut self, stage: &str, count: usize) {
        *self.left_out.entry(format!("funnel {stage}")).or_default() += count as u64;
    }
}

fn key(stage: &str, item: &Item<'_>) -> String {
    format!("{stage}/{}", item.name)
}

/// Probability that most of `all` guess right: 16 % of four options, 50 % of two, for three.
fn by_guessing(all: usize, chance: f64) -> f64 {
    let ways = |right: usize| {
        (0..right).fold(1.0, |ways, place| ways * (all - place) as f64 / (place + 1) as f64)
    };
    (all / 2 + 1..=all)
        .map(|right| ways(right) * chance.powi(right as i32) * (1.0 - chance).powi((all - right) as i32))
        .sum()
}

fn is_right(question: &Question, answer: &Answer) -> bool {
    let Some(value) = answer.value.as_ref().filter(|_| answer.state == AnswerState::Answered) else {
        return false;
    };
    if !question.options.is_empty() {
        return *value == question.truth;
    }
    let numbers = value.parse::<f64>().ok().zip(question.truth.parse::<f64>().ok());
    numbers.is_some_and(|(given, truth)| ((given - truth) / truth).abs() <= NUMBER_RIGHT_WITHIN)
}

/// The item as data: measurements, question, options, answer.
fn data_of(item: &Item<'_>, assembler: &Assembler<'_>) -> Result<String, Fault> {
    let structures: Vec<serde_json::Value> = item
        .draft
        .sites
        .iter()
        .filter_map(|site| assembler.body.sites.get(*site))
        .map(|site| {
            json!({
                "name": site.display,
                "volume_cm3": site.measure.volume,
                "box_mm": site.measure.size,
                "centre_mm": site.measure.centre,
            })
        })
        .collect();
    let (options, answer) = match &item.draft.answers {
        Answers::Choice { options, truth, .. } => {
            let texts: Vec<&str> = options.iter().map(|option| option.text.as_str()).collect();
            (json!(texts), json!(texts.get(*truth)))
        }
        Answers::Number(value) => (json!([]), json!(value)),
    };
    let data = json!({
        "task": item.template.task.word(),
        "structures": structures,
        "question": assembler.stem(item)?,
        "options": options,
        "answer": answer,
    });
    serde_json::to_string_pretty(&data).map_err(|error| Fault::internal(error.to_string()))
}

fn validator_prompt(item: &Item<'_>, assembler: &Assembler<'_>) -> Result<String, Fault> {
    Ok(format!(
        "You check questions of an examination in radiology by three criteria.\n\
         relevant: anatomy, pathology and the relation asked for are clinically meaningful (not: the distance between the \
         heart and the sky).\n\
         plausible: all values lie within anatomical ranges (not: a liver of 0.01 mm3).\n\
         non_trivial: the answer needs this patient's image; general knowledge alone does not give it (not: is the liver \
         larger than the spleen?).\n\n\
         Example: {{\"question\": \"What is the volume of the liver?\", \"answer\": 1450.0}} gives {{\"relevant\": true, \
         \"plausible\": true, \"non_trivial\": true}}\n\nItem:\n{}\n\nReply with JSON alone: {{\"relevant\": true or false, \
         \"plausible\": true or false, \"non_trivial\": true or false}}",
        data_of(item, assembler)?
    ))
}

fn verdict(reply: Option<&Reply>) -> Result<(), &'static str> {
    let Some(reply) = reply else { return Err("no reply") };
    match json_in::<Judged>(&reply.text) {
        None => Err("verdict that cannot be read"),
        Some(judged) if !judged.relevant => Err("not relevant"),
        Some(judged) if !judged.plausible => Err("not plausible"),
        Some(judged) if !judged.non_trivial => Err("trivial"),
        Some(_) => Ok(()),
    }
}

/// The JSON object of a reply, with or without words and fences around it.
fn json_in<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    let text = crate::replies::after_thinking(text);
    let (start, end) = (text.find('{')?, text.rfind('}')?);
    serde_json::from_str(text.get(start..=end)?).ok()
}

/// A new wording, if everything that decides the answer survives in it.
fn kept_wording(written: &str, item: &Item<'_>, assembler: &Assembler<'_>) -> Result<String, &'static str> {
    let stem = written.split_whitespace().collect::<Vec<_>>().join(" ");
    if stem.is_empty() || stem.chars().count() > MOST_STEM_CHARS || stem.contains(['<', '>']) {
        return Err("empty, overlong or marked up");
    }
    let old = assembler.stem(item).map_err(|_| "no wording to compare with")?;
    // Names, axes, directions and limits stand in the placeholders.
    if item.draft.values.values().any(|value| !stem.contains(value.as_str())) {
        return Err("a name, axis or number is gone");
    }
    if sides(&stem) != sides(&old) || digits(&stem) != digits(&old) {
        return Err("a side or number has changed");
    }
    if let Answers::Choice { options, truth, .. } = &item.draft.answers {
        let told = options.get(*truth).is_some_and(|truth| stem.contains(&truth.text) && !old.contains(&truth.text));
        if told {
            return Err("it tells the answer");
        }
    }
    Ok(stem)
}

/// Side words in order of the alphabet.
fn sides(text: &str) -> Vec<String> {
    let mut found: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| word == "left" || word == "right")
        .collect();
    found.sort();
    found
}

/// Numbers in order of the alphabet.
fn digits(text: &str) -> Vec<String> {
    let mut found: Vec<String> = text
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .map(|number| number.trim_matches('.').to_owned())
        .filter(|number| !number.is_empty())
        .collect();
    found.sort();
    found
}

/// Takes the proposed values where they keep unit, gaps and the truth's rank; tells whether it did.
fn take_distractors(draft: &mut Draft, proposed: &[String]) -> bool {
    let Some(quantity) = draft.quantity else { return false };
    let Answers::Choice { options, truth, ordered: false } = &mut draft.answers else { return false };
    let Some(right) = options.get(*truth).and_then(|option| option.value) else { return false };
    let values: Option<Vec<f64>> = proposed.iter().map(|text| read_length_or_volume(text)).collect();
    let Some(mut values) = values.filter(|values| values.len() + 1 == options.len()) else { return false };
    values.push(right);
    values.sort_by(f64::total_cmp);
    if values.iter().position(|value| *value == right) != Some(*truth) || !well_apart(&values, quantity) {
        return false;
    }
    let Some(new): Option<Vec<Choice>> = printed(&values, *truth, quantity) else { return false };
    *options = new;
    draft.population = draft.population.map(|_| false);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_alone_drops_what_the_binomial_says() {
        // 3 p² (1 - p) + p³: 10 in 64 for a quarter, 1 in 2 for a half.
        assert_eq!(by_guessing(3, 0.25), 10.0 / 64.0);
        assert_eq!(by_guessing(3, 0.5), 0.5);
    }

    #[test]
    fn sides_and_numbers_are_compared_whatever_their_order() {
        assert_eq!(sides("Left kidney, right lung"), sides("the right lung and the left kidney"));
        assert_ne!(sides("left kidney"), sides("right kidney"));
        assert_eq!(digits("at least 70.0 cm"), ["70.0"]);
    }

    #[test]
    fn json_is_found_among_words_and_fences() {
        let judged: Judged =
            json_in("Sure:\n```json\n{\"relevant\": true, \"plausible\": false, \"non_trivial\": true}\n```").unwrap();
        assert!(judged.relevant && !judged.plausible);
        assert!(json_in::<Judged>("{}").is_none());
    }
}
