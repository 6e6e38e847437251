//! The chat template of a checkpoint.

use crate::checkpoint::Checkpoint;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind};
use serde_json::{Map, Value, json};
use situs_core::fault::Fault;
use situs_core::prompt::{Part, Prompt};

/// Steps that a template may take: those of published ones take some hundreds a message.
const FUEL: u64 = 10_000_000;

/// A chat template, ready to render.
pub(crate) struct Template {
    environment: Environment<'static>,
    place: String,
    /// Named tokens of `tokenizer_config.json`, for templates that print them.
    tokens: Map<String, Value>,
}

impl Template {
    /// Reads `chat_template.jinja`, `chat_template.json`, or the template within `tokenizer_config.json`; `default` is
    /// that of a family whose checkpoints bring none.
    ///
    /// # Errors
    /// A checkpoint without a template; one that is no Jinja.
    pub(crate) fn read(checkpoint: &Checkpoint, default: Option<&str>) -> Result<Self, Fault> {
        let settings = checkpoint.json("tokenizer_config.json")?.unwrap_or(Value::Null);
        let (source, file) = match checkpoint.text("chat_template.jinja")? {
            Some(source) => (Some(source), "chat_template.jinja"),
            None => match checkpoint.json("chat_template.json")? {
                Some(table) => (named(table.get("chat_template")), "chat_template.json"),
                None => (named(settings.get("chat_template")), "tokenizer_config.json"),
            },
        };
        let place = checkpoint.folder().join(file).display().to_string();
        let Some(source) = source.or_else(|| default.map(str::to_owned)) else {
            return Err(Fault::data(format!("{place}: no chat template"))
                .help("checkpoints for conversations carry one, e.g. as chat_template.jinja"));
        };
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| Fault::internal(error.to_string()))?);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |what: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, what))
        });
        environment
            .add_template_owned("chat", source)
            .map_err(|error| Fault::data(format!("{place}: not a template: {error}")))?;
        let mut tokens = Map::new();
        for name in ["bos_token", "eos_token", "pad_token", "unk_token"] {
            let token = settings.get(name);
            if let Some(text) = token.and_then(|token| token.get("content").or(Some(token))?.as_str()) {
                tokens.insert(name.to_owned(), Value::String(text.to_owned()));
            }
        }
        Ok(Self { environment, place, tokens })
    }

    /// A token that `tokenizer_config.json` names, such as `eos_token`.
    pub(crate) fn token(&self, name: &str) -> Option<&str> {
        self.tokens.get(name).and_then(Value::as_str)
    }

    /// The text of messages with the opening of the reply; `more` are further variables.
    ///
    /// # Errors
    /// Whatever the template complains about.
    pub(crate) fn render(&self, messages: &Value, more: &Map<String, Value>) -> Result<String, Fault> {
        let mut variables = self.tokens.clone();
        variables.extend(more.clone());
        variables.insert("messages".to_owned(), messages.clone());
        variables.insert("add_generation_prompt".to_owned(), Value::Bool(true));
        let template = self.environment.get_template("chat");
        let rendered = template.and_then(|template| template.render(minijinja::value::Serde(&variables)));
        rendered.map_err(|error| Fault::data(format!("{}: {error}", self.place)))
    }
}

/// A template, or the one called `default` of several.
fn named(found: Option<&Value>) -> Option<String> {
    let default = |list: &Vec<Value>| {
        let item = list.iter().find(|item| item.get("name").and_then(Value::as_str) == Some("default"))?;
        item.get("template")?.as_str().map(str::to_owned)
    };
    match found? {
        Value::String(source) => Some(source.clone()),
        Value::Array(list) => default(list),
        _ => None,
    }
}

/// The messages of a prompt: an optional system message, and one of the user with all parts in order. Texts that follow
/// each other are parted by a blank line. With `video`, pictures that follow each other, two or more, are one video.
///
/// # Errors
/// A volume: these models take pictures.
pub(crate) fn question(prompt: &Prompt, system: Option<&str>, video: bool) -> Result<Value, Fault> {
    let mut content: Vec<Value> = Vec::new();
    let mut parts = prompt.parts.iter().peekable();
    while let Some(part) = parts.next() {
        match part {
            Part::Text { text } => {
                let mut text = text.clone();
                while let Some(Part::Text { text: next }) =
                    parts.next_if(|part| matches!(part, Part::Text { .. }))
                {
                    text.push_str("\n\n");
                    text.push_str(next);
                }
                content.push(json!({ "type": "text", "text": text }));
            }
            Part::Image { .. } => {
                let mut count = 1;
                while video && parts.next_if(|part| matches!(part, Part::Image { .. })).is_some() {
                    count += 1;
                }
                content.push(json!({ "type": if count > 1 { "video" } else { "image" } }));
            }
            Part::Volume { .. } => {
                return Err(Fault::rejected("this model takes pictures, no volumes")
                    .help("use a renderer that draws slices"));
            }
        }
    }
    let mut messages = Vec::new();
    if let Some(system) = system {
        messages.push(json!({ "role": "system", "content": system }));
    }
    messages.push(json!({ "role": "user", "content": content }));
    Ok(Value::Array(messages))
}
