//! What no step can be faster than, for measurements.

use super::fault::GpuFault;
use super::form::{RowLayout, THREADS};
use super::gpu::Gpu;
use super::step::LogitNumber;
use cudarc::driver::{CudaFunction, CudaSlice, DevicePtr, LaunchConfig, PushKernelArg};
use std::sync::Arc;

/// Blocks that read a row; `floor.cu` has the same number.
const BLOCKS: u32 = 4;
const WIDE: usize = 16;

/// A launch that does nothing, and one that reads rows once.
#[derive(Debug)]
pub struct Floor {
    gpu: Arc<Gpu>,
    empty: CudaFunction,
    read: CudaFunction,
    sums: CudaSlice<u32>,
}

impl Floor {
    /// On a GPU.
    ///
    /// # Errors
    /// No NVRTC, or a refusal of the driver.
    pub fn new(gpu: &Arc<Gpu>) -> Result<Self, GpuFault> {
        let sums = gpu.stream().alloc_zeros(crate::semantic::MAX_ROWS);
        Ok(Self {
            gpu: gpu.clone(),
            empty: gpu.function("floor_empty", false)?,
            read: gpu.function("floor_read", false)?,
            sums: sums.map_err(|error| GpuFault::driver("sums", error))?,
        })
    }

    /// Launches nothing.
    ///
    /// # Errors
    /// A refusal of the driver.
    pub fn nothing(&self) -> Result<(), GpuFault> {
        let config = LaunchConfig { grid_dim: (1, 1, 1), block_dim: (32, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: the kernel takes no argument and touches no memory.
        unsafe { self.gpu.stream().launch_builder(&self.empty).launch(config) }
            .map_err(|error| GpuFault::driver("launch nothing", error))?;
        Ok(())
    }

    /// Launches a read of all rows of a dense layout; rows are whole words of 16 bytes.
    ///
    /// # Errors
    /// A layout that does not fit the memory, or a refusal of the driver.
    pub fn read<T: LogitNumber>(
        &self,
        logits: &impl DevicePtr<T>,
        layout: RowLayout,
    ) -> Result<(), GpuFault> {
        layout.check(logits.len())?;
        self.gpu.same_device("the batch of logits", logits.stream())?;
        if layout.rows > crate::semantic::MAX_ROWS {
            return Err(GpuFault::Batch { rows: layout.rows });
        }
        let dense = RowLayout::dense(layout.rows, layout.width);
        if layout != dense || !(layout.width * T::FORMAT.bytes()).is_multiple_of(WIDE) {
            return Err(GpuFault::Stride { stride: layout.stride, width: layout.width });
        }
        let stream = self.gpu.stream();
        let words = (layout.width * T::FORMAT.bytes() / WIDE) as u32;
        let (rows, _rows_read) = logits.device_ptr(stream);
        if !rows.is_multiple_of(WIDE as u64) {
            return Err(GpuFault::Stride { stride: layout.stride, width: layout.width });
        }
        let config = LaunchConfig {
            grid_dim: (layout.rows as u32 * BLOCKS, 1, 1),
            block_dim: (THREADS as u32, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: the kernel reads `words` words of each row, which the layout's check found within the memory, aligned
        // as was looked at above; `sums` has a place for each of the most rows.
        unsafe { stream.launch_builder(&self.read).arg(&rows).arg(&words).arg(&self.sums).launch(config) }
            .map_err(|error| GpuFault::driver("launch a read", error))?;
        Ok(())
    }
}
