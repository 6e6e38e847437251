//! Servers that speak OpenAI's chat dialect: OpenAI itself, vLLM, SGLang, llama.cpp and their like.

use crate::http::{self, Client};
use crate::request_body::RequestBody;
use serde_json::{Map, Value};
use situs_core::prelude::*;
use std::time::Duration;

/// Where OpenAI itself answers.
const OFFICIAL: &str = "https://api.openai.com/v1";
/// Longest wait for the list of models.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);
/// Fields of the body that are written here and cannot come from `body`.
const OWN_FIELDS: [&str; 12] = [
    "model",
    "messages",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "max_tokens",
    "max_completion_tokens",
    "seed",
    "stream",
    "n",
    "reasoning_effort",
];

/// Which sampling fields a server knows, and under which names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `top_k` and `min_p` at the top level, `max_tokens`.
    Vllm,
    /// Neither of the two, `max_completion_tokens`.
    Openai,
}

situs_core::component! {
    /// Asks a server that speaks OpenAI's chat dialect, with any number of pictures.
    ///
    /// Every picture of a prompt is sent, in order. Whether the server hands all of them to its model cannot be checked:
    /// the dialect's replies count tokens, not pictures, so a server that drops or resamples frames does so unseen.
    model "openai";
    pub struct OpenAi {
        /// The served model. Not set: the single one that `GET /models` lists.
        pub name: Option<String> = None,
        /// Where the server answers, up to `/v1`; no part of the model's identity. Not set: the environment's
        /// OPENAI_BASE_URL or OPENAI_API_BASE, else OpenAI itself.
        pub base_url: Option<String> = None,
        /// `vllm` (and most other servers) or `openai`. Not set: `openai` for api.openai.com, `vllm` elsewhere.
        pub dialect: Option<Dialect> = None,
        /// Environment variable that holds the API key; servers without one need none.
        pub api_key_env: String = "OPENAI_API_KEY".to_owned(),
        /// Longest wait for one reply, in seconds.
        pub timeout_s: f64 = 600.0,
        /// Most requests at once.
        pub max_connections: usize = 32,
        /// Text of a system message in front of every prompt.
        pub system: Option<String> = None,
        /// `detail` of every picture: `low`, `high` or `auto`, where the server knows it.
        pub detail: Option<String> = None,
        /// `reasoning_effort`, where the server knows it.
        pub reasoning_effort: Option<String> = None,
        /// Further fields of the request body, sent as they are, e.g. `chat_template_kwargs`.
        pub body: Map<String, Value> = Map::new(),
    }
}

#[typetag::serde(name = "openai")]
impl ModelBackendSpec for OpenAi {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        let base_url = self
            .base_url
            .clone()
            .or_else(|| {
                let set = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
                set("OPENAI_BASE_URL").or_else(|| set("OPENAI_API_BASE"))
            })
            .unwrap_or_else(|| OFFICIAL.to_owned());
        let base_url = base_url.trim_end_matches('/').to_owned();
        self.check(&base_url)?;
        let official = base_url.contains("://api.openai.com");
        let dialect = self.dialect.unwrap_or(if official { Dialect::Openai } else { Dialect::Vllm });
        let mut headers = Vec::new();
        match std::env::var(&self.api_key_env).ok().filter(|key| !key.trim().is_empty()) {
            Some(key) => headers.push(("authorization", format!("Bearer {}", key.trim()))),
            None if official => {
                return Err(Fault::unreachable(format!("no API key for {base_url}"))
                    .help(format!("set the environment variable {}", self.api_key_env)));
            }
            None => {}
        }
        let timeout = Duration::from_secs_f64(self.timeout_s);
        let name = match &self.name {
            Some(name) => name.clone(),
            None => only_model(&Client::new(timeout.min(LIST_TIMEOUT), 1, headers.clone()), &base_url)?,
        };
        let mut honours = vec!["temperature", "top_p", "max_tokens", "seed"];
        if dialect == Dialect::Vllm {
            honours.extend(["top_k", "min_p"]);
        }
        let card = ModelCard {
            digest: self.digest(&name, dialect),
            slots: 0,
            parallel: self.max_connections,
            stepwise: false,
            honours: honours.into_iter().map(str::to_owned).collect(),
            pictures: PictureForm::Png,
            reads_answers: false,
            deterministic: false,
            name: name.clone(),
        };
        Ok(Box::new(Chat {
            opening: self.opening(&name)?,
            url: format!("{base_url}/chat/completions"),
            base_url,
            client: Client::new(timeout, self.max_connections, headers),
            detail: self.detail.clone(),
            dialect,
            card,
        }))
    }
}

impl OpenAi {
    fn check(&self, base_url: &str) -> Result<(), Fault> {
        http::check_address(base_url)?;
        if !(self.timeout_s > 0.0 && self.timeout_s <= 86_400.0) {
            return Err(Fault::config(format!(
                "must be above 0 and at most a day, found {}",
                self.timeout_s
            ))
            .at("timeout_s"));
        }
        if self.max_connections == 0 {
            return Err(Fault::config("must be at least 1").at("max_connections"));
        }
        match self.body.keys().find(|key| OWN_FIELDS.contains(&key.as_str())) {
            Some(key) => Err(Fault::config("this field is written by the backend")
                .at(key.as_str())
                .at("body")
                .help("use the backend's or the sampler's own parameter")),
            None => Ok(()),
        }
    }

    /// What decides the replies. Where the server listens does not: one that was started anew on another port goes on.
    fn digest(&self, name: &str, dialect: Dialect) -> String {
        Digest::new("situs-openai-1")
            .text(name)
            .json(&dialect)
            .json(&(&self.system, &self.detail, &self.reasoning_effort, &self.body))
            .hex()
    }

    /// The part of the body that is the same for every request, up to the content of the user's message.
    fn opening(&self, name: &str) -> Result<String, Fault> {
        let mut fixed = self.body.clone();
        fixed.insert("model".to_owned(), Value::String(name.to_owned()));
        if let Some(effort) = &self.reasoning_effort {
            fixed.insert("reasoning_effort".to_owned(), Value::String(effort.clone()));
        }
        let mut text = serde_json::to_string(&fixed).map_err(|error| Fault::internal(error.to_string()))?;
        text.pop();
        text.push_str(r#","messages":["#);
        if let Some(system) = &self.system {
            let message = serde_json::json!({"role": "system", "content": system});
            text.push_str(&message.to_string());
            text.push(',');
        }
        text.push_str(r#"{"role":"user","content":"#);
        Ok(text)
    }
}

#[derive(Deserialize)]
struct ModelList {
    #[serde(default)]
    data: Vec<ListedModel>,
}

#[derive(Deserialize)]
struct ListedModel {
    id: String,
}

fn only_model(client: &Client, base_url: &str) -> Result<String, Fault> {
    let url = format!("{base_url}/models");
    let ask = |what: String| Fault::config(what).at("name").help("set model.name (--model-name)");
    let response = client.get(&url).map_err(|fault| match fault.cause {
        Cause::Transient { .. } => Fault::unreachable(fault.what).help("or set model.name (--model-name)"),
        _ => fault,
    })?;
    if response.status != 200 {
        let fault = http::status_fault(&url, &response);
        let shut = fault.cause == Cause::Unreachable;
        return Err(if shut {
            fault
        } else {
            ask(format!("the server does not list its models: {}", fault.what))
        });
    }
    let mut ids = listed(&response.body)
        .map_err(|error| ask(format!("{url}: the list of models cannot be read: {error}")))?;
    match ids.len() {
        1 => Ok(ids.remove(0)),
        0 => Err(ask(format!("{url} lists no model"))),
        _ => Err(ask(format!("{url} lists several models: {}", http::quoted(&ids.join(", "))))),
    }
}

fn listed(body: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    let list: ModelList = serde_json::from_slice(body)?;
    Ok(list.data.into_iter().map(|model| model.id).collect())
}

/// The client of one served model.
struct Chat {
    card: ModelCard,
    base_url: String,
    url: String,
    client: Client,
    opening: String,
    detail: Option<String>,
    dialect: Dialect,
}

impl Chat {
    fn body(&self, prompt: &Prompt, sampling: &Sampling, media: &dyn Media) -> Result<RequestBody, Fault> {
        let mut body = RequestBody::default();
        body.raw(&self.opening);
        // Text alone goes as a string: servers of models without sight take nothing else.
        if prompt.parts.iter().all(|part| matches!(part, Part::Text { .. })) {
            body.json(&prompt.joined_text())?;
        } else {
            self.parts(prompt, media, &mut body)?;
        }
        body.raw("}]");
        let max_tokens = match self.dialect {
            Dialect::Vllm => "max_tokens",
            Dialect::Openai => "max_completion_tokens",
        };
        number(&mut body, "temperature", sampling.temperature)?;
        number(&mut body, "top_p", sampling.top_p)?;
        number(&mut body, "top_k", sampling.top_k)?;
        number(&mut body, "min_p", sampling.min_p)?;
        number(&mut body, max_tokens, sampling.max_tokens)?;
        number(&mut body, "seed", sampling.seed)?;
        body.raw("}");
        Ok(body)
    }

    /// Before the first reply, a 404 says that the address or the model is wrong, not the question.
    fn not_there(&self, response: &http::Response) -> Fault {
        let message = http::server_message(&response.body);
        let fault = Fault::config(format!("{}: status 404: {message}", self.url)).at("name");
        let models = self.client.get(&format!("{}/models", self.base_url)).ok();
        let ids = models.filter(|list| list.status == 200).and_then(|list| listed(&list.body).ok());
        match ids {
            Some(ids) if !ids.is_empty() => {
                let ids = http::quoted(&ids.join(", "));
                fault.help(format!("the server has: {ids}; set model.name (--model-name)"))
            }
            _ => fault.help("is model.name (--model-name) right, and does base_url end in /v1?"),
        }
    }

    fn parts(&self, prompt: &Prompt, media: &dyn Media, body: &mut RequestBody) -> Result<(), Fault> {
        let mut separator = "[";
        for part in &prompt.parts {
            body.raw(separator);
            separator = ",";
            match part {
                Part::Text { text } => {
                    body.raw(r#"{"type":"text","text":"#);
                    body.json(text)?;
                    body.raw("}");
                }
                Part::Image { image } => {
                    body.raw(r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,"#);
                    body.picture(image, media)?;
                    body.raw("\"");
                    if let Some(detail) = &self.detail {
                        body.raw(r#","detail":"#);
                        body.json(detail)?;
                    }
                    body.raw("}}");
                }
                Part::Volume { volume } => {
                    return Err(Fault::unsupported(format!(
                        "{} takes pictures, not volumes such as {}",
                        self.card.name, volume.id
                    ))
                    .help("use a renderer that draws slices"));
                }
            }
        }
        body.raw("]");
        Ok(())
    }
}

fn number(body: &mut RequestBody, name: &str, value: Option<impl serde::Serialize>) -> Result<(), Fault> {
    let Some(value) = value else { return Ok(()) };
    body.raw(",\"");
    body.raw(name);
    body.raw("\":");
    body.json(&value)
}

impl ModelBackend for Chat {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, sampling: &Sampling, media: &dyn Media) -> Result<Reply, Fault> {
        let body = self.body(&request.prompt, sampling, media)?;
        let response = self.client.post(&self.url, &body, media)?;
        if response.status == 404 && !self.client.has_answered() {
            return Err(self.not_there(&response));
        }
        if response.status != 200 {
            return Err(self.client.status_fault(&self.url, &response));
        }
        let completion: Completion = http::parse(&self.url, &response.body)?;
        if let Some(error) = completion.error.filter(|error| !error.is_null()) {
            let message = http::server_message(error.to_string().as_bytes());
            return Err(Fault::rejected(format!("{}: {message}", self.url)));
        }
        let choice = completion.choices.unwrap_or_default().into_iter().next();
        let mut reply = choice
            .and_then(Choice::reply)
            .ok_or_else(|| http::without_answer(&self.url, &response.body))?;
        self.client.note_answer();
        reply.tokens = completion.usage.map(Usage::tokens).unwrap_or_default();
        Ok(reply)
    }
}

#[derive(Deserialize)]
struct Completion {
    choices: Option<Vec<Choice>>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Message>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Message {
    content: Option<Content>,
    /// vLLM's name since 0.11.
    reasoning: Option<String>,
    /// The older name, and that of most other servers.
    reasoning_content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Deserialize)]
struct ContentPart {
    text: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

impl Usage {
    fn tokens(self) -> Tokens {
        Tokens { prompt: self.prompt_tokens, completion: self.completion_tokens }
    }
}

impl Choice {
    /// `None` when there is neither a message nor a word that one was withheld.
    fn reply(self) -> Option<Reply> {
        let withheld = self.finish_reason.as_deref() == Some("content_filter");
        let message = self.message.or_else(|| withheld.then(Message::default))?;
        let text = match message.content {
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => parts.into_iter().filter_map(|part| part.text).collect(),
            None => String::new(),
        };
        let refusal = message.refusal.filter(|refusal| !refusal.is_empty());
        let finish = match self.finish_reason.as_deref() {
            Some("length") => Finish::Length,
            Some("content_filter") => Finish::Refused,
            _ if refusal.is_some() => Finish::Refused,
            _ => Finish::Stop,
        };
        let text = if text.is_empty() { refusal.unwrap_or_default() } else { text };
        let reasoning = message.reasoning.or(message.reasoning_content).filter(|text| !text.is_empty());
        Some(Reply { text, reasoning, finish, tokens: Tokens::default(), notes: Vec::new() })
    }
}
