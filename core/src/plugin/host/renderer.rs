//! A renderer on the other side.

use super::super::abi::method;
use super::super::tensor::Owned;
use super::super::wire;
use super::collector::{Collector, Limits, MAX_TENSORS};
use super::handle::Handle;
use super::lender::{Lender, MAX_ROUNDS, volumes_of};
use crate::case::{Case, VolumeRef};
use crate::fault::Fault;
use crate::media::{Media, Picture};
use crate::prompt::{ImageRef, Part, Prompt};
use crate::prompt_renderer::PromptRenderer;
use crate::question::Question;
use std::borrow::Cow;

/// Most bytes of one picture or volume that a renderer gives.
const MAX_DRAWN_BYTES: usize = 1 << 30;

pub(super) struct ForeignRenderer {
    handle: Handle,
    lender: Lender,
}

impl ForeignRenderer {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle, lender: Lender::default() }
    }

    /// Puts what was drawn into the store and its names into the prompt.
    fn adopt(
        &self,
        prompt: Prompt,
        drawn: &[Owned],
        cases: &[&Case],
        media: &dyn Media,
    ) -> Result<Prompt, Fault> {
        let parts = prompt.parts.into_iter().map(|part| match part {
            Part::Text { text } => Ok(Part::Text { text }),
            Part::Image { image } => Ok(Part::Image { image: self.picture(&image, drawn, media)? }),
            Part::Volume { volume } => Ok(Part::Volume { volume: self.volume(volume, drawn, cases, media)? }),
        });
        Ok(Prompt { parts: parts.collect::<Result<_, Fault>>()? })
    }

    fn picture(&self, image: &ImageRef, drawn: &[Owned], media: &dyn Media) -> Result<ImageRef, Fault> {
        let row = self.handle.row();
        match numbered(&image.pixels, drawn) {
            Some(Owned::U8(shape, rgb)) => match *shape.sides() {
                [height, width, 3] => {
                    let side = |length: usize| {
                        u32::try_from(length)
                            .map_err(|_| row.broken("render gave a picture that is too large"))
                    };
                    media.put_picture(&Picture {
                        width: side(width)?,
                        height: side(height)?,
                        rgb: rgb.clone(),
                    })
                }
                _ => Err(row.broken(&format!(
                    "render gave picture {} of shape {:?}, expected [H, W, 3]",
                    image.pixels,
                    shape.sides()
                ))),
            },
            Some(other) => Err(row.broken(&format!(
                "render gave {} for picture {}, expected u8 [H, W, 3]",
                other.describe(),
                image.pixels
            ))),
            None => Err(row.broken(&format!(
                "render names picture {:?}, but gave {} tensors",
                image.pixels,
                drawn.len()
            ))),
        }
    }

    fn volume(
        &self,
        volume: VolumeRef,
        drawn: &[Owned],
        cases: &[&Case],
        media: &dyn Media,
    ) -> Result<VolumeRef, Fault> {
        let row = self.handle.row();
        match numbered(&volume.id, drawn) {
            Some(Owned::F32(shape, voxels)) => match *shape.sides() {
                [z, y, x] => media.put_volume([z, y, x], voxels),
                _ => Err(row.broken(&format!("render gave a volume of shape {:?}", shape.sides()))),
            },
            Some(other) => {
                Err(row.broken(&format!("render gave {}, expected f32 [z, y, x]", other.describe())))
            }
            None if cases.iter().any(|case| volumes_of(case).any(|known| *known == volume)) => Ok(volume),
            None => Err(row.broken(&format!("render names volume {:?}, which nobody knows", volume.id))),
        }
    }
}

/// The tensor of a name `#k`.
fn numbered<'a>(name: &str, drawn: &'a [Owned]) -> Option<&'a Owned> {
    drawn.get(name.strip_prefix('#')?.parse::<usize>().ok()?)
}

impl PromptRenderer for ForeignRenderer {
    fn render(&self, cases: &[&Case], question: &Question, media: &dyn Media) -> Result<Prompt, Fault> {
        let row = self.handle.row();
        let mut loan = self.lender.begin(cases, media);
        let mut collector = Collector::default();
        for _ in 0..MAX_ROUNDS {
            let request = wire::write(&wire::Render {
                cases: cases.iter().map(|case| Cow::Borrowed(*case)).collect(),
                question: Cow::Borrowed(question),
                lent: loan.heads(),
            })?;
            let masks = loan.mask_bytes();
            collector.start(Limits::tensors(MAX_TENSORS, MAX_DRAWN_BYTES));
            let said: wire::RenderReply = self.handle.must(
                (method::RENDER, "render"),
                &request,
                &loan.tensors(&masks),
                &mut collector,
            )?;
            match said {
                wire::RenderReply { done: Some(prompt), lend: None } => {
                    return self.adopt(prompt, &collector.take_tensors(), cases, media);
                }
                wire::RenderReply { done: None, lend: Some(wanted) } => {
                    loan.add(&wanted).map_err(|fault| row.broken(&format!("render: {}", fault.what)))?;
                }
                _ => return Err(row.broken("render must give one of `done` and `lend`")),
            }
        }
        Err(row.broken(&format!("render still wants to be lent more after {MAX_ROUNDS} rounds")))
    }
}
