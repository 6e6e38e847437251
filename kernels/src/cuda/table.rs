//! A neighbor table in device memory.

use super::arguments::{NeighborWords, TableShape, table_words};
use super::fault::GpuFault;
use super::gpu::Gpu;
use crate::NeighborTable;
use cudarc::driver::CudaSlice;

/// A sound neighbor table on a GPU: slots of 8 bytes, and a bit for each token.
#[derive(Debug)]
pub struct GpuTable {
    pub(super) shape: TableShape,
    pub(super) neighbors: CudaSlice<NeighborWords>,
    pub(super) content: CudaSlice<u32>,
}

impl GpuTable {
    /// Checks a table and copies it: `8 V K` bytes and a bit for each token.
    ///
    /// # Errors
    /// The table's first violation, or no room on the device.
    pub fn new(gpu: &Gpu, table: &NeighborTable) -> Result<Self, GpuFault> {
        table.check()?;
        let (neighbors, content) = table_words(table);
        let copied = |error| GpuFault::driver("the neighbor table", error);
        let neighbors = gpu.stream().clone_htod(&neighbors).map_err(copied)?;
        let content = gpu.stream().clone_htod(&content).map_err(copied)?;
        Ok(Self { shape: table.into(), neighbors, content })
    }
}
