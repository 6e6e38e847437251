//! A data set on the other side.

use super::super::abi::method;
use super::super::tensor::Owned;
use super::super::wire;
use super::collector::{Collector, Limits, MAX_TENSOR_BYTES};
use super::handle::{Called, Handle};
use crate::case::{Case, DatasetCard};
use crate::dataset::Dataset;
use crate::fault::Fault;
use crate::structure::Grid;
use crate::volume::{MAX_AXIS, Volume};
use std::borrow::Cow;

pub(super) struct ForeignDataset {
    handle: Handle,
    card: DatasetCard,
    len: usize,
}

impl ForeignDataset {
    /// # Errors
    /// When it does not say what it is.
    pub(super) fn new(handle: Handle) -> Result<Self, Fault> {
        let mut collector = Collector::new(Limits::JSON);
        let said: wire::DatasetSelf<'static> =
            handle.must((method::DESCRIBE, "describe"), &[], &[], &mut collector)?;
        Ok(Self { card: said.card.into_owned(), len: said.len, handle })
    }
}

impl Dataset for ForeignDataset {
    fn card(&self) -> &DatasetCard {
        &self.card
    }

    fn len(&self) -> usize {
        self.len
    }

    fn case(&self, index: usize) -> Result<Case, Fault> {
        let request = wire::write(&wire::CaseAt { index })?;
        self.handle.must((method::CASE, "case"), &request, &[], &mut Collector::new(Limits::JSON))
    }

    fn volume(&self, key: &str) -> Result<Volume, Fault> {
        let request = wire::write(&wire::VolumeAt { key: Cow::Borrowed(key) })?;
        let mut collector = Collector::new(Limits::tensors(1, MAX_TENSOR_BYTES));
        if self.handle.call((method::VOLUME, "volume"), &request, &[], &mut collector)? == Called::Missing {
            return Err(Fault::unsupported(format!("this data set has no volume {key:?} of its own")));
        }
        let row = self.handle.row();
        let head: wire::VolumeHead<'static> = row.parsed("volume", &collector.take_json())?;
        let (sides, voxels) = match collector.one_tensor("volume").map_err(|fault| row.broken(&fault.what))? {
            Owned::F32(shape, voxels) => (shape.sides().to_vec(), voxels),
            other => {
                return Err(row.broken(&format!("volume gave {}, expected f32 [z, y, x]", other.describe())));
            }
        };
        let [z, y, x] = sides[..] else {
            return Err(row.broken(&format!("volume gave f32 {sides:?}, expected f32 [z, y, x]")));
        };
        if sides.iter().any(|side| *side > MAX_AXIS) {
            return Err(
                row.broken(&format!("volume gave f32 {sides:?}; an axis has at most {MAX_AXIS} voxels"))
            );
        }
        if !head.affine.0.iter().flatten().all(|entry| entry.is_finite()) {
            return Err(row.broken(&format!("the affine of {key:?} is not finite")));
        }
        Ok(Volume {
            grid: Grid { shape: [x, y, z], affine: head.affine },
            voxels,
            names: head.names.into_owned(),
            warnings: head.warnings.into_owned(),
        })
    }
}
