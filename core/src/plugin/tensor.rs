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
    pub(crate) fn new(sides: &[usize]) -> Self {
        let dimensions = sides.len().min(MAX_DIMENSIONS);
        let mut all = [1; MAX_DIMENSIONS];
        all[..dimensions].copy_from_slice(&sides[..dimensions]);
        Self { sides: all, dimensions }
    }

    /// The lengths.
    pub(crate) fn sides(&self) -> &[usize] {
        &self.sides[..self.dimensions]
    }

    /// Number of elements, unless it overflows.
    fn elements(&self) -> Option<usize> {
        self.sides().iter().try_fold(1usize, |product, side| product.checked_mul(*side))
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
    pub(crate) unsafe fn from_abi(tensor: &abi::Tensor, most_bytes: usize) -> Result<View<'a>, Fault> {
        let wrong = |what: String| Err(Fault::internal(format!("a malformed tensor: {what}")));
        let dimensions = tensor.ndim as usize;
        if dimensions > MAX_DIMENSIONS {
            return wrong(format!("{dimensions} dimensions, at most {MAX_DIMENSIONS} are allowed"));
        }
        if dimensions > 0 && (tensor.shape.is_null() || !tensor.shape.is_aligned()) {
            return wrong("its shape is null or misaligned".to_owned());
        }
        let sides = if dimensions == 0 {
            &[]
        } else {
            // SAFETY: not null, aligned, and the caller vouches for `ndim` lengths.
            unsafe { std::slice::from_raw_parts(tensor.shape, dimensions) }
        };
        let shape = Shape::new(sides);
        let width = match tensor.dtype {
            1 => 1,
            2 | 3 => 4,
            4 => 8,
            other => return wrong(format!("element type {other} is unknown")),
        };
        let elements = match shape.elements() {
            Some(elements) if elements.checked_mul(width).is_some_and(|bytes| bytes <= most_bytes) => {
                elements
            }
            _ => return wrong(format!("shape {sides:?} is above the limit of {most_bytes} bytes here")),
        };
        if elements > 0 && (tensor.data.is_null() || !(tensor.data.addr()).is_multiple_of(width)) {
            return wrong("its data are null or misaligned".to_owned());
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

/// A slice that may be empty at any pointer.
///
/// # Safety
/// As [`std::slice::from_raw_parts`] when `count` is not 0.
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
