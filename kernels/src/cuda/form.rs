//! The shapes in which a step is launched, and which of them a batch gets.

use super::fault::GpuFault;

/// Threads of a block, in every form of the step.
pub(super) const THREADS: usize = 512;
/// Shared memory of a block beside its slice of the row; `collective.cuh` checks the number.
pub(super) const SHARED_BYTES: usize = 57_712;
/// Bytes of the widest access of a thread.
const WIDE: usize = 16;
/// Wide words that a thread keeps in registers, of single-precision rows; half as many of shorter numbers.
const KEPT_WIDE: usize = 10;

/// How logits are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumberFormat {
    /// Single precision.
    F32,
    /// bfloat16.
    Bf16,
    /// IEEE half precision.
    F16,
}

impl NumberFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::F16];

    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        if self == Self::F32 { 4 } else { 2 }
    }

    /// As kernels are called by.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }
}

/// How many blocks share a row, and where they keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Eight blocks, the row in their registers: the lowest latency, for few rows.
    Registers8,
    /// Four blocks, the row in their shared memory.
    Shared4,
    /// Two blocks, the row in their shared memory: the most rows at a time.
    Shared2,
    /// Eight blocks that read the row again for every pass: for rows of any width, and the one form of the carried code.
    Streamed8,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Registers8, Self::Shared4, Self::Shared2, Self::Streamed8];

    /// Blocks of a row.
    pub fn cluster(self) -> usize {
        match self {
            Self::Registers8 | Self::Streamed8 => 8,
            Self::Shared4 => 4,
            Self::Shared2 => 2,
        }
    }

    /// The end of the names of its kernels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registers8 => "registers_8",
            Self::Shared4 => "shared_4",
            Self::Shared2 => "shared_2",
            Self::Streamed8 => "streamed_8",
        }
    }

    /// Name of the kernel for a number format.
    pub fn kernel(self, format: NumberFormat) -> String {
        format!("step_{}_{}", format.name(), self.name())
    }

    /// Bytes of a row of which each block holds a slice, in whole wide words.
    fn slice(self, format: NumberFormat, width: usize) -> usize {
        (width * format.bytes()).div_ceil(WIDE).div_ceil(self.cluster()) * WIDE
    }

    /// Dynamic shared memory of a block.
    pub fn shared_bytes(self, format: NumberFormat, width: usize) -> usize {
        match self {
            Self::Registers8 | Self::Streamed8 => SHARED_BYTES,
            Self::Shared4 | Self::Shared2 => SHARED_BYTES + self.slice(format, width),
        }
    }

    /// Whether rows of this width fit, on a GPU whose blocks may have `room` bytes of shared memory.
    pub fn takes(self, format: NumberFormat, width: usize, room: usize) -> bool {
        let kept = if format == NumberFormat::F32 { KEPT_WIDE } else { KEPT_WIDE / 2 };
        let in_registers = self != Self::Registers8 || self.slice(format, width) <= THREADS * kept * WIDE;
        in_registers && self.shared_bytes(format, width) <= room
    }

    /// The form for a batch: the most blocks a row with which all rows are worked on at once, by the clusters that 132
    /// multiprocessors hold (8 of eight blocks, 30 of four). To be replaced by measured limits: `gpu/check.sh` times every
    /// form at every batch.
    pub fn for_batch(format: NumberFormat, rows: usize, width: usize, room: usize) -> Self {
        let wanted: &[Self] = match rows {
            0..=8 => &[Self::Registers8, Self::Shared4],
            9..=30 => &[Self::Shared4, Self::Shared2],
            _ => &[Self::Shared2, Self::Shared4],
        };
        wanted.iter().copied().find(|form| form.takes(format, width, room)).unwrap_or(Self::Streamed8)
    }
}

/// The layout of rows in device memory, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowLayout {
    /// Numbers before the first row.
    pub first: usize,
    /// Rows.
    pub rows: usize,
    /// Numbers of a row: the vocabulary.
    pub width: usize,
    /// Numbers from the beginning of one row to that of the next.
    pub stride: usize,
}

impl RowLayout {
    /// Rows one after the other.
    pub fn dense(rows: usize, width: usize) -> Self {
        Self { first: 0, rows, width, stride: width }
    }

    /// Whether there are rows, which do not overlap and lie within `length` numbers.
    ///
    /// # Errors
    /// [`GpuFault::Batch`], [`GpuFault::Stride`], [`GpuFault::Bounds`].
    pub fn check(&self, length: usize) -> Result<(), GpuFault> {
        let Self { first, rows, width, stride } = *self;
        if rows == 0 {
            return Err(GpuFault::Batch { rows });
        }
        if rows > 1 && stride < width {
            return Err(GpuFault::Stride { stride, width });
        }
        let end = stride
            .checked_mul(rows - 1)
            .and_then(|last| last.checked_add(width))
            .and_then(|end| end.checked_add(first));
        match end {
            Some(end) if end <= length => Ok(()),
            _ => Err(GpuFault::Bounds { needed: end.unwrap_or(usize::MAX), found: length }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shared memory of a block on compute capability 9.0: 227 KiB.
    const ROOM: usize = 227 * 1024;

    #[test]
    fn batches_of_a_large_vocabulary_get_as_many_blocks_a_row_as_fit_at_once() {
        let width = 151_936;
        for format in NumberFormat::ALL {
            assert_eq!(Form::for_batch(format, 1, width, ROOM), Form::Registers8);
            assert_eq!(Form::for_batch(format, 8, width, ROOM), Form::Registers8);
            assert_eq!(Form::for_batch(format, 9, width, ROOM), Form::Shared4);
        }
        assert_eq!(Form::for_batch(NumberFormat::Bf16, 512, width, ROOM), Form::Shared2);
        assert_eq!(
            Form::for_batch(NumberFormat::F32, 512, width, ROOM),
            Form::Shared4,
            "half a row is too much"
        );
    }

    #[test]
    fn rows_of_any_width_have_a_form() {
        for format in NumberFormat::ALL {
            for width in [1, 300, 163_840, 163_841, 1 << 20, 1 << 22] {
                for rows in [1, 20, 512] {
                    let form = Form::for_batch(format, rows, width, ROOM);
                    assert!(form.takes(format, width, ROOM), "{format:?} {width} {form:?}");
                }
            }
        }
        assert!(Form::Registers8.takes(NumberFormat::F32, 163_840, ROOM));
        assert!(!Form::Registers8.takes(NumberFormat::F32, 163_841, ROOM));
        assert!(!Form::Shared2.takes(NumberFormat::Bf16, 151_936, 100 * 1024), "a smaller GPU");
    }

    #[test]
    fn layouts_that_are_no_batch_of_rows_are_refused() {
        let layout = RowLayout { first: 3, rows: 2, width: 10, stride: 12 };
        assert_eq!(layout.check(25), Ok(()));
        assert_eq!(layout.check(24), Err(GpuFault::Bounds { needed: 25, found: 24 }));
        assert_eq!(
            RowLayout { stride: 9, ..layout }.check(99),
            Err(GpuFault::Stride { stride: 9, width: 10 })
        );
        assert_eq!(RowLayout { rows: 0, ..layout }.check(99), Err(GpuFault::Batch { rows: 0 }));
        let huge = RowLayout { stride: usize::MAX, rows: 3, ..layout };
        assert_eq!(huge.check(99), Err(GpuFault::Bounds { needed: usize::MAX, found: 99 }));
    }
}
