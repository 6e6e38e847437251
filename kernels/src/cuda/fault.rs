//! What can keep a GPU from doing a step.

use crate::TableFault;
use crate::neighbors::BuildFault;
use crate::semantic::{MAX_ROWS, StepFault};
use std::fmt;

/// Why a GPU cannot be used, or did not do what it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum GpuFault {
    /// The driver's library is not there.
    NoDriver,
    /// The driver is older than the kernels need.
    OldDriver {
        /// Its CUDA version, as 1000 times the major plus 10 times the minor one.
        found: i32,
        /// The lowest that serves.
        needed: i32,
    },
    /// There is no GPU of that number.
    NoDevice {
        /// The number.
        ordinal: usize,
        /// GPUs there are.
        count: usize,
    },
    /// The GPU lacks thread-block clusters.
    Capability {
        /// Its name.
        name: String,
        /// Its compute capability.
        found: (i32, i32),
        /// The lowest that serves.
        needed: (i32, i32),
    },
    /// A library that this needs is not there.
    NoLibrary {
        /// Its name.
        library: &'static str,
        /// What needs it.
        purpose: &'static str,
    },
    /// The kernels do not compile.
    Compile {
        /// What the compiler says.
        log: String,
    },
    /// The device has no room for this.
    OutOfMemory {
        /// What was to be put there.
        what: &'static str,
    },
    /// The driver refuses.
    Driver {
        /// What was asked of it.
        what: &'static str,
        /// Its answer.
        reason: String,
    },
    /// Logits or table are on another device than the kernels.
    OtherDevice {
        /// What is.
        what: &'static str,
        /// Where it is.
        found: usize,
        /// Where it should be.
        expected: usize,
    },
    /// No rows, or more than [`MAX_ROWS`].
    Batch {
        /// Rows given.
        rows: usize,
    },
    /// Another number of rules than of rows.
    Rules {
        /// Rows.
        rows: usize,
        /// Rules.
        rules: usize,
    },
    /// Rows overlap: the next one begins before this one ends.
    Stride {
        /// Numbers from one row to the next.
        stride: usize,
        /// Numbers of a row.
        width: usize,
    },
    /// The rows end behind the end of the given memory.
    Bounds {
        /// Numbers that the layout asks for.
        needed: usize,
        /// Numbers there are.
        found: usize,
    },
    /// Another batch was prepared meanwhile.
    Stale,
    /// The carried code lacks this form.
    NoForm {
        /// Its name.
        form: String,
    },
    /// A row got no token.
    Row {
        /// Its index.
        index: usize,
        /// Why.
        fault: StepFault,
    },
    /// The table is not sound.
    Table(TableFault),
    /// No table can be built.
    Build(BuildFault),
}

impl GpuFault {
    /// A refusal of the driver; a lack of memory is told apart.
    pub fn driver(what: &'static str, error: cudarc::driver::DriverError) -> Self {
        if error.0 == cudarc::driver::sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY {
            return Self::OutOfMemory { what };
        }
        // The driver's own text takes another call into it; the code's name is enough to look it up.
        Self::Driver { what, reason: format!("{:?}", error.0) }
    }

    /// Whether the host can do the same work in its place: the machine is at fault, not what was asked.
    pub fn host_can(&self) -> bool {
        matches!(
            self,
            Self::NoDriver
                | Self::OldDriver { .. }
                | Self::NoDevice { .. }
                | Self::Capability { .. }
                | Self::NoLibrary { .. }
                | Self::Compile { .. }
                | Self::OutOfMemory { .. }
                | Self::Driver { .. }
                | Self::NoForm { .. }
        )
    }
}

/// A CUDA version as people write it.
fn version(number: i32) -> String {
    format!("{}.{}", number / 1000, number % 1000 / 10)
}

impl fmt::Display for GpuFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDriver => f.write_str(
                "no NVIDIA driver: libcuda was not found; install the driver, or in a container pass the GPU through",
            ),
            Self::OldDriver { found, needed } => write!(
                f,
                "the driver knows CUDA {}, the kernels need {}; update the driver",
                version(*found),
                version(*needed)
            ),
            Self::NoDevice { ordinal, count } => {
                write!(f, "there is no GPU {ordinal}, the driver sees {count}; look at CUDA_VISIBLE_DEVICES")
            }
            Self::Capability { name, found, needed } => write!(
                f,
                "{name} has compute capability {}.{}, the kernels need {}.{} (Hopper) or later",
                found.0, found.1, needed.0, needed.1
            ),
            Self::NoLibrary { library, purpose } => write!(
                f,
                "{library} was not found, which {purpose}; put its folder into LD_LIBRARY_PATH (the Python wheels of \
                 NVIDIA have it)"
            ),
            Self::Compile { log } => write!(f, "the kernels do not compile: {log}"),
            Self::OutOfMemory { what } => {
                write!(f, "the GPU has no room for {what}; free some, or take smaller batches")
            }
            Self::Driver { what, reason } => write!(f, "{what}: the driver answers {reason}"),
            Self::OtherDevice { what, found, expected } => {
                write!(f, "{what} is on GPU {found}, the kernels are on GPU {expected}; put both on one")
            }
            Self::Batch { rows } => write!(f, "{rows} rows at once; there must be 1 to {MAX_ROWS}"),
            Self::Rules { rows, rules } => write!(f, "{rules} rules for {rows} rows; there must be one each"),
            Self::Stride { stride, width } => {
                write!(f, "rows of {width} logits cannot begin {stride} apart; the stride must be at least the width")
            }
            Self::Bounds { needed, found } => {
                write!(f, "the rows take {needed} numbers of device memory, {found} were given")
            }
            Self::Stale => f.write_str("another batch was prepared meanwhile; prepare this one again"),
            Self::NoForm { form } => {
                write!(f, "{form} is not in the carried code; with NVRTC in LD_LIBRARY_PATH it is compiled")
            }
            Self::Row { index, fault } => write!(f, "row {index}: {fault}"),
            Self::Table(fault) => fault.fmt(f),
            Self::Build(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for GpuFault {}

impl From<TableFault> for GpuFault {
    fn from(fault: TableFault) -> Self {
        Self::Table(fault)
    }
}

impl From<BuildFault> for GpuFault {
    fn from(fault: BuildFault) -> Self {
        Self::Build(fault)
    }
}
