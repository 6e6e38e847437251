//! Neighbor tables as safetensors files.

use super::embedding_file::{damaged, parse};
use super::mapped::map;
use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use situs_core::digest::sha256_hex;
use situs_core::fault::{Fault, file_fault};
use situs_kernels::NeighborTable;
use situs_kernels::neighbors::MOST_NEIGHBORS;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Version of the format.
const FORMAT: &str = "situs-neighbors-1";

/// Digest of a table's file, and the number of rows where that is not the file's.
type Key = (String, Option<usize>);

/// Tables in use: whoever reads a table that another holds shares it.
static IN_USE: Mutex<BTreeMap<Key, Weak<NeighborTable>>> = Mutex::new(BTreeMap::new());

/// A neighbor table with what it was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct NeighborFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// The table, checked; shared by all that read it.
    pub table: Arc<NeighborTable>,
    /// SHA-256 of the embedding tensor's bytes.
    pub embedding_sha256: String,
    /// SHA-256 of the `tokenizer.json`.
    pub tokenizer_sha256: String,
    /// Program that made it.
    pub tool: String,
    /// SHA-256 of the file: the table's identity.
    pub sha256: String,
    /// Set when the table was made from other embeddings than those it is used with.
    pub reuse: Option<Reuse>,
}

/// A table used with another checkpoint of the same tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reuse {
    /// Digest of the embeddings it was made from.
    pub table_embedding_sha256: String,
    /// Digest of the embeddings it is used with.
    pub model_embedding_sha256: String,
    /// What to tell a person.
    pub warning: String,
}

/// What a table must fit. What is `None` is not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectations {
    /// Width of the logits, or rows of the embeddings.
    pub rows: Option<usize>,
    /// Fewest slots a row must have.
    pub k: Option<usize>,
    /// SHA-256 of the embedding tensor's bytes.
    pub embedding_sha256: Option<String>,
    /// SHA-256 of the `tokenizer.json`.
    pub tokenizer_sha256: Option<String>,
    /// Accept a table of other embeddings, of another number of rows too, when the tokenizer is known to be the same.
    pub reuse: bool,
}

impl NeighborFile {
    /// Reads and checks a table.
    ///
    /// # Errors
    /// A file that is missing, cut short or damaged, another format; a table that breaks its own rules (a similarity
    /// outside -1 to 1, an id beyond the rows, ...); one that does not fit what is expected.
    pub fn load(path: &Path, expected: &Expectations) -> Result<Self, Fault> {
        let map = map(path)?;
        let within = |fault: Fault| fault.within(path.display());
        let (_, header) = SafeTensors::read_metadata(&map).map_err(|error| damaged(path, &error))?;
        let tensors = parse(path, &map)?;
        let told = |key: &str| {
            let value = header.metadata().as_ref().and_then(|told| told.get(key));
            value.cloned().ok_or_else(|| {
                Fault::data(format!("not a neighbor table: its metadata lack '{key}'")).within(path.display())
            })
        };
        let format = told("format")?;
        if format != FORMAT {
            let fault = Fault::unsupported(format!("format '{format}'; {FORMAT} is read"));
            return Err(within(fault));
        }
        let sha256 = sha256_hex(&map);
        let table = shared((sha256.clone(), None), || {
            let table = read_table(&tensors)?;
            table.check().map_err(|fault| Fault::data(format!("damaged neighbor table: {fault}")))?;
            Ok(table)
        });
        let table = table.map_err(within)?;
        if told("k")? != table.k.to_string() {
            let what = format!("says {} slots a row, has {}", told("k")?, table.k);
            return Err(within(Fault::data(what)));
        }
        let mut file = Self {
            path: path.to_owned(),
            table,
            embedding_sha256: told("embedding_sha256")?,
            tokenizer_sha256: told("tokenizer_sha256")?,
            tool: told("tool")?,
            sha256,
            reuse: None,
        };
        file.fit(expected)?;
        Ok(file)
    }

    /// Checks the table against what is expected, and takes on the expected number of rows where reuse allows another:
    /// rows past the content say nothing.
    ///
    /// # Errors
    /// What does not fit, with the file.
    pub fn fit(&mut self, expected: &Expectations) -> Result<(), Fault> {
        self.reuse = self.fits(expected).map_err(|fault| fault.within(self.path.display()))?;
        if let Some(rows) = expected.rows.filter(|rows| *rows != self.table.rows) {
            self.table =
                shared((self.sha256.clone(), Some(rows)), || Ok(resized(self.table.as_ref().clone(), rows)))?;
        }
        Ok(())
    }

    /// Whether the table fits, and whether that is reuse.
    fn fits(&self, expected: &Expectations) -> Result<Option<Reuse>, Fault> {
        if let Some(k) = expected.k.filter(|k| *k > self.table.k) {
            let what = format!("holds {} neighbors a token, {k} are asked for", self.table.k);
            return Err(Fault::data(what).help("ask for fewer, or build a table with a larger --k"));
        }
        if let Some(tokenizer) = expected.tokenizer_sha256.as_ref().filter(|it| **it != self.tokenizer_sha256)
        {
            let what = format!(
                "made for another tokenizer: sha256 {}, the model's is {tokenizer}",
                self.tokenizer_sha256
            );
            return Err(Fault::data(what).help("build a table for this model: `situs neighbors build`"));
        }
        let reusable = expected.reuse && expected.tokenizer_sha256.is_some();
        if let Some(rows) = expected.rows.filter(|rows| *rows != self.table.rows) {
            let beyond = self.table.content.iter().skip(rows).any(|&flag| flag == 1);
            if !reusable || beyond {
                let what = format!("has {} rows, the model has {rows}", self.table.rows);
                return Err(Fault::data(what).help("build a table for this model: `situs neighbors build`"));
            }
        }
        let Some(embedding) = expected.embedding_sha256.as_ref().filter(|it| **it != self.embedding_sha256)
        else {
            return Ok(None);
        };
        if !reusable {
            let what = format!(
                "made from other embeddings: sha256 {}, the model's is {embedding}",
                self.embedding_sha256
            );
            let help =
                "build a table for this model, or allow reuse across checkpoints that share the tokenizer";
            return Err(Fault::data(what).help(help));
        }
        Ok(Some(Reuse {
            table_embedding_sha256: self.embedding_sha256.clone(),
            model_embedding_sha256: embedding.clone(),
            warning: format!(
                "neighbors and similarities come from embeddings {}, not from the model's own {embedding}",
                self.embedding_sha256
            ),
        }))
    }
}

fn shared(
    key: Key,
    make: impl FnOnce() -> Result<NeighborTable, Fault>,
) -> Result<Arc<NeighborTable>, Fault> {
    let mut tables = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    tables.retain(|_, table| table.strong_count() > 0);
    if let Some(table) = tables.get(&key).and_then(Weak::upgrade) {
        return Ok(table);
    }
    let table = Arc::new(make()?);
    tables.insert(key, Arc::downgrade(&table));
    Ok(table)
}

fn resized(mut table: NeighborTable, rows: usize) -> NeighborTable {
    let (old, k) = (table.rows, table.k);
    table.content.resize(rows, 0);
    table.ids.resize(rows * k, 0);
    table.similarities.resize(rows * k, 0.0);
    for token in old..rows {
        table.ids[token * k..(token + 1) * k].fill(token as u32);
    }
    table.rows = rows;
    table
}

/// Writes a table: first under another name, then renamed. The same table gives the same bytes.
pub(super) fn write(
    path: &Path,
    table: &NeighborTable,
    embedding_sha256: &str,
    tokenizer_sha256: &str,
) -> Result<(), Fault> {
    let slots = table.rows * table.k * 4;
    let header = json!({
        "__metadata__": {
            "format": FORMAT,
            "k": table.k.to_string(),
            "embedding_sha256": embedding_sha256,
            "tokenizer_sha256": tokenizer_sha256,
            "tool": concat!("situs ", env!("CARGO_PKG_VERSION")),
        },
        "ids": { "dtype": "U32", "shape": [table.rows, table.k], "data_offsets": [0, slots] },
        "similarities": { "dtype": "F32", "shape": [table.rows, table.k], "data_offsets": [slots, 2 * slots] },
        "content": { "dtype": "U8", "shape": [table.rows], "data_offsets": [2 * slots, 2 * slots + table.rows] },
    });
    let mut header = header.to_string();
    // Numbers begin at a multiple of eight bytes.
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    replace(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        table.ids.iter().try_for_each(|id| out.write_all(&id.to_le_bytes()))?;
        table.similarities.iter().try_for_each(|similarity| out.write_all(&similarity.to_le_bytes()))?;
        out.write_all(&table.content)
    })
}

/// Where a file is written before it is moved to its place.
pub(super) fn being_written(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    PathBuf::from(name)
}

/// Writes a file beside its place, syncs it and moves it there.
pub(super) fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), Fault> {
    let new = being_written(path);
    let done = File::create(&new)
        .and_then(|file| {
            let mut out = BufWriter::with_capacity(1 << 20, file);
            write(&mut out)?;
            out.flush()?;
            out.get_ref().sync_all()
        })
        .and_then(|()| std::fs::rename(&new, path));
    done.map_err(|error| {
        let _ = std::fs::remove_file(&new);
        file_fault("write", path, &error)
    })
}

fn read_table(tensors: &SafeTensors<'_>) -> Result<NeighborTable, Fault> {
    let tensor = |name: &str, dtype: Dtype| {
        let view = tensors
            .tensor(name)
            .map_err(|_| Fault::data(format!("not a neighbor table: no tensor '{name}'")))?;
        if view.dtype() != dtype {
            return Err(Fault::data(format!("'{name}' holds {:?}, not {dtype:?}", view.dtype())));
        }
        Ok(view)
    };
    let ids = tensor("ids", Dtype::U32)?;
    let similarities = tensor("similarities", Dtype::F32)?;
    let content = tensor("content", Dtype::U8)?;
    let &[rows, k] = ids.shape() else {
        return Err(Fault::data(format!("'ids' has shape {:?}, not [rows, k]", ids.shape())));
    };
    if similarities.shape() != [rows, k] || content.shape() != [rows] {
        let what = format!(
            "'similarities' has shape {:?} and 'content' {:?} beside 'ids' with {:?}",
            similarities.shape(),
            content.shape(),
            ids.shape()
        );
        return Err(Fault::data(what));
    }
    if k > MOST_NEIGHBORS {
        return Err(Fault::unsupported(format!("{k} slots a row; at most {MOST_NEIGHBORS} are read")));
    }
    Ok(NeighborTable {
        rows,
        k,
        ids: ids.data().as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect(),
        similarities: similarities
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect(),
        content: content.data().to_vec(),
    })
}
