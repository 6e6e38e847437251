//! A neighbor table as a safetensors file holds it.

use safetensors::{Dtype, SafeTensors};
use situs_core::digest::sha256_hex;
use situs_core::fault::{Fault, file_fault};
use situs_kernels::NeighborTable;
use std::path::Path;

/// The format this program reads.
const FORMAT: &str = "situs-neighbors-1";
/// Largest file that is read, in bytes: 8 M tokens with 64 neighbors.
const MAX_TABLE_BYTES: u64 = 4 << 30;

/// A table with the digest of its file.
pub(super) struct TableFile {
    pub(super) table: NeighborTable,
    pub(super) sha256: String,
}

impl TableFile {
    /// Reads and checks a table.
    ///
    /// # Errors
    /// Data faults that name the file and what is wrong with it.
    pub(super) fn read(path: &Path) -> Result<Self, Fault> {
        let place = path.display();
        let size = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
        if size > MAX_TABLE_BYTES {
            let what = format!("{place}: {size} bytes; a neighbor table has at most {MAX_TABLE_BYTES}");
            return Err(Fault::data(what));
        }
        let bytes = std::fs::read(path).map_err(|error| file_fault("read", path, &error))?;
        let table = parse(&bytes).map_err(|fault| fault.within(place))?;
        Ok(Self { table, sha256: sha256_hex(&bytes) })
    }
}

fn parse(bytes: &[u8]) -> Result<NeighborTable, Fault> {
    let damaged = |error: safetensors::SafeTensorError| Fault::data(format!("no safetensors file: {error}"));
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let format = header.metadata().as_ref().and_then(|pairs| pairs.get("format"));
    if format.map(String::as_str) != Some(FORMAT) {
        let found = format.map_or_else(|| "none".to_owned(), |format| format!("'{format}'"));
        return Err(Fault::data(format!("format {found}, expected '{FORMAT}'"))
            .help("build the table with `situs neighbors build`"));
    }
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let tensor = |name: &str, dtype: Dtype, axes: usize| {
        let view = file.tensor(name).map_err(damaged)?;
        if view.dtype() != dtype || view.shape().len() != axes {
            let what = format!("{name} is {:?} {:?}, expected {dtype:?}", view.dtype(), view.shape());
            return Err(Fault::data(what));
        }
        Ok(view)
    };
    let ids = tensor("ids", Dtype::U32, 2)?;
    let similarities = tensor("similarities", Dtype::F32, 2)?;
    let content = tensor("content", Dtype::U8, 1)?;
    let &[rows, k] = ids.shape() else { return Err(Fault::data("ids has not two axes")) };
    if similarities.shape() != [rows, k] || content.shape() != [rows] {
        let (s, c) = (similarities.shape(), content.shape());
        return Err(Fault::data(format!("ids is [{rows}, {k}], similarities {s:?}, content {c:?}")));
    }
    let table = NeighborTable {
        rows,
        k,
        ids: ids.data().as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect(),
        similarities: similarities.data().as_chunks::<4>().0.iter().map(|w| f32::from_le_bytes(*w)).collect(),
        content: content.data().to_vec(),
    };
    table.check().map_err(|fault| Fault::data(fault.to_string()))?;
    Ok(table)
}
