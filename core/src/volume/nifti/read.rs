//! Images: NIfTI to canonical RAS+ f32.

use super::datatype::Datatype;
use super::file::{self, Buffers};
use super::voxels::{ToF32, Walk};
use crate::fault::Fault;
use crate::structure::Warning;
use crate::volume::Volume;
use std::path::Path;

impl Volume {
    /// Reads a NIfTI image into canonical RAS+: scaled to f32, permuted and flipped but never resampled.
    ///
    /// NIfTI-1 and -2, `.nii`, `.hdr` or `.img` of a pair, gzip or not (seen from the content). Of several volumes
    /// (4-D and beyond) the first is read, with the warning `first_of_many`. Voxels that are NaN or infinite stay so,
    /// with the warning `non_finite`.
    ///
    /// # Errors
    /// When the file is missing, damaged, cut, no NIfTI, or not a scalar volume with a usable affine.
    pub fn read(path: &Path) -> Result<Volume, Fault> {
        read(path, None)
    }

    /// Reads one of the volumes of a NIfTI image of four or more dimensions: `number` counts channels or points in
    /// time from 0, in the order in which they are stored.
    ///
    /// # Errors
    /// As [`Volume::read`], and when there is no such volume.
    pub fn read_nth(path: &Path, number: usize) -> Result<Volume, Fault> {
        read(path, Some(number))
    }
}

fn read(path: &Path, number: Option<usize>) -> Result<Volume, Fault> {
    let mut buffers = Buffers::default();
    let loaded = file::load(path, &mut buffers)?;
    let header = loaded.header;
    let volumes = header.volumes();
    let place = number.unwrap_or(0);
    if place >= volumes {
        return Err(Fault::data(format!(
            "{} has no volume {place}: it holds {volumes} (dims {:?})",
            path.display(),
            header.dims
        ))
        .help("volumes are counted from 0"));
    }
    let all = buffers.content.get(loaded.start..loaded.end).unwrap_or_default();
    let bytes = all.get(place * (all.len() / volumes)..).unwrap_or_default();
    let visitor = ToF32 { bytes, walk: Walk::new(&header), scaling: header.scaling };
    let voxels = header.datatype.visit(header.big_endian, visitor);
    let (grid, _) = header.canonical();
    let mut warnings = header.warnings.clone();
    if number.is_none() && volumes > 1 {
        let message = format!("the first of {volumes} volumes is used (dims {:?})", header.dims);
        warnings.push(Warning::new("first_of_many", message));
    }
    warnings.extend(non_finite(header.datatype, &voxels));
    Ok(Volume { grid, voxels, names: header.names, warnings })
}

/// Whole numbers are always finite, so that most scans need no second look.
fn non_finite(datatype: Datatype, voxels: &[f32]) -> Option<Warning> {
    if !matches!(datatype, Datatype::F32 | Datatype::F64) {
        return None;
    }
    let count = voxels.iter().filter(|value| !value.is_finite()).count();
    let message = || format!("{count} voxels are NaN or infinite; pictures show them black");
    (count > 0).then(|| Warning::new("non_finite", message()))
}
