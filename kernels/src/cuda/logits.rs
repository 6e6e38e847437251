//! Logits in device memory that belong to somebody else, such as a model's tensor.

use super::fault::GpuFault;
use super::form::RowLayout;
use crate::semantic::f16_to_f32;
use cudarc::driver::{CudaStream, CudaView, DevicePtr, DeviceRepr};
use half::{bf16, f16};
use std::fmt;
use std::sync::Arc;

/// Numbers in device memory.
#[derive(Debug)]
pub enum LogitView<'a> {
    /// Single precision.
    F32(CudaView<'a, f32>),
    /// bfloat16.
    Bf16(CudaView<'a, bf16>),
    /// IEEE half precision.
    F16(CudaView<'a, f16>),
}

/// Whoever has rows of logits on a device.
pub trait LogitSource: 'static {
    /// The stream that writes them; steps are put into it as well, so that nobody waits.
    fn stream(&self) -> &Arc<CudaStream>;
    /// Where rows lie in what [`LogitSource::visit`] shows.
    fn layout(&self) -> RowLayout;
    /// Shows the memory: calls `with` once, with a view that lives as long as the call, and gives what that gives.
    ///
    /// # Errors
    /// Those of `with`, or that the memory cannot be shown.
    fn visit(&self, with: &mut dyn FnMut(LogitView<'_>) -> Result<(), GpuFault>) -> Result<(), GpuFault>;
}

/// Logits on a device, as samplers look for them behind a backend's `DeviceLogits::as_any`.
pub struct GpuLogits(Box<dyn LogitSource>);

impl GpuLogits {
    /// Logits of a source.
    pub fn new(source: impl LogitSource) -> Self {
        Self(Box::new(source))
    }

    /// The stream that writes them.
    pub fn stream(&self) -> &Arc<CudaStream> {
        self.0.stream()
    }

    /// Where rows lie in the source's memory.
    pub fn layout(&self) -> RowLayout {
        self.0.layout()
    }

    pub(super) fn visit(
        &self,
        with: &mut dyn FnMut(LogitView<'_>) -> Result<(), GpuFault>,
    ) -> Result<(), GpuFault> {
        self.0.visit(with)
    }

    /// Copies all rows to the host, one after the other, behind what `out` holds.
    ///
    /// # Errors
    /// A layout that does not fit the memory, or a refusal of the driver.
    pub fn read(&self, out: &mut Vec<f32>) -> Result<(), GpuFault> {
        let (stream, layout) = (self.stream().clone(), self.layout());
        self.visit(&mut |view| match view {
            LogitView::F32(view) => rows(&stream, layout, &view, |number: &f32| *number, out),
            LogitView::Bf16(view) => rows(&stream, layout, &view, |number: &bf16| number.to_f32(), out),
            LogitView::F16(view) => {
                rows(&stream, layout, &view, |number: &f16| f16_to_f32(number.to_bits()), out)
            }
        })
    }
}

fn rows<T: DeviceRepr + Copy>(
    stream: &Arc<CudaStream>,
    layout: RowLayout,
    view: &impl DevicePtr<T>,
    widen: impl Fn(&T) -> f32,
    out: &mut Vec<f32>,
) -> Result<(), GpuFault> {
    layout.check(view.len())?;
    let copied = |error| GpuFault::driver("copy the logits", error);
    let numbers = stream.clone_dtoh(view).map_err(copied)?;
    stream.synchronize().map_err(copied)?;
    for row in 0..layout.rows {
        let first = layout.first + row * layout.stride;
        out.extend(numbers.iter().skip(first).take(layout.width).map(&widen));
    }
    Ok(())
}

impl fmt::Debug for GpuLogits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GpuLogits").field("layout", &self.layout()).finish_non_exhaustive()
    }
}
