//! Arrays on their way across the boundary: borrowed views with their checks, in both directions.

use super::abi::{self, Dtype};
use crate::fault::Fault;

/// Most dimensions of a tensor.
pub const MAX_DIMENSIONS: usize = 4;

/// Lengths of up to four dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    sides: [usize; MAX_DIMENSIONS],
    dimensions: usize,
}

impl Shape {
    /// The lengths; at most four count.
    #[inline]
    pub(crate) fn new(sides: &[usize]) -> Self {
        let mut all = [1; MAX_DIMENSIONS];
        all.iter_mut().zip(sides).for_each(|(own, side)| *own = *side);
        Self { sides: all, dimensions: sides.len().min(MAX_DIMENSIONS) }
    }

    /// The lengths.
    pub(crate) fn sides(&self) -> &[usize] {
        &self.sides[..self.dimensions]
    }

    /// Number of elements, unless it overflows.
    #[inline]
    fn elements(&self) -> Option<usize> {
        // Dimensions that are not there have length 1.
        self.sides.iter().try_fold(1usize, |product, side| product.checked_mul(*side))
    }
}

/// The elements of a borrowed tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Data<'a> {
    U8(&'a [u8]),
    U32(&'a [u32]),
    F32(&'a [f32]),
    F64(&'a [f64]),
}

impl Data<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Data::U8(_) => Dtype::U8,
            Data::U32(_) => Dtype::U32,
            Data::F32(_) => Dtype::F32,
            Data::F64(_) => Dtype::F64,
        }
    }

    fn pointer(&self) -> *const std::ffi::c_void {
        match self {
            Data::U8(data) => data.as_ptr().cast(),
            Data::U32(data) => data.as_ptr().cast(),
            Data::F32(data) => data.as_ptr().cast(),
            Data::F64(data) => data.as_ptr().cast(),
        }
    }
}

/// A borrowed tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct View<'a> {
    pub(crate) shape: Shape,
    pub(crate) data: Data<'a>,
}

impl<'a> View<'a> {
    pub(crate) fn u8(sides: &[usize], data: &'a [u8]) -> Self {
        Self { shape: Shape::new(sides), data: Data::U8(data) }
    }

    pub(crate) fn u32(data: &'a [u32]) -> Self {
        Self { shape: Shape::new(&[data.len()]), data: Data::U32(data) }
    }

    pub(crate) fn f32(sides: &[usize], data: &'a [f32]) -> Self {
        Self { shape: Shape::new(sides), data: Data::F32(data) }
    }

    pub(crate) fn f64(data: &'a [f64]) -> Self {
        Self { shape: Shape::new(&[data.len()]), data: Data::F64(data) }
    }

    /// The C view of this one; it points into `self`.
    pub(crate) fn as_abi(&self) -> abi::Tensor {
        abi::Tensor {
            dtype: self.data.dtype() as u32,
            ndim: self.shape.dimensions as u32,
            shape: self.shape.sides.as_ptr(),
            data: self.data.pointer(),
        }
    }

    /// Looks at a tensor from the other side.
    ///
    /// # Errors
    /// An unknown element type, more than four dimensions, a size that overflows or is above `most_bytes`, null or
    /// misaligned pointers.
    ///
    /// # Safety
    /// `shape` must point at `ndim` lengths and `data` at as many elements as they say, both for the lifetime chosen.
    #[inline]
    pub(crate) unsafe fn from_abi(tensor: &abi::Tensor, most_bytes: usize) -> Result<View<'a>, Fault> {
        let dimensions = tensor.ndim as usize;
        if dimensions > MAX_DIMENSIONS {
            return malformed(format_args!("{dimensions} dimensions, at most {MAX_DIMENSIONS} are allowed"));
        }
        if dimensions > 0 && (tensor.shape.is_null() || !tensor.shape.is_aligned()) {
            return malformed(format_args!("its shape is null or misaligned"));
        }
        // SAFETY: not null and aligned unless empty, and the caller vouches for `ndim` lengths.
        let sides = unsafe { elements_at(tensor.shape, dimensions) };
        let shape = Shape::new(sides);
        let width = match tensor.dtype {
            1 => 1,
            2 | 3 => 4,
            4 => 8,
            other => return malformed(format_args!("element type {other} is unknown")),
        };
        let elements = match shape.elements() {
            Some(elements) if elements.checked_mul(width).is_some_and(|bytes| bytes <= most_bytes) => {
                elements
            }
            _ => {
                let what = format_args!("shape {sides:?} is above the limit of {most_bytes} bytes here");
                return malformed(what);
            }
        };
        if elements > 0 && (tensor.data.is_null() || tensor.data.addr() & (width - 1) != 0) {
            return malformed(format_args!("its data are null or misaligned"));
        }
        // SAFETY: not null, aligned to the element, and the caller vouches for the elements.
        let data = unsafe {
            match tensor.dtype {
                1 => Data::U8(elements_at(tensor.data.cast(), elements)),
                2 => Data::U32(elements_at(tensor.data.cast(), elements)),
                3 => Data::F32(elements_at(tensor.data.cast(), elements)),
                _ => Data::F64(elements_at(tensor.data.cast(), elements)),
            }
        };
        Ok(View { shape, data })
    }
}

/// Apart from the checks, which run several times in each step.
#[cold]
fn malformed<T>(what: std::fmt::Arguments<'_>) -> Result<T, Fault> {
    Err(Fault::internal(format!("a malformed tensor: {what}")))
}

/// A slice that may be empty at any pointer.
///
/// # Safety
/// As [`std::slice::from_raw_parts`] when `count` is not 0.
#[inline]
pub(crate) unsafe fn elements_at<'a, T>(pointer: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(pointer, count) }
}

/// A tensor of its own, copied from the other side.
#[cfg(feature = "engine")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Owned {
    U8(Shape, Vec<u8>),
    U32(Shape, Vec<u32>),
    F32(Shape, Vec<f32>),
    F64(Shape, Vec<f64>),
}

#[cfg(feature = "engine")]
impl Owned {
    /// What it is, for messages: `f32 [2, 3]`.
    pub(crate) fn describe(&self) -> String {
        let (name, shape) = match self {
            Owned::U8(shape, _) => ("u8", shape),
            Owned::U32(shape, _) => ("u32", shape),
            Owned::F32(shape, _) => ("f32", shape),
            Owned::F64(shape, _) => ("f64", shape),
        };
        format!("{name} {:?}", shape.sides())
    }
}
