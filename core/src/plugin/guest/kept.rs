//! Volumes and segmentations that a handle was lent and remembers, so that a case crosses once for all its questions.

use super::super::wire::{Lent, MaskBox, SegmentationForm, SegmentationHead, VolumeHead};
use super::reply::Request;
use crate::fault::Fault;
use crate::structure::Grid;
use crate::volume::{Form, Mask, Segmentation, Volume};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that a handle remembers beside what the call in progress needs.
const BUDGET: usize = 1 << 30;

/// What a handle remembers, the one used last at the back.
#[derive(Default)]
pub(super) struct Kept {
    items: Mutex<VecDeque<(u32, Item)>>,
}

#[derive(Clone)]
enum Item {
    Volume(Arc<Volume>),
    Segmentation(Arc<Segmentation>),
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Item::Volume(volume) => volume.voxels.len() * size_of::<f32>(),
            Item::Segmentation(segmentation) => segmentation.bytes(),
        }
    }
}

/// What one call may look at.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) volumes: BTreeMap<String, Result<Arc<Volume>, Fault>>,
    pub(super) segmentations: BTreeMap<String, Result<Arc<Segmentation>, Fault>>,
}

impl Kept {
    /// What the host lends to a call: copied when it came along, remembered when it was only named.
    ///
    /// # Errors
    /// When tensors do not fit their heads.
    pub(super) fn shelf(&self, lent: Lent<'_>, request: &Request<'_>) -> Result<Shelf, Fault> {
        let mut shelf = Shelf::default();
        let mut next = 0;
        for volume in lent.volumes {
            let id = volume.id.into_owned();
            match (volume.head, volume.fault) {
                (_, Some(fault)) => {
                    shelf.volumes.insert(id, Err(fault.into_owned()));
                }
                (Some(head), None) => {
                    let made = Arc::new(volume_of(head, request, next)?);
                    next += 1;
                    self.keep(volume.stamp, Item::Volume(Arc::clone(&made)));
                    shelf.volumes.insert(id, Ok(made));
                }
                (None, None) => {
                    if let Some(Item::Volume(known)) = self.find(volume.stamp) {
                        shelf.volumes.insert(id, Ok(known));
                    }
                }
            }
        }
        for segmentation in lent.segmentations {
            let case = segmentation.case.into_owned();
            match (segmentation.head, segmentation.fault) {
                (_, Some(fault)) => {
                    shelf.segmentations.insert(case, Err(fault.into_owned()));
                }
                (Some(head), None) => {
                    let made = Arc::new(segmentation_of(head, request, &mut next)?);
                    self.keep(segmentation.stamp, Item::Segmentation(Arc::clone(&made)));
                    shelf.segmentations.insert(case, Ok(made));
                }
                (None, None) => {
                    if let Some(Item::Segmentation(known)) = self.find(segmentation.stamp) {
                        shelf.segmentations.insert(case, Ok(known));
                    }
                }
            }
        }
        Ok(shelf)
    }

    fn find(&self, stamp: u32) -> Option<Item> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let at = items.iter().rposition(|(known, _)| *known == stamp)?;
        let found = items.remove(at)?;
        let item = found.1.clone();
        items.push_back(found);
        Some(item)
    }

    fn keep(&self, stamp: u32, item: Item) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.push_back((stamp, item));
        let mut held: usize = items.iter().map(|(_, item)| item.bytes()).sum();
        while held > BUDGET && items.len() > 1 {
            let Some((_, oldest)) = items.pop_front() else { break };
            held -= oldest.bytes();
        }
    }
}

fn volume_of(head: VolumeHead<'_>, request: &Request<'_>, tensor: usize) -> Result<Volume, Fault> {
    let (view, voxels) = request.f32(tensor)?;
    let [z, y, x] = *view.shape.sides() else {
        return Err(Fault::internal("a lent volume is not f32 [z, y, x]"));
    };
    Ok(Volume {
        grid: Grid { shape: [x, y, z], affine: head.affine },
        voxels: voxels.to_vec(),
        names: head.names.into_owned(),
        warnings: head.warnings.into_owned(),
    })
}

fn segmentation_of(
    head: SegmentationHead<'_>,
    request: &Request<'_>,
    next: &mut usize,
) -> Result<Segmentation, Fault> {
    let mut mask = |MaskBox { min, max }: MaskBox| -> Result<Mask, Fault> {
        let (words, rest) = request.u8(*next)?.as_chunks::<8>();
        *next += 1;
        let words = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let mask = rest.is_empty().then(|| Mask::from_words(min, max, words)).flatten();
        mask.ok_or_else(|| Fault::internal(format!("a lent mask does not fit its box {min:?} to {max:?}")))
    };
    let masks: Vec<Option<Mask>> =
        head.masks.into_iter().map(|found| found.map(&mut mask).transpose()).collect::<Result<_, _>>()?;
    let measured = head.measured.into_owned();
    let inside = |index: &usize| *index < measured.structures.len();
    if masks.len() != measured.structures.len() || !head.shared.iter().all(|(a, b, _)| inside(a) && inside(b))
    {
        return Err(Fault::internal("a lent segmentation does not fit its measurements"));
    }
    let form = match head.form {
        SegmentationForm::LabelMap => Form::LabelMap,
        SegmentationForm::Masks => Form::Masks,
        SegmentationForm::Boxes => Form::Boxes,
    };
    let shared = head.shared.into_iter().map(|(a, b, voxels)| ((a, b), voxels)).collect();
    Ok(Segmentation::assemble(measured, masks, form, shared))
}
