//! A component on the other side, and one call of it.

use super::super::abi;
use super::super::tensor::View;
use super::super::wire;
use super::collector::{Collector, Limits};
use super::library::Row;
use crate::fault::Fault;
use crate::registry::{BuildContext, Kind};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::borrow::Cow;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Most tensors in one request without an allocation.
const FEW: usize = 4;

/// A handle and everything needed to call it.
pub(super) struct Handle {
    row: Arc<Row>,
    pointer: NonNull<c_void>,
    /// One call at a time, children included; `None` for samplers and for rows that say they are shared.
    turn: Option<Arc<Mutex<()>>>,
    /// Only one thread ever calls it: after a panic it is never called again.
    exclusive: bool,
    dead: AtomicBool,
}

// SAFETY: the contract of the boundary allows calls from any thread. Without the flag `shared` the mutex in `turn`
// makes them one at a time; samplers and sessions are called through `&mut` alone.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

/// How a call ended, when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Called {
    Done,
    Missing,
}

impl Handle {
    /// Makes a component; gives its parameters back with defaults filled in.
    ///
    /// # Errors
    /// Those of the component, and whatever is malformed.
    pub(super) fn create(row: &Arc<Row>, params: &Value, cx: &BuildContext) -> Result<(Self, Value), Fault> {
        let request = wire::write(&wire::Create {
            params: Cow::Borrowed(params),
            base: cx.base.clone(),
            seed: wire::Bits(cx.seed),
            workers: cx.workers,
        })?;
        let mut collector = Collector::new(Limits::JSON);
        let reply = collector.reply();
        let mut pointer = std::ptr::null_mut();
        let request = abi::Bytes { ptr: request.as_ptr(), len: request.len() };
        // SAFETY: the row comes from a library that is never unloaded; request and reply outlive the call.
        let status = unsafe { (row.create)(row.original(), request, &raw const reply, &raw mut pointer) };
        let outcome = settle(row, "create", status, &mut collector);
        // Whatever stands there after a refusal is no handle.
        let handle = NonNull::new(pointer).filter(|_| status == abi::OK).map(|pointer| {
            let shared = row.flags & abi::SHARED != 0;
            // Samplers are called through `&mut` and have no children: nobody could take turns with them.
            let turn = (!shared && row.kind != Kind::Sampler).then(Arc::default);
            Self { row: Arc::clone(row), pointer, turn, exclusive: !shared, dead: AtomicBool::new(false) }
        });
        match (outcome?, handle) {
            (Called::Done, Some(handle)) => {
                let bytes = collector.take_json();
                let resolved = if bytes.is_empty() { params.clone() } else { row.parsed("create", &bytes)? };
                Ok((handle, resolved))
            }
            (Called::Done, None) => Err(row.broken("create gave a null handle")),
            (Called::Missing, _) => Err(row.broken("it has no method create")),
        }
    }

    /// A handle that a call of this one gave; it takes turns with this one where that is not shared.
    pub(super) fn child(&self, pointer: NonNull<c_void>) -> Self {
        Self {
            row: Arc::clone(&self.row),
            pointer,
            turn: self.turn.clone(),
            exclusive: true,
            dead: AtomicBool::new(false),
        }
    }

    /// The row it was made from.
    pub(super) fn row(&self) -> &Row {
        &self.row
    }

    /// Whether several threads may call at once.
    pub(super) fn shared(&self) -> bool {
        !self.exclusive
    }

    /// Calls a method. The collector holds the reply.
    ///
    /// # Errors
    /// Those of the component, a panic that the plug-in caught, and whatever is malformed.
    pub(super) fn call(
        &self,
        (method, name): (u32, &str),
        request: &[u8],
        tensors: &[View<'_>],
        collector: &mut Collector,
    ) -> Result<Called, Fault> {
        let mut few = [const { abi::Tensor { dtype: 1, ndim: 0, shape: std::ptr::null(), data: std::ptr::null() } };
            FEW];
        let many: Vec<abi::Tensor>;
        let tensors: &[abi::Tensor] = if tensors.len() <= FEW {
            few.iter_mut().zip(tensors).for_each(|(slot, view)| *slot = view.as_abi());
            &few[..tensors.len()]
        } else {
            many = tensors.iter().map(View::as_abi).collect();
            &many
        };
        let turn = self.turn.as_ref().map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        if self.dead.load(Ordering::Relaxed) {
            return Err(self.row.broken("it panicked earlier and is not called again"));
        }
        let reply = collector.reply();
        let request = abi::Bytes { ptr: request.as_ptr(), len: request.len() };
        // SAFETY: the handle is alive until `drop`; request, tensors and reply outlive the call; the lock in `turn`, or
        // the row's word that it is shared, makes the call allowed now.
        let status = unsafe {
            (self.row.call)(
                self.pointer.as_ptr(),
                method,
                request,
                tensors.as_ptr(),
                tensors.len(),
                &raw const reply,
            )
        };
        if status == abi::PANIC && self.exclusive {
            self.dead.store(true, Ordering::Relaxed);
        }
        drop(turn);
        settle(&self.row, name, status, collector)
    }

    /// Calls a method with JSON and tensors; gives the JSON of the reply, `None` when there is no such method.
    ///
    /// # Errors
    /// As [`Handle::call`], and JSON that cannot be read.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: (u32, &str),
        request: &[u8],
        tensors: &[View<'_>],
        collector: &mut Collector,
    ) -> Result<Option<T>, Fault> {
        match self.call(method, request, tensors, collector)? {
            Called::Done => self.row.parsed(method.1, &collector.take_json()).map(Some),
            Called::Missing => Ok(None),
        }
    }

    /// As [`Handle::ask`] for a method that every component of the kind must have.
    ///
    /// # Errors
    /// Also when it is missing.
    pub(super) fn must<T: DeserializeOwned>(
        &self,
        method: (u32, &str),
        request: &[u8],
        tensors: &[View<'_>],
        collector: &mut Collector,
    ) -> Result<T, Fault> {
        self.ask(method, request, tensors, collector)?.ok_or_else(|| self.missing(method.1))
    }

    /// The fault for a method that must not be missing.
    pub(super) fn missing(&self, method: &str) -> Fault {
        self.row.broken(&format!("it has no method {method}"))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let _turn = self.turn.as_ref().map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        // SAFETY: the handle was made by this row, is destroyed once, and children borrow their parent.
        unsafe { (self.row.destroy)(self.pointer.as_ptr()) }
    }
}

/// Status and reply to an outcome.
fn settle(row: &Row, method: &str, status: i32, collector: &mut Collector) -> Result<Called, Fault> {
    if let Some(wrong) = collector.take_wrong() {
        return Err(row.broken(&format!("{method}: {}", wrong.what)));
    }
    match status {
        abi::OK => Ok(Called::Done),
        abi::MISSING => Ok(Called::Missing),
        abi::FAULT => {
            let fault: Fault = row.parsed(&format!("the fault of {method}"), &collector.take_json())?;
            Err(fault)
        }
        abi::PANIC => {
            let said: Result<Fault, _> = serde_json::from_slice(&collector.take_json());
            let said = said.map_or_else(|_| "no message".to_owned(), |fault| fault.what);
            Err(row.broken(&format!("{method} panicked: {said}")))
        }
        other => Err(row.broken(&format!("{method} ended with the unknown status {other}"))),
    }
}
