//! Small NIfTI files made by hand, byte by byte, from the published layout of the header.

use std::path::PathBuf;

/// The fields that tests vary; everything else is zero.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) dims: Vec<i16>,
    pub(crate) datatype: i16,
    pub(crate) bitpix: i16,
    pub(crate) pixdim: [f32; 4],
    pub(crate) scaling: [f32; 2],
    pub(crate) sform: Option<[[f32; 4]; 3]>,
    /// b, c, d, x, y, z.
    pub(crate) qform: Option<[f32; 6]>,
    pub(crate) data: Vec<u8>,
}

impl Image {
    /// int16 voxels with an sform.
    pub(crate) fn int16(shape: [usize; 3], affine: [[f64; 4]; 4], voxels: &[i16]) -> Self {
        let spacing: [f32; 3] = std::array::from_fn(|column| {
            affine.iter().take(3).map(|row| row[column] * row[column]).sum::<f64>().sqrt() as f32
        });
        Self {
            dims: shape.iter().map(|length| *length as i16).collect(),
            datatype: 4,
            bitpix: 16,
            pixdim: [1.0, spacing[0], spacing[1], spacing[2]],
            scaling: [0.0, 0.0],
            sform: Some(std::array::from_fn(|row| affine[row].map(|value| value as f32))),
            qform: None,
            data: voxels.iter().flat_map(|voxel| voxel.to_le_bytes()).collect(),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0_u8; 352];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, &348_i32.to_le_bytes());
        put(40, &(self.dims.len() as i16).to_le_bytes());
        for (axis, length) in self.dims.iter().enumerate() {
            put(42 + 2 * axis, &length.to_le_bytes());
        }
        put(70, &self.datatype.to_le_bytes());
        put(72, &self.bitpix.to_le_bytes());
        for (index, length) in self.pixdim.iter().enumerate() {
            put(76 + 4 * index, &length.to_le_bytes());
        }
        put(108, &352_f32.to_le_bytes());
        put(112, &self.scaling[0].to_le_bytes());
        put(116, &self.scaling[1].to_le_bytes());
        put(123, &[2]);
        if let Some(qform) = self.qform {
            put(252, &1_i16.to_le_bytes());
            for (index, value) in qform.iter().enumerate() {
                put(256 + 4 * index, &value.to_le_bytes());
            }
        }
        if let Some(sform) = self.sform {
            put(254, &1_i16.to_le_bytes());
            for (index, value) in sform.iter().flatten().enumerate() {
                put(280 + 4 * index, &value.to_le_bytes());
            }
        }
        put(344, b"n+1\0");
        bytes.extend(&self.data);
        bytes
    }
}

/// A file that is gone with its folder.
pub(crate) fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
