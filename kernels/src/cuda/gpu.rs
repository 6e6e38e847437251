//! A GPU with the kernels on it.

use super::compile::{Code, code_for};
use super::fault::GpuFault;
use super::form::{Form, NumberFormat};
use super::libraries;
use cudarc::driver::sys::{
    self, CUdevice_attribute, CUfunction_attribute, CUgraphInstantiate_flags, CUstreamCaptureMode,
};
use cudarc::driver::{CudaContext, CudaFunction, CudaGraph, CudaModule, CudaStream};
use cudarc::nvrtc::Ptx;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// The lowest compute capability that has thread-block clusters.
pub const LOWEST_CAPABILITY: (i32, i32) = (9, 0);
/// The lowest driver that the bindings know all functions of: CUDA 12.0.
const OLDEST_DRIVER: i32 = 12_000;

/// Launches to be replayed. It holds on to the work that made them, and with it to the memory that they read and write.
pub struct Recorded<'w> {
    graph: CudaGraph,
    _work: PhantomData<&'w mut ()>,
}

impl Recorded<'_> {
    /// Launches all of it again.
    ///
    /// # Errors
    /// A refusal of the driver.
    pub fn launch(&self) -> Result<(), GpuFault> {
        self.graph.launch().map_err(|error| GpuFault::driver("replay a graph", error))
    }
}

/// A stream of a GPU, and the kernels.
pub struct Gpu {
    stream: Arc<CudaStream>,
    module: Arc<CudaModule>,
    code: Code,
    name: String,
    /// Shared memory that a block may have.
    room: usize,
    steps: HashMap<(Form, NumberFormat), CudaFunction>,
}

impl Gpu {
    /// The GPU of a number, with a stream of its own.
    ///
    /// # Errors
    /// No driver, no such GPU, one without clusters, or a driver that refuses.
    pub fn open(ordinal: usize) -> Result<Arc<Self>, GpuFault> {
        let count = devices()?;
        if ordinal >= count {
            return Err(GpuFault::NoDevice { ordinal, count });
        }
        let context = CudaContext::new(ordinal).map_err(|error| GpuFault::driver("open the GPU", error))?;
        let stream = context.new_stream().map_err(|error| GpuFault::driver("make a stream", error))?;
        Self::on_stream(stream)
    }

    /// The GPU of a stream, such as that of a model: work is put into that stream.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub fn on_stream(stream: Arc<CudaStream>) -> Result<Arc<Self>, GpuFault> {
        let context = stream.context().clone();
        let driver = |error| GpuFault::driver("ask for the GPU's properties", error);
        let name = context.name().map_err(driver)?;
        let found = context.compute_capability().map_err(driver)?;
        if found < LOWEST_CAPABILITY {
            return Err(GpuFault::Capability { name, found, needed: LOWEST_CAPABILITY });
        }
        let room = context
            .attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)
            .map_err(driver)?;
        let (image, code) = code_for(found);
        let (module, code) = match (context.load_module(image), code) {
            (Ok(module), code) => (module, code),
            (Err(error), Code::Carried(_)) => {
                return Err(GpuFault::driver("load the carried kernels", error));
            }
            // Machine code that the driver does not take, of a newer compiler: the carried PTX is older than that.
            (Err(error), _) => {
                let why = GpuFault::driver("load the compiled kernels", error);
                let carried = context.load_module(Ptx::from_src(super::source::CARRIED));
                let module = carried.map_err(|error| GpuFault::driver("load the carried kernels", error))?;
                (module, Code::Carried(Box::new(why)))
            }
        };
        let mut steps = HashMap::new();
        let carried = matches!(code, Code::Carried(_));
        for form in Form::ALL.into_iter().filter(|form| !carried || *form == Form::Streamed8) {
            for format in NumberFormat::ALL {
                let function = module
                    .load_function(&form.kernel(format))
                    .map_err(|error| GpuFault::driver("find a kernel", error))?;
                allow_shared(&function, room as usize)?;
                steps.insert((form, format), function);
            }
        }
        Ok(Arc::new(Self { stream, module, code, name, room: room as usize, steps }))
    }

    /// The stream that work is put into.
    pub fn stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    /// The GPU's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the kernels came from.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// The form that a batch gets.
    pub fn form_for(&self, format: NumberFormat, rows: usize, width: usize) -> Form {
        let form = Form::for_batch(format, rows, width, self.room);
        if self.steps.contains_key(&(form, format)) { form } else { Form::Streamed8 }
    }

    /// Whether a form takes rows of a width on this GPU.
    pub fn takes(&self, form: Form, format: NumberFormat, width: usize) -> bool {
        self.steps.contains_key(&(form, format)) && form.takes(format, width, self.room)
    }

    /// Records what `work` launches into this stream, to be replayed as one graph; nothing runs meanwhile. All that it
    /// names must be of this stream, and live as long as `work` does. `None` where it launched nothing.
    ///
    /// # Errors
    /// What `work` fails with, or a refusal of the driver.
    pub fn capture<'w>(
        &self,
        work: &'w mut dyn FnMut() -> Result<(), GpuFault>,
    ) -> Result<Option<Recorded<'w>>, GpuFault> {
        let refused = |error| GpuFault::driver("record a graph", error);
        let context = self.stream.context();
        // Events of earlier work may not be waited for inside a graph, and need not be once all of it is done.
        context.synchronize().map_err(refused)?;
        let tracked = context.is_event_tracking();
        // SAFETY: nothing runs on the device, and until tracking is switched on again only this stream is used.
        unsafe { context.disable_event_tracking() };
        let begun = self.stream.begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED);
        let worked = if begun.is_ok() { work() } else { Ok(()) };
        let graph = begun.and_then(|()| self.stream.end_capture(CUgraphInstantiate_flags(0)));
        if tracked {
            // SAFETY: as above: nothing was made or freed in between that another stream could use.
            unsafe { context.enable_event_tracking() };
        }
        worked?;
        Ok(graph.map_err(refused)?.map(|graph| Recorded { graph, _work: PhantomData }))
    }

    pub(super) fn step(&self, form: Form, format: NumberFormat) -> Result<&CudaFunction, GpuFault> {
        self.steps.get(&(form, format)).ok_or_else(|| GpuFault::NoForm { form: form.kernel(format) })
    }

    /// A kernel that the carried code may lack.
    pub(super) fn function(&self, name: &str, shared: bool) -> Result<CudaFunction, GpuFault> {
        let missing = |_| GpuFault::NoForm { form: name.to_owned() };
        let function = self.module.load_function(name).map_err(missing)?;
        if shared {
            allow_shared(&function, self.room)?;
        }
        Ok(function)
    }

    /// Refuses what is on another GPU.
    pub(super) fn same_device(&self, what: &'static str, stream: &CudaStream) -> Result<(), GpuFault> {
        let (found, expected) = (stream.context().ordinal(), self.stream.context().ordinal());
        if found == expected { Ok(()) } else { Err(GpuFault::OtherDevice { what, found, expected }) }
    }
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu").field("name", &self.name).field("code", &self.code).finish_non_exhaustive()
    }
}

fn allow_shared(function: &CudaFunction, room: usize) -> Result<(), GpuFault> {
    let most = CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    function
        .set_attribute(most, room as i32)
        .map_err(|error| GpuFault::driver("ask for shared memory", error))
}

/// How many GPUs the driver sees.
fn devices() -> Result<usize, GpuFault> {
    if !libraries::driver() {
        return Err(GpuFault::NoDriver);
    }
    let mut found = 0;
    // SAFETY: the library is there, and the version is written to a place of its type.
    let answer = unsafe { sys::cuDriverGetVersion(&mut found) };
    if answer == sys::CUresult::CUDA_SUCCESS && found < OLDEST_DRIVER {
        return Err(GpuFault::OldDriver { found, needed: OLDEST_DRIVER });
    }
    match CudaContext::device_count() {
        Ok(count) => Ok(usize::try_from(count).unwrap_or(0)),
        Err(error) if error.0 == sys::CUresult::CUDA_ERROR_NO_DEVICE => Ok(0),
        Err(error) => Err(GpuFault::driver("count the GPUs", error)),
    }
}

/// What a machine has for this crate, for people to read.
#[derive(Debug)]
pub struct Survey(Result<Arc<Gpu>, GpuFault>);

/// Looks for the first GPU and for what its kernels need.
pub fn survey() -> Survey {
    Survey(Gpu::open(0))
}

impl Survey {
    /// Whether steps can run on a GPU.
    pub fn usable(&self) -> bool {
        self.0.is_ok()
    }
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Err(fault) => write!(f, "none used, steps run on the CPU: {fault}"),
            // Where a step runs is decided by where its model's logits lie.
            Ok(gpu) => match gpu.code() {
                Code::Compiled => {
                    write!(f, "{}: kernels compiled for it just now, for logits that lie there", gpu.name())
                }
                Code::Cached(path) => {
                    write!(f, "{}: kernels compiled for it earlier, {}", gpu.name(), path.display())
                }
                Code::Carried(why) => {
                    write!(
                        f,
                        "{}: the carried kernels, which are slower than compiled ones: {why}",
                        gpu.name()
                    )
                }
            },
        }
    }
}
