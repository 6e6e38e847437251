//! The three functions of every row: create, call, destroy.

use super::super::abi::{self, method};
use super::super::wire;
use super::dataset;
use super::family::{self, FamilyState};
use super::metric;
use super::model;
use super::renderer::{self, RendererState};
use super::reply::{Out, Request, Served};
use super::sampler::{self, SamplerState};
use super::session::{self, OpenSession};
use crate::dataset::Dataset;
use crate::fault::Fault;
use crate::metric::Metric;
use crate::model_backend::ModelBackend;
use crate::registry::{BuildContext, Entry, Live};
use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A component or a session behind a handle. Those in a cell belong to rows without the flag `shared`, or are sessions:
/// the host calls them from one thread at a time.
pub(super) enum Held {
    Dataset(Box<dyn Dataset>),
    Family(FamilyState),
    Renderer(RendererState),
    Model(Box<dyn ModelBackend>),
    Sampler(RefCell<SamplerState>),
    Metric(Box<dyn Metric>),
    Session(RefCell<OpenSession>),
}

impl From<Live> for Held {
    fn from(live: Live) -> Self {
        match live {
            Live::Dataset(component) => Held::Dataset(component),
            Live::Family(component) => Held::Family(FamilyState::new(component)),
            Live::Renderer(component) => Held::Renderer(RendererState::new(component)),
            Live::Model(component) => Held::Model(component),
            Live::Sampler(component) => Held::Sampler(RefCell::new(SamplerState::new(component))),
            Live::Metric(component) => Held::Metric(component),
        }
    }
}

static WORKERS: AtomicUsize = AtomicUsize::new(0);
static POOL: Once = Once::new();

/// Threads that the host wants a library to use by itself; 0: as many as there are cores.
pub(super) fn set_workers(workers: usize) {
    WORKERS.store(workers, Ordering::Relaxed);
}

/// Makes the library's own thread pool before a component may use it.
fn make_pool() {
    POOL.call_once(|| {
        let workers = WORKERS.load(Ordering::Relaxed);
        // It fails where a pool is there already, and that one serves as well.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(workers).build_global();
    });
}

/// Makes a component. See the header.
pub(super) unsafe extern "C" fn create(
    row: *const abi::Component,
    request: abi::Bytes,
    reply: *const abi::Reply,
    handle: *mut *mut c_void,
) -> i32 {
    // SAFETY: the host lends its reply for the call.
    let Some(reply) = (unsafe { reply.as_ref() }) else { return abi::FAULT };
    let out = Out(reply);
    caught(out, || {
        if row.is_null() || handle.is_null() {
            return Err(Fault::internal("create was called without a row or a place for the handle"));
        }
        // SAFETY: the row is one of our table, whose `user` is an entry of the inventory.
        let entry = unsafe { (*row).user.cast::<Entry>().as_ref() };
        let entry =
            entry.ok_or_else(|| Fault::internal("create was called with a row of another library"))?;
        // SAFETY: the host lends the request for the call.
        let request = unsafe { Request::new(request, std::ptr::null(), 0) };
        let wire::Create { params, base, seed, workers } = request.json()?;
        make_pool();
        let cx = BuildContext { base, seed: seed.0, workers };
        let (live, resolved) = (entry.build)(&params, &cx)?;
        let served = out.json(&resolved)?;
        let held = Box::new(Held::from(live));
        // SAFETY: the host gave a place for the handle.
        unsafe { handle.write(Box::into_raw(held).cast()) };
        Ok(served)
    })
}

/// Calls a method. See the header.
pub(super) unsafe extern "C" fn call(
    handle: *mut c_void,
    method: u32,
    request: abi::Bytes,
    tensors: *const abi::Tensor,
    count: usize,
    reply: *const abi::Reply,
) -> i32 {
    // SAFETY: the host lends its reply for the call.
    let Some(reply) = (unsafe { reply.as_ref() }) else { return abi::FAULT };
    let out = Out(reply);
    caught(out, || {
        // SAFETY: the host passes a handle of ours that it has not destroyed.
        let held = unsafe { handle.cast::<Held>().as_ref() };
        let held = held.ok_or_else(|| Fault::internal("a call without a handle"))?;
        // SAFETY: the host lends the request for the call.
        let request = unsafe { Request::new(request, tensors, count) };
        dispatch(held, method, &request, out)
    })
}

fn dispatch(held: &Held, method: u32, request: &Request<'_>, out: Out<'_>) -> Result<Served, Fault> {
    let entered = || Fault::internal("a call from within another one");
    match held {
        Held::Dataset(component) => dataset::serve(component.as_ref(), method, request, out),
        Held::Family(state) => family::serve(state, method, request, out),
        Held::Renderer(state) => renderer::serve(state, method, request, out),
        Held::Model(component) if method == method::SESSION => {
            let session = session::open(component.as_ref())?;
            let child = Box::into_raw(Box::new(Held::Session(RefCell::new(session))));
            if let Some(back) = out.child(child.cast()) {
                // SAFETY: made above, and nobody took it.
                drop(unsafe { Box::from_raw(back.cast::<Held>()) });
            }
            Ok(Served::Done)
        }
        Held::Model(component) => model::serve(component.as_ref(), method, request, out),
        Held::Sampler(state) => {
            sampler::serve(&mut *state.try_borrow_mut().map_err(|_| entered())?, method, request, out)
        }
        Held::Metric(component) => metric::serve(component.as_ref(), method, request, out),
        Held::Session(open) => {
            session::serve(&mut *open.try_borrow_mut().map_err(|_| entered())?, method, request, out)
        }
    }
}

/// Frees a handle. See the header.
pub(super) unsafe extern "C" fn destroy(handle: *mut c_void) {
    if handle.is_null() {
        return;
    }
    // A component that panics while it goes has nobody left to tell.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the host destroys a handle of ours once, children before their parent.
        drop(unsafe { Box::from_raw(handle.cast::<Held>()) });
    }));
}

/// Runs the library's code; a fault or a panic becomes status and message.
fn caught(out: Out<'_>, work: impl FnOnce() -> Result<Served, Fault>) -> i32 {
    let (status, fault) = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(Served::Done)) => return abi::OK,
        Ok(Ok(Served::Missing)) => return abi::MISSING,
        Ok(Err(fault)) => (abi::FAULT, fault),
        Err(panic) => {
            let fault = Fault::internal(panic_text(panic.as_ref()));
            // What a panic carries may panic again when it is dropped.
            std::mem::forget(panic);
            (abi::PANIC, fault)
        }
    };
    if let Ok(bytes) = wire::write(&fault) {
        out.bytes(&bytes);
    }
    status
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
