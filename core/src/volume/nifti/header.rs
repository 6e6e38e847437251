//! A checked header: what the voxels are, how many, and where they lie in the file and in the patient.

use super::datatype::Datatype;
use super::fields::{Fields, NIFTI1_BYTES, NIFTI2_BYTES};
use super::geometry;
use super::gzip::MAX_IMAGE_BYTES;
use crate::fault::Fault;
use crate::space::Affine;
use crate::structure::{Grid, Warning};
use std::collections::BTreeMap;

/// Everything a NIfTI file says about its voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Version of the format, 1 or 2.
    pub version: u8,
    /// Lengths of the stored axes, trailing ones included: 1 to 7 entries, each at least 1.
    pub dims: Vec<usize>,
    /// Type of the stored voxels.
    pub datatype: Datatype,
    /// Byte order of header and voxels.
    pub big_endian: bool,
    /// Slope and intercept from stored to real values; `None` where there is nothing to scale.
    pub scaling: Option<(f64, f64)>,
    /// Stored voxel index (i, j, k) to RAS+ mm.
    pub affine: Affine,
    /// Label names from a header extension, if there are any.
    pub names: BTreeMap<u32, String>,
    /// Remarks, in the order they were found.
    pub warnings: Vec<Warning>,
    /// Byte of the first voxel.
    pub(crate) vox_offset: u64,
    /// Voxels lie in a file of their own.
    pub(crate) two_files: bool,
}

impl Header {
    /// Checks the fields of a header.
    ///
    /// # Errors
    /// When the header contradicts itself in a way that leaves the voxels or their place unknown.
    pub(crate) fn checked(fields: &Fields) -> Result<Self, Fault> {
        let mut warnings = Vec::new();
        let expected = if fields.version == 2 { NIFTI2_BYTES } else { NIFTI1_BYTES };
        if fields.sizeof_hdr != expected as i32 {
            let message = format!("sizeof_hdr is {} and not {expected}", fields.sizeof_hdr);
            warnings.push(Warning::new("sizeof_hdr_disagrees", message));
        }
        let dims = dims(&fields.dim)?;
        let datatype = Datatype::from_code(fields.datatype)?;
        if i32::from(fields.bitpix) != 8 * datatype.bytes() as i32 {
            let message = format!(
                "bitpix is {} but the datatype {} has {}; the datatype is used",
                fields.bitpix,
                datatype.name(),
                8 * datatype.bytes()
            );
            warnings.push(Warning::new("bitpix_disagrees", message));
        }
        let vox_offset = vox_offset(fields, expected, &mut warnings)?;
        let scaling = scaling(fields)?;
        let mut header = Self {
            version: fields.version,
            dims,
            datatype,
            big_endian: fields.big_endian,
            scaling,
            affine: Affine::IDENTITY,
            names: BTreeMap::new(),
            warnings,
            vox_offset,
            two_files: fields.two_files,
        };
        header.check_size()?;
        if header.dims.len() < 3 {
            let message = format!("the image has {} dimensions and is read as one slice", header.dims.len());
            header.warnings.push(Warning::new("one_slice", message));
        }
        let mut remarks = std::mem::take(&mut header.warnings);
        header.affine = geometry::affine(fields, header.shape(), &mut remarks)?;
        header.warnings = remarks;
        Ok(header)
    }

    /// Lengths of the first three stored axes; axes that are not there have length 1.
    pub fn shape(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.dims.get(axis).copied().unwrap_or(1))
    }

    /// Volumes: the product of all lengths beyond the third.
    pub fn volumes(&self) -> usize {
        self.dims.iter().skip(3).product()
    }

    /// The grid of the canonical RAS+ array, and per canonical axis the stored axis and whether it is flipped.
    pub fn canonical(&self) -> (Grid, [(usize, bool); 3]) {
        let (affine, shape, source) = self.affine.canonical(self.shape());
        (Grid { shape, affine }, source)
    }

    /// Bytes of all voxels; [`Self::check_size`] has seen that they fit.
    pub(crate) fn data_bytes(&self) -> u64 {
        self.dims
            .iter()
            .fold(self.datatype.bytes() as u64, |bytes, length| bytes.saturating_mul(*length as u64))
    }

    fn check_size(&self) -> Result<(), Fault> {
        let bytes = self.data_bytes();
        if bytes > MAX_IMAGE_BYTES || self.vox_offset > MAX_IMAGE_BYTES {
            return Err(Fault::data(format!(
                "dimensions {:?} of {} at byte {} are more than the {MAX_IMAGE_BYTES} bytes that are read",
                self.dims,
                self.datatype.name(),
                self.vox_offset
            ))
            .help("the header is damaged, or the image must be cropped first"));
        }
        Ok(())
    }
}

fn dims(dim: &[i64; 8]) -> Result<Vec<usize>, Fault> {
    let [count, lengths @ ..] = dim;
    let lengths = usize::try_from(*count)
        .ok()
        .filter(|count| *count > 0)
        .and_then(|count| lengths.get(..count))
        .ok_or_else(|| Fault::data(format!("dim[0] is {count}, but an image has 1 to 7 dimensions")))?;
    lengths
        .iter()
        .enumerate()
        .map(|(axis, length)| match usize::try_from(*length) {
            Ok(length) if length > 0 => Ok(length),
            _ => Err(Fault::data(format!("dim[{}] is {length}, but every length is at least 1", axis + 1))),
        })
        .collect()
}

fn vox_offset(fields: &Fields, header_bytes: usize, warnings: &mut Vec<Warning>) -> Result<u64, Fault> {
    let stated = fields.vox_offset;
    if !(stated >= 0.0 && stated <= MAX_IMAGE_BYTES as f64 && stated.fract() == 0.0) {
        return Err(Fault::data(format!("vox_offset is {stated}, which is no place in a file")));
    }
    // Behind the header of a single file lie at least the four bytes that announce extensions.
    let least = if fields.two_files { 0 } else { header_bytes as u64 + 4 };
    let stated = stated as u64;
    if stated < least {
        let message = format!("vox_offset is {stated}, inside the header; {least} is used");
        warnings.push(Warning::new("vox_offset_low", message));
    }
    Ok(stated.max(least))
}

/// nibabel's rule: a slope of zero or one that is not finite means no scaling at all.
fn scaling(fields: &Fields) -> Result<Option<(f64, f64)>, Fault> {
    let (slope, intercept) = (fields.scl_slope, fields.scl_inter);
    if slope == 0.0 || !slope.is_finite() {
        return Ok(None);
    }
    if !intercept.is_finite() {
        return Err(Fault::data(format!("scl_slope is {slope} but scl_inter is {intercept}"))
            .help("set scl_inter to a number, or scl_slope to 0"));
    }
    Ok(((slope, intercept) != (1.0, 0.0)).then_some((slope, intercept)))
}
