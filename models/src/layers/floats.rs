//! Tensors as plain numbers.

use candle_core::{Device, Error, Result, Storage, Tensor};
use situs_core::fault::Fault;

/// Lends the numbers of a tensor, row by row, without copying where they lie so.
pub(crate) fn floats<T>(tensor: &Tensor, lend: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(Error::Msg("weights are held in the memory of the CPU".to_owned()));
    };
    let all = storage.as_slice::<f32>()?;
    let (start, end) = layout.contiguous_offsets().unwrap_or((0, all.len()));
    lend(all.get(start..end).unwrap_or_default())
}

/// A matrix of `rows` rows.
pub(crate) fn matrix(values: Vec<f32>, rows: usize, width: usize) -> Result<Tensor> {
    Tensor::from_vec(values, (rows, width), &Device::Cpu)
}

/// A failed tensor operation: shapes are checked when a model is loaded, so it is a defect.
pub(crate) fn broken(error: Error) -> Fault {
    Fault::internal(format!("tensor operation: {error}"))
}
