//! Serves a data set.

use super::super::abi::method;
use super::super::tensor::View;
use super::super::wire;
use super::reply::{Out, Request, Served};
use crate::dataset::Dataset;
use crate::fault::Fault;
use std::borrow::Cow;

pub(super) fn serve(
    dataset: &dyn Dataset,
    method: u32,
    request: &Request<'_>,
    out: Out<'_>,
) -> Result<Served, Fault> {
    match method {
        method::DESCRIBE => {
            out.json(&wire::DatasetSelf { card: Cow::Borrowed(dataset.card()), len: dataset.len() })
        }
        method::CASE => {
            let wire::CaseAt { index } = request.json()?;
            out.json(&dataset.case(index)?)
        }
        method::VOLUME => {
            let wire::VolumeAt { key } = request.json()?;
            let volume = dataset.volume(&key)?;
            let [x, y, z] = volume.grid.shape;
            out.tensor(&View::f32(&[z, y, x], &volume.voxels));
            out.json(&wire::VolumeHead {
                affine: volume.grid.affine,
                names: Cow::Borrowed(&volume.names),
                warnings: Cow::Borrowed(&volume.warnings),
            })
        }
        _ => Ok(Served::Missing),
    }
}
