//! Matrix products of short numbers with single-precision results, by cuBLASLt.

use super::fault::GpuFault;
use super::form::NumberFormat;
use super::gpu::Gpu;
use super::libraries;
use cudarc::cublaslt::result::{self, CublasError};
use cudarc::cublaslt::sys;
use cudarc::driver::{CudaSlice, DevicePtr, DevicePtrMut};
use std::ffi::c_void;
use std::sync::Arc;

/// Room that cuBLASLt may use: what NVIDIA recommends for this generation.
const WORKSPACE_BYTES: usize = 32 << 20;

/// Products of rows of one matrix with all of its rows.
pub(super) struct RowProducts {
    gpu: Arc<Gpu>,
    handle: Handle,
    workspace: CudaSlice<u8>,
    kind: sys::cudaDataType,
}

fn failed(error: CublasError) -> GpuFault {
    match error.0 {
        sys::cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED => GpuFault::OutOfMemory { what: "a matrix product" },
        status => GpuFault::Driver { what: "cuBLASLt", reason: format!("{status:?}") },
    }
}

impl RowProducts {
    /// For a matrix of a format.
    pub(super) fn new(gpu: &Arc<Gpu>, format: NumberFormat) -> Result<Self, GpuFault> {
        if !libraries::cublas_lt() {
            let purpose = "multiplies the embeddings";
            return Err(GpuFault::NoLibrary { library: "cuBLASLt (libcublasLt)", purpose });
        }
        let handle = Handle(result::create_handle().map_err(failed)?);
        // SAFETY: only cuBLASLt uses it, which writes before it reads.
        let workspace = unsafe { gpu.stream().alloc(WORKSPACE_BYTES) };
        let workspace = workspace.map_err(|error| GpuFault::driver("room for a matrix product", error))?;
        let kind = match format {
            NumberFormat::F32 => sys::cudaDataType_t::CUDA_R_32F,
            NumberFormat::Bf16 => sys::cudaDataType_t::CUDA_R_16BF,
            NumberFormat::F16 => sys::cudaDataType_t::CUDA_R_16F,
        };
        Ok(Self { gpu: gpu.clone(), handle, workspace, kind })
    }

    /// Dot products of `count` rows from `first` on with all `rows` rows of a matrix of `width` columns: row by row,
    /// `stride` numbers apart, added up in single precision.
    pub(super) fn multiply(
        &self,
        matrix: &CudaSlice<u8>,
        [rows, width]: [usize; 2],
        [first, count]: [usize; 2],
        products: &mut CudaSlice<f32>,
        stride: usize,
    ) -> Result<(), GpuFault> {
        let bytes = if self.kind == sys::cudaDataType_t::CUDA_R_32F { 4 } else { 2 };
        let needed = rows * width * bytes;
        if matrix.len() < needed || first + count > rows {
            return Err(GpuFault::Bounds { needed, found: matrix.len() });
        }
        if stride < rows || products.len() < stride * count {
            return Err(GpuFault::Bounds { needed: stride * count, found: products.len() });
        }
        // Column by column, as cuBLAS sees it, the matrix is its own transpose and so are the products.
        let all = Layout::new(self.kind, width, rows, width)?;
        let some = Layout::new(self.kind, width, count, width)?;
        let out = Layout::new(sys::cudaDataType_t::CUDA_R_32F, rows, count, stride)?;
        let description = Description::transposed_first()?;
        let preference = Preference::with_workspace(WORKSPACE_BYTES)?;
        let stream = self.gpu.stream();
        let (one, zero) = (1f32, 0f32);
        let (matrix, _matrix_read) = matrix.device_ptr(stream);
        let (products, _products_written) = products.device_ptr_mut(stream);
        let (workspace, _workspace_read) = self.workspace.device_ptr(stream);
        let from = matrix + (first * width * bytes) as u64;
        // SAFETY: the descriptors are alive; the layouts lie within the memory, as checked above; the scalars are of the
        // type that the description names and are read before the call returns.
        unsafe {
            let best = result::get_matmul_algo_heuristic(
                self.handle.0,
                description.0,
                all.0,
                some.0,
                out.0,
                out.0,
                preference.0,
            )
            .map_err(failed)?;
            result::matmul(
                self.handle.0,
                description.0,
                std::ptr::from_ref(&one).cast(),
                std::ptr::from_ref(&zero).cast(),
                matrix as *const c_void,
                all.0,
                from as *const c_void,
                some.0,
                products as *const c_void,
                out.0,
                products as *mut c_void,
                out.0,
                &best.algo,
                workspace as *mut c_void,
                WORKSPACE_BYTES,
                stream.cu_stream().cast(),
            )
            .map_err(failed)
        }
    }
}

/// Something of cuBLASLt's that has to be given back. A failure to do so leaves it behind, which harms nobody.
macro_rules! owned {
    ($(#[$doc:meta])* $name:ident, $of:ty, $destroy:path) => {
        $(#[$doc])*
        struct $name($of);

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: it was made by its constructor, is given back once, and nobody else has it.
                let _ = unsafe { $destroy(self.0) };
            }
        }
    };
}

owned!(
    /// The library's state.
    Handle,
    sys::cublasLtHandle_t,
    result::destroy_handle
);
owned!(
    /// Shape of a matrix.
    Layout,
    sys::cublasLtMatrixLayout_t,
    result::destroy_matrix_layout
);
owned!(
    /// What is to be multiplied how.
    Description,
    sys::cublasLtMatmulDesc_t,
    result::destroy_matmul_desc
);
owned!(
    /// What an algorithm may use.
    Preference,
    sys::cublasLtMatmulPreference_t,
    result::destroy_matmul_pref
);

impl Layout {
    fn new(kind: sys::cudaDataType, rows: usize, columns: usize, leading: usize) -> Result<Self, GpuFault> {
        result::create_matrix_layout(kind, rows as u64, columns as u64, leading as i64)
            .map(Self)
            .map_err(failed)
    }
}

impl Description {
    fn transposed_first() -> Result<Self, GpuFault> {
        let compute = sys::cublasComputeType_t::CUBLAS_COMPUTE_32F;
        let made =
            result::create_matmul_desc(compute, sys::cudaDataType_t::CUDA_R_32F).map(Self).map_err(failed)?;
        let transposed = 1i32;
        let attribute = sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_TRANSA;
        // SAFETY: the description is alive, and the attribute is a number of four bytes.
        unsafe {
            result::set_matmul_desc_attribute(made.0, attribute, std::ptr::from_ref(&transposed).cast(), 4)
                .map_err(failed)?;
        }
        Ok(made)
    }
}

impl Preference {
    fn with_workspace(bytes: usize) -> Result<Self, GpuFault> {
        let made = result::create_matmul_pref().map(Self).map_err(failed)?;
        let attribute = sys::cublasLtMatmulPreferenceAttributes_t::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
        // SAFETY: the preference is alive, and the attribute is a number of eight bytes.
        unsafe {
            result::set_matmul_pref_attribute(made.0, attribute, std::ptr::from_ref(&bytes).cast(), 8)
                .map_err(failed)?;
        }
        Ok(made)
    }
}
