//! Recorded replies: score what another program or an earlier run has answered.

use serde_json::Value;
use situs_core::fault::file_fault;
use situs_core::prelude::*;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Longest line, in bytes.
const MAX_LINE_BYTES: u64 = 64 << 20;

situs_core::component! {
    /// Gives recorded replies, from a run folder or a file of one JSON object a line.
    ///
    /// A line of a file names its request by `request_id`, `question_id` or `prompt` (a prompt digest), and holds
    /// `text`, and where wanted `trial` (default 0), `reasoning`, `finish` and `tokens`; or a whole reply in `reply`.
    /// A journal's own lines do just that. Where several names match, the most exact one counts, and the last line of
    /// those with one name.
    model "replay";
    pub struct Replay {
        /// A run folder, its `journal.jsonl`, or a file of JSON lines.
        pub path: PathBuf = PathBuf::new(),
        /// Which arm of a recorded run. Not set: any.
        pub arm: Option<String> = None,
        /// Name for tables. Not set: `replay`.
        pub name: Option<String> = None,
    }
}

#[typetag::serde(name = "replay")]
impl ModelBackendSpec for Replay {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        if self.path.as_os_str().is_empty() {
            return Err(Fault::config("where are the recorded replies?").at("path"));
        }
        let mut path = cx.path(&self.path);
        if path.is_dir() {
            path.push("journal.jsonl");
        }
        let mut digest = Digest::new("situs-replay-1");
        digest.json(&self.arm).add(&content_digest(&path)?);
        // What was sampled then cannot be changed now: a baseline card honours every field.
        let card = ModelCard::baseline(self.name.as_deref().unwrap_or("replay"), digest.hex());
        Ok(Box::new(Recorded { card, path, arm: self.arm.clone(), replies: OnceLock::new() }))
    }
}

fn content_digest(path: &Path) -> Result<Vec<u8>, Fault> {
    let mut file = File::open(path).map_err(|error| file_fault("open", path, &error).at("path"))?;
    let mut block = vec![0; 1 << 16];
    let mut digest = Digest::new("situs-replay-file-1");
    loop {
        match file.read(&mut block).map_err(|error| file_fault("read", path, &error))? {
            0 => return Ok(digest.hex().into_bytes()),
            count => digest.add(block.get(..count).unwrap_or_default()),
        };
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    Request(String),
    Question(String),
    Prompt(String),
}

type Replies = HashMap<(Name, u32), Arc<Reply>>;

struct Recorded {
    card: ModelCard,
    path: PathBuf,
    arm: Option<String>,
    /// Read when first asked, by whoever comes first.
    replies: OnceLock<Result<Replies, Fault>>,
}

impl ModelBackend for Recorded {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, _: &Sampling, _: &dyn Media) -> Result<Reply, Fault> {
        let read = self.replies.get_or_init(|| read(&self.path, self.arm.as_deref()));
        let replies = read.as_ref().map_err(Clone::clone)?;
        let names = [
            Name::Request(request.id.clone()),
            Name::Question(request.question.clone()),
            Name::Prompt(request.prompt.digest()),
        ];
        let found = names.into_iter().find_map(|name| replies.get(&(name, request.trial)));
        found.map(|reply| Reply::clone(reply)).ok_or_else(|| {
            Fault::rejected(format!(
                "{} holds no reply to request {} (question {:?}, trial {})",
                self.path.display(),
                request.id,
                request.question,
                request.trial
            ))
        })
    }
}

fn read(path: &Path, arm: Option<&str>) -> Result<Replies, Fault> {
    let file = File::open(path).map_err(|error| file_fault("open", path, &error))?;
    let mut reader = BufReader::new(file);
    let mut replies = Replies::new();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let length = reader
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .map_err(|error| file_fault("read", path, &error))?;
        if length == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let here = || format!("{}:{number}", path.display());
        let value: Value = match serde_json::from_slice(&line) {
            Ok(value) => value,
            // A killed run leaves a torn last line.
            Err(_) if line.last() != Some(&b'\n') => break,
            Err(error) => return Err(Fault::data(format!("not JSON: {error}")).within(here())),
        };
        if let Some((names, trial, reply)) = entry(value, arm).map_err(|fault| fault.within(here()))? {
            let reply = Arc::new(reply);
            replies.extend(names.into_iter().map(|name| ((name, trial), Arc::clone(&reply))));
        }
    }
    Ok(replies)
}

#[derive(Deserialize)]
struct Line {
    #[serde(alias = "request_id")]
    request: Option<String>,
    #[serde(alias = "question_id")]
    question: Option<String>,
    prompt: Option<String>,
    #[serde(default)]
    trial: u32,
    reply: Option<Reply>,
    text: Option<String>,
    reasoning: Option<String>,
    finish: Option<Finish>,
    tokens: Option<Tokens>,
}

/// Names, trial and reply of one line; `None` for lines of other kinds and other arms.
fn entry(value: Value, arm: Option<&str>) -> Result<Option<(Vec<Name>, u32, Reply)>, Fault> {
    let other_kind = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind != "reply");
    if other_kind
        || arm.is_some_and(|arm| value.get("arm").and_then(Value::as_str).is_some_and(|it| it != arm))
    {
        return Ok(None);
    }
    let line: Line = serde_json::from_value(value)
        .map_err(|error| Fault::data(format!("not a recorded reply: {error}")))?;
    let names: Vec<Name> =
        [line.request.map(Name::Request), line.question.map(Name::Question), line.prompt.map(Name::Prompt)]
            .into_iter()
            .flatten()
            .collect();
    if names.is_empty() {
        return Err(Fault::data("a recorded reply needs request_id, question_id or prompt"));
    }
    let reply = match (line.reply, line.text) {
        (Some(reply), _) => reply,
        (None, Some(text)) => Reply {
            text,
            reasoning: line.reasoning,
            finish: line.finish.unwrap_or(Finish::Stop),
            tokens: line.tokens.unwrap_or_default(),
            notes: Vec::new(),
        },
        (None, None) => return Err(Fault::data("a recorded reply needs text or reply")),
    };
    Ok(Some((names, line.trial, reply)))
}
