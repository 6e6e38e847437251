//! Whether a table is the one that a model would give.

use super::{ContentRule, EmbeddingFile, Expectations, NeighborFile, Tokenizer};
use serde::Serialize;
use situs_core::digest::Draw;
use situs_core::fault::Fault;
use situs_core::run::Progress;
use situs_kernels::neighbors::Build;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Most differing rows that are named.
const DIFFERENCES_NAMED: usize = 10;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Whether nothing differs.
    pub ok: bool,
    /// Rows of the table.
    pub rows: usize,
    /// Slots of a row.
    pub k: usize,
    /// Rows that were computed again.
    pub recomputed: usize,
    /// What differs.
    pub differences: Vec<String>,
}

/// Compares a table with a model: digests, row count, content flags under any rule, and `sample` rows that are computed
/// again exactly, drawn by a fixed seed.
///
/// # Errors
/// Files that cannot be read, or a table that breaks its own rules.
pub fn check(
    table: &Path,
    embeddings: &EmbeddingFile,
    tokenizer: &Tokenizer,
    sample: usize,
    progress: &dyn Progress,
) -> Result<Checked, Fault> {
    embeddings.hash(progress, &AtomicBool::new(false));
    progress.stage("reading", 0);
    let file = NeighborFile::load(table, &Expectations::default())?;
    let stored = &file.table;
    let mut differences = Vec::new();
    let mut differ = |what: String| differences.push(what);
    if file.tokenizer_sha256 != tokenizer.sha256() {
        differ(format!("tokenizer: the table's {}, this {}", file.tokenizer_sha256, tokenizer.sha256()));
    }
    if file.embedding_sha256 != embeddings.sha256() {
        differ(format!("embeddings: the table's {}, these {}", file.embedding_sha256, embeddings.sha256()));
    }
    let mut recomputed = 0;
    if stored.rows == embeddings.rows() {
        if !follows_a_rule(&stored.content, tokenizer)? {
            differ("content: the flags are not those of this tokenizer".to_owned());
        }
        let build = Build::new(embeddings.embeddings()?, stored.content.clone(), stored.k)
            .map_err(|fault| Fault::data(format!("{}: {fault}", embeddings.path().display())))?;
        let content: Vec<u32> = (0..stored.rows as u32).filter(|&token| stored.is_content(token)).collect();
        let order = Draw::new(0).of("neighbors-check").order(content.len());
        let mut drawn: Vec<u32> =
            order.iter().take(sample).filter_map(|&at| content.get(at).copied()).collect();
        drawn.sort_unstable();
        recomputed = drawn.len();
        progress.stage("recomputing", recomputed as u64);
        let wrong: Vec<u32> = build
            .exact_rows(&drawn, &|rows| progress.advance(rows))
            .into_iter()
            .filter(|(token, ids, similarities)| stored.row(*token) != Some((ids, similarities)))
            .map(|(token, _, _)| token)
            .collect();
        for token in wrong.iter().take(DIFFERENCES_NAMED) {
            differ(format!("token {token}: other neighbors"));
        }
        if wrong.len() > DIFFERENCES_NAMED {
            differ(format!("{} more tokens with other neighbors", wrong.len() - DIFFERENCES_NAMED));
        }
    } else {
        differ(format!("rows: the table has {}, the embeddings {}", stored.rows, embeddings.rows()));
    }
    Ok(Checked { ok: differences.is_empty(), rows: stored.rows, k: stored.k, recomputed, differences })
}

/// Whether flags are those of the tokenizer under one of the rules that a table can be built with.
fn follows_a_rule(flags: &[u8], tokenizer: &Tokenizer) -> Result<bool, Fault> {
    for added in [false, true] {
        for byte_fragments in [true, false] {
            if tokenizer.content(flags.len(), ContentRule { added, byte_fragments })? == flags {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
