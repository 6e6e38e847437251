//! Rows of logits through the step of the kernels: what all samplers that draw have in common.

use situs_core::prelude::*;
use situs_kernels::semantic::{LogitRow, MAX_ROWS, Otherwise, Rescore, Step, StepFault, StepRow, Stepper};
use situs_kernels::{NeighborTable, Refused, Truncation};

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
        let Self { stepper, scratch } = self;
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
