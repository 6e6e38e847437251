//! Lends volumes and segmentations to a call: only what was asked for, and not again what the other side still has.

use super::super::tensor::View;
use super::super::wire::{
    Lent, LentSegmentation, LentVolume, MaskBox, SegmentationForm, SegmentationHead, VolumeHead, Wanted,
};
use crate::case::{Case, StructureSource, VolumeRef};
use crate::fault::Fault;
use crate::media::Media;
use crate::volume::{Form, Segmentation, Volume};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Rounds of lending in one call: everything can be asked for in one, a second one replaces what was dropped meanwhile.
pub(super) const MAX_ROUNDS: usize = 4;

/// What one handle was lent so far and said it keeps.
#[derive(Default)]
pub(super) struct Lender {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The last stamp given.
    stamp: u32,
    volumes: BTreeMap<String, (u32, Weak<Volume>)>,
    segmentations: BTreeMap<String, (u32, Weak<Segmentation>)>,
}

/// What is lent to one call.
pub(super) struct Loan<'a> {
    lender: &'a Lender,
    cases: &'a [&'a Case],
    media: &'a dyn Media,
    volumes: BTreeMap<String, Item<Volume>>,
    segmentations: BTreeMap<String, Item<Segmentation>>,
}

/// One thing that is lent: known by stamp, or sent whole.
struct Item<T> {
    stamp: u32,
    whole: Option<Result<Arc<T>, Fault>>,
}

impl Lender {
    /// Begins a call about these cases: what the other side keeps of them and is still the same is named.
    pub(super) fn begin<'a>(&'a self, cases: &'a [&'a Case], media: &'a dyn Media) -> Loan<'a> {
        let mut loan =
            Loan { lender: self, cases, media, volumes: BTreeMap::new(), segmentations: BTreeMap::new() };
        for case in cases {
            for volume in volumes_of(case) {
                let known = self.kept().volumes.get(&volume.id).map(|(stamp, held)| (*stamp, held.upgrade()));
                if let Some((stamp, Some(held))) = known
                    && media.volume(volume).is_ok_and(|now| Arc::ptr_eq(&now, &held))
                {
                    loan.volumes.insert(volume.id.clone(), Item { stamp, whole: None });
                }
            }
            let known =
                self.kept().segmentations.get(&case.name).map(|(stamp, held)| (*stamp, held.upgrade()));
            if let Some((stamp, Some(held))) = known
                && media.segmentation(case).is_ok_and(|now| Arc::ptr_eq(&now, &held))
            {
                loan.segmentations.insert(case.name.clone(), Item { stamp, whole: None });
            }
        }
        loan
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loan<'_> {
    /// Adds what the other side asks for.
    ///
    /// # Errors
    /// Something that the cases do not hold, or that was sent already.
    pub(super) fn add(&mut self, wanted: &Wanted) -> Result<(), Fault> {
        if wanted.is_empty() {
            return Err(Fault::internal("it asks to be lent nothing"));
        }
        for id in &wanted.volumes {
            let volume = self.cases.iter().flat_map(|case| volumes_of(case)).find(|volume| volume.id == *id);
            let Some(volume) = volume else {
                return Err(Fault::internal(format!(
                    "it asks for volume {id:?}, which the case does not hold"
                )));
            };
            if self.volumes.get(id).is_some_and(|item| item.whole.is_some()) {
                return Err(Fault::internal(format!("it asks twice for volume {id:?}")));
            }
            let whole = self.media.volume(volume);
            let mut kept = self.lender.kept();
            kept.stamp = kept.stamp.wrapping_add(1);
            let stamp = kept.stamp;
            if let (true, Ok(volume)) = (wanted.keep, &whole) {
                kept.volumes.insert(id.clone(), (stamp, Arc::downgrade(volume)));
            }
            drop(kept);
            self.volumes.insert(id.clone(), Item { stamp, whole: Some(whole) });
        }
        for name in &wanted.segmentations {
            let Some(case) = self.cases.iter().find(|case| case.name == *name) else {
                return Err(Fault::internal(format!("it asks for the structures of {name:?}, another case")));
            };
            if self.segmentations.get(name).is_some_and(|item| item.whole.is_some()) {
                return Err(Fault::internal(format!("it asks twice for the structures of {name:?}")));
            }
            let whole = self.media.segmentation(case);
            let mut kept = self.lender.kept();
            kept.stamp = kept.stamp.wrapping_add(1);
            let stamp = kept.stamp;
            if let (true, Ok(segmentation)) = (wanted.keep, &whole) {
                kept.segmentations.insert(name.clone(), (stamp, Arc::downgrade(segmentation)));
            }
            drop(kept);
            self.segmentations.insert(name.clone(), Item { stamp, whole: Some(whole) });
        }
        Ok(())
    }

    /// The message part: heads and faults.
    pub(super) fn heads(&self) -> Lent<'_> {
        let volumes = self.volumes.iter().map(|(id, item)| LentVolume {
            id: Cow::Borrowed(id),
            stamp: item.stamp,
            head: item.whole().map(|volume| VolumeHead {
                affine: volume.grid.affine,
                names: Cow::Borrowed(&volume.names),
                warnings: Cow::Borrowed(&volume.warnings),
            }),
            fault: item.fault().map(Cow::Borrowed),
        });
        let segmentations = self.segmentations.iter().map(|(case, item)| LentSegmentation {
            case: Cow::Borrowed(case),
            stamp: item.stamp,
            head: item.whole().map(|segmentation| head_of(segmentation)),
            fault: item.fault().map(Cow::Borrowed),
        });
        Lent { volumes: volumes.collect(), segmentations: segmentations.collect() }
    }

    /// Masks as bytes, in the order of the tensors; [`Loan::tensors`] looks at them.
    pub(super) fn mask_bytes(&self) -> Vec<([usize; 3], Vec<u8>)> {
        let masks = self.segmentations.values().filter_map(Item::whole);
        masks
            .flat_map(|segmentation| segmentation.masks.iter().flatten())
            .map(|mask| {
                let [nx, ny, nz] = [0, 1, 2].map(|axis| mask.max[axis] - mask.min[axis] + 1);
                let bytes = mask.words().iter().flat_map(|word| word.to_le_bytes()).collect();
                ([nz, ny, nx.div_ceil(64) * 8], bytes)
            })
            .collect()
    }

    /// The tensors that belong to the heads: voxels first, then masks.
    pub(super) fn tensors<'a>(&'a self, masks: &'a [([usize; 3], Vec<u8>)]) -> Vec<View<'a>> {
        let volumes = self.volumes.values().filter_map(Item::whole).map(|volume| {
            let [x, y, z] = volume.grid.shape;
            View::f32(&[z, y, x], &volume.voxels)
        });
        volumes.chain(masks.iter().map(|(sides, bytes)| View::u8(sides, bytes))).collect()
    }
}

impl<T> Item<T> {
    fn whole(&self) -> Option<&Arc<T>> {
        self.whole.as_ref()?.as_ref().ok()
    }

    fn fault(&self) -> Option<&Fault> {
        self.whole.as_ref()?.as_ref().err()
    }
}

fn head_of(segmentation: &Segmentation) -> SegmentationHead<'_> {
    let (form, shared) = segmentation.origin();
    SegmentationHead {
        form: match form {
            Form::LabelMap => SegmentationForm::LabelMap,
            Form::Masks => SegmentationForm::Masks,
            Form::Boxes => SegmentationForm::Boxes,
        },
        measured: Cow::Borrowed(&segmentation.measured),
        shared: shared.iter().map(|(&(a, b), &voxels)| (a, b, voxels)).collect(),
        masks: segmentation
            .masks
            .iter()
            .map(|mask| mask.as_ref().map(|mask| MaskBox { min: mask.min, max: mask.max }))
            .collect(),
    }
}

/// Every volume that a case names.
pub(super) fn volumes_of(case: &Case) -> impl Iterator<Item = &VolumeRef> {
    let (map, masks) = match &case.structures {
        StructureSource::LabelMap { volume, .. } => (Some(volume), None),
        StructureSource::Masks { masks } => (None, Some(masks)),
        StructureSource::Boxes { .. } | StructureSource::None => (None, None),
    };
    case.volumes.iter().chain(map).chain(masks.into_iter().flatten().map(|mask| &mask.volume))
}
