//! Takes a plug-in's reply in: copies inside the callbacks, remembers what was malformed, judges after the call.

use super::super::abi;
use super::super::tensor::{Data, Owned, View, elements_at};
use crate::fault::Fault;
use std::ffi::c_void;
use std::ptr::NonNull;

/// Most bytes of JSON in one reply.
pub const MAX_JSON_BYTES: usize = 256 << 20;
/// Most bytes of one tensor in a reply.
pub const MAX_TENSOR_BYTES: usize = 8 << 30;
/// Most tensors in one reply.
pub const MAX_TENSORS: usize = 4096;

/// What a reply may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) json_bytes: usize,
    pub(super) tensors: usize,
    pub(super) tensor_bytes: usize,
    pub(super) child: bool,
}

impl Limits {
    /// JSON alone.
    pub(super) const JSON: Self =
        Self { json_bytes: MAX_JSON_BYTES, tensors: 0, tensor_bytes: 0, child: false };

    /// JSON, if any, and so many tensors of at most so many bytes each.
    pub(super) const fn tensors(tensors: usize, tensor_bytes: usize) -> Self {
        Self { json_bytes: MAX_JSON_BYTES, tensors, tensor_bytes, child: false }
    }
}

/// A handle on its way to its owner.
struct Child(NonNull<c_void>);

// SAFETY: nothing looks behind the pointer here; its owner calls it from one thread.
unsafe impl Send for Child {}

/// The reply of one call. It may be used again for another call, so that large buffers are made once.
#[derive(Default)]
pub(super) struct Collector {
    limits: Option<Limits>,
    json: Option<Vec<u8>>,
    tensors: Vec<Owned>,
    child: Option<Child>,
    wrong: Option<Fault>,
    spare_u32: Vec<u32>,
    spare_f32: Vec<f32>,
}

impl Collector {
    /// Empty, for a reply within these limits.
    pub(super) fn new(limits: Limits) -> Self {
        let mut collector = Self::default();
        collector.start(limits);
        collector
    }

    /// Forgets the last reply and waits for one within these limits.
    pub(super) fn start(&mut self, limits: Limits) {
        self.limits = Some(limits);
        self.json = None;
        self.tensors.clear();
        self.child = None;
        self.wrong = None;
    }

    /// The C side of this collector, valid while it stays where it is.
    pub(super) fn reply(&mut self) -> abi::Reply {
        abi::Reply {
            ctx: std::ptr::from_mut(self).cast(),
            bytes: Some(take_bytes),
            tensor: Some(take_tensor),
            child: Some(take_child),
        }
    }

    /// What was malformed, the first of it.
    pub(super) fn take_wrong(&mut self) -> Option<Fault> {
        self.wrong.take()
    }

    /// The JSON of the reply; empty when none came.
    pub(super) fn take_json(&mut self) -> Vec<u8> {
        self.json.take().unwrap_or_default()
    }

    /// Whether JSON came.
    pub(super) fn has_json(&self) -> bool {
        self.json.is_some()
    }

    /// The tensors of the reply in order.
    pub(super) fn take_tensors(&mut self) -> Vec<Owned> {
        std::mem::take(&mut self.tensors)
    }

    /// The only tensor of the reply.
    ///
    /// # Errors
    /// None, or several.
    pub(super) fn one_tensor(&mut self, what: &str) -> Result<Owned, Fault> {
        match self.tensors.len() {
            1 => self.tensors.pop().ok_or_else(|| Fault::internal(format!("{what}: no tensor came"))),
            count => Err(Fault::internal(format!("{what}: expected one tensor, {count} came"))),
        }
    }

    /// The child handle of the reply.
    pub(super) fn take_child(&mut self) -> Option<NonNull<c_void>> {
        self.child.take().map(|Child(child)| child)
    }

    /// Gives a buffer back for the next reply.
    pub(super) fn reuse(&mut self, tensor: Owned) {
        match tensor {
            Owned::U32(_, data) => self.spare_u32 = data,
            Owned::F32(_, data) => self.spare_f32 = data,
            Owned::U8(..) | Owned::F64(..) => {}
        }
    }

    fn refuse(&mut self, what: String) {
        self.wrong.get_or_insert_with(|| Fault::internal(what));
    }

    fn add_bytes(&mut self, pointer: *const u8, length: usize) {
        let most = self.limits.map_or(0, |limits| limits.json_bytes);
        if length > most {
            return self.refuse(format!("a reply of {length} bytes, at most {most} are allowed here"));
        }
        if length > 0 && pointer.is_null() {
            return self.refuse(format!("a reply of {length} bytes at a null pointer"));
        }
        if self.json.is_some() {
            return self.refuse("the bytes of a reply came twice".to_owned());
        }
        // SAFETY: not null unless empty; the plug-in vouches for `length` bytes during the callback.
        let bytes = unsafe { elements_at(pointer, length) };
        match copied(bytes, Vec::new()) {
            Some(copy) => self.json = Some(copy),
            None => self.refuse(format!("no memory for a reply of {length} bytes")),
        }
    }

    fn add_tensor(&mut self, tensor: *const abi::Tensor) {
        let Some(limits) = self.limits else { return };
        if self.tensors.len() >= limits.tensors {
            return self.refuse(format!("more than {} tensors in a reply", limits.tensors));
        }
        if tensor.is_null() || !tensor.is_aligned() {
            return self.refuse("a tensor at a null or misaligned pointer".to_owned());
        }
        // SAFETY: not null and aligned; the plug-in vouches for the tensor during the callback.
        let view = match unsafe { View::from_abi(&*tensor, limits.tensor_bytes) } {
            Ok(view) => view,
            Err(fault) => return self.refuse(fault.what),
        };
        let shape = view.shape;
        let owned = match view.data {
            Data::U8(data) => copied(data, Vec::new()).map(|data| Owned::U8(shape, data)),
            Data::U32(data) => {
                copied(data, std::mem::take(&mut self.spare_u32)).map(|data| Owned::U32(shape, data))
            }
            Data::F32(data) => {
                copied(data, std::mem::take(&mut self.spare_f32)).map(|data| Owned::F32(shape, data))
            }
            Data::F64(data) => copied(data, Vec::new()).map(|data| Owned::F64(shape, data)),
        };
        match owned {
            Some(owned) => self.tensors.push(owned),
            None => self.refuse(format!("no memory for a tensor of shape {:?}", shape.sides())),
        }
    }

    fn add_child(&mut self, child: *mut c_void) {
        let Some(child) = NonNull::new(child) else {
            return self.refuse("a null child handle".to_owned());
        };
        if !self.limits.is_some_and(|limits| limits.child) || self.child.is_some() {
            return self.refuse("a child handle that nobody asked for".to_owned());
        }
        self.child = Some(Child(child));
    }
}

/// A copy in the buffer given; `None` without memory for it.
fn copied<T: Copy>(data: &[T], mut buffer: Vec<T>) -> Option<Vec<T>> {
    buffer.clear();
    buffer.try_reserve_exact(data.len()).ok()?;
    buffer.extend_from_slice(data);
    Some(buffer)
}

unsafe extern "C" fn take_bytes(context: *mut c_void, pointer: *const u8, length: usize) {
    // SAFETY: the host passes its collector as context, lends it for the call alone and does not touch it meanwhile.
    if let Some(collector) = unsafe { context.cast::<Collector>().as_mut() } {
        collector.add_bytes(pointer, length);
    }
}

unsafe extern "C" fn take_tensor(context: *mut c_void, tensor: *const abi::Tensor) {
    // SAFETY: as for `take_bytes`.
    if let Some(collector) = unsafe { context.cast::<Collector>().as_mut() } {
        collector.add_tensor(tensor);
    }
}

unsafe extern "C" fn take_child(context: *mut c_void, child: *mut c_void) {
    // SAFETY: as for `take_bytes`.
    if let Some(collector) = unsafe { context.cast::<Collector>().as_mut() } {
        collector.add_child(child);
    }
}
