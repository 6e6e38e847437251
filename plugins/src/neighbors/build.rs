//! Building a table file, with progress, resumable.

use super::put_aside::{place, put_aside, take_up};
use super::{ContentRule, EmbeddingFile, Tokenizer, table_file};
use serde::Serialize;
use situs_core::digest::Digest;
use situs_core::fault::{Fault, file_fault};
use situs_core::run::Progress;
use situs_kernels::neighbors::{Build, BuildFault};
use std::path::{Path, PathBuf};

/// How often a build is put aside at most; each time writes all candidates.
const TIMES_PUT_ASIDE: usize = 32;

/// A table to build.
pub struct Job<'a> {
    /// The matrix.
    pub embeddings: &'a EmbeddingFile,
    /// The tokens of its rows.
    pub tokenizer: &'a Tokenizer,
    /// Which tokens take part.
    pub rule: ContentRule,
    /// Neighbors of a token, itself included.
    pub k: usize,
    /// Where the table goes. An unfinished one waits beside it, with `.part` behind the name.
    pub out: &'a Path,
}

/// What was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Built {
    /// The table file.
    pub table: PathBuf,
    /// Embedding rows.
    pub rows: usize,
    /// Slots of a row.
    pub k: usize,
    /// Tokens that are content.
    pub content: usize,
    /// Content tokens whose embedding is zero: they have no neighbor but themselves.
    pub zero_rows: usize,
    /// Rows whose neighbors needed a second comparison with all others to be certain.
    pub redone: usize,
    /// SHA-256 of the embedding tensor's bytes.
    pub embedding_sha256: String,
    /// SHA-256 of the `tokenizer.json`.
    pub tokenizer_sha256: String,
}

impl Job<'_> {
    /// Builds the table. Run again after an interruption, it goes on where the last put-aside state was.
    ///
    /// # Errors
    /// A tokenizer of another model, no content token, numbers that are not finite, a file that cannot be written.
    pub fn run(&self, progress: &dyn Progress) -> Result<Built, Fault> {
        let place_of = |fault: BuildFault| {
            let what = format!("{}: {}: {fault}", self.embeddings.path().display(), self.embeddings.tensor());
            match fault {
                BuildFault::Table(_) => Fault::config(fault.to_string()).at("k"),
                _ => Fault::data(what),
            }
        };
        if let Some(folder) = self.out.parent().filter(|folder| !folder.as_os_str().is_empty())
            && !folder.is_dir()
        {
            return Err(Fault::config(format!("no folder {} to write to", folder.display())));
        }
        let content = self.tokenizer.content(self.embeddings.rows(), self.rule)?;
        let count = content.iter().filter(|&&flag| flag == 1).count();
        if count == 0 {
            let what = format!("{}: no token is content", self.tokenizer.path().display());
            return Err(Fault::data(what));
        }
        progress.stage("reading", 0);
        let job = Digest::new("situs-neighbors-job-1")
            .text(self.embeddings.sha256())
            .text(self.tokenizer.sha256())
            .add(&content)
            .add(&(self.k as u64).to_le_bytes())
            .hex();
        let mut build = Build::new(self.embeddings.embeddings()?, content, self.k).map_err(place_of)?;
        match take_up(self.out, &job, &mut build) {
            Ok(true) => progress.line("going on where the last build was put aside"),
            Ok(false) => {}
            Err(fault) => progress.line(&format!("beginning anew: {}", fault.what)),
        }
        let (pairs, done) = build.pairs();
        progress.stage("comparing", pairs);
        progress.advance(done);
        let every = build.bands().div_ceil(TIMES_PUT_ASIDE).max(1);
        while build.advance(&|pairs| progress.advance(pairs)) {
            if build.bands_done() % every == 0 && build.bands_done() < build.bands() {
                put_aside(self.out, &job, &build)?;
            }
        }
        progress.stage("ranking", count as u64);
        let (table, certified) = build.finish(&|rows| progress.advance(rows)).map_err(place_of)?;
        table_file::write(self.out, &table, self.embeddings.sha256(), self.tokenizer.sha256())?;
        let part = place(self.out);
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(file_fault("remove", &part, &error));
            }
            _ => {}
        }
        Ok(Built {
            table: self.out.to_owned(),
            rows: table.rows,
            k: table.k,
            content: count,
            zero_rows: count - certified.rows,
            redone: certified.redone,
            embedding_sha256: self.embeddings.sha256().to_owned(),
            tokenizer_sha256: self.tokenizer.sha256().to_owned(),
        })
    }
}
