//! Google's Gemini in its native dialect: `generateContent`, with thought parts, safety blocks, seed and top-k.

use crate::http::{self, Client};
use crate::request_body::RequestBody;
use serde_json::{Map, Value, json};
use situs_core::prelude::*;
use std::time::Duration;

/// Where Google answers.
const OFFICIAL: &str = "https://generativelanguage.googleapis.com/v1beta";
/// Largest request with pictures inside that the service takes, in bytes, as documented.
const MAX_INLINE_BYTES: u64 = 20 << 20;
/// Fields of `generationConfig` that come from the sampler.
const SAMPLED_FIELDS: [&str; 5] = ["temperature", "topP", "topK", "seed", "maxOutputTokens"];
/// Fields of the body that are written here.
const OWN_FIELDS: [&str; 2] = ["contents", "generationConfig"];

situs_core::component! {
    /// Asks Gemini through its native interface.
    model "gemini";
    pub struct Gemini {
        /// The model, e.g. `gemini-2.5-pro`.
        pub name: String = String::new(),
        /// Where the service answers, up to `/v1beta`.
        pub base_url: String = OFFICIAL.to_owned(),
        /// Environment variable that holds the API key.
        pub api_key_env: String = "GEMINI_API_KEY".to_owned(),
        /// Longest wait for one reply, in seconds.
        pub timeout_s: f64 = 600.0,
        /// Most requests at once.
        pub max_connections: usize = 16,
        /// Text of a system instruction.
        pub system: Option<String> = None,
        /// Further fields of `generationConfig`, sent as they are, e.g. `thinkingConfig`, `mediaResolution`.
        pub generation: Map<String, Value> = Map::new(),
        /// Further fields of the request body, sent as they are, e.g. `safetySettings`.
        pub body: Map<String, Value> = Map::new(),
    }
}

#[typetag::serde(name = "gemini")]
impl ModelBackendSpec for Gemini {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        self.check()?;
        let base_url = self.base_url.trim_end_matches('/');
        let key = std::env::var(&self.api_key_env).ok().filter(|key| !key.trim().is_empty());
        if key.is_none() && base_url == OFFICIAL {
            return Err(Fault::unreachable(format!("no API key for {base_url}"))
                .help(format!("set the environment variable {}", self.api_key_env)));
        }
        let headers = key.map(|key| ("x-goog-api-key", key.trim().to_owned())).into_iter().collect();
        // What decides the replies: where the service is reached does not.
        let digest = Digest::new("situs-gemini-1")
            .text(&self.name)
            .json(&(&self.system, &self.generation, &self.body))
            .hex();
        let honours = ["temperature", "top_k", "top_p", "max_tokens", "seed"];
        let card = ModelCard {
            name: self.name.clone(),
            digest,
            slots: 0,
            parallel: self.max_connections,
            stepwise: false,
            honours: honours.into_iter().map(str::to_owned).collect(),
            pictures: PictureForm::Png,
            reads_answers: false,
            deterministic: false,
        };
        let mut fixed = self.body.clone();
        if let Some(system) = &self.system {
            fixed.insert("systemInstruction".to_owned(), json!({"parts": [{"text": system}]}));
        }
        Ok(Box::new(Native {
            url: format!("{base_url}/models/{}:generateContent", self.name),
            client: Client::new(Duration::from_secs_f64(self.timeout_s), self.max_connections, headers),
            fixed,
            generation: self.generation.clone(),
            card,
        }))
    }
}

impl Gemini {
    fn check(&self) -> Result<(), Fault> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err(Fault::config(format!("{:?} is not the name of a model", self.name))
                .at("name")
                .help("set model.name, e.g. gemini-2.5-pro"));
        }
        http::check_address(&self.base_url)?;
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
        for (table, fields, own) in
            [("generation", &self.generation, &SAMPLED_FIELDS[..]), ("body", &self.body, &OWN_FIELDS[..])]
        {
            if let Some(key) = fields.keys().find(|key| own.contains(&key.as_str())) {
                return Err(Fault::config("this field is written by the backend")
                    .at(key.as_str())
                    .at(table)
                    .help("use the sampler's own parameter"));
            }
        }
        Ok(())
    }
}

struct Native {
    card: ModelCard,
    url: String,
    client: Client,
    fixed: Map<String, Value>,
    generation: Map<String, Value>,
}

impl Native {
    fn body(&self, prompt: &Prompt, sampling: &Sampling, media: &dyn Media) -> Result<RequestBody, Fault> {
        let mut body = RequestBody::default();
        let mut separator = r#"{"contents":[{"role":"user","parts":["#;
        for part in &prompt.parts {
            body.raw(separator);
            separator = ",";
            match part {
                Part::Text { text } => {
                    body.raw(r#"{"text":"#);
                    body.json(text)?;
                    body.raw("}");
                }
                Part::Image { image } => {
                    body.raw(r#"{"inlineData":{"mimeType":"image/png","data":""#);
                    body.picture(image, media)?;
                    body.raw(r#""}}"#);
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
        if prompt.parts.is_empty() {
            body.raw(separator);
        }
        body.raw(r#"]}],"generationConfig":"#);
        body.json(&self.generation_config(sampling))?;
        for (key, value) in &self.fixed {
            body.raw(",");
            body.json(key)?;
            body.raw(":");
            body.json(value)?;
        }
        body.raw("}");
        if body.len() > MAX_INLINE_BYTES {
            return Err(Fault::rejected(format!(
                "the request has {} bytes; Gemini takes at most {MAX_INLINE_BYTES} with pictures inside",
                body.len()
            ))
            .help("send fewer or smaller pictures"));
        }
        Ok(body)
    }

    fn generation_config(&self, sampling: &Sampling) -> Map<String, Value> {
        let mut config = self.generation.clone();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                config.insert(name.to_owned(), value);
            }
        };
        set("temperature", sampling.temperature.map(Value::from));
        set("topK", sampling.top_k.map(Value::from));
        set("topP", sampling.top_p.map(Value::from));
        set("maxOutputTokens", sampling.max_tokens.map(Value::from));
        set("seed", sampling.seed.map(Value::from));
        config
    }
}

impl ModelBackend for Native {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, sampling: &Sampling, media: &dyn Media) -> Result<Reply, Fault> {
        let body = self.body(&request.prompt, sampling, media)?;
        let mut response = self.client.post(&self.url, &body, media)?;
        if response.status == 404 && !self.client.has_answered() {
            let message = http::server_message(&response.body);
            return Err(Fault::config(format!("{}: status 404: {message}", self.url))
                .at("name")
                .help("is model.name (--model-name) right, and does base_url end in /v1beta?"));
        }
        if response.status != 200 {
            response.retry_after_ms = response.retry_after_ms.or_else(|| retry_info_ms(&response.body));
            return Err(self.client.status_fault(&self.url, &response));
        }
        let generated: Generated = http::parse(&self.url, &response.body)?;
        let reply = generated.reply().ok_or_else(|| http::without_answer(&self.url, &response.body))?;
        self.client.note_answer();
        Ok(reply)
    }
}

/// The pause that `google.rpc.RetryInfo` among an error's details asks for, e.g. `"retryDelay": "13.5s"`.
fn retry_info_ms(body: &[u8]) -> Option<u64> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let delay =
        body["error"]["details"].as_array()?.iter().find_map(|detail| detail["retryDelay"].as_str())?;
    let seconds: f64 = delay.strip_suffix('s')?.parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then_some((seconds * 1000.0) as u64)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generated {
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<PromptFeedback>,
    usage_metadata: Option<Usage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<AnswerPart>,
}

#[derive(Deserialize)]
struct AnswerPart {
    text: Option<String>,
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    prompt_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
}

impl Generated {
    /// `None` when there is neither a candidate nor a reason why not.
    fn reply(self) -> Option<Reply> {
        let tokens = self.usage_metadata.map(Usage::tokens).unwrap_or_default();
        let Some(candidate) = self.candidates.into_iter().next() else {
            let reason = self.prompt_feedback?.block_reason?;
            return Some(Reply { finish: Finish::Refused, tokens, ..Reply::text(reason) });
        };
        if candidate.content.is_none() && candidate.finish_reason.is_none() {
            return None;
        }
        let finish = match candidate.finish_reason.as_deref() {
            Some("MAX_TOKENS") => Finish::Length,
            None | Some("STOP" | "FINISH_REASON_UNSPECIFIED") => Finish::Stop,
            // SAFETY, RECITATION, BLOCKLIST, PROHIBITED_CONTENT, SPII, LANGUAGE, OTHER: a filter ended it.
            Some(_) => Finish::Refused,
        };
        let (mut text, mut thoughts) = (String::new(), String::new());
        for part in candidate.content.map(|content| content.parts).unwrap_or_default() {
            let kind = if part.thought { &mut thoughts } else { &mut text };
            kind.push_str(part.text.as_deref().unwrap_or_default());
        }
        let reasoning = Some(thoughts).filter(|thoughts| !thoughts.is_empty());
        Some(Reply { text, reasoning, finish, tokens, notes: Vec::new() })
    }
}

impl Usage {
    fn tokens(self) -> Tokens {
        let completion = match (self.candidates_token_count, self.thoughts_token_count) {
            (None, None) => None,
            (answer, thoughts) => Some(answer.unwrap_or(0).saturating_add(thoughts.unwrap_or(0))),
        };
        Tokens { prompt: self.prompt_token_count, completion }
    }
}
