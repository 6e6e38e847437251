//! Serves a session: a child handle of its model.

use super::super::abi::method;
use super::super::tensor::View;
use super::model::asked;
use super::reply::{Out, Request, Served};
use crate::fault::Fault;
use crate::model_backend::{Flow, ModelBackend, Session};

/// A session with the model that it borrows.
pub(super) struct OpenSession {
    // Declared first: dropped before anything that it borrows could be.
    session: Box<dyn Session + 'static>,
    model: &'static dyn ModelBackend,
    copied: Vec<f32>,
}

/// Opens a session that outlives the call.
///
/// # Errors
/// Those of the model.
pub(super) fn open(model: &dyn ModelBackend) -> Result<OpenSession, Fault> {
    // SAFETY: the host destroys sessions before their model, so the model outlives this borrow; the model is boxed and
    // does not move. The lifetime is the only thing that changes.
    let model: &'static dyn ModelBackend = unsafe { std::mem::transmute::<&dyn ModelBackend, _>(model) };
    Ok(OpenSession { session: model.session()?, model, copied: Vec::new() })
}

fn slot(request: &Request<'_>) -> Result<u32, Fault> {
    match request.u32(0)? {
        [slot] => Ok(*slot),
        other => Err(Fault::internal(format!("expected one slot, found {}", other.len()))),
    }
}

pub(super) fn serve(
    open: &mut OpenSession,
    method: u32,
    request: &Request<'_>,
    out: Out<'_>,
) -> Result<Served, Fault> {
    match method {
        method::ADMIT => {
            let (asked, _, media) = asked(open.model, request)?;
            let slot = open.session.admit(&asked, &media)?;
            out.tensor(&View::u32(&[slot]));
        }
        method::LOGITS => {
            let logits = open.session.logits(request.u32(0)?)?;
            let values = logits.on_host(&mut open.copied)?.values();
            out.tensor(&View::f32(&[logits.rows, logits.vocabulary], values));
        }
        method::PUSH => {
            let [slot, token] = *request.u32(0)? else {
                return Err(Fault::internal("expected a slot and a token"));
            };
            let flow = open.session.push(slot, token)?;
            out.tensor(&View::u32(&[u32::from(flow == Flow::Stop)]));
        }
        method::FINISH => return out.json(&open.session.finish(slot(request)?)?),
        method::CANCEL => open.session.cancel(slot(request)?),
        _ => return Ok(Served::Missing),
    }
    Ok(Served::Done)
}
