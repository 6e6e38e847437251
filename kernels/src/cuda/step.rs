//! Steps of rows that lie in device memory.

use super::arguments::{ResultWords, RuleArguments, StepArguments, StepRule, Told};
use super::fault::GpuFault;
pub use super::form::RowLayout;
use super::form::{Form, NumberFormat, THREADS};
use super::gpu::Gpu;
use super::logits::{GpuLogits, LogitView};
use super::table::GpuTable;
use crate::RowFault;
use crate::semantic::weight::MAX_VOCABULARY;
use crate::semantic::{LogitRow, MAX_ROWS, Step, StepFault, StepRow, Stepper};
use cudarc::driver::{CudaSlice, DevicePtr, DevicePtrMut, DeviceRepr, LaunchConfig, PushKernelArg};
use half::{bf16, f16};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

// SAFETY: these are plain numbers in C order, the same as in `step.cu` and `select.cu`, and valid for any bits.
unsafe impl DeviceRepr for RuleArguments {}
// SAFETY: as above.
unsafe impl DeviceRepr for ResultWords {}
// SAFETY: as above.
unsafe impl DeviceRepr for super::arguments::NeighborWords {}
// SAFETY: as above.
unsafe impl DeviceRepr for StepArguments {}

mod sealed {
    /// The kernels know three formats, and memory is read as one of them.
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::bf16 {}
    impl Sealed for half::f16 {}
}

/// A number that logits are stored as.
pub trait LogitNumber: sealed::Sealed + DeviceRepr + Copy + Default {
    /// Its format.
    const FORMAT: NumberFormat;
    /// Some of them as a row.
    fn row<R>(numbers: &[Self], with: impl FnOnce(LogitRow<'_>) -> R) -> R;
}

impl LogitNumber for f32 {
    const FORMAT: NumberFormat = NumberFormat::F32;
    fn row<R>(numbers: &[Self], with: impl FnOnce(LogitRow<'_>) -> R) -> R {
        with(LogitRow::F32(numbers))
    }
}

impl LogitNumber for bf16 {
    const FORMAT: NumberFormat = NumberFormat::Bf16;
    fn row<R>(numbers: &[Self], with: impl FnOnce(LogitRow<'_>) -> R) -> R {
        let bits: Vec<u16> = numbers.iter().map(|number| number.to_bits()).collect();
        with(LogitRow::Bf16(&bits))
    }
}

impl LogitNumber for f16 {
    const FORMAT: NumberFormat = NumberFormat::F16;
    fn row<R>(numbers: &[Self], with: impl FnOnce(LogitRow<'_>) -> R) -> R {
        let bits: Vec<u16> = numbers.iter().map(|number| number.to_bits()).collect();
        with(LogitRow::F16(&bits))
    }
}

/// Runs steps on a GPU. Room for rules and results is kept from batch to batch.
#[derive(Debug)]
pub struct GpuStepper {
    gpu: Arc<Gpu>,
    room: Option<(CudaSlice<RuleArguments>, CudaSlice<ResultWords>)>,
    host: Stepper,
    /// The batch whose rules lie on the device, and the one whose results do; 0 for none.
    prepared: u64,
    launched: u64,
}

/// Numbers batches of all steppers, so that none is taken for another one's.
static BATCHES: AtomicU64 = AtomicU64::new(0);

/// A batch of which the rules are on the device. It can be launched any number of times.
#[derive(Debug)]
pub struct Prepared {
    layout: RowLayout,
    form: Form,
    format: NumberFormat,
    /// Rows of the logits, and what is to be done with each.
    asked: Vec<(usize, StepRule)>,
    /// Rows that the host does, by their rules.
    on_host: Vec<bool>,
    report: bool,
    needs_table: bool,
    /// Which batch this is.
    number: u64,
}

impl Prepared {
    /// The same in another form.
    pub fn in_form(self, form: Form) -> Self {
        Self { form, ..self }
    }
}

impl GpuStepper {
    /// On a GPU.
    pub fn new(gpu: &Arc<Gpu>) -> Self {
        Self { gpu: gpu.clone(), room: None, host: Stepper::new(), prepared: 0, launched: 0 }
    }

    /// A token for each row of a batch, in order: one launch, then a wait for the results. The logits may be a slice or a
    /// view of any stream of the same GPU; they are not copied. `report` asks for scores.
    ///
    /// The steps are those that [`Stepper::run`] gives for the same rows. A plain draw that falls behind the 1,025 most
    /// probable tokens, or whose top-k is above [`crate::semantic::MAX_CANDIDATES`], is done on the host, for which its row
    /// is copied.
    ///
    /// # Errors
    /// A layout that does not fit the memory, another number of rules than of rows, logits or table on another device, a
    /// refusal of the driver, or the first row without a token.
    pub fn step<T: LogitNumber>(
        &mut self,
        logits: &impl DevicePtr<T>,
        layout: RowLayout,
        rules: &[StepRule],
        table: Option<&GpuTable>,
        report: bool,
    ) -> Result<Vec<Step>, GpuFault> {
        let prepared = self.prepare::<T>(layout, rules, table, report)?;
        self.launch(&prepared, logits, table)?;
        self.collect(&prepared, logits)
    }

    /// As [`GpuStepper::step`], for logits behind a [`GpuLogits`] and for some of their rows, in any order.
    ///
    /// # Errors
    /// As [`GpuStepper::step`]; a row that there is not is one of bounds.
    pub fn step_some(
        &mut self,
        logits: &GpuLogits,
        asked: &[(usize, StepRule)],
        table: Option<&GpuTable>,
        report: bool,
    ) -> Result<Vec<Step>, GpuFault> {
        let layout = logits.layout();
        let mut steps = Vec::new();
        logits.visit(&mut |view| {
            steps = match view {
                LogitView::F32(view) => self.step_rows(&view, layout, asked, table, report)?,
                LogitView::Bf16(view) => self.step_rows(&view, layout, asked, table, report)?,
                LogitView::F16(view) => self.step_rows(&view, layout, asked, table, report)?,
            };
            Ok(())
        })?;
        Ok(steps)
    }

    fn step_rows<T: LogitNumber>(
        &mut self,
        logits: &impl DevicePtr<T>,
        layout: RowLayout,
        asked: &[(usize, StepRule)],
        table: Option<&GpuTable>,
        report: bool,
    ) -> Result<Vec<Step>, GpuFault> {
        let prepared = self.prepare_rows::<T>(layout, asked.to_vec(), table, report)?;
        self.launch(&prepared, logits, table)?;
        self.collect(&prepared, logits)
    }

    /// Checks a batch and copies its rules to the device.
    ///
    /// # Errors
    /// As [`GpuStepper::step`].
    pub fn prepare<T: LogitNumber>(
        &mut self,
        layout: RowLayout,
        rules: &[StepRule],
        table: Option<&GpuTable>,
        report: bool,
    ) -> Result<Prepared, GpuFault> {
        if rules.len() != layout.rows {
            return Err(GpuFault::Rules { rows: layout.rows, rules: rules.len() });
        }
        self.prepare_rows::<T>(layout, rules.iter().copied().enumerate().collect(), table, report)
    }

    fn prepare_rows<T: LogitNumber>(
        &mut self,
        layout: RowLayout,
        asked: Vec<(usize, StepRule)>,
        table: Option<&GpuTable>,
        report: bool,
    ) -> Result<Prepared, GpuFault> {
        let width = layout.width;
        let rows = asked.len();
        layout.check(usize::MAX)?;
        if rows == 0 || rows > MAX_ROWS {
            return Err(GpuFault::Batch { rows });
        }
        let wrong = |index, fault| GpuFault::Row { index, fault };
        if width == 0 {
            return Err(wrong(0, RowFault::NoFinite { width }.into()));
        }
        if width > MAX_VOCABULARY {
            return Err(wrong(0, RowFault::TooWide { width }.into()));
        }
        let shape = table.map(|table| table.shape);
        let mut arguments = Vec::with_capacity(rows);
        let mut on_host = vec![false; rows];
        for (index, (row, rule)) in asked.iter().enumerate() {
            if *row >= layout.rows {
                return Err(GpuFault::Bounds { needed: *row + 1, found: layout.rows });
            }
            let made = RuleArguments::new(rule, width, shape, report).map_err(|fault| wrong(index, fault))?;
            on_host[index] = made.is_none();
            let made = made.unwrap_or_else(|| RuleArguments::idle(width));
            // Rows that lie in memory are fewer than that.
            arguments.push(made.at(u32::try_from(*row).unwrap_or(u32::MAX)));
        }
        let stream = self.gpu.stream().clone();
        let (on_device, _) = self.room()?;
        let place = &mut on_device.slice_mut(..rows);
        stream.memcpy_htod(&arguments, place).map_err(|error| GpuFault::driver("copy the rules", error))?;
        self.prepared = BATCHES.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Prepared {
            layout,
            number: self.prepared,
            form: self.gpu.form_for(T::FORMAT, rows, width),
            format: T::FORMAT,
            needs_table: asked.iter().any(|(_, rule)| rule.rescore.is_some()),
            asked,
            on_host,
            report,
        })
    }

    fn room(&mut self) -> Result<&mut (CudaSlice<RuleArguments>, CudaSlice<ResultWords>), GpuFault> {
        if self.room.is_none() {
            let no_room = |error| GpuFault::driver("rules and results", error);
            let stream = self.gpu.stream();
            // SAFETY: rules are written before a launch reads them, and results by it before the host does.
            let room = unsafe {
                (stream.alloc(MAX_ROWS).map_err(no_room)?, stream.alloc(MAX_ROWS).map_err(no_room)?)
            };
            self.room = Some(room);
        }
        self.room.as_mut().ok_or(GpuFault::OutOfMemory { what: "rules and results" })
    }

    /// Puts the launch of a batch into the GPU's stream and returns at once. The batch must be the last one prepared
    /// by this stepper.
    ///
    /// # Errors
    /// An earlier batch, memory too short for the layout, logits of another format than prepared for, logits or table on another device, no
    /// table where one is needed, a form that does not take the rows, or a refusal of the driver.
    pub fn launch<T: LogitNumber>(
        &mut self,
        prepared: &Prepared,
        logits: &impl DevicePtr<T>,
        table: Option<&GpuTable>,
    ) -> Result<(), GpuFault> {
        let RowLayout { first, width, stride, .. } = prepared.layout;
        let rows = prepared.asked.len();
        self.fits(prepared, logits)?;
        let gpu = self.gpu.clone();
        if let Some(table) = table {
            gpu.same_device("the neighbor table", table.neighbors.stream())?;
        }
        let wrong = |fault| GpuFault::Row { index: 0, fault };
        if prepared.needs_table {
            let table = table.ok_or(wrong(StepFault::NoTable))?;
            if table.shape.rows != width {
                return Err(wrong(StepFault::Vocabulary { table: table.shape.rows, logits: width }));
            }
            let neighbors =
                prepared.asked.iter().filter_map(|(_, rule)| rule.rescore).map(|rescore| rescore.neighbors);
            if let Some(asked) = neighbors.max().filter(|asked| *asked > table.shape.slots) {
                return Err(wrong(StepFault::Neighbors { asked, stored: table.shape.slots }));
            }
        }
        if !gpu.takes(prepared.form, T::FORMAT, width) {
            return Err(GpuFault::NoForm { form: prepared.form.kernel(T::FORMAT) });
        }
        let function = gpu.step(prepared.form, T::FORMAT)?;
        let stream = gpu.stream();
        let (on_device, results) = self.room()?;
        let (logits, _logits_read) = logits.device_ptr(stream);
        let (rules, rules_read) = on_device.device_ptr(stream);
        let (results, results_written) = results.device_ptr_mut(stream);
        let neighbors = table.map(|table| table.neighbors.device_ptr(stream));
        let content = table.map(|table| table.content.device_ptr(stream));
        let arguments = StepArguments {
            logits: logits + (first * T::FORMAT.bytes()) as u64,
            stride: stride as u64,
            width: width as u32,
            slots: table.map_or(0, |table| table.shape.slots as u32),
            neighbors: neighbors.as_ref().map_or(0, |(place, _)| *place),
            content: content.as_ref().map_or(0, |(place, _)| *place),
            rules,
            results,
        };
        let config = LaunchConfig {
            grid_dim: ((rows * prepared.form.cluster()) as u32, 1, 1),
            block_dim: (THREADS as u32, 1, 1),
            shared_mem_bytes: prepared.form.shared_bytes(T::FORMAT, width) as u32,
        };
        // SAFETY: the kernel takes this one argument. It reads `width` logits of each row that a rule names, which
        // `prepare` found in the layout and the layout's check within the memory; a rule each, which `prepare` wrote for this very batch; of the table what belongs to tokens below
        // `width`, which is its number of rows, where a rule rescores, and such a rule asks for no more neighbors than it
        // has slots; ids in a checked table are below it. It writes a result each, of which there is room for the most rows.
        unsafe { stream.launch_builder(function).arg(&arguments).launch(config) }
            .map_err(|error| GpuFault::driver("launch the step", error))?;
        drop((rules_read, results_written));
        self.launched = prepared.number;
        Ok(())
    }

    /// Whether logits are those that a batch was prepared for, and the batch is this stepper's last one.
    fn fits<T: LogitNumber>(&self, prepared: &Prepared, logits: &impl DevicePtr<T>) -> Result<(), GpuFault> {
        prepared.layout.check(logits.len())?;
        if prepared.number != self.prepared {
            return Err(GpuFault::Stale);
        }
        if prepared.format != T::FORMAT {
            return Err(GpuFault::NoForm { form: prepared.form.kernel(T::FORMAT) });
        }
        self.gpu.same_device("the batch of logits", logits.stream())
    }

    /// Waits for a launched batch and gives its steps.
    ///
    /// # Errors
    /// A batch that was not launched or not with such logits, a refusal of the driver, or the first row without a token.
    pub fn collect<T: LogitNumber>(
        &mut self,
        prepared: &Prepared,
        logits: &impl DevicePtr<T>,
    ) -> Result<Vec<Step>, GpuFault> {
        self.fits(prepared, logits)?;
        if self.launched != prepared.number {
            return Err(GpuFault::Stale);
        }
        let (rows, width) = (prepared.asked.len(), prepared.layout.width);
        let stream = self.gpu.stream().clone();
        let mut words = vec![ResultWords::default(); rows];
        let (_, results) = self.room()?;
        stream
            .memcpy_dtoh(&results.slice(..rows), &mut words)
            .and_then(|()| stream.synchronize())
            .map_err(|error| GpuFault::driver("copy the results", error))?;
        let mut steps = Vec::with_capacity(rows);
        for (index, (words, (_, rule))) in words.iter().zip(&prepared.asked).enumerate() {
            let wrong = |fault| GpuFault::Row { index, fault };
            let told = words.told(rule, width, prepared.report);
            steps.push(match told {
                Told::Step(step) if !prepared.on_host[index] => step,
                Told::Fault(fault) => return Err(wrong(fault)),
                Told::Step(_) | Told::Beyond => self.on_host(prepared, index, logits)?,
            });
        }
        Ok(steps)
    }

    /// One row on the host, where a plain draw needs more of it than the kernel looks at.
    fn on_host<T: LogitNumber>(
        &mut self,
        prepared: &Prepared,
        index: usize,
        logits: &impl DevicePtr<T>,
    ) -> Result<Step, GpuFault> {
        let RowLayout { first, width, stride, .. } = prepared.layout;
        let (row, rule) = prepared.asked[index];
        let stream = self.gpu.stream();
        let mut numbers = vec![T::default(); width];
        let copied = |error| GpuFault::driver("copy a row", error);
        {
            let (place, _read) = logits.device_ptr(stream);
            let from = place + ((first + row * stride) * T::FORMAT.bytes()) as u64;
            // SAFETY: `collect` checked the layout against this memory, rules name rows of the layout, and the buffer has room for its numbers.
            unsafe { cudarc::driver::result::memcpy_dtoh_async(&mut numbers, from, stream.cu_stream()) }
                .map_err(copied)?;
            stream.synchronize().map_err(copied)?;
        }
        let StepRule { truncation, otherwise, rescore, draw } = rule;
        let host = &mut self.host;
        T::row(&numbers, |logits| {
            host.step(&StepRow { logits, truncation, otherwise, rescore, draw }, None, prepared.report)
        })
        .map_err(|fault| GpuFault::Row { index, fault })
    }
}
