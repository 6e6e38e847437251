//! Building a table file, with progress, resumable.

use super::put_aside::{place, put_aside, take_up};
use super::{ContentRule, EmbeddingFile, Tokenizer, table_file};
use serde::Serialize;
use situs_core::digest::Digest;
use situs_core::fault::{Fault, file_fault};
use situs_core::run::Progress;
use situs_kernels::neighbors::{Build, BuildFault, MOST_NEIGHBORS};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// Builds the table; `None` when `stop` was set meanwhile: what there was is put aside then. Run again, it goes on
    /// there.
    ///
    /// # Errors
    /// A `k` or a place that cannot be, before anything is read; a tokenizer of another model, no content token, numbers
    /// that are not finite, a file that cannot be written.
    pub fn run(&self, progress: &dyn Progress, stop: &AtomicBool) -> Result<Option<Built>, Fault> {
        if !(1..=MOST_NEIGHBORS).contains(&self.k) {
            let fault = Fault::config(format!("{} slots a row; there must be 1 to {MOST_NEIGHBORS}", self.k));
            return Err(fault.at("k"));
        }
        self.check_place()?;
        let content = self.tokenizer.content(self.embeddings.rows(), self.rule)?;
        let count = content.iter().filter(|&&flag| flag == 1).count();
        if count == 0 {
            let what = format!("{}: no token is content", self.tokenizer.path().display());
            return Err(Fault::data(what));
        }
        if !self.embeddings.hash(progress, stop) {
            return Ok(None);
        }
        let job = Digest::new("situs-neighbors-job-1")
            .text(self.embeddings.sha256())
            .text(self.tokenizer.sha256())
            .add(&content)
            .add(&(self.k as u64).to_le_bytes())
            .hex();
        progress.stage("reading", 0);
        let mut build =
            Build::new(self.embeddings.embeddings()?, content, self.k).map_err(|fault| self.named(fault))?;
        match take_up(self.out, &job, &mut build) {
            Ok(true) => progress.line("going on where the last build was put aside"),
            Ok(false) => {}
            Err(fault) => progress.line(&format!("beginning anew: {}", fault.what)),
        }
        if !self.compare(&job, &mut build, progress, stop)? {
            return Ok(None);
        }
        progress.stage("ranking", count as u64);
        let (table, certified) = match build.finish_unless(stop, &|rows| progress.advance(rows)) {
            Err(BuildFault::Stopped) => return Ok(None),
            other => other.map_err(|fault| self.named(fault))?,
        };
        table_file::write(self.out, &table, self.embeddings.sha256(), self.tokenizer.sha256())?;
        let part = place(self.out);
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(file_fault("remove", &part, &error));
            }
            _ => {}
        }
        Ok(Some(Built {
            table: self.out.to_owned(),
            rows: table.rows,
            k: table.k,
            content: count,
            zero_rows: count - certified.rows,
            redone: certified.redone,
            embedding_sha256: self.embeddings.sha256().to_owned(),
            tokenizer_sha256: self.tokenizer.sha256().to_owned(),
        }))
    }

    /// Files that a build of that table has while it writes; whoever ends this process in the midst removes them.
    pub fn being_written(out: &Path) -> [PathBuf; 2] {
        [table_file::being_written(out), table_file::being_written(&place(out))]
    }

    /// Compares all pairs, and puts the candidates aside now and then, when stopped, and before they are ranked. Whether
    /// all pairs were compared.
    fn compare(
        &self,
        job: &str,
        build: &mut Build<'_>,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<bool, Fault> {
        let (pairs, done) = build.pairs();
        progress.stage("comparing", pairs);
        progress.advance(done);
        let bands = build.bands();
        let every = bands.div_ceil(TIMES_PUT_ASIDE).max(1);
        let mut there = build.bands_done();
        loop {
            let stopped = stop.load(Ordering::Relaxed);
            let done = build.bands_done();
            let due = done % every == 0 || done == bands;
            // One band is compared again sooner than it is read.
            if done > there && (stopped || due && bands > 1) {
                put_aside(self.out, job, build)?;
                there = done;
            }
            if stopped || !build.advance(&|pairs| progress.advance(pairs)) {
                return Ok(!stopped);
            }
        }
    }

    /// Whether a table can be written where it shall go.
    fn check_place(&self) -> Result<(), Fault> {
        if let Some(folder) = self.out.parent().filter(|folder| !folder.as_os_str().is_empty())
            && !folder.is_dir()
        {
            return Err(Fault::config(format!("no folder {} to write to", folder.display())));
        }
        if self.out.is_dir() {
            return Err(Fault::config(format!("{} is a folder", self.out.display())).help("name a file"));
        }
        let trial = table_file::being_written(self.out);
        let tried = std::fs::File::create(&trial).and_then(|_| std::fs::remove_file(&trial));
        tried.map_err(|error| Fault::config(format!("cannot write {}: {error}", self.out.display())))
    }

    fn named(&self, fault: BuildFault) -> Fault {
        match fault {
            BuildFault::Table(_) => Fault::config(fault.to_string()).at("k"),
            _ => {
                let (path, tensor) = (self.embeddings.path().display(), self.embeddings.tensor());
                Fault::data(format!("{path}: {tensor}: {fault}"))
            }
        }
    }
}
