//! The prompts: files, their digest, and the texts they give.

use super::{Report, ReportQa, Validator};
use crate::datasets::ct_rate::pairs::Pair;
use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde::Serialize;
use situs_core::build_context::BuildContext;
use situs_core::digest::Digest;
use situs_core::fault::{Fault, file_fault};
use std::path::{Path, PathBuf};

const WRITER: &str = include_str!("prompts/writer.jinja");
const VALIDATOR_UPSTREAM: &str = include_str!("prompts/validator_upstream.jinja");
const VALIDATOR_PAPER: &str = include_str!("prompts/validator_paper.jinja");
const LABELLER: &str = include_str!("prompts/labeller.jinja");

/// Largest template that is read, in bytes.
const MAX_TEMPLATE_BYTES: u64 = 1 << 20;

/// The three templates.
#[derive(Debug)]
pub(super) struct Prompts {
    environment: Environment<'static>,
    digest: String,
}

/// A pair as the validator's template sees it, numbered from 1.
#[derive(Debug, Serialize)]
pub(super) struct Numbered<'a> {
    index: usize,
    question: &'a str,
    answer: &'a str,
}

impl<'a> Numbered<'a> {
    pub(super) fn of(batch: &[&'a Pair]) -> Vec<Self> {
        let numbered =
            |(index, pair): (usize, &&'a Pair)| Self { index, question: &pair.question, answer: &pair.answer };
        (1..).zip(batch).map(numbered).collect()
    }
}

impl Prompts {
    /// The built-in templates, or those of the parameters; each is tried on a made-up report.
    ///
    /// # Errors
    /// A file that cannot be read, or is no template.
    pub(super) fn of(spec: &ReportQa, cx: &BuildContext) -> Result<Self, Fault> {
        let validator = match spec.validator {
            Validator::Upstream => VALIDATOR_UPSTREAM,
            Validator::Paper => VALIDATOR_PAPER,
        };
        let mut environment = Environment::new();
        environment.add_filter("quoted", quoted);
        let mut digest = Digest::new("situs-report-qa-prompts-1");
        for (name, own, built_in) in [
            ("writer_prompt", &spec.writer_prompt, WRITER),
            ("validator_prompt", &spec.validator_prompt, validator),
            ("labeller_prompt", &spec.labeller_prompt, LABELLER),
        ] {
            let text = template(own, built_in, cx).map_err(|fault| fault.at(name))?;
            digest.text(&text);
            environment
                .add_template_owned(name, text)
                .map_err(|error| Fault::config(format!("no usable template: {error}")).at(name))?;
        }
        let prompts = Self { environment, digest: digest.short() };
        let report = Report { findings: "x", impressions: "x" };
        let pair = Pair {
            index: 0,
            row: None,
            question: "x".to_owned(),
            answer: "x".to_owned(),
            categories: None,
        };
        prompts.writer(&report, spec, 0).map_err(|fault| fault.at("writer_prompt"))?;
        prompts.validator(&report, &Numbered::of(&[&pair]), 0).map_err(|fault| fault.at("validator_prompt"))?;
        prompts.labeller(&pair, 0).map_err(|fault| fault.at("labeller_prompt"))?;
        Ok(prompts)
    }

    /// Digest of all three templates.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    pub(super) fn writer(&self, report: &Report<'_>, spec: &ReportQa, again: u32) -> Result<String, Fault> {
        let Report { findings, impressions } = *report;
        let (fewest, most) = (spec.fewest, spec.most);
        self.filled("writer_prompt", context! { findings, impressions, fewest, most, again })
    }

    pub(super) fn validator(
        &self,
        report: &Report<'_>,
        pairs: &[Numbered<'_>],
        again: u32,
    ) -> Result<String, Fault> {
        let Report { findings, impressions } = *report;
        self.filled("validator_prompt", context! { findings, impressions, pairs => Serde(pairs), again })
    }

    pub(super) fn labeller(&self, pair: &Pair, again: u32) -> Result<String, Fault> {
        let (question, answer) = (pair.question.as_str(), pair.answer.as_str());
        self.filled("labeller_prompt", context! { question, answer, again })
    }

    fn filled(&self, name: &str, values: minijinja::Value) -> Result<String, Fault> {
        let filled = self.environment.get_template(name).and_then(|template| template.render(values));
        filled.map_err(|error| Fault::config(format!("the prompt cannot be filled in: {error}")))
    }
}

fn template(own: &Option<PathBuf>, built_in: &str, cx: &BuildContext) -> Result<String, Fault> {
    match own {
        None => Ok(built_in.to_owned()),
        Some(path) => read(&cx.path(path)),
    }
}

fn read(path: &Path) -> Result<String, Fault> {
    let length = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
    if length > MAX_TEMPLATE_BYTES {
        let what = format!("{} has {length} bytes; a prompt has at most {MAX_TEMPLATE_BYTES}", path.display());
        return Err(Fault::config(what));
    }
    std::fs::read_to_string(path).map_err(|error| file_fault("read", path, &error))
}

/// A text as JSON: what stands in a report cannot end the quotes it stands in.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
