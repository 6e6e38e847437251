//! The identity of a volume: the same for every storage order of the same voxels in the same place.

use super::Volume;
use crate::digest::Digest;

/// Voxels hashed at a time; part of the identity, since each part is framed by its length.
const CHUNK: usize = 1 << 16;

/// Names a volume and its segmentation by content: shape, canonical voxels and canonical affine rounded to 1e-4 mm,
/// plus a digest of the segmentation. 32 hexadecimal digits.
///
/// All NaN are one value, and so are 0.0 and -0.0.
pub fn volume_id(volume: &Volume, segmentation_digest: &str) -> String {
    let mut digest = Digest::new("situs-volume-1");
    for length in volume.grid.shape {
        digest.add(&(length as u64).to_le_bytes());
    }
    for value in volume.grid.affine.0.iter().flatten() {
        // Adding 0.0 turns -0.0, which rounding small negatives gives, into 0.0.
        let rounded = (value * 1e4).round() + 0.0;
        digest.add(&rounded.to_le_bytes());
    }
    let mut bytes = Vec::new();
    for chunk in volume.voxels.chunks(CHUNK) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|value| unified(*value).to_le_bytes()));
        digest.add(&bytes);
    }
    digest.text(segmentation_digest).short()
}

fn unified(value: f32) -> f32 {
    if value.is_nan() { f32::NAN } else { value + 0.0 }
}
