//! What the samplers over neighbor tables share: their table, their candidates, their flip ledger.

mod parameters;
mod tag_watch;

pub(crate) use parameters::{Parameters, rescoring_sampler};

use crate::neighbors::{Expectations, NeighborFile, own_table};
use crate::stepping::{Asked, Stepping, refused};
use serde::{Deserialize, Serialize};
use situs_core::digest::sha256_of;
use situs_core::fault::file_fault;
use situs_core::model_backend::{EmbeddingSource, Vocabulary};
use situs_core::prelude::*;
use situs_kernels::semantic::{Outcome, Rescore, Step, check_truncation};
use situs_kernels::{NeighborTable, Truncation};
use tag_watch::TagWatch;

/// Neighbors that are weighed where the parameters do not say and the table stores as many.
const USUAL_NEIGHBORS: usize = 32;

/// How a candidate is chosen by its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Select {
    /// The highest score.
    Argmax,
    /// A draw from the softmax of log score / tau: at tau 1 in proportion to the score.
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

/// A sampler that rescores candidates by their neighbors.
pub(crate) struct Rescorer {
    truncation: Truncation,
    otherwise: situs_kernels::semantic::Otherwise,
    rescore: Rescore,
    /// Whether the parameters say how many neighbors are weighed.
    neighbors_asked: bool,
    only_after: Option<String>,
    max_tokens: u32,
    table: Option<NeighborFile>,
    reuse: bool,
    /// Digest of the model's embeddings, once it is known.
    model_embedding_sha256: Option<String>,
    /// Watches for `only_after`, once there are token texts.
    watch: Option<TagWatch>,
    warnings: Vec<String>,
    stepping: Stepping,
}

impl Rescorer {
    /// Checks the parameters and reads the table.
    ///
    /// # Errors
    /// The first parameter that cannot be used, by name; a table that cannot be read.
    pub(crate) fn build(
        parameters: &Parameters<'_>,
        score: situs_kernels::semantic::Score,
        cx: &BuildContext,
    ) -> Result<Self, Fault> {
        use situs_kernels::semantic as kernel;
        let truncation = truncation(parameters)?;
        let rescore = rescore(parameters, score)?;
        let otherwise = match parameters.otherwise {
            Some(Otherwise::Greedy) => kernel::Otherwise::Greedy,
            Some(Otherwise::Draw) => kernel::Otherwise::Draw,
            None if parameters.select == Select::Argmax => kernel::Otherwise::Greedy,
            None => kernel::Otherwise::Draw,
        };
        if parameters.only_after.is_some_and(str::is_empty) {
            return Err(Fault::config("an empty tag has always appeared").at("only_after"));
        }
        if parameters.max_tokens == 0 {
            return Err(Fault::config("must be at least 1").at("max_tokens"));
        }
        let mut rescorer = Self {
            truncation,
            otherwise,
            rescore,
            neighbors_asked: parameters.neighbors.is_some(),
            only_after: parameters.only_after.map(str::to_owned),
            max_tokens: parameters.max_tokens,
            table: None,
            reuse: parameters.reuse,
            model_embedding_sha256: None,
            watch: None,
            warnings: warnings(parameters, score),
            stepping: Stepping::default(),
        };
        if let Some(path) = parameters.table {
            let file = NeighborFile::load(&cx.path(path), &rescorer.expected());
            let file = file.map_err(|fault| fault.at("table"))?;
            if !rescorer.neighbors_asked {
                rescorer.rescore.neighbors = USUAL_NEIGHBORS.min(file.table.k);
            }
            rescorer.table = Some(file);
        }
        Ok(rescorer)
    }

    /// What the parameters alone ask of a table.
    fn expected(&self) -> Expectations {
        let k = self.neighbors_asked.then_some(self.rescore.neighbors);
        Expectations { k, reuse: self.reuse, ..Expectations::default() }
    }
}

fn truncation(parameters: &Parameters<'_>) -> Result<Truncation, Fault> {
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
    Ok(truncation)
}

fn rescore(parameters: &Parameters<'_>, score: situs_kernels::semantic::Score) -> Result<Rescore, Fault> {
    use situs_kernels::semantic as kernel;
    let tau = parameters.tau;
    if parameters.select == Select::Argmax && tau != 1.0 {
        return Err(Fault::config("is the temperature of draws; select = \"argmax\" draws nothing").at("tau"));
    }
    let rescore = Rescore {
        neighbors: parameters.neighbors.map_or(USUAL_NEIGHBORS, |count| count as usize),
        threshold: parameters.threshold.map(|cosine| cosine as f32),
        score,
        select: match parameters.select {
            Select::Argmax => kernel::Select::Argmax,
            Select::Proportional => kernel::Select::Proportional { tau },
            Select::Softmax => kernel::Select::Softmax { tau },
        },
        mass: match parameters.mass {
            Mass::Full => kernel::Mass::Full,
            Mass::Renormalised => kernel::Mass::Renormalised,
        },
    };
    rescore.check().map_err(refused)?;
    Ok(rescore)
}

/// Parameters that are allowed and seldom wanted.
fn warnings(parameters: &Parameters<'_>, score: situs_kernels::semantic::Score) -> Vec<String> {
    let flat = parameters.select == Select::Softmax
        && parameters.tau >= 1.0
        && score == situs_kernels::semantic::Score::Support;
    let flat = flat.then(|| {
        format!(
            "select = \"softmax\" with tau = {} draws almost evenly among the candidates, since scores lie in about 0 \
             to 1; select = \"proportional\" draws by score",
            parameters.tau
        )
    });
    flat.into_iter().collect()
}

fn no_texts(why: &str) -> Fault {
    Fault::config(format!("the tag is looked for in the text so far, but there are no token texts: {why}"))
        .at("only_after")
        .help("use a model with a vocabulary (`situs sample` takes --tokenizer or --model), or leave only_after out")
}

fn no_table() -> Fault {
    Fault::config("no neighbor table is given, and no model to build one from").at("table").help(
        "build one with `situs neighbors build --model DIR --out table.safetensors` and set \
         table = \"table.safetensors\"",
    )
}

/// What a model says of the files that a table must have been made from: digests of its embeddings and tokenizer.
fn digests(model: &dyn ModelBackend) -> Result<(Option<String>, Option<String>), Fault> {
    let mut tokenizer = model.tokenizer_sha256()?;
    let embedding = match model.embeddings()? {
        None => None,
        Some(EmbeddingSource::Rows { sha256, .. }) => Some(sha256),
        Some(EmbeddingSource::File { path, sha256, .. }) => {
            let beside = path.with_file_name("tokenizer.json");
            if tokenizer.is_none() && beside.is_file() {
                let read = std::fs::File::open(&beside).and_then(sha256_of);
                tokenizer = Some(read.map_err(|error| file_fault("read", &beside, &error))?);
            }
            Some(sha256)
        }
    };
    Ok((embedding, tokenizer))
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
        self.stepping.forget();
        if self.table.is_none() {
            let own = own_table(model, self.rescore.neighbors)?;
            if own.built {
                let path = own.file.path.display();
                self.warnings
                    .push(format!("neighbor table built from the model's embeddings and kept: {path}"));
            }
            self.table = Some(own.file);
        }
        let mut expected = self.expected();
        let Some(file) = &mut self.table else { return Err(no_table()) };
        let name = &model.card().name;
        let vocabulary = model.vocabulary()?;
        (expected.embedding_sha256, expected.tokenizer_sha256) = digests(model)?;
        expected.rows = vocabulary.as_ref().map(|vocabulary| vocabulary.content.len());
        file.fit(&expected).map_err(|fault| fault.at("table"))?;
        if let Some(reuse) = &file.reuse {
            self.warnings.push(format!("{}: {}", file.path.display(), reuse.warning));
        }
        // The same tokenizer says all: a table may count tokens as content by another rule than the model's own.
        if let Some(vocabulary) = vocabulary.as_ref().filter(|_| expected.tokenizer_sha256.is_none()) {
            check_vocabulary(&file.table, name, vocabulary)?;
        }
        self.model_embedding_sha256 = expected.embedding_sha256;
        if let Some(tag) = &self.only_after {
            let Some(vocabulary) = vocabulary else { return Err(no_texts(&format!("{name} gives none"))) };
            self.watch = Some(TagWatch::new(tag, vocabulary.texts.to_vec()));
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

    fn table(&self) -> Option<TableCard> {
        let file = self.table.as_ref()?;
        Some(TableCard {
            sha256: file.sha256.clone(),
            embedding_sha256: file.embedding_sha256.clone(),
            tokenizer_sha256: file.tokenizer_sha256.clone(),
            model_embedding_sha256: self.model_embedding_sha256.clone(),
            reused: file.reuse.is_some(),
        })
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    fn pick(&mut self, logits: &Logits<'_>, rows: &[Row<'_>], out: &mut Vec<Pick>) -> Result<(), Fault> {
        let Self { truncation, otherwise, rescore, only_after, table, watch, stepping, .. } = self;
        let Some(file) = table else { return Err(no_table()) };
        let mut place = 0;
        let steps = stepping.run(logits, rows, Some(&file.table), true, |row| {
            let opened = match (&only_after, &mut *watch) {
                (None, _) => true,
                (Some(_), None) => return Err(no_texts("the logits come alone")),
                (Some(_), Some(watch)) => watch.has_appeared(row.history, place, rows.len()),
            };
            place += 1;
            let rescore = opened.then_some(*rescore);
            Ok(Asked { truncation: *truncation, otherwise: *otherwise, rescore })
        })?;
        out.extend(steps.iter().map(|step| Pick { token: step.token, note: Some(note(step)) }));
        Ok(())
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
