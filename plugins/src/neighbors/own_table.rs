//! The table of a loaded model's own embeddings, built when it is first asked for and kept for every later run.

use super::{ContentRule, EmbeddingFile, Expectations, Job, NeighborFile, Tokenizer, table_file};
use situs_core::digest::Digest;
use situs_core::fault::{Fault, file_fault};
use situs_core::model_backend::{EmbeddingSource, ModelBackend, RowReader};
use situs_core::run::Progress;
use situs_kernels::neighbors::{Build, Embeddings};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Neighbors that a kept table stores where no more are asked for.
const USUAL_NEIGHBORS: usize = 32;
/// Embedding rows that are read together.
const ROWS_TOGETHER: usize = 4096;

/// A model's own table.
pub struct OwnTable {
    /// The table, in the cache folder.
    pub file: NeighborFile,
    /// Whether it was not there before.
    pub built: bool,
}

/// The table of a model with at least `neighbors` neighbors a token, itself included. It is kept in the user's cache
/// folder (`XDG_CACHE_HOME`, else `~/.cache`) under a name made of the digests of embeddings and tokenizer.
///
/// # Errors
/// A model without embeddings or tokenizer, no cache folder, a full disk.
pub fn own_table(model: &dyn ModelBackend, neighbors: usize) -> Result<OwnTable, Fault> {
    let name = &model.card().name;
    let missing = |what: &str| {
        Fault::config(format!("no neighbor table is given, and {name} gives no {what} to build one from"))
            .at("table")
            .help("build one with `situs neighbors build` and set table = \"table.safetensors\"")
    };
    let k = neighbors.next_multiple_of(USUAL_NEIGHBORS);
    let Some(source) = model.embeddings()? else { return Err(missing("embeddings")) };
    match source {
        EmbeddingSource::File { path, tensor, sha256 } => {
            let tokenizer = path.with_file_name("tokenizer.json");
            if !tokenizer.is_file() {
                return Err(missing("tokenizer.json"));
            }
            let tokenizer = Tokenizer::read(&tokenizer)?;
            kept_or_built(&sha256, tokenizer.sha256(), k, |out| {
                let embeddings = EmbeddingFile::open(&path, &tensor)?;
                let rule = ContentRule::default();
                let job = Job { embeddings: &embeddings, tokenizer: &tokenizer, rule, k, out };
                tracing::info!("{name}: building the neighbor table of its embeddings, once");
                job.run(&Logged, &AtomicBool::new(false)).map(drop)
            })
        }
        EmbeddingSource::Rows { reader, sha256 } => {
            let Some(vocabulary) = model.vocabulary()? else { return Err(missing("vocabulary")) };
            let tokenizer = match model.tokenizer_sha256()? {
                Some(sha256) => sha256,
                None => Digest::new("situs-words-1").json(&vocabulary.texts).json(&vocabulary.content).hex(),
            };
            kept_or_built(&sha256, &tokenizer, k, |out| {
                let content = vocabulary.content.iter().map(|flag| u8::from(*flag)).collect();
                build_rows(reader.as_ref(), content, k, out, (&sha256, &tokenizer))
                    .map_err(|fault| fault.within(name))
            })
        }
    }
}

/// The table of these digests from the cache folder; where none lies there, or a damaged one, it is built first.
fn kept_or_built(
    embeddings: &str,
    tokenizer: &str,
    k: usize,
    build: impl FnOnce(&Path) -> Result<(), Fault>,
) -> Result<OwnTable, Fault> {
    let out = kept(embeddings, tokenizer, k)?;
    let expected = Expectations {
        k: Some(k),
        embedding_sha256: Some(embeddings.to_owned()),
        tokenizer_sha256: Some(tokenizer.to_owned()),
        ..Expectations::default()
    };
    if out.is_file()
        && let Ok(file) = NeighborFile::load(&out, &expected)
    {
        return Ok(OwnTable { file, built: false });
    }
    build(&out)?;
    Ok(OwnTable { file: NeighborFile::load(&out, &expected)?, built: true })
}

/// Where a table is kept; the folder is made.
fn kept(embeddings: &str, tokenizer: &str, k: usize) -> Result<PathBuf, Fault> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    let Some(cache) = cache else {
        return Err(Fault::config(
            "no folder to keep a neighbor table in: neither XDG_CACHE_HOME nor HOME is set",
        )
        .at("table")
        .help("build one with `situs neighbors build` and set table = \"table.safetensors\""));
    };
    let folder = cache.join("situs").join("neighbors");
    std::fs::create_dir_all(&folder).map_err(|error| file_fault("make", &folder, &error))?;
    let name = Digest::new("situs-own-table-1").text(embeddings).text(tokenizer).json(&k).short();
    Ok(folder.join(format!("{name}.safetensors")))
}

fn build_rows(
    reader: &dyn RowReader,
    content: Vec<u8>,
    k: usize,
    out: &Path,
    digests: (&str, &str),
) -> Result<(), Fault> {
    let damaged = |fault: situs_kernels::neighbors::BuildFault| Fault::data(fault.to_string());
    let mut values = Vec::new();
    let mut block = Vec::new();
    for first in (0..reader.rows()).step_by(ROWS_TOGETHER) {
        reader.read(first, ROWS_TOGETHER.min(reader.rows() - first), &mut block)?;
        values.append(&mut block);
    }
    let embeddings = Embeddings::from_values(&values, reader.width()).map_err(damaged)?;
    let mut build = Build::new(embeddings, content, k).map_err(damaged)?;
    while build.advance(&|_| {}) {}
    let (table, _) = build.finish(&|_| {}).map_err(damaged)?;
    table_file::write(out, &table, digests.0, digests.1)
}

/// Progress as log lines.
struct Logged;

impl Progress for Logged {
    fn stage(&self, name: &str, total: u64) {
        tracing::info!("neighbor table: {name}, {total} steps");
    }

    fn advance(&self, _: u64) {}

    fn line(&self, text: &str) {
        tracing::info!("neighbor table: {text}");
    }
}
