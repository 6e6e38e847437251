//! An external program: the way to models that live in Python or behind an interface of their own.
//!
//! The program is started once per worker and speaks JSON lines: it reads one request a line from its standard input
//! and writes one reply a line to its standard output, in UTF-8. Whatever it writes to standard error goes to the log.
//! It ends when its input ends.
//!
//! Request:
//!
//! ```json
//! {"id": "7f3a...", "trial": 0, "draw": "00c0ffee00c0ffee",
//!  "parts": [{"kind": "text", "text": "..."}, {"kind": "image", "path": "/run/media/ab12.png"},
//!            {"kind": "volume", "path": "/run/media/cd34.npy"}],
//!  "sampling": {"temperature": 0.0, "max_tokens": 1024}}
//! ```
//!
//! Parts are in order, paths absolute. Pictures are PNG files; volumes are what the renderer made (`.npy`, little-endian f32, shape
//! `[z, y, x]`) or the data set's own files. `draw` holds 64 random bits of this request as hexadecimal digits: seed
//! a generator with it and sampled replies can be reproduced. Parameters that are not set are absent.
//!
//! Reply, one of
//!
//! ```json
//! {"id": "7f3a...", "text": "...", "reasoning": "...", "finish": "stop", "tokens": {"prompt": 812, "completion": 40}}
//! {"id": "7f3a...", "error": "out of memory", "retry": true}
//! ```
//!
//! `reasoning`, `finish` (`stop`, `length`, `refused`), `tokens` and `retry` may be left out. An error without `retry`
//! is final. A line that is no such object, or has another `id`, is a defect of the program: the request fails with
//! the line quoted, and the worker is started anew. A program that ends or takes longer than `timeout_s` is started
//! anew and the request may be tried again.

use crate::http::quoted;
use serde_json::{Map, Value, json};
use situs_core::model_backend::SAMPLING_FIELDS;
use situs_core::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longest reply line, in bytes.
const MAX_LINE_BYTES: u64 = 16 << 20;
/// Longest line of the error stream that is kept whole.
const MAX_LOG_LINE_BYTES: u64 = 64 << 10;
/// Last lines of the error stream that are told when the program ends.
const TOLD_LOG_LINES: usize = 5;
/// Longest wait for the end of the error stream of a program that has ended.
const LAST_WORDS_WAIT: Duration = Duration::from_secs(1);
/// Largest file named on the command line whose content is part of the model's identity.
const MAX_HASHED_BYTES: u64 = 4 << 20;

/// Words in the name of an environment variable that holds a secret.
const SECRET_WORDS: [&str; 7] = ["KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIALS"];

situs_core::component! {
    /// Asks an external program that speaks JSON lines, one process per worker.
    model "command";
    pub struct Command {
        /// The program: a path, or a name to be found on the search path.
        pub program: PathBuf = PathBuf::new(),
        /// Its arguments.
        pub args: Vec<String> = Vec::new(),
        /// Name for tables. Not set: the program's.
        pub name: Option<String> = None,
        /// Processes at once, each answering one request at a time.
        pub workers: usize = 1,
        /// Longest wait for one reply, in seconds; the first includes loading the model.
        pub timeout_s: f64 = 1800.0,
        /// Sampling fields that the program honours; a sampler that needs others is refused.
        pub honours: Vec<String> = vec!["temperature".to_owned(), "max_tokens".to_owned()],
        /// Whether the same request always gives the same reply.
        pub deterministic: bool = false,
        /// Environment variables for the program, added to ours. They are stored with the run: no secrets.
        pub env: BTreeMap<String, String> = BTreeMap::new(),
        /// Names of variables of our environment that the program cannot do without, e.g. keys. It sees all of them
        /// anyway; those named here must be set, and their values are stored nowhere.
        pub pass_env: Vec<String> = Vec::new(),
    }
}

#[typetag::serde(name = "command")]
impl ModelBackendSpec for Command {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        if !(self.timeout_s > 0.0 && self.timeout_s <= 86_400.0) {
            return Err(Fault::config(format!(
                "must be above 0 and at most a day, found {}",
                self.timeout_s
            ))
            .at("timeout_s"));
        }
        if self.workers == 0 {
            return Err(Fault::config("must be at least 1").at("workers"));
        }
        let known = SAMPLING_FIELDS;
        if let Some((index, field)) =
            self.honours.iter().enumerate().find(|(_, field)| !known.contains(&field.as_str()))
        {
            return Err(Fault::config(format!("{field:?} is no sampling field"))
                .help(format!("known: {}", known.join(", ")))
                .at(index)
                .at("honours"));
        }
        self.check_environment()?;
        let program = self.located(cx)?;
        let name = self.name.clone().unwrap_or_else(|| {
            program.file_stem().map_or_else(
                || self.program.display().to_string(),
                |stem| stem.to_string_lossy().into_owned(),
            )
        });
        let card = ModelCard {
            name,
            digest: self.digest(&program, cx),
            slots: 0,
            parallel: self.workers,
            stepwise: false,
            honours: self.honours.clone(),
            pictures: PictureForm::Png,
            reads_answers: false,
            deterministic: self.deterministic,
        };
        Ok(Box::new(Pool {
            card,
            program,
            args: self.args.clone(),
            env: self.env.clone(),
            folder: cx.base.clone().filter(|base| !base.as_os_str().is_empty()),
            timeout: Duration::from_secs_f64(self.timeout_s),
            state: Mutex::new(PoolState { idle: Vec::new(), free: self.workers }),
            freed: Condvar::new(),
        }))
    }
}

impl Command {
    /// The program's path, so that a missing one is found out before anything is asked.
    fn located(&self, cx: &BuildContext) -> Result<PathBuf, Fault> {
        let missing = |what: String| Fault::config(what).at("program");
        if self.program.as_os_str().is_empty() {
            return Err(missing("which program is to be run?".to_owned()));
        }
        if self.program.components().count() == 1 {
            return on_search_path(&self.program)
                .ok_or_else(|| missing(format!("no program {:?} is on the search path", self.program)));
        }
        let path = cx.path(&self.program);
        let path = std::path::absolute(&path).unwrap_or(path);
        if path.is_file() {
            return Ok(path);
        }
        // On the command line every path is taken against the working directory, a bare name, too.
        let here = std::env::current_dir().ok();
        let bare = path.file_name().filter(|_| path.parent() == here.as_deref());
        bare.and_then(|name| on_search_path(Path::new(name)))
            .ok_or_else(|| missing(format!("there is no program {}", path.display())))
    }

    /// Refuses to store secrets and to start a program without the ones it needs.
    fn check_environment(&self) -> Result<(), Fault> {
        let secret = |name: &str| name.to_uppercase().split('_').any(|word| SECRET_WORDS.contains(&word));
        if let Some(name) = self.env.keys().find(|name| secret(name)) {
            return Err(Fault::config(
                "this looks like a secret, and what stands here is stored with the run",
            )
            .help(format!("set {name} in the environment and name it in pass_env"))
            .at(name.as_str())
            .at("env"));
        }
        match self.pass_env.iter().enumerate().find(|(_, name)| std::env::var_os(name).is_none()) {
            Some((index, name)) => {
                Err(Fault::config(format!("the environment variable {name:?} is not set"))
                    .at(index)
                    .at("pass_env"))
            }
            None => Ok(()),
        }
    }

    /// Program, arguments, environment, and the content of the scripts among them: an edited script is another model.
    fn digest(&self, program: &Path, cx: &BuildContext) -> String {
        let mut digest = Digest::new("situs-command-1");
        digest.text(&self.program.to_string_lossy()).json(&(&self.args, &self.env, &self.name));
        let files =
            std::iter::once(program.to_owned()).chain(self.args.iter().map(|arg| cx.path(Path::new(arg))));
        for file in files {
            let small =
                std::fs::metadata(&file).is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_HASHED_BYTES);
            if let Some(bytes) = small.then(|| std::fs::read(&file).ok()).flatten() {
                digest.add(&bytes);
            }
        }
        digest.hex()
    }
}

/// The file that a bare name means.
fn on_search_path(name: &Path) -> Option<PathBuf> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&search).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// At most `workers` processes, started when first needed.
struct Pool {
    card: ModelCard,
    program: PathBuf,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    folder: Option<PathBuf>,
    timeout: Duration,
    state: Mutex<PoolState>,
    freed: Condvar,
}

struct PoolState {
    idle: Vec<Worker>,
    free: usize,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a turn and, if there is one, an idle worker.
    fn enter(&self) -> Option<Worker> {
        let mut state = self.lock();
        while state.free == 0 {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.free -= 1;
        state.idle.pop()
    }

    fn leave(&self, worker: Option<Worker>) {
        let mut state = self.lock();
        state.free += 1;
        state.idle.extend(worker);
        drop(state);
        self.freed.notify_one();
    }

    fn start(&self) -> Result<Worker, Fault> {
        let mut process = Process::new(&self.program);
        process.args(&self.args).envs(&self.env);
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(folder) = &self.folder {
            process.current_dir(folder);
        }
        let child = process.spawn().map_err(|error| {
            Fault::unreachable(format!("cannot start {}: {error}", self.program.display()))
                .help("is it an executable file?")
        })?;
        Worker::new(child, &self.card.name)
    }

    fn exchange(&self, worker: &mut Worker, id: &str, line: Vec<u8>) -> Result<Result<Reply, Fault>, Fault> {
        if worker.requests.send(line).is_err() {
            return Err(worker.ended(&self.card.name));
        }
        let answer = match worker.replies.recv_timeout(self.timeout) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => {
                let seconds = self.timeout.as_secs_f64();
                return Err(Fault::transient(
                    format!("{} gave no reply within {seconds} s", self.card.name),
                    None,
                ));
            }
            Err(RecvTimeoutError::Disconnected) => return Err(worker.ended(&self.card.name)),
        };
        let rubbish = |what: &str| {
            let text = quoted(&String::from_utf8_lossy(&answer));
            Fault::rejected(format!("{} wrote {what}: {text}", self.card.name))
                .help("standard output is for replies alone; print everything else to standard error")
        };
        let line: Line = serde_json::from_slice(&answer)
            .map_err(|error| rubbish(&format!("a line that is no reply ({error})")))?;
        if line.id != id {
            return Err(rubbish(&format!("a reply to {:?}, not to {id:?}", line.id)));
        }
        line.outcome(&self.card.name).ok_or_else(|| rubbish("neither a text nor an error"))
    }
}

impl ModelBackend for Pool {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, sampling: &Sampling, media: &dyn Media) -> Result<Reply, Fault> {
        let line = request_line(request, sampling, media)?;
        let idle = self.enter();
        let started = match idle {
            Some(worker) => Ok(worker),
            None => self.start(),
        };
        let mut worker = match started {
            Ok(worker) => worker,
            Err(fault) => {
                self.leave(None);
                return Err(fault);
            }
        };
        // After a fault of the exchange nobody knows what the next line belongs to: the worker is let go.
        match self.exchange(&mut worker, &request.id, line) {
            Ok(outcome) => {
                self.leave(Some(worker));
                outcome
            }
            Err(fault) => {
                drop(worker);
                self.leave(None);
                Err(fault)
            }
        }
    }
}

fn request_line(request: &Request, sampling: &Sampling, media: &dyn Media) -> Result<Vec<u8>, Fault> {
    // The program may work in another folder than we do.
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let mut parts = Vec::new();
    for part in &request.prompt.parts {
        parts.push(match part {
            Part::Text { text } => json!({"kind": "text", "text": text}),
            Part::Image { image } => json!({"kind": "image", "path": absolute(media.path(&image.pixels)?)}),
            Part::Volume { volume } => {
                let path = match &volume.source {
                    VolumeSource::File { path } => path.clone(),
                    VolumeSource::Dataset { .. } => media.path(&volume.id)?,
                };
                json!({"kind": "volume", "path": absolute(path)})
            }
        });
    }
    let line = json!({
        "id": request.id,
        "trial": request.trial,
        "draw": format!("{:016x}", request.draw),
        "parts": parts,
        "sampling": sampling,
    });
    let mut bytes = line.to_string().into_bytes();
    bytes.push(b'\n');
    Ok(bytes)
}

#[derive(Deserialize)]
struct Line {
    id: String,
    text: Option<String>,
    reasoning: Option<String>,
    finish: Option<Finish>,
    tokens: Option<Tokens>,
    error: Option<String>,
    #[serde(default)]
    retry: bool,
    /// Further fields are the program's own business.
    #[serde(flatten)]
    _others: Map<String, Value>,
}

impl Line {
    fn outcome(self, name: &str) -> Option<Result<Reply, Fault>> {
        if let Some(error) = self.error {
            let what = format!("{name}: {}", quoted(&error));
            return Some(Err(if self.retry { Fault::transient(what, None) } else { Fault::rejected(what) }));
        }
        Some(Ok(Reply {
            text: self.text?,
            reasoning: self.reasoning,
            finish: self.finish.unwrap_or(Finish::Stop),
            tokens: self.tokens.unwrap_or_default(),
            notes: Vec::new(),
        }))
    }
}

/// One process with threads for its three streams; killed when dropped.
struct Worker {
    child: Child,
    requests: Sender<Vec<u8>>,
    replies: Receiver<Vec<u8>>,
    log: Arc<Mutex<VecDeque<String>>>,
    /// Disconnected once the error stream has been read to its end.
    log_open: Receiver<()>,
}

impl Worker {
    fn new(mut child: Child, name: &str) -> Result<Self, Fault> {
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Fault::internal("a process was started without its streams"));
        };
        // A program that does not read would block a writer; a thread of its own keeps the time-out honest.
        let (requests, to_write) = channel::<Vec<u8>>();
        std::thread::spawn(move || {
            for line in to_write {
                if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
                    return;
                }
            }
        });
        let (read, replies) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            while let Some(line) = next_line(&mut reader, MAX_LINE_BYTES) {
                if !line.trim_ascii().is_empty() && read.send(line).is_err() {
                    return;
                }
            }
        });
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let (kept, name) = (Arc::clone(&log), name.to_owned());
        let (open, log_open) = channel::<()>();
        std::thread::spawn(move || {
            let _open = open;
            let mut reader = BufReader::new(stderr);
            while let Some(line) = next_line(&mut reader, MAX_LOG_LINE_BYTES) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                tracing::info!(target: "situs::command", "{name}: {line}");
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == TOLD_LOG_LINES {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
        });
        Ok(Self { child, requests, replies, log, log_open })
    }

    /// Why there is no reply any more.
    fn ended(&mut self, name: &str) -> Fault {
        let _ = self.child.kill();
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        // A grandchild may hold the stream open for ever.
        let _ = self.log_open.recv_timeout(LAST_WORDS_WAIT);
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let last = quoted(&log.iter().map(String::as_str).collect::<Vec<_>>().join("\n"));
        Fault::transient(format!("{name} ended without a reply ({status}); its last words: {last}"), None)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next line, cut at a limit (the cut line is then no valid reply); `None` at the end.
fn next_line(reader: &mut impl BufRead, limit: u64) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    match reader.by_ref().take(limit).read_until(b'\n', &mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line),
    }
}
