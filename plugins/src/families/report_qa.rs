//! `report-qa`: CT-SpatialVQA's way from reports to questions, with models in three roles.
//!
//! A `writer` makes pairs from the findings and impressions of a report, a `validator` judges them in batches, a
//! `labeller` names categories. Every reply is kept in the journal; the prompts are files, and their digests stand in the
//! manifest as the family's version. A pair without a readable verdict is left out and counted, never kept.

mod prompts;
mod verdicts;

use super::ct_spatialvqa::item::{Asking, question};
use super::ct_spatialvqa::{check, reading};
use crate::datasets::ct_rate::pairs::{Pair, category};
use crate::datasets::ct_rate::{FINDINGS_FACT, IMPRESSIONS_FACT};
use crate::judging::objects;
use prompts::{Numbered, Prompts};
use situs_core::prelude::*;
use std::collections::BTreeSet;
use std::path::PathBuf;
use verdicts::Verdicts;

/// What a validator is asked of each pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Validator {
    /// Spatial and relevant, as the released script asks.
    Upstream,
    /// Also supported, free of inference, unambiguous and concise, as the paper says.
    Paper,
}

impl Validator {
    /// Fields that must be true for a pair to stay.
    pub fn criteria(self) -> &'static [&'static str] {
        match self {
            Self::Upstream => &["is_spatial", "is_relevant"],
            Self::Paper => &[
                "is_spatial",
                "is_relevant",
                "is_supported",
                "is_free_of_inference",
                "is_unambiguous",
                "is_concise",
            ],
        }
    }
}

situs_core::component! {
    /// Writes spatial questions from radiology reports with models as writer, validator and labeller, and asks them.
    ///
    /// Needs tables `[models.writer]`, `[models.validator]` and, with `label`, `[models.labeller]`, and a data set with reports.
    family "report-qa";
    pub struct ReportQa {
        /// Fewest pairs that the writer is asked for.
        pub fewest: usize = 7,
        /// Most pairs that the writer is asked for; what it writes beyond is left out.
        pub most: usize = 10,
        /// Criteria of the validator: upstream (two) or paper (six).
        pub validator: Validator = Validator::Paper,
        /// Pairs that the validator judges at once.
        pub batch: usize = 5,
        /// Whether a labeller names categories.
        pub label: bool = true,
        /// Times that a reply which cannot be read is asked for again, 0 to 1.
        pub retries: u32 = 1,
        /// The writer's temperature; validator and labeller are greedy.
        pub temperature: f64 = 0.2,
        /// Prompt template of the writer (minijinja: findings, impressions, fewest, most, again). Default: the built-in one.
        pub writer_prompt: Option<PathBuf> = None,
        /// Prompt template of the validator (findings, impressions, pairs of index, question, answer; again).
        pub validator_prompt: Option<PathBuf> = None,
        /// Prompt template of the labeller (question, answer, again).
        pub labeller_prompt: Option<PathBuf> = None,
        /// Axial slices that renderers of stacks show.
        pub frames: usize = 32,
        /// Longer picture side in pixels, likewise.
        pub long_side: u32 = 512,
    }
}

/// Most pairs of one report.
const MOST_PAIRS: usize = 50;
/// Most retries: writing, judging and labelling share the engine's rounds.
const MOST_RETRIES: u32 = 1;
/// Longest question or answer that is taken, in bytes.
const MAX_TEXT_BYTES: usize = 4096;
/// Most new tokens of the writer, and of the validator (as the released script).
const WRITER_TOKENS: u32 = 2048;
const VALIDATOR_TOKENS: u32 = 1024;

#[typetag::serde(name = "report-qa")]
impl QuestionFamilySpec for ReportQa {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn QuestionFamily>, Fault> {
        check(self.frames, self.long_side)?;
        if self.fewest == 0 || self.fewest > self.most || self.most > MOST_PAIRS {
            let what = format!("{} to {} pairs: expected 1 to {MOST_PAIRS}", self.fewest, self.most);
            return Err(Fault::config(what).at("most"));
        }
        if !(1..=MOST_PAIRS).contains(&self.batch) {
            return Err(Fault::config(format!("expected 1 to {MOST_PAIRS}, found {}", self.batch)).at("batch"));
        }
        if self.retries > MOST_RETRIES {
            return Err(Fault::config(format!("at most {MOST_RETRIES}, found {}", self.retries)).at("retries"));
        }
        if !(0.0..=2.0).contains(&self.temperature) {
            return Err(Fault::config(format!("expected 0 to 2, found {}", self.temperature)).at("temperature"));
        }
        let prompts = Prompts::of(self, cx)?;
        let version = format!("1/prompts+{}", prompts.digest());
        Ok(Box::new(Family { spec: self.clone(), prompts, version }))
    }
}

struct Family {
    spec: ReportQa,
    prompts: Prompts,
    version: String,
}

/// A step of the way: what came of it, or what must be asked first.
enum Step<T> {
    Done(T),
    Needs(Vec<Consultation>),
}

impl QuestionFamily for Family {
    fn version(&self) -> &str {
        &self.version
    }

    fn ask(&self, cx: &AskContext<'_>) -> Result<Asked, Fault> {
        let mut left_out = Reasons::new();
        let section = |fact: &str| cx.case.facts.get(fact).map_or("", |text| text.trim());
        let report = Report { findings: section(FINDINGS_FACT), impressions: section(IMPRESSIONS_FACT) };
        if report.findings.is_empty() && report.impressions.is_empty() {
            leave(&mut left_out, "case without a report");
            return Ok(Asked::Questions { questions: Vec::new(), left_out });
        }
        let written = match self.written(cx, &report, &mut left_out)? {
            Step::Done(written) => written,
            Step::Needs(needs) => return Ok(Asked::Needs(needs)),
        };
        let mut kept = match self.validated(cx, &report, written, &mut left_out)? {
            Step::Done(kept) => kept,
            Step::Needs(needs) => return Ok(Asked::Needs(needs)),
        };
        if self.spec.label
            && let Step::Needs(needs) = self.labelled(cx, &mut kept, &mut left_out)?
        {
            return Ok(Asked::Needs(needs));
        }
        let asking = Asking { frames: self.spec.frames, long_side: self.spec.long_side };
        let questions = kept.iter().map(|pair| question(&asking, pair, cx.case, cx.entry)).collect();
        Ok(Asked::Questions { questions, left_out })
    }

    fn read(&self, _: &Question, reply: &Reply) -> Result<Answer, Fault> {
        Ok(reading::read(reply))
    }
}

/// The report of a case; either section may be empty.
struct Report<'a> {
    findings: &'a str,
    impressions: &'a str,
}

fn leave(left_out: &mut Reasons, reason: &str) {
    *left_out.entry(reason.to_owned()).or_default() += 1;
}

impl Family {
    fn consult(&self, cx: &AskContext<'_>, role: &str, name: String, prompt: String) -> Consultation {
        let (temperature, tokens) = match role {
            "writer" => (self.spec.temperature, WRITER_TOKENS),
            _ => (0.0, VALIDATOR_TOKENS),
        };
        Consultation {
            key: Key { about: cx.case.name.clone(), name },
            role: role.to_owned(),
            prompt: Prompt::text(prompt),
            sampling: Sampling {
                temperature: Some(temperature),
                max_tokens: Some(tokens),
                ..Sampling::default()
            },
        }
    }

    /// Whether this has been asked: answered, or failed after all tries.
    fn known(cx: &AskContext<'_>, name: &str) -> bool {
        cx.replies.contains(&Key { about: cx.case.name.clone(), name: name.to_owned() })
    }

    /// The pairs of the report, from the first reply that can be read.
    fn written(
        &self,
        cx: &AskContext<'_>,
        report: &Report<'_>,
        left_out: &mut Reasons,
    ) -> Result<Step<Vec<Pair>>, Fault> {
        for again in 0..=self.spec.retries {
            let name = format!("write/{again}");
            if !Self::known(cx, &name) {
                let prompt = self.prompts.writer(report, &self.spec, again)?;
                return Ok(Step::Needs(vec![self.consult(cx, "writer", name, prompt)]));
            }
            let Some(reply) = cx.replies.get(&cx.case.name, &name) else { continue };
            let mut reasons = Reasons::new();
            let pairs = self.read_pairs(&reply.text, &mut reasons);
            if !pairs.is_empty() {
                for (reason, count) in reasons {
                    *left_out.entry(reason).or_default() += count;
                }
                return Ok(Step::Done(pairs));
            }
        }
        leave(left_out, "writer: no readable reply");
        Ok(Step::Done(Vec::new()))
    }

    fn read_pairs(&self, text: &str, left_out: &mut Reasons) -> Vec<Pair> {
        let mut pairs: Vec<Pair> = Vec::new();
        let mut asked = BTreeSet::new();
        for object in objects(text) {
            let text = |name: &str| {
                let text = object.get(name)?.as_str()?.trim();
                (!text.is_empty() && text.len() <= MAX_TEXT_BYTES).then(|| text.to_owned())
            };
            let (Some(question), Some(answer)) = (text("question"), text("answer")) else {
                leave(left_out, "writer: a pair without question or answer");
                continue;
            };
            if pairs.len() >= self.spec.most {
                leave(left_out, "writer: a pair too many");
                continue;
            }
            if !asked.insert(question.to_lowercase()) {
                leave(left_out, "writer: a question twice");
                continue;
            }
            let place = pairs.len();
            pairs.push(Pair { index: place, row: None, question, answer, categories: None });
        }
        pairs
    }

    /// The pairs that meet every criterion. Verdicts belong to the pair whose number they bear; pairs without one are
    /// asked about again, then left out.
    fn validated(
        &self,
        cx: &AskContext<'_>,
        report: &Report<'_>,
        written: Vec<Pair>,
        left_out: &mut Reasons,
    ) -> Result<Step<Vec<Pair>>, Fault> {
        let criteria = self.spec.validator.criteria();
        let mut verdicts = Verdicts::default();
        let mut open: Vec<&Pair> = written.iter().collect();
        for again in 0..=self.spec.retries {
            let mut needs = Vec::new();
            for (number, batch) in open.chunks(self.spec.batch).enumerate() {
                let name = format!("validate/{again}/{number}");
                match cx.replies.get(&cx.case.name, &name) {
                    Some(reply) => verdicts.read(&reply.text, batch, criteria),
                    None if Self::known(cx, &name) => {}
                    None => {
                        let pairs = Numbered::of(batch);
                        let prompt = self.prompts.validator(report, &pairs, again)?;
                        needs.push(self.consult(cx, "validator", name, prompt));
                    }
                }
            }
            if !needs.is_empty() {
                return Ok(Step::Needs(needs));
            }
            open.retain(|pair| verdicts.of(pair.index).is_none());
        }
        let mut kept = Vec::new();
        for pair in &written {
            match verdicts.of(pair.index) {
                Some([]) => kept.push(pair.clone()),
                Some([first, ..]) => leave(left_out, &format!("validator: not {}", first.trim_start_matches("is_"))),
                None => leave(left_out, "validator: no verdict"),
            }
        }
        Ok(Step::Done(kept))
    }

    /// Gives each pair its categories, one request a pair; a pair that nobody could label stays, without any.
    fn labelled(
        &self,
        cx: &AskContext<'_>,
        kept: &mut [Pair],
        left_out: &mut Reasons,
    ) -> Result<Step<()>, Fault> {
        let mut needs = Vec::new();
        for pair in kept {
            for again in 0..=self.spec.retries {
                let name = format!("label/{}/{again}", pair.index);
                if !Self::known(cx, &name) {
                    let prompt = self.prompts.labeller(pair, again)?;
                    needs.push(self.consult(cx, "labeller", name, prompt));
                    break;
                }
                let Some(reply) = cx.replies.get(&cx.case.name, &name) else { continue };
                let named: BTreeSet<&str> = objects(&reply.text)
                    .iter()
                    .filter_map(|object| category(object.get("category")?.as_str()?))
                    .collect();
                if !named.is_empty() {
                    pair.categories = Some(named.into_iter().map(str::to_owned).collect());
                    break;
                }
            }
            if needs.is_empty() && pair.categories.is_none() {
                pair.categories = Some(Vec::new());
                leave(left_out, "labeller: no category (kept)");
            }
        }
        Ok(if needs.is_empty() { Step::Done(()) } else { Step::Needs(needs) })
    }
}

