//! A neighbor table, built on a GPU.

use super::arguments::{ExactArguments, SelectArguments};
use super::fault::GpuFault;
use super::form::{Form, NumberFormat, SHARED_BYTES, THREADS};
use super::gpu::Gpu;
use super::matmul::RowProducts;
use crate::NeighborTable;
use crate::neighbors::ranking::FREE;
use crate::neighbors::{Build, Certified, Element, Embeddings, Tick};
use crate::semantic::weight::MAX_VOCABULARY;
use cudarc::driver::{
    CudaFunction, CudaSlice, DevicePtr, DevicePtrMut, DeviceRepr, LaunchConfig, PushKernelArg,
};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

// SAFETY: plain numbers in C order, the same as in `select.cu`, and valid for any bits.
unsafe impl DeviceRepr for SelectArguments {}
// SAFETY: as above.
unsafe impl DeviceRepr for ExactArguments {}

/// Rows of products at a time.
const CHUNK: usize = 8_192;
/// Of the free memory, the part that products may take: one in so many.
const SHARE: usize = 2;
/// Norms outside these bounds would bring products near the limits of single precision.
const NORMS: std::ops::RangeInclusive<f64> = 1e-9..=1e9;
/// Threads of a block that computes exact cosines, a warp each.
const EXACT_THREADS: usize = 256;
const WARP: usize = 32;

/// Builds tables on a GPU: the table of [`Build`], slot by slot.
///
/// Embeddings are multiplied as they are stored, a chunk of rows with all rows, by cuBLASLt; products of half-precision
/// numbers are exact and added up in single precision. A kernel scales each row of products to cosines and keeps the
/// `K + 8` best, another computes those again in f64, in the order of the CPU. Rows that the error bound leaves uncertain
/// are redone on the CPU.
#[derive(Debug)]
pub struct GpuBuild {
    gpu: Arc<Gpu>,
}

impl GpuBuild {
    /// On a GPU.
    pub fn new(gpu: &Arc<Gpu>) -> Self {
        Self { gpu: gpu.clone() }
    }

    /// The table of a matrix; `tick` counts rows whose neighbors are final.
    ///
    /// # Errors
    /// What [`Build::new`] refuses; a vocabulary or norms beyond what the kernels take, no NVRTC, no cuBLASLt, no room on
    /// the device, or a refusal of the driver. [`GpuFault::host_can`] says whether the CPU would do.
    pub fn table(
        &self,
        embeddings: Embeddings<'_>,
        content: Vec<u8>,
        k: usize,
        stop: &AtomicBool,
        tick: Tick<'_>,
    ) -> Result<(NeighborTable, Certified), GpuFault> {
        let format = match embeddings.element() {
            Element::F32 => NumberFormat::F32,
            Element::F16 => NumberFormat::F16,
            Element::Bf16 => NumberFormat::Bf16,
        };
        let width = embeddings.width();
        let build = Build::new(embeddings, content, k)?;
        let count = build.live().tokens.len();
        let outside = build.live().norms.iter().any(|norm| !NORMS.contains(norm));
        if count < 2 || k == 1 || count > MAX_VOCABULARY || outside {
            // Nothing to gain, or nothing the kernels can do.
            return Ok(build.finish_unless(stop, tick)?);
        }
        let kept = build.kept();
        let mut lowest = Vec::with_capacity(count);
        let mut entries = Vec::with_capacity(count * kept);
        self.candidates(&build, format, width, &mut lowest, &mut entries)?;
        let exact =
            entries.chunks(kept).map(|list| list.iter().copied().filter(|entry| *entry != FREE).collect());
        Ok(build.finish_with(lowest.into_iter().zip(exact), error_bound(width), stop, tick)?)
    }

    /// The best of every row: their lowest approximate entry, and all with exact scores.
    fn candidates(
        &self,
        build: &Build<'_>,
        format: NumberFormat,
        width: usize,
        lowest: &mut Vec<u64>,
        entries: &mut Vec<u64>,
    ) -> Result<(), GpuFault> {
        let live = build.live();
        let (count, kept) = (live.tokens.len(), build.kept());
        let kernels = Kernels::new(&self.gpu, format, count)?;
        let products_of = RowProducts::new(&self.gpu, format)?;
        let stream = self.gpu.stream();
        let no_room = |error| GpuFault::driver("the embeddings", error);
        let mut bytes = Vec::with_capacity(count * width * format.bytes());
        for token in &live.tokens {
            bytes.extend_from_slice(live.embeddings.row_bytes(*token as usize));
        }
        let device = Device {
            matrix: stream.clone_htod(&bytes).map_err(no_room)?,
            inverse: stream
                .clone_htod(&live.norms.iter().map(|norm| (1.0 / norm) as f32).collect::<Vec<f32>>())
                .map_err(no_room)?,
            norms: stream.clone_htod(&live.norms).map_err(no_room)?,
            count,
            width,
            kept,
        };
        drop(bytes);
        // Rows begin on addresses of sixteen bytes.
        let stride = count.next_multiple_of(4);
        let (free, _) = stream.context().mem_get_info().map_err(no_room)?;
        let chunk = (free / SHARE / (stride * 4)).clamp(1, CHUNK).min(count);
        let no_room = |error| GpuFault::driver("products", error);
        // SAFETY: the product writes all that the selection reads, and the selection all that is copied back.
        let (mut products, mut found) = unsafe {
            (
                stream.alloc::<f32>(stride * chunk).map_err(no_room)?,
                stream.alloc::<u64>(chunk * kept).map_err(no_room)?,
            )
        };
        for first in (0..count).step_by(chunk) {
            let rows = chunk.min(count - first);
            products_of.multiply(&device.matrix, [count, width], [first, rows], &mut products, stride)?;
            kernels.select(&device, &products, stride, first, rows, &mut found)?;
            let copied = |error| GpuFault::driver("copy the candidates", error);
            let approximate = stream.clone_dtoh(&found.slice(..rows * kept)).map_err(copied)?;
            kernels.exact(&device, first, rows, &mut found)?;
            let exact = stream.clone_dtoh(&found.slice(..rows * kept)).map_err(copied)?;
            stream.synchronize().map_err(copied)?;
            lowest.extend(approximate.chunks(kept).map(|list| list.last().copied().unwrap_or(FREE)));
            entries.extend(exact);
        }
        Ok(())
    }
}

/// How far a cosine of the kernels can be from the exact one: `width` products are exact, each addition of a tensor core
/// loses at most one unit in the last place of single precision (they may truncate: Fasi, Higham, Mikaitis and Pranesh,
/// "Numerical behavior of NVIDIA tensor cores", 2021), in whatever order; scaling adds a few roundings, the exact f64
/// arithmetic the last term.
fn error_bound(width: usize) -> f64 {
    let relative = (width + 8) as f64 * f64::from(f32::EPSILON);
    relative / (1.0 - relative) * 1.000_01 + width as f64 * f64::EPSILON
}

/// What the kernels read.
struct Device {
    matrix: CudaSlice<u8>,
    inverse: CudaSlice<f32>,
    norms: CudaSlice<f64>,
    count: usize,
    width: usize,
    kept: usize,
}

struct Kernels {
    gpu: Arc<Gpu>,
    select: CudaFunction,
    exact: CudaFunction,
}

impl Kernels {
    fn new(gpu: &Arc<Gpu>, format: NumberFormat, count: usize) -> Result<Self, GpuFault> {
        let in_registers = Form::Registers8.takes(NumberFormat::F32, count, usize::MAX);
        let name = if in_registers { "select_registers_8" } else { "select_streamed_8" };
        let exact = format!("exact_{}", format.name());
        Ok(Self { gpu: gpu.clone(), select: gpu.function(name, true)?, exact: gpu.function(&exact, false)? })
    }

    /// The best of each row of products.
    fn select(
        &self,
        device: &Device,
        products: &CudaSlice<f32>,
        stride: usize,
        first: usize,
        rows: usize,
        found: &mut CudaSlice<u64>,
    ) -> Result<(), GpuFault> {
        let stream = self.gpu.stream();
        let (products, _products_read) = products.device_ptr(stream);
        let (inverse, _inverse_read) = device.inverse.device_ptr(stream);
        let (entries, _found_written) = found.device_ptr_mut(stream);
        let arguments = SelectArguments {
            products,
            stride: stride as u64,
            inverse,
            entries,
            width: device.count as u32,
            first: first as u32,
            kept: device.kept as u32,
        };
        let config = LaunchConfig {
            grid_dim: ((rows * 8) as u32, 1, 1),
            block_dim: (THREADS as u32, 1, 1),
            shared_mem_bytes: SHARED_BYTES as u32,
        };
        // SAFETY: the kernel takes this one argument; `rows` rows of products lie `stride` apart, an inverse norm there is
        // for each of their columns, and `found` has room for the candidates of as many rows.
        unsafe { stream.launch_builder(&self.select).arg(&arguments).launch(config) }
            .map_err(|error| GpuFault::driver("launch the selection", error))?;
        Ok(())
    }

    /// Exact scores in the place of approximate ones.
    fn exact(
        &self,
        device: &Device,
        first: usize,
        rows: usize,
        found: &mut CudaSlice<u64>,
    ) -> Result<(), GpuFault> {
        let stream = self.gpu.stream();
        let (matrix, _matrix_read) = device.matrix.device_ptr(stream);
        let (norms, _norms_read) = device.norms.device_ptr(stream);
        let (entries, _found_written) = found.device_ptr_mut(stream);
        let arguments = ExactArguments {
            matrix,
            norms,
            entries,
            width: device.width as u32,
            first: first as u32,
            kept: device.kept as u32,
            rows: rows as u32,
        };
        let blocks = (rows * device.kept).div_ceil(EXACT_THREADS / WARP);
        let config = LaunchConfig {
            grid_dim: (blocks as u32, 1, 1),
            block_dim: (EXACT_THREADS as u32, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: the kernel takes this one argument; the matrix has a row and `norms` a norm for every position, which
        // those in `found` are, written by the selection.
        unsafe { stream.launch_builder(&self.exact).arg(&arguments).launch(config) }
            .map_err(|error| GpuFault::driver("launch the exact cosines", error))?;
        Ok(())
    }
}
