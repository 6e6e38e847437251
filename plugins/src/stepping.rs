//! Rows of logits through the step of the kernels: what all samplers that draw have in common.

use situs_core::prelude::*;
use situs_kernels::cuda::{Gpu, GpuFault, GpuLogits, GpuStepper, GpuTable, StepRule};
use situs_kernels::semantic::{LogitRow, MAX_ROWS, Otherwise, Rescore, Step, StepFault, StepRow, Stepper};
use situs_kernels::{NeighborTable, Refused, Truncation};
use std::sync::Arc;

/// What is asked of a row.
pub(crate) struct Asked {
    pub(crate) truncation: Truncation,
    pub(crate) otherwise: Otherwise,
    pub(crate) rescore: Option<Rescore>,
}

/// The step, with its buffers.
#[derive(Default)]
pub(crate) struct Stepping {
    stepper: Stepper,
    scratch: Vec<f32>,
    gpu: OnGpu,
}

/// Steps where a model's logits are: on its GPU.
#[derive(Default)]
enum OnGpu {
    /// None was needed so far.
    #[default]
    Unknown,
    /// It can.
    Ready(Box<Ready>),
    /// The GPU cannot; the host does, with the same tokens.
    Never,
}

/// The stepper of a GPU, with the table that was last asked for.
struct Ready {
    gpu: Arc<Gpu>,
    stepper: GpuStepper,
    table: Option<(TableIdentity, GpuTable)>,
}

/// Where a table's entries lie and how many they are. A sampler keeps its table for as long as it steps.
type TableIdentity = (usize, usize);

fn identity(table: &NeighborTable) -> TableIdentity {
    (table.ids.as_ptr().addr(), table.ids.len())
}

impl Stepping {
    /// A step for each row, in order; `report` asks for scores.
    ///
    /// # Errors
    /// The first one of `asked`; data faults for rows without a token, with their place.
    pub(crate) fn run(
        &mut self,
        logits: &Logits<'_>,
        rows: &[Row<'_>],
        table: Option<&NeighborTable>,
        report: bool,
        mut asked: impl FnMut(&Row<'_>) -> Result<Asked, Fault>,
    ) -> Result<Vec<Step>, Fault> {
        if let Some(steps) = self.on_gpu(logits, rows, table, report, &mut asked)? {
            return Ok(steps);
        }
        let Self { stepper, scratch, .. } = self;
        let host = logits.on_host(scratch)?;
        let mut steps = Vec::with_capacity(rows.len());
        for rows in rows.chunks(MAX_ROWS) {
            let mut batch = Vec::with_capacity(rows.len());
            for row in rows {
                let Asked { truncation, otherwise, rescore } = asked(row)?;
                let logits = LogitRow::F32(host.row(row.index)?);
                batch.push(StepRow { logits, truncation, otherwise, rescore, draw: row.draw });
            }
            steps.extend(stepper.run(&batch, table, report).map_err(|(at, fault)| {
                let fault = named(fault);
                match rows.get(at) {
                    Some(row) => fault.within(place(row)),
                    None => fault,
                }
            })?);
        }
        Ok(steps)
    }
}

impl Stepping {
    /// Forgets what was kept of the last table.
    pub(crate) fn forget(&mut self) {
        if let OnGpu::Ready(ready) = &mut self.gpu {
            ready.table = None;
        }
    }

    /// The same for logits on a GPU that the kernels run on; `None` where they are elsewhere, or where it cannot.
    fn on_gpu(
        &mut self,
        logits: &Logits<'_>,
        rows: &[Row<'_>],
        table: Option<&NeighborTable>,
        report: bool,
        asked: &mut impl FnMut(&Row<'_>) -> Result<Asked, Fault>,
    ) -> Result<Option<Vec<Step>>, Fault> {
        let LogitsPlace::Device(device) = logits.place else { return Ok(None) };
        let Some(device) = device.as_any().downcast_ref::<GpuLogits>() else { return Ok(None) };
        let layout = device.layout();
        if (layout.rows, layout.width) != (logits.rows, logits.vocabulary) {
            return Err(Fault::internal(format!(
                "{} rows of {} logits on the device, {} of {} are announced",
                layout.rows, layout.width, logits.rows, logits.vocabulary
            )));
        }
        if let Err(fault) = self.make_ready(device, table) {
            return if fault.host_can() { Ok(self.never()) } else { Err(Fault::data(fault.to_string())) };
        }
        let OnGpu::Ready(ready) = &mut self.gpu else { return Ok(None) };
        let Ready { stepper, table: on_device, .. } = &mut **ready;
        let on_device = on_device.as_ref().filter(|_| table.is_some()).map(|(_, table)| table);
        let mut steps = Vec::with_capacity(rows.len());
        for rows in rows.chunks(MAX_ROWS) {
            let mut batch = Vec::with_capacity(rows.len());
            for row in rows {
                let Asked { truncation, otherwise, rescore } = asked(row)?;
                batch.push((row.index, StepRule { truncation, otherwise, rescore, draw: row.draw }));
            }
            match stepper.step_some(device, &batch, on_device, report) {
                Ok(these) => steps.extend(these),
                Err(GpuFault::Row { index, fault }) => {
                    let fault = named(fault);
                    return Err(match rows.get(index) {
                        Some(row) => fault.within(place(row)),
                        None => fault,
                    });
                }
                // Half of the rows may have been asked about already, so the host cannot begin anew.
                Err(fault) => return Err(Fault::internal(fault.to_string())),
            }
        }
        Ok(Some(steps))
    }

    fn make_ready(&mut self, logits: &GpuLogits, table: Option<&NeighborTable>) -> Result<(), GpuFault> {
        if matches!(self.gpu, OnGpu::Unknown) {
            let gpu = Gpu::on_stream(logits.stream().clone())?;
            let stepper = GpuStepper::new(&gpu);
            self.gpu = OnGpu::Ready(Box::new(Ready { gpu, stepper, table: None }));
        }
        let (OnGpu::Ready(ready), Some(table)) = (&mut self.gpu, table) else { return Ok(()) };
        if ready.table.as_ref().is_none_or(|(known, _)| *known != identity(table)) {
            // The old one goes first: there may not be room for both.
            ready.table = None;
            ready.table = Some((identity(table), GpuTable::new(&ready.gpu, table)?));
        }
        Ok(())
    }

    fn never<T>(&mut self) -> Option<T> {
        self.gpu = OnGpu::Never;
        None
    }
}

/// How messages name a row.
pub(crate) fn place(row: &Row<'_>) -> String {
    format!("row {}, step {}", row.index, row.step)
}

/// A parameter outside its range.
pub(crate) fn refused(refused: Refused) -> Fault {
    Fault::config(refused.reason).at(refused.field)
}

fn named(fault: StepFault) -> Fault {
    match fault {
        StepFault::Candidates { .. } | StepFault::Refused(_) | StepFault::Neighbors { .. } => {
            Fault::config(fault.to_string())
        }
        StepFault::Batch { .. } | StepFault::NoTable => Fault::internal(fault.to_string()),
        StepFault::Vocabulary { .. } => {
            Fault::data(fault.to_string()).help("use the table of the model that gave the logits")
        }
        StepFault::Row(_) | StepFault::Table { .. } => Fault::data(fault.to_string()),
    }
}
