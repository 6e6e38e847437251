//! A scripted HTTP server for tests: standard library alone, any number of connections, every request kept.
//!
//! ```ignore
//! #[path = "support/stub_server.rs"]
//! mod stub_server;
//! use stub_server::{Act, StubServer};
//!
//! let server = StubServer::start(|seen| if seen.nth < 2 { Act::status(429, "slow down") } else { Act::chat("yes") });
//! // model.base_url = server.base_url()
//! ```
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longest body that is taken.
const MAX_BODY: usize = 256 << 20;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `GET`, `POST`.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// Requests to this path with this very body before it.
    pub nth: usize,
    /// Requests of any kind before it.
    pub total: usize,
}

impl Seen {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether the body contains a text.
    pub fn mentions(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(text)
    }

    /// All text of a chat request, parts joined by blank lines.
    pub fn chat_text(&self) -> String {
        let body = self.json();
        let mut texts = Vec::new();
        for message in body["messages"].as_array().into_iter().flatten() {
            match &message["content"] {
                Value::String(text) => texts.push(text.clone()),
                Value::Array(parts) => {
                    texts.extend(parts.iter().filter_map(|part| part["text"].as_str().map(str::to_owned)));
                }
                _ => {}
            }
        }
        texts.join("\n\n")
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answers with status, extra headers and body.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// Closes the connection without a word.
    Drop,
    /// Sends the head and half of the body, then closes the connection.
    Half(Vec<u8>),
    /// Waits, then does the other thing.
    Slow(Duration, Box<Act>),
}

impl Act {
    /// JSON with a status.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Answer(status, Vec::new(), body.to_string().into_bytes())
    }

    /// A chat completion with this text.
    pub fn chat(text: &str) -> Self {
        Self::json(
            200,
            &json!({
                "id": "stub", "object": "chat.completion",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}
            }),
        )
    }

    /// An error in OpenAI's shape.
    pub fn status(status: u16, message: &str) -> Self {
        Self::json(
            status,
            &json!({"error": {"message": message, "type": "stub_error", "param": null, "code": null}}),
        )
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(self, name: &str, value: &str) -> Self {
        match self {
            Self::Answer(status, mut headers, body) => {
                headers.push((name.to_owned(), value.to_owned()));
                Self::Answer(status, headers, body)
            }
            other => other,
        }
    }

    /// A list of models in OpenAI's shape.
    pub fn models(ids: &[&str]) -> Self {
        let data: Vec<Value> = ids.iter().map(|id| json!({"id": id, "object": "model"})).collect();
        Self::json(200, &json!({"object": "list", "data": data}))
    }
}

type Script = dyn Fn(&Seen) -> Act + Send + Sync;

struct Shared {
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    before: Mutex<HashMap<(String, Vec<u8>), usize>>,
    total: AtomicUsize,
    connections: AtomicUsize,
    keep: AtomicBool,
    stop: AtomicBool,
}

/// A running server; stops when dropped.
pub struct StubServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl StubServer {
    /// Serves every request by a script. `GET .../models` included: see [`StubServer::chat`] for the usual case.
    pub fn start(script: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let shared = Arc::new(Shared {
            script: Box::new(script),
            seen: Mutex::default(),
            before: Mutex::default(),
            total: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            keep: AtomicBool::new(true),
            stop: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.stop.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                if let Ok(stream) = stream {
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    std::thread::spawn(move || serve(stream, &shared));
                }
            }
        });
        Self { address, shared }
    }

    /// Lists one model, `stub-model`, and serves chat requests by a script.
    pub fn chat(script: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        Self::start(
            move |seen| {
                if seen.path.ends_with("/models") { Act::models(&["stub-model"]) } else { script(seen) }
            },
        )
    }

    /// `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// All requests so far, in order of arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("no panic while held").clone()
    }

    /// The last request.
    pub fn last(&self) -> Seen {
        self.seen().pop().expect("at least one request")
    }

    /// Number of requests so far.
    pub fn count(&self) -> usize {
        self.shared.total.load(Ordering::SeqCst)
    }

    /// Number of connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Stops keeping requests (for load tests).
    pub fn forget(&self) {
        self.shared.keep.store(false, Ordering::SeqCst);
    }
}

impl Drop for StubServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(mut seen) = receive(&mut reader) {
        seen.total = shared.total.fetch_add(1, Ordering::SeqCst);
        if shared.keep.load(Ordering::SeqCst) {
            let mut before = shared.before.lock().expect("no panic while held");
            let count = before.entry((seen.path.clone(), seen.body.clone())).or_default();
            seen.nth = *count;
            *count += 1;
            drop(before);
            shared.seen.lock().expect("no panic while held").push(seen.clone());
        }
        let mut act = (shared.script)(&seen);
        while let Act::Slow(pause, next) = act {
            std::thread::sleep(pause);
            act = *next;
        }
        let (status, headers, body, cut) = match act {
            Act::Answer(status, headers, body) => (status, headers, body, false),
            Act::Half(body) => (200, Vec::new(), body, true),
            Act::Drop | Act::Slow(..) => return,
        };
        let mut head = format!("HTTP/1.1 {status} Stub\r\ncontent-type: application/json\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(if cut { &body[..body.len() / 2] } else { &body });
        if writer.write_all(&bytes).is_err() || cut {
            return;
        }
    }
}

fn receive(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.trim().to_lowercase(), value.trim().to_owned()));
    }
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let mut body = Vec::new();
    if header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let start = body.len();
            if start + size > MAX_BODY {
                return None;
            }
            body.resize(start + size, 0);
            reader.read_exact(&mut body[start..]).ok()?;
            let mut end = String::new();
            reader.read_line(&mut end).ok()?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = header("content-length") {
        let length: usize = length.parse().ok()?;
        if length > MAX_BODY {
            return None;
        }
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
    }
    Some(Seen { method, path, headers, body, nth: 0, total: 0 })
}
