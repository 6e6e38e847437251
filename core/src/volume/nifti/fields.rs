//! The bytes of a NIfTI-1 or NIfTI-2 header as one set of fields, unchecked.

use crate::fault::Fault;
use nifti::header::MAGIC_CODE_NI1;
use nifti::{Endianness, NiftiHeader};

/// Bytes of a NIfTI-1 header.
pub(crate) const NIFTI1_BYTES: usize = 348;
/// Bytes of a NIfTI-2 header.
pub(crate) const NIFTI2_BYTES: usize = 540;

/// What both versions of the header have in common, in the width of the larger one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fields {
    /// 1 or 2.
    pub version: u8,
    /// Byte order of header and voxels.
    pub big_endian: bool,
    /// Voxels lie in a file of their own (`.hdr` and `.img`).
    pub two_files: bool,
    pub sizeof_hdr: i32,
    pub dim: [i64; 8],
    pub datatype: i16,
    pub bitpix: i16,
    pub pixdim: [f64; 8],
    pub vox_offset: f64,
    pub scl_slope: f64,
    pub scl_inter: f64,
    pub xyzt_units: i32,
    pub qform_code: i32,
    pub sform_code: i32,
    /// Quaternion b, c, d.
    pub quatern: [f64; 3],
    /// Translation of the qform.
    pub qoffset: [f64; 3],
    /// First three rows of the sform.
    pub srow: [[f64; 4]; 3],
}

/// Whether the first four bytes announce a NIfTI-2 header, and in which byte order.
fn announces_nifti2(start: &[u8]) -> Option<bool> {
    let size = start.first_chunk::<4>()?;
    let wanted = NIFTI2_BYTES as i32;
    if i32::from_le_bytes(*size) == wanted {
        Some(false)
    } else if i32::from_be_bytes(*size) == wanted {
        Some(true)
    } else {
        None
    }
}

/// Bytes of the header that starts with these four.
pub(crate) fn header_bytes(start: &[u8]) -> usize {
    if announces_nifti2(start).is_some() { NIFTI2_BYTES } else { NIFTI1_BYTES }
}

impl Fields {
    /// Reads the fields of a header of [`header_bytes`] bytes.
    ///
    /// # Errors
    /// When the header is cut or its magic is not NIfTI's.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        match announces_nifti2(bytes) {
            Some(big_endian) => Self::parse_nifti2(bytes, big_endian),
            None => Self::parse_nifti1(bytes),
        }
    }

    fn parse_nifti1(bytes: &[u8]) -> Result<Self, Fault> {
        let bytes = bytes.first_chunk::<NIFTI1_BYTES>().ok_or_else(|| cut(bytes.len(), NIFTI1_BYTES))?;
        let header = NiftiHeader::from_reader(bytes.as_slice()).map_err(|_| {
            Fault::data("this is not NIfTI: bytes 344 to 347 hold neither \"n+1\" nor \"ni1\"")
                .help("convert it to NIfTI, e.g. with dcm2niix")
        })?;
        let wide = |row: [f32; 4]| row.map(f64::from);
        Ok(Self {
            version: 1,
            big_endian: header.endianness == Endianness::Big,
            two_files: header.magic == *MAGIC_CODE_NI1,
            sizeof_hdr: header.sizeof_hdr,
            // The crate has them unsigned; a negative length is to be seen as one.
            dim: header.dim.map(|length| i64::from(length as i16)),
            datatype: header.datatype,
            bitpix: header.bitpix,
            pixdim: header.pixdim.map(f64::from),
            vox_offset: f64::from(header.vox_offset),
            scl_slope: f64::from(header.scl_slope),
            scl_inter: f64::from(header.scl_inter),
            xyzt_units: i32::from(header.xyzt_units),
            qform_code: i32::from(header.qform_code),
            sform_code: i32::from(header.sform_code),
            quatern: [header.quatern_b, header.quatern_c, header.quatern_d].map(f64::from),
            qoffset: [header.quatern_x, header.quatern_y, header.quatern_z].map(f64::from),
            srow: [wide(header.srow_x), wide(header.srow_y), wide(header.srow_z)],
        })
    }

    fn parse_nifti2(bytes: &[u8], big_endian: bool) -> Result<Self, Fault> {
        let bytes = bytes.first_chunk::<NIFTI2_BYTES>().ok_or_else(|| cut(bytes.len(), NIFTI2_BYTES))?;
        let field = Positions { bytes, big_endian };
        let two_files = match &bytes[4..12] {
            b"n+2\0\r\n\x1a\n" => false,
            b"ni2\0\r\n\x1a\n" => true,
            other => {
                return Err(Fault::data(format!(
                    "this is not NIfTI-2: bytes 4 to 11 hold {:?}",
                    other.escape_ascii().to_string()
                ))
                .help("a copy in text mode damages line ends; copy the file again"));
            }
        };
        Ok(Self {
            version: 2,
            big_endian,
            two_files,
            sizeof_hdr: field.i32(0),
            dim: std::array::from_fn(|axis| field.i64(16 + 8 * axis)),
            datatype: field.i16(12),
            bitpix: field.i16(14),
            pixdim: field.f64s(104),
            vox_offset: field.i64(168) as f64,
            scl_slope: field.f64(176),
            scl_inter: field.f64(184),
            xyzt_units: field.i32(500),
            qform_code: field.i32(344),
            sform_code: field.i32(348),
            quatern: field.f64s(352),
            qoffset: field.f64s(376),
            srow: [field.f64s(400), field.f64s(432), field.f64s(464)],
        })
    }
}

fn cut(found: usize, wanted: usize) -> Fault {
    Fault::data(format!("the file ends after {found} bytes, within its header of {wanted}"))
        .help("the file is empty, cut or not NIfTI")
}

/// Numbers at byte positions of a NIfTI-2 header; all positions used lie inside it.
struct Positions<'a> {
    bytes: &'a [u8; NIFTI2_BYTES],
    big_endian: bool,
}

impl Positions<'_> {
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut array: [u8; N] = std::array::from_fn(|offset| self.bytes[at + offset]);
        if self.big_endian {
            array.reverse();
        }
        array
    }

    fn i16(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.array(at))
    }

    fn i32(&self, at: usize) -> i32 {
        i32::from_le_bytes(self.array(at))
    }

    fn i64(&self, at: usize) -> i64 {
        i64::from_le_bytes(self.array(at))
    }

    fn f64(&self, at: usize) -> f64 {
        f64::from_le_bytes(self.array(at))
    }

    fn f64s<const N: usize>(&self, at: usize) -> [f64; N] {
        std::array::from_fn(|index| self.f64(at + 8 * index))
    }
}
