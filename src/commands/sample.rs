//! `situs sample`: any sampler on recorded logits.

use super::Known;
use super::progress::progress;
use crate::cli::SampleArgs;
use crate::exit::Failure;
use crate::output;
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde_json::{Value, json};
use situs_core::digest::Draw;
use situs_core::fault::{Fault, file_fault};
use situs_core::model_backend::{EmbeddingSource, Logits, LogitsPlace, ModelBackend, ModelCard, Vocabulary};
use situs_core::registry::{BuildContext, Kind, Params, Registry};
use situs_core::run::Exit;
use situs_core::sampler::{Pick, Row, Sampler};
use situs_plugins::neighbors::{ContentRule, EmbeddingFile, ModelFolder, Tokenizer};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Name of the tensor.
const TENSOR: &str = "logits";
/// Largest header of a safetensors file, in bytes; the format's own limit.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// Most steps or rows of one file.
const MAX_STEPS: usize = 1 << 20;
/// Widest row.
const MAX_WIDTH: usize = 1 << 22;
/// Rows that are handed to a sampler together with `--batch`.
const BATCH: usize = 64;

pub(super) fn sample(args: &SampleArgs, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    let registry = known.registry(None)?;
    let params = sampler_params(args, &registry)?;
    let cx = BuildContext { base: None, seed: args.seed, workers: 0 };
    let mut sampler = registry.build::<dyn Sampler>(&params, &cx)?.component;
    let mut logits = Recorded::open(&args.logits).map_err(Failure::Input)?;
    match SourceModel::of(args, logits.width).map_err(Failure::Input)? {
        Some(model) => sampler.prepare(&model)?,
        None if params.get("reuse") == Some(&Value::Bool(true)) => output::note(
            "reuse changes nothing: without --model there are no embeddings to compare the table's with",
        ),
        None => {}
    }
    sampler.warnings().iter().for_each(|warning| output::note(&format!("warning: {warning}")));
    let draws = Draw::new(args.seed).of("sample");
    let rows_at_once = if args.batch { BATCH } else { 1 };
    let mut history: Vec<u32> = Vec::new();
    let mut steps = Vec::new();
    let mut values = Vec::new();
    for first in (0..logits.rows).step_by(rows_at_once) {
        let count = rows_at_once.min(logits.rows - first);
        logits.read(first, count, &mut values).map_err(|fault| at_file(fault, &args.logits))?;
        let rows: Vec<Row<'_>> = (0..count)
            .map(|index| Row {
                index,
                step: if args.batch { 0 } else { first as u32 },
                draw: draws.of(first + index).bits(),
                history: &history,
            })
            .collect();
        let place = LogitsPlace::Host(&values);
        let mut picks: Vec<Pick> = Vec::new();
        sampler.pick(&Logits { rows: count, vocabulary: logits.width, place }, &rows, &mut picks)?;
        if !args.batch {
            history.extend(picks.iter().map(|pick| pick.token));
        }
        steps.extend(picks.into_iter().enumerate().map(|(index, pick)| entry(first + index, pick)));
    }
    let tokens: Vec<&Value> = steps.iter().map(|step| &step["token"]).collect();
    if json {
        output::print_json(&json!({"tokens": tokens, "steps": steps}))?;
    } else {
        output::print(&table(&steps))?;
    }
    Ok(Exit::Done)
}

/// The sampler as written, with the table of the command line where it takes one.
fn sampler_params(args: &SampleArgs, registry: &Registry) -> Result<Params, Fault> {
    let wrong = |what: String| {
        Fault::config(format!("--sampler: {what}"))
            .help(r#"for example '{"use": "semantic", "temperature": 0.5, "top_k": 20}'"#)
    };
    let mut params = match serde_json::from_str(&args.sampler) {
        Ok(Value::Object(params)) => params,
        Ok(other) => return Err(wrong(format!("expected a JSON object, found {other}"))),
        Err(error) => return Err(wrong(format!("no JSON: {error}"))),
    };
    if let Some(path) = &args.table {
        let name = params.get("use").and_then(Value::as_str).unwrap_or_default();
        let takes_one = match registry.find(Kind::Sampler, name) {
            Ok(component) => component.fields().iter().any(|field| field.name == "table"),
            // Building it names what is wrong.
            Err(_) => false,
        };
        if takes_one {
            let text = path.to_str().ok_or_else(|| Fault::config("--table: the path is no valid text"))?;
            params.insert("table".to_owned(), Value::String(text.to_owned()));
        } else {
            output::note(&format!("warning: sampler '{name}' takes no table; --table is not used"));
        }
    }
    Ok(params)
}

/// One line of the ledger: every field of the contract, null where the sampler says nothing.
fn entry(row: usize, pick: Pick) -> Value {
    let note = pick.note.unwrap_or(Value::Null);
    let of = |field: &str, otherwise: Value| note.get(field).cloned().unwrap_or(otherwise);
    json!({
        "row": row,
        "fired": of("fired", Value::Bool(false)),
        "deferred": of("deferred", Value::Bool(false)),
        "changed": of("changed", Value::Bool(false)),
        "default_token": of("default_token", json!(pick.token)),
        "token": pick.token,
        "default_score": of("default_score", Value::Null),
        "token_score": of("token_score", Value::Null),
        "candidates": of("candidates", Value::Null),
    })
}

fn table(steps: &[Value]) -> String {
    let rows = steps
        .iter()
        .map(|step| {
            let number = |field: &str| match step[field].as_f64() {
                Some(value) => format!("{value:.6}"),
                None => "-".to_owned(),
            };
            let what = match (step["fired"].as_bool(), step["changed"].as_bool(), step["deferred"].as_bool())
            {
                (Some(true), Some(true), _) => "changed",
                (Some(true), ..) => "kept",
                (.., Some(true)) => "deferred",
                _ => "default",
            };
            let candidates = step["candidates"].as_u64().map_or_else(|| "-".to_owned(), |n| n.to_string());
            vec![
                step["row"].to_string(),
                step["token"].to_string(),
                what.to_owned(),
                step["default_token"].to_string(),
                number("token_score"),
                number("default_score"),
                candidates,
            ]
        })
        .collect();
    let header = ["row", "token", "step", "default token", "score", "default score", "candidates"];
    output::table(&header, rows, &[0, 1, 3, 4, 5, 6])
}

fn at_file(fault: Fault, path: &Path) -> Failure {
    Failure::Input(fault.within(path.display()))
}

/// The model that gave the logits, as far as its files are at hand.
struct SourceModel {
    card: ModelCard,
    texts: Vec<String>,
    content: Vec<bool>,
    tokenizer_sha256: String,
    embeddings: Option<EmbeddingFile>,
}

impl SourceModel {
    /// From `--model` and `--tokenizer`; `None` without either.
    ///
    /// # Errors
    /// Files that cannot be read; a tokenizer or embeddings of another vocabulary than the logits.
    fn of(args: &SampleArgs, width: usize) -> Result<Option<Self>, Fault> {
        let (tokenizer, embeddings) = match (&args.model, &args.tokenizer) {
            (None, None) => return Ok(None),
            (None, Some(tokenizer)) => (tokenizer.clone(), None),
            (Some(folder), tokenizer) => {
                let found = ModelFolder::find(folder, None, tokenizer.as_deref())?;
                let embeddings = EmbeddingFile::open(&found.embeddings, &found.tensor)?;
                (found.tokenizer, Some(embeddings))
            }
        };
        let tokenizer = Tokenizer::read(&tokenizer)?;
        let flags = tokenizer.content(width, ContentRule::default())?;
        if let Some(embeddings) = &embeddings {
            embeddings.hash(progress().as_ref(), &AtomicBool::new(false));
        }
        Ok(Some(Self {
            card: ModelCard { stepwise: true, ..ModelCard::baseline("recorded logits", String::new()) },
            texts: (0..width as u32).map(|id| tokenizer.text(id).unwrap_or_default()).collect(),
            content: flags.iter().map(|flag| *flag == 1).collect(),
            tokenizer_sha256: tokenizer.sha256().to_owned(),
            embeddings,
        }))
    }
}

impl ModelBackend for SourceModel {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn vocabulary(&self) -> Result<Option<Vocabulary<'_>>, Fault> {
        Ok(Some(Vocabulary { texts: &self.texts, content: &self.content }))
    }

    fn tokenizer_sha256(&self) -> Result<Option<String>, Fault> {
        Ok(Some(self.tokenizer_sha256.clone()))
    }

    fn embeddings(&self) -> Result<Option<EmbeddingSource<'_>>, Fault> {
        Ok(self.embeddings.as_ref().map(|file| EmbeddingSource::File {
            path: file.path().to_owned(),
            tensor: file.tensor().to_owned(),
            sha256: file.sha256().to_owned(),
        }))
    }
}

/// A file of logits, read a few rows at a time.
struct Recorded {
    file: File,
    /// Where the tensor begins.
    start: u64,
    dtype: Dtype,
    rows: usize,
    width: usize,
    bytes: Vec<u8>,
}

impl Recorded {
    /// Reads the header and checks it against the file's length.
    ///
    /// # Errors
    /// Data faults that name the file and what is wrong with it.
    fn open(path: &Path) -> Result<Self, Fault> {
        let mut file = File::open(path).map_err(|error| file_fault("open", path, &error))?;
        let length = file.metadata().map_err(|error| file_fault("read", path, &error))?.len();
        Self::of(&mut file, length)
            .map_err(|fault| fault.within(path.display()))
            .map(|(start, dtype, rows, width)| Self { file, start, dtype, rows, width, bytes: Vec::new() })
    }

    fn of(file: &mut File, length: u64) -> Result<(u64, Dtype, usize, usize), Fault> {
        let mut first = [0; 8];
        let short = |error: std::io::Error| Fault::data(format!("truncated: {error}"));
        file.read_exact(&mut first).map_err(short)?;
        let header = u64::from_le_bytes(first);
        if header > MAX_HEADER_BYTES || header.saturating_add(8) > length {
            return Err(Fault::data(format!(
                "no safetensors file: a header of {header} bytes in a file of {length}"
            )));
        }
        let mut bytes = first.to_vec();
        bytes.resize(8 + header as usize, 0);
        file.read_exact(&mut bytes[8..]).map_err(short)?;
        let metadata: Metadata = serde_json::from_slice(&bytes[8..])
            .map_err(|error| Fault::data(format!("no safetensors file: {error}")))?;
        let start = 8 + header;
        let expected = start.saturating_add(metadata.data_len() as u64);
        if expected != length {
            return Err(Fault::data(format!(
                "truncated or overlong: the header describes {expected} bytes, the file has {length}"
            )));
        }
        tensor(&metadata).map(|(offset, dtype, rows, width)| (start + offset, dtype, rows, width))
    }

    /// Replaces `out` by `count` rows from `first`, widened to f32; each holds a finite logit and neither NaN nor
    /// plus infinity.
    fn read(&mut self, first: usize, count: usize, out: &mut Vec<f32>) -> Result<(), Fault> {
        let row_bytes = self.width * size_of(self.dtype);
        self.bytes.resize(count * row_bytes, 0);
        let at = self.start + (first * row_bytes) as u64;
        let read = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(&mut self.bytes));
        read.map_err(|error| Fault::data(format!("cannot read row {first}: {error}")))?;
        out.clear();
        let halves = || self.bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
        match self.dtype {
            Dtype::BF16 => out.extend(halves().map(|bits| f32::from_bits(u32::from(bits) << 16))),
            Dtype::F16 => out.extend(halves().map(situs_kernels::semantic::f16_to_f32)),
            _ => out.extend(self.bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word))),
        }
        for (index, row) in out.chunks_exact(self.width).enumerate() {
            situs_kernels::argmax(row)
                .map_err(|fault| Fault::data(format!("row {}: {fault}", first + index)))?;
        }
        Ok(())
    }
}

fn size_of(dtype: Dtype) -> usize {
    if dtype == Dtype::F32 { 4 } else { 2 }
}

/// Offset within the data, number format, rows and width of the tensor.
fn tensor(metadata: &Metadata) -> Result<(u64, Dtype, usize, usize), Fault> {
    let Some(info) = metadata.info(TENSOR) else {
        let mut names: Vec<String> = metadata.offset_keys();
        names.truncate(8);
        return Err(Fault::data(format!("no tensor '{TENSOR}'; there are: {}", names.join(", "))));
    };
    if !matches!(info.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
        return Err(Fault::data(format!("{TENSOR} is {:?}, expected F32, F16 or BF16", info.dtype)));
    }
    match *info.shape.as_slice() {
        [rows, width] if (1..=MAX_STEPS).contains(&rows) && (1..=MAX_WIDTH).contains(&width) => {
            Ok((info.data_offsets.0 as u64, info.dtype, rows, width))
        }
        _ => Err(Fault::data(format!(
            "{TENSOR} has shape {:?}, expected [steps, vocabulary] of at most {MAX_STEPS} x {MAX_WIDTH}",
            info.shape
        ))),
    }
}
