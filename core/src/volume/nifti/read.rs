//! Images: NIfTI to canonical RAS+ f32.

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
    /// (4-D and beyond) the first is read, with the warning `first_of_many`.
    ///
    /// # Errors
    /// When the file is missing, damaged, cut, no NIfTI, or not a scalar volume with a usable affine.
    pub fn read(path: &Path) -> Result<Volume, Fault> {
        let mut buffers = Buffers::default();
        let loaded = file::load(path, &mut buffers)?;
        let header = loaded.header;
        let bytes = buffers.content.get(loaded.start..loaded.end).unwrap_or_default();
        let visitor = ToF32 { bytes, walk: Walk::new(&header), scaling: header.scaling };
        let voxels = header.datatype.visit(header.big_endian, visitor);
        let (grid, _) = header.canonical();
        let mut warnings = header.warnings.clone();
        if header.volumes() > 1 {
            let message =
                format!("the first of {} volumes is used (dims {:?})", header.volumes(), header.dims);
            warnings.push(Warning::new("first_of_many", message));
        }
        Ok(Volume { grid, voxels, names: header.names, warnings })
    }
}
