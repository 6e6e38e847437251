//! One tensor of a checkpoint: mapped, or rounded once.

use super::Precision;
use super::shards::{File, Placed};
use half::{bf16, f16};
use safetensors::Dtype;
use situs_core::fault::Fault;
use std::ops::Range;
use std::sync::Arc;

/// A tensor. Its numbers are those of the mapped file unless they had to be rounded.
pub(crate) struct Weight {
    name: String,
    shape: Vec<usize>,
    data: Data,
}

enum Data {
    Mapped { file: Arc<File>, bytes: Range<usize>, format: Format },
    F32(Vec<f32>),
    Short(Vec<u16>, Format),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    F32,
    Bf16,
    F16,
}

/// The numbers of a tensor as they are stored, row by row.
#[derive(Clone, Copy)]
pub(crate) enum Numbers<'a> {
    /// 32 bits.
    F32(&'a [f32]),
    /// The upper half of an f32.
    Bf16(&'a [u16]),
    /// IEEE half precision.
    F16(&'a [u16]),
}

impl Weight {
    pub(super) fn open(placed: &Placed, name: &str, precision: Precision) -> Result<Self, Fault> {
        let format = match placed.dtype {
            Dtype::F32 => Format::F32,
            Dtype::BF16 => Format::Bf16,
            Dtype::F16 => Format::F16,
            other => {
                let what = format!("{}: tensor '{name}' holds {other:?}", placed.path().display());
                return Err(Fault::unsupported(what).help("checkpoints of f32, bf16 or f16 are read"));
            }
        };
        let mapped = Self {
            name: name.to_owned(),
            shape: placed.shape.clone(),
            data: Data::Mapped { file: Arc::clone(&placed.file), bytes: placed.bytes.clone(), format },
        };
        let target = match precision {
            Precision::F32 => Format::F32,
            Precision::Bf16 => Format::Bf16,
            Precision::F16 => Format::F16,
        };
        // What has fewer bits than asked for is exact as it is.
        if target == Format::F32 || format == target {
            return Ok(mapped.aligned());
        }
        mapped.rounded(target, placed)
    }

    /// A tensor whose bytes do not start where numbers may start is copied; writers align them, old ones did not.
    fn aligned(mut self) -> Self {
        if let Data::Mapped { file, bytes, format } = &self.data {
            let raw = &file.bytes()[bytes.clone()];
            let fits = match format {
                Format::F32 => bytemuck::try_cast_slice::<u8, f32>(raw).is_ok(),
                _ => bytemuck::try_cast_slice::<u8, u16>(raw).is_ok(),
            };
            if !fits {
                self.data = match format {
                    Format::F32 => {
                        Data::F32(raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
                    }
                    short => Data::Short(
                        raw.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect(),
                        *short,
                    ),
                };
            }
        }
        self
    }

    fn rounded(self, target: Format, placed: &Placed) -> Result<Self, Fault> {
        let aligned = self.aligned();
        let count = aligned.shape.iter().product();
        let mut wide = Vec::new();
        let mut short = Vec::with_capacity(count);
        const BLOCK: usize = 1 << 16;
        for first in (0..count).step_by(BLOCK) {
            aligned.widen(first..(first + BLOCK).min(count), &mut wide);
            for value in &wide {
                let bits = if target == Format::Bf16 {
                    bf16::from_f32(*value).to_bits()
                } else {
                    f16::from_f32(*value).to_bits()
                };
                let lost = target == Format::F16 && value.is_finite() && f16::from_bits(bits).is_infinite();
                if lost {
                    let what = format!(
                        "{}: tensor '{}' holds {value}, beyond the range of f16",
                        placed.path().display(),
                        aligned.name
                    );
                    return Err(Fault::config(what).at("dtype").help("use bf16 or f32"));
                }
                short.push(bits);
            }
        }
        Ok(Self { name: aligned.name, shape: aligned.shape, data: Data::Short(short, target) })
    }

    /// A matrix with rows and columns exchanged, as f32.
    pub(crate) fn transposed(&self) -> Self {
        let (rows, columns) = self.matrix();
        let values = self.to_f32();
        let turned = (0..columns).flat_map(|column| values.iter().skip(column).step_by(columns).copied());
        Self { name: self.name.clone(), shape: vec![columns, rows], data: Data::F32(turned.collect()) }
    }

    /// Name in the checkpoint.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Dimensions, the slowest first.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Rows and the numbers of a row, all but the first dimension taken together.
    pub(crate) fn matrix(&self) -> (usize, usize) {
        let rows = self.shape.first().copied().unwrap_or(1);
        (rows, self.shape.iter().skip(1).product())
    }

    /// The numbers as stored.
    pub(crate) fn numbers(&self) -> Numbers<'_> {
        match &self.data {
            Data::F32(values) => Numbers::F32(values),
            Data::Short(values, Format::F16) => Numbers::F16(values),
            Data::Short(values, _) => Numbers::Bf16(values),
            Data::Mapped { file, bytes, format } => {
                let raw = &file.bytes()[bytes.clone()];
                // The alignment was checked when the tensor was opened.
                match format {
                    Format::F32 => Numbers::F32(bytemuck::cast_slice(raw)),
                    Format::Bf16 => Numbers::Bf16(bytemuck::cast_slice(raw)),
                    Format::F16 => Numbers::F16(bytemuck::cast_slice(raw)),
                }
            }
        }
    }

    /// Numbers of a range as f32, exactly; `out` is cleared first.
    pub(crate) fn widen(&self, range: Range<usize>, out: &mut Vec<f32>) {
        out.clear();
        match self.numbers() {
            Numbers::F32(values) => out.extend_from_slice(&values[range]),
            Numbers::Bf16(values) => {
                out.extend(values[range].iter().map(|bits| f32::from_bits(u32::from(*bits) << 16)));
            }
            Numbers::F16(values) => {
                out.extend(values[range].iter().map(|bits| f16::from_bits(*bits).to_f32()));
            }
        }
    }

    /// All numbers as f32.
    pub(crate) fn to_f32(&self) -> Vec<f32> {
        let mut out = Vec::new();
        self.widen(0..self.shape.iter().product(), &mut out);
        out
    }
}
