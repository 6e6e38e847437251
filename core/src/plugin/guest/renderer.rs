//! Serves a renderer.

use super::super::abi::method;
use super::super::wire;
use super::kept::Kept;
use super::lent::LentMedia;
use super::reply::{Out, Request, Served};
use crate::case::Case;
use crate::fault::Fault;
use crate::prompt_renderer::PromptRenderer;

/// A renderer with the volumes that it was lent.
pub(super) struct RendererState {
    renderer: Box<dyn PromptRenderer>,
    kept: Kept,
}

impl RendererState {
    pub(super) fn new(renderer: Box<dyn PromptRenderer>) -> Self {
        Self { renderer, kept: Kept::default() }
    }
}

pub(super) fn serve(
    state: &RendererState,
    method: u32,
    request: &Request<'_>,
    out: Out<'_>,
) -> Result<Served, Fault> {
    if method != method::RENDER {
        return Ok(Served::Missing);
    }
    let wire::Render { cases, question, lent } = request.json()?;
    let cases: Vec<&Case> = cases.iter().map(AsRef::as_ref).collect();
    let media = LentMedia::new(state.kept.shelf(lent, request)?);
    let drawn = state.renderer.render(&cases, &question, &media);
    if let Some(wanted) = media.wanted() {
        return out.json(&wire::RenderReply { done: None, lend: Some(wanted) });
    }
    let prompt = drawn?;
    media.give_drawn(out);
    out.json(&wire::RenderReply { done: Some(prompt), lend: None })
}
