//! What the samplers over neighbor tables share: their table, their candidates, their flip ledger.

use crate::neighbors::{Expectations, NeighborFile, own_table};
use serde::{Deserialize, Serialize};
use situs_core::digest::sha256_of;
use situs_core::fault::file_fault;
use situs_core::model_backend::{EmbeddingSource, Vocabulary};
use situs_core::prelude::*;
use situs_kernels::semantic::{
    LogitRow, MAX_ROWS, Outcome, Rescore, Step, StepFault, StepRow, Stepper, check_truncation,
};
use situs_kernels::{NeighborTable, Refused, Truncation};
use std::path::PathBuf;

/// How a candidate is chosen by its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Select {
    /// The highest score.
    Argmax,
    /// A draw in proportion to the score (to its exponential, where it is a logarithm).
    Proportional,
    /// A draw from the softmax of score / tau.
    Softmax,
}

/// Over which tokens probabilities are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mass {
    /// The softmax over the whole vocabulary.
    Full,
    /// The softmax over the candidates; other neighbors count nothing.
    Renormalised,
}

/// The default rule over the candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// The most probable token.
    Greedy,
    /// A draw from the truncated softmax.
    Draw,
}

/// The parameters that both samplers have.
pub(crate) struct Parameters<'a> {
    pub(crate) temperature: f64,
    pub(crate) top_k: Option<u32>,
    pub(crate) top_p: f64,
    pub(crate) min_p: f64,
    pub(crate) neighbors: u32,
    pub(crate) threshold: Option<f64>,
    pub(crate) select: Select,
    pub(crate) tau: f64,
    pub(crate) mass: Mass,
    pub(crate) otherwise: Option<Otherwise>,
    pub(crate) only_after: Option<&'a str>,
    pub(crate) table: Option<&'a PathBuf>,
    pub(crate) reuse: bool,
    pub(crate) max_tokens: u32,
    pub(crate) score: situs_kernels::semantic::Score,
}

/// A sampler that rescores candidates by their neighbors.
pub(crate) struct Rescorer {
    truncation: Truncation,
    otherwise: situs_kernels::semantic::Otherwise,
    rescore: Rescore,
    only_after: Option<String>,
    max_tokens: u32,
    table: Option<NeighborFile>,
    path: PathBuf,
    reuse: bool,
    /// Token texts, kept where `only_after` needs them.
    texts: Option<Vec<String>>,
    stepper: Stepper,
    scratch: Vec<f32>,
}

fn refused(refused: Refused) -> Fault {
    Fault::config(refused.reason).at(refused.field)
}

impl Rescorer {
    /// Checks the parameters and reads the table.
    ///
    /// # Errors
    /// The first parameter that cannot be used, by name; a table that cannot be read.
    pub(crate) fn build(parameters: &Parameters<'_>, cx: &BuildContext) -> Result<Self, Fault> {
        use situs_kernels::semantic as kernel;
        let truncation = Truncation {
            temperature: parameters.temperature,
            top_k: parameters.top_k.map(|k| k as usize),
            top_p: parameters.top_p,
            min_p: parameters.min_p,
        };
        check_truncation(&truncation).map_err(refused)?;
        if truncation.top_k.is_none() && truncation.top_p >= 1.0 && truncation.min_p <= 0.0 {
            return Err(Fault::config(
                "no truncation is configured: the whole vocabulary always holds tokens that are not content, so no \
                 step would ever be rescored",
            )
            .help("set top_k, top_p or min_p, e.g. top_k = 20"));
        }
        let select = match parameters.select {
            Select::Argmax => kernel::Select::Argmax,
            Select::Proportional => kernel::Select::Proportional,
            Select::Softmax => kernel::Select::Softmax { tau: parameters.tau },
        };
        if parameters.select != Select::Softmax && parameters.tau != 1.0 {
            return Err(Fault::config("is the temperature of select = \"softmax\" alone").at("tau"));
        }
        let otherwise = match parameters.otherwise {
            Some(Otherwise::Greedy) => kernel::Otherwise::Greedy,
            Some(Otherwise::Draw) => kernel::Otherwise::Draw,
            None if parameters.select == Select::Argmax => kernel::Otherwise::Greedy,
            None => kernel::Otherwise::Draw,
        };
        let rescore = Rescore {
            neighbors: parameters.neighbors as usize,
            threshold: parameters.threshold.map(|cosine| cosine as f32),
            score: parameters.score,
            select,
            mass: match parameters.mass {
                Mass::Full => kernel::Mass::Full,
                Mass::Renormalised => kernel::Mass::Renormalised,
            },
        };
        rescore.check().map_err(refused)?;
        if parameters.only_after.is_some_and(str::is_empty) {
            return Err(Fault::config("an empty tag has always appeared").at("only_after"));
        }
        if parameters.max_tokens == 0 {
            return Err(Fault::config("must be at least 1").at("max_tokens"));
        }
        let path = parameters.table.map(|path| cx.path(path));
        let expected = Expectations { k: Some(rescore.neighbors), ..Expectations::default() };
        let table = path.as_ref().map(|path| NeighborFile::load(path, &expected)).transpose();
        let table = table.map_err(|fault| fault.at("table"))?;
        Ok(Self {
            truncation,
            otherwise,
            rescore,
            only_after: parameters.only_after.map(str::to_owned),
            max_tokens: parameters.max_tokens,
            table,
            path: path.unwrap_or_default(),
            reuse: parameters.reuse,
            texts: None,
            stepper: Stepper::new(),
            scratch: Vec::new(),
        })
    }

    fn opened(&self, history: &[u32]) -> Result<bool, Fault> {
        let Some(tag) = &self.only_after else { return Ok(true) };
        let Some(texts) = &self.texts else { return Err(no_texts("the logits come alone")) };
        let text: String =
            history.iter().filter_map(|token| texts.get(*token as usize)).map(String::as_str).collect();
        Ok(text.contains(tag.as_str()))
    }
}

fn no_texts(why: &str) -> Fault {
    Fault::config(format!("the tag is looked for in the text so far, but there are no token texts: {why}"))
        .at("only_after")
        .help("use a model with a vocabulary, or leave only_after out")
}

fn no_table() -> Fault {
    Fault::config("no neighbor table is given").at("table").help(
        "build one with `situs neighbors build --embeddings model.safetensors --tensor NAME --tokenizer \
         tokenizer.json --out table.safetensors` and set table = \"table.safetensors\"",
    )
}

/// What a model says of the files that a table must have been made from.
fn expectations(model: &dyn ModelBackend, reuse: bool) -> Result<Expectations, Fault> {
    let mut expected = Expectations { reuse, ..Expectations::default() };
    match model.embeddings()? {
        None => {}
        Some(EmbeddingSource::Rows { sha256, .. }) => expected.embedding_sha256 = Some(sha256),
        Some(EmbeddingSource::File { path, sha256, .. }) => {
            expected.embedding_sha256 = Some(sha256);
            let tokenizer = path.with_file_name("tokenizer.json");
            if tokenizer.is_file() {
                let read = std::fs::File::open(&tokenizer).and_then(sha256_of);
                expected.tokenizer_sha256 =
                    Some(read.map_err(|error| file_fault("read", &tokenizer, &error))?);
            }
        }
    }
    Ok(expected)
}

/// A table for a vocabulary with more or fewer rows of padding: rows past the content say nothing.
fn resized(table: &mut NeighborTable, rows: usize) {
    let (old, k) = (table.rows, table.k);
    table.content.resize(rows, 0);
    table.ids.resize(rows * k, 0);
    table.similarities.resize(rows * k, 0.0);
    for token in old..rows {
        table.ids[token * k..(token + 1) * k].fill(token as u32);
    }
    table.rows = rows;
}

/// The table has to describe the model's own vocabulary, token by token.
fn check_vocabulary(table: &NeighborTable, model: &str, vocabulary: &Vocabulary<'_>) -> Result<(), Fault> {
    let differs = vocabulary.content.iter().zip(&table.content).position(|(own, flag)| *own != (*flag == 1));
    let Some(token) = differs else { return Ok(()) };
    let in_table = table.is_content(token as u32);
    Err(Fault::data(format!(
        "token {token} is {} in the table and {} in {model}: a table of another tokenizer",
        word(in_table),
        word(!in_table),
    ))
    .at("table")
    .help("build the table with this model's tokenizer"))
}

fn word(content: bool) -> &'static str {
    if content { "content" } else { "not content" }
}

impl Sampler for Rescorer {
    fn prepare(&mut self, model: &dyn ModelBackend) -> Result<(), Fault> {
        if self.table.is_none() {
            self.path = own_table(model, self.rescore.neighbors)?;
        }
        let name = &model.card().name;
        let vocabulary = model.vocabulary()?;
        let mut expected = expectations(model, self.reuse)?;
        expected.k = Some(self.rescore.neighbors);
        expected.rows = vocabulary.as_ref().map(|vocabulary| vocabulary.content.len());
        let mut file = NeighborFile::load(&self.path, &expected).map_err(|fault| fault.at("table"))?;
        if let Some(reuse) = &file.reuse {
            tracing::warn!("{}: {}", self.path.display(), reuse.warning);
        }
        if let Some(vocabulary) = &vocabulary {
            resized(&mut file.table, vocabulary.content.len());
            check_vocabulary(&file.table, name, vocabulary)?;
        }
        self.table = Some(file);
        if self.only_after.is_some() {
            let Some(vocabulary) = vocabulary else { return Err(no_texts(&format!("{name} gives none"))) };
            self.texts = Some(vocabulary.texts.to_vec());
        }
        Ok(())
    }

    fn remote(&self) -> Option<Sampling> {
        None
    }

    fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    fn digest(&self) -> Option<String> {
        let file = self.table.as_ref()?;
        let other = file.reuse.as_ref().map(|reuse| format!(" with {}", reuse.model_embedding_sha256));
        Some(format!("{}{}", file.sha256, other.unwrap_or_default()))
    }

    fn pick(&mut self, logits: &Logits<'_>, rows: &[Row<'_>], out: &mut Vec<Pick>) -> Result<(), Fault> {
        let Some(file) = &self.table else { return Err(no_table()) };
        let mut scratch = std::mem::take(&mut self.scratch);
        let host = logits.on_host(&mut scratch)?;
        for rows in rows.chunks(MAX_ROWS) {
            let mut asked = Vec::with_capacity(rows.len());
            for row in rows {
                asked.push(StepRow {
                    logits: LogitRow::F32(host.row(row.index)?),
                    truncation: self.truncation,
                    otherwise: self.otherwise,
                    rescore: self.opened(row.history)?.then_some(self.rescore),
                    draw: row.draw,
                });
            }
            let steps = self.stepper.run(&asked, Some(&file.table), true).map_err(|(at, fault)| {
                let place = rows.get(at).map(|row| format!("row {}, step {}", row.index, row.step));
                named(fault).within(place.unwrap_or_default())
            })?;
            out.extend(steps.iter().map(|step| Pick { token: step.token, note: Some(note(step)) }));
        }
        self.scratch = scratch;
        Ok(())
    }
}

fn named(fault: StepFault) -> Fault {
    match fault {
        StepFault::Candidates { .. } | StepFault::Refused(_) | StepFault::Neighbors { .. } => {
            Fault::config(fault.to_string())
        }
        StepFault::Batch { .. } | StepFault::NoTable => Fault::internal(fault.to_string()),
        StepFault::Vocabulary { .. } => {
            Fault::data(fault.to_string()).help("use the table of the model that gave the logits")
        }
        StepFault::Row(_) | StepFault::Table { .. } => Fault::data(fault.to_string()),
    }
}

/// One entry of the flip ledger.
fn note(step: &Step) -> serde_json::Value {
    let fired = step.outcome == Outcome::Fired;
    serde_json::json!({
        "fired": fired,
        "deferred": step.outcome == Outcome::Deferred,
        "changed": step.token != step.default_token,
        "default_token": step.default_token,
        "token": step.token,
        "default_score": step.default_score.filter(|_| fired),
        "token_score": step.token_score.filter(|_| fired),
        "candidates": step.candidates,
    })
}
