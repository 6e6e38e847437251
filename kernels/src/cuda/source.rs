//! The kernels' source, and what was made of it beforehand.

use sha2::{Digest, Sha256};

/// The parts of the source, in the order in which they are put together.
const PARTS: [&str; 6] = [
    include_str!("machine.cuh"),
    include_str!("number.cuh"),
    include_str!("collective.cuh"),
    include_str!("step.cu"),
    include_str!("select.cu"),
    include_str!("floor.cu"),
];

/// Options that decide what the code computes. No multiplication may be joined with an addition: where one rounding is
/// meant, the source says so.
pub(super) const OPTIONS: [&str; 3] = ["--std=c++17", "--fmad=false", "--device-as-default-execution-space"];

/// The option that leaves the step's one form of every size.
pub const CARRIED_OPTION: &str = "-DCARRIED";

/// PTX for machines without NVRTC, in ISA 9.0, which drivers from CUDA 13.0 on take, for compute capability 9.0. Its first
/// line names the source it was made of; `kernels/gpu/carry.py` makes it.
pub const CARRIED: &str = include_str!("carried.ptx");

/// The source as the compiler gets it.
pub(super) fn text() -> String {
    PARTS.concat()
}

/// SHA-256 of source and options.
pub fn digest() -> String {
    let mut digest = Sha256::new();
    for part in PARTS.iter().chain(&OPTIONS) {
        digest.update(part.as_bytes());
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the carried PTX was made of this source.
pub fn carried_is_of_source() -> bool {
    CARRIED.lines().next() == Some(format!("// {}", digest()).as_str())
}
