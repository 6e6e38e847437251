//! NIfTI-1 files made by tests.
#![allow(dead_code, unreachable_pub)]

/// A file of unsigned bytes, x fastest, with an affine of its own.
pub fn nifti(shape: [u16; 3], rows: [[f32; 4]; 3], voxels: &[u8]) -> Vec<u8> {
    written(shape, rows, 2, 8, voxels)
}

/// The same with 16-bit integers, as CT is stored.
pub fn nifti_i16(shape: [u16; 3], rows: [[f32; 4]; 3], voxels: &[i16]) -> Vec<u8> {
    let bytes: Vec<u8> = voxels.iter().flat_map(|value| value.to_le_bytes()).collect();
    written(shape, rows, 4, 16, &bytes)
}

fn written(shape: [u16; 3], rows: [[f32; 4]; 3], datatype: i16, bits: i16, voxels: &[u8]) -> Vec<u8> {
    let mut file = vec![0u8; 352];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &348i32.to_le_bytes());
    for (index, length) in [3, shape[0], shape[1], shape[2], 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * index, &length.to_le_bytes());
    }
    put(70, &datatype.to_le_bytes());
    put(72, &bits.to_le_bytes());
    for index in 0..8 {
        put(76 + 4 * index, &1f32.to_le_bytes());
    }
    put(108, &352f32.to_le_bytes());
    put(123, &[2]); // mm
    put(254, &1i16.to_le_bytes()); // sform_code
    for (row, values) in rows.iter().enumerate() {
        for (column, value) in values.iter().enumerate() {
            put(280 + 16 * row + 4 * column, &value.to_le_bytes());
        }
    }
    put(344, b"n+1\0");
    file.extend_from_slice(voxels);
    file
}
