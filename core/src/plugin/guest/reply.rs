//! What a call came with, and where its reply goes.

use super::super::abi;
use super::super::tensor::{Data, View, elements_at};
use super::super::wire;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use std::ffi::c_void;

/// How a call ended, when it did not fail.
pub(super) enum Served {
    Done,
    Missing,
}

/// The request of one call. Tensors are looked at when they are asked for: a call without any costs nothing.
pub(super) struct Request<'a> {
    pub(super) bytes: &'a [u8],
    tensors: &'a [abi::Tensor],
}

impl<'a> Request<'a> {
    /// What the host passed.
    ///
    /// # Safety
    /// Bytes and tensors, and what these point at, are valid for the lifetime chosen.
    pub(super) unsafe fn new(bytes: abi::Bytes, tensors: *const abi::Tensor, count: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self { bytes: elements_at(bytes.ptr, bytes.len), tensors: elements_at(tensors, count) } }
    }

    /// The message.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn json<T: Deserialize<'a>>(&self) -> Result<T, Fault> {
        wire::read("the request", self.bytes)
    }

    /// A tensor.
    ///
    /// # Errors
    /// When it is not there or malformed.
    pub(super) fn view(&self, index: usize) -> Result<View<'a>, Fault> {
        let tensor = self.tensors.get(index);
        let tensor = tensor.ok_or_else(|| Fault::internal(format!("the request has no tensor {index}")))?;
        // SAFETY: the promise of `new`.
        unsafe { View::from_abi(tensor, isize::MAX as usize) }
    }

    /// A tensor of whole numbers.
    ///
    /// # Errors
    /// When it is another one, or not there.
    pub(super) fn u32(&self, index: usize) -> Result<&'a [u32], Fault> {
        match self.view(index)?.data {
            Data::U32(data) => Ok(data),
            _ => Err(Fault::internal(format!("tensor {index} of the request is not u32"))),
        }
    }

    /// A tensor of 32-bit floats, with its shape.
    ///
    /// # Errors
    /// As [`Request::u32`].
    pub(super) fn f32(&self, index: usize) -> Result<(View<'a>, &'a [f32]), Fault> {
        let view = self.view(index)?;
        match view.data {
            Data::F32(data) => Ok((view, data)),
            _ => Err(Fault::internal(format!("tensor {index} of the request is not f32"))),
        }
    }

    /// A tensor of bytes.
    ///
    /// # Errors
    /// As [`Request::u32`].
    pub(super) fn u8(&self, index: usize) -> Result<&'a [u8], Fault> {
        match self.view(index)?.data {
            Data::U8(data) => Ok(data),
            _ => Err(Fault::internal(format!("tensor {index} of the request is not u8"))),
        }
    }

    /// A tensor of 64-bit floats.
    ///
    /// # Errors
    /// As [`Request::u32`].
    pub(super) fn f64(&self, index: usize) -> Result<&'a [f64], Fault> {
        match self.view(index)?.data {
            Data::F64(data) => Ok(data),
            _ => Err(Fault::internal(format!("tensor {index} of the request is not f64"))),
        }
    }
}

/// Where the reply of one call goes.
#[derive(Clone, Copy)]
pub(super) struct Out<'a>(pub(super) &'a abi::Reply);

impl Out<'_> {
    /// Gives bytes.
    pub(super) fn bytes(&self, bytes: &[u8]) {
        if let Some(give) = self.0.bytes {
            // SAFETY: the host's callback copies during the call.
            unsafe { give(self.0.ctx, bytes.as_ptr(), bytes.len()) }
        }
    }

    /// Gives a message.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn json(&self, message: &impl Serialize) -> Result<Served, Fault> {
        self.bytes(&wire::write(message)?);
        Ok(Served::Done)
    }

    /// Gives a tensor.
    pub(super) fn tensor(&self, view: &View<'_>) {
        if let Some(give) = self.0.tensor {
            let tensor = view.as_abi();
            // SAFETY: the host's callback copies during the call.
            unsafe { give(self.0.ctx, &raw const tensor) }
        }
    }

    /// Hands a child over; without a host that takes it, it comes back.
    pub(super) fn child(&self, child: *mut c_void) -> Option<*mut c_void> {
        match self.0.child {
            Some(give) => {
                // SAFETY: the host takes the handle and destroys it once.
                unsafe { give(self.0.ctx, child) }
                None
            }
            None => Some(child),
        }
    }
}
