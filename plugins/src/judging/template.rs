//! Prompt templates: a file, its digest, and the text it gives.

use super::asking::Asking;
use super::items::Item;
use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;
use situs_core::build_context::BuildContext;
use situs_core::digest::sha256_hex;
use situs_core::fault::{Fault, file_fault};
use std::path::Path;

/// The built-in prompt.
const BUILT_IN: &str = include_str!("prompt.jinja");
/// Largest template that is read, in bytes.
const MAX_TEMPLATE_BYTES: u64 = 1 << 20;
/// Name of the one template.
const NAME: &str = "prompt";

/// A template that is ready to be filled in.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
    sha256: String,
    longest: usize,
}

/// An item as templates see it.
#[derive(Serialize)]
struct Shown {
    index: usize,
    question: String,
    reference: String,
    prediction: String,
}

/// What a template is filled in with.
#[derive(Serialize)]
struct Variables<'a> {
    items: &'a [Shown],
    again: u32,
}

impl Template {
    /// The template of these settings, tried on a made-up item.
    ///
    /// # Errors
    /// A file that cannot be read, or is no template.
    pub(crate) fn of(asking: &Asking, cx: &BuildContext) -> Result<Self, Fault> {
        let text = match &asking.prompt {
            None => BUILT_IN.to_owned(),
            Some(path) => read(&cx.path(path)).map_err(|fault| fault.at("prompt"))?,
        };
        let mut environment = Environment::new();
        environment.add_filter("quoted", |text: String| quoted(&text));
        let sha256 = sha256_hex(text.as_bytes());
        let refused =
            |error: minijinja::Error| Fault::config(format!("no usable template: {error}")).at("prompt");
        environment.add_template_owned(NAME, text).map_err(refused)?;
        let template = Self { environment, sha256, longest: asking.longest };
        let word = || "x".to_owned();
        let shown = Shown { index: 1, question: word(), reference: word(), prediction: word() };
        template.filled(&[shown], 0).map_err(|fault| fault.at("prompt"))?;
        Ok(template)
    }

    /// SHA-256 of the template's bytes.
    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The prompt about these items, numbered from 1.
    pub(super) fn about(&self, items: &[Item<'_>], again: u32) -> Result<String, Fault> {
        let shown: Vec<Shown> = items
            .iter()
            .zip(1..)
            .map(|(item, index)| Shown {
                index,
                question: self.cut(&item.record.question.text),
                reference: self.cut(&item.record.question.truth),
                prediction: self.cut(item.prediction()),
            })
            .collect();
        self.filled(&shown, again)
    }

    fn filled(&self, items: &[Shown], again: u32) -> Result<String, Fault> {
        let template = self.environment.get_template(NAME);
        template
            .and_then(|template| template.render(Serde(&Variables { items, again })))
            .map_err(|error| Fault::config(format!("the judges' prompt cannot be filled in: {error}")))
    }

    fn cut(&self, text: &str) -> String {
        match text.char_indices().nth(self.longest) {
            Some((end, _)) => format!("{} [cut]", text.get(..end).unwrap_or(text)),
            None => text.to_owned(),
        }
    }
}

fn read(path: &Path) -> Result<String, Fault> {
    let length = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
    if length > MAX_TEMPLATE_BYTES {
        let what =
            format!("{} has {length} bytes; a prompt has at most {MAX_TEMPLATE_BYTES}", path.display());
        return Err(Fault::config(what));
    }
    std::fs::read_to_string(path).map_err(|error| file_fault("read", path, &error))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
