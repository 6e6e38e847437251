//! Label maps and masks: NIfTI to canonical RAS+ in the smallest unsigned type.

use super::datatype::{Datatype, Scalar, Visitor};
use super::file::{self, Buffers};
use super::header::Header;
use super::voxels::Walk;
use crate::fault::Fault;
use crate::structure::{Grid, Warning};
use crate::volume::{LabelVolume, Labels};
use std::collections::BTreeMap;
use std::path::Path;

impl LabelVolume {
    /// Reads a label map or mask into canonical RAS+, in the smallest of u8, u16 and u32 that holds its labels.
    ///
    /// Whole numbers stored as floats or behind a scaling are accepted, and so are trailing axes of length 1. u8 voxels
    /// already in RAS+ order are handed over as they were inflated.
    ///
    /// # Errors
    /// As [`Volume::read`](crate::volume::Volume::read), and when a label is fractional, negative, not finite or above
    /// `u32::MAX`, or when there is more than one volume.
    pub fn read(path: &Path) -> Result<LabelVolume, Fault> {
        let mut buffers = Buffers::default();
        let loaded = file::load(path, &mut buffers)?;
        let bytes = buffers.content.get(loaded.start..loaded.end).unwrap_or_default();
        let decoded = decode(&loaded.header, bytes).map_err(|fault| fault.within(path.display()))?;
        let labels = match decoded {
            Decoded::Labels(labels) => labels,
            Decoded::AsStored => {
                let mut bytes = buffers.content;
                bytes.truncate(loaded.end);
                bytes.drain(..loaded.start);
                Labels::U8(bytes)
            }
        };
        let (grid, _) = loaded.header.canonical();
        Ok(LabelVolume { grid, labels, names: loaded.header.names, warnings: loaded.header.warnings })
    }
}

/// Reads one label file after another through the same buffers, so that a folder of masks costs little more than its
/// inflation.
#[derive(Debug, Default)]
pub struct LabelReader {
    buffers: Buffers,
    decoded: Option<Labels>,
}

/// A label map or mask in canonical RAS+, borrowed from its [`LabelReader`].
#[derive(Debug, Clone, PartialEq)]
pub struct LabelView<'a> {
    /// Shape (x, y, z) and affine.
    pub grid: Grid,
    /// Labels, x fastest.
    pub labels: LabelSlice<'a>,
    /// Label names from the file's own table, if it carries one.
    pub names: BTreeMap<u32, String>,
    /// Remarks of the reader.
    pub warnings: Vec<Warning>,
}

/// Borrowed labels in the smallest type that holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelSlice<'a> {
    /// Up to 255.
    U8(&'a [u8]),
    /// Up to 65,535.
    U16(&'a [u16]),
    /// Anything else.
    U32(&'a [u32]),
}

impl Labels {
    /// The labels, borrowed.
    pub fn as_slice(&self) -> LabelSlice<'_> {
        match self {
            Self::U8(labels) => LabelSlice::U8(labels),
            Self::U16(labels) => LabelSlice::U16(labels),
            Self::U32(labels) => LabelSlice::U32(labels),
        }
    }
}

impl LabelReader {
    /// A reader with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads as [`LabelVolume::read`], without giving the voxels away: u8 voxels in RAS+ order are not copied at all.
    ///
    /// # Errors
    /// As [`LabelVolume::read`].
    pub fn read(&mut self, path: &Path) -> Result<LabelView<'_>, Fault> {
        let loaded = file::load(path, &mut self.buffers)?;
        let bytes = self.buffers.content.get(loaded.start..loaded.end).unwrap_or_default();
        let decoded = decode(&loaded.header, bytes).map_err(|fault| fault.within(path.display()))?;
        let labels = match decoded {
            Decoded::AsStored => LabelSlice::U8(bytes),
            Decoded::Labels(labels) => self.decoded.insert(labels).as_slice(),
        };
        let (grid, _) = loaded.header.canonical();
        Ok(LabelView { grid, labels, names: loaded.header.names, warnings: loaded.header.warnings })
    }
}

enum Decoded {
    /// The stored bytes are the labels.
    AsStored,
    Labels(Labels),
}

fn decode(header: &Header, bytes: &[u8]) -> Result<Decoded, Fault> {
    if header.volumes() > 1 {
        return Err(Fault::data(format!(
            "a label map has one volume, but this has {} (dims {:?})",
            header.volumes(),
            header.dims
        ))
        .help("split it into one file a volume"));
    }
    let walk = Walk::new(header);
    if header.datatype == Datatype::U8 && header.scaling.is_none() {
        return Ok(if walk.is_identity() {
            Decoded::AsStored
        } else {
            Decoded::Labels(Labels::U8(walk.gather(bytes, |label| label)))
        });
    }
    let visitor = ToLabels { bytes, walk, scaling: header.scaling };
    header.datatype.visit(header.big_endian, visitor).map(Decoded::Labels)
}

struct ToLabels<'a> {
    bytes: &'a [u8],
    walk: Walk,
    scaling: Option<(f64, f64)>,
}

impl Visitor for ToLabels<'_> {
    type Output = Result<Labels, Fault>;

    fn visit<const N: usize, T: Scalar>(self, decode: impl Fn([u8; N]) -> T + Copy) -> Self::Output {
        let (stored, _) = self.bytes.as_chunks::<N>();
        match self.scaling {
            None => self.labels(stored, |voxel| decode(voxel).to_label(), |voxel| decode(voxel).to_f64()),
            Some((slope, intercept)) => {
                let scaled = move |voxel| decode(voxel).to_f64() * slope + intercept;
                self.labels(stored, move |voxel| scaled(voxel).to_label(), scaled)
            }
        }
    }
}

impl ToLabels<'_> {
    fn labels<const N: usize>(
        &self,
        stored: &[[u8; N]],
        label: impl Fn([u8; N]) -> Option<u32> + Copy,
        value: impl Fn([u8; N]) -> f64,
    ) -> Result<Labels, Fault> {
        let mut largest = 0;
        let mut whole = true;
        for voxel in stored {
            let label = label(*voxel);
            whole &= label.is_some();
            largest = largest.max(label.unwrap_or(0));
        }
        if !whole {
            return Err(self.refused(stored, label, value));
        }
        let certain = move |voxel| label(voxel).unwrap_or(0);
        Ok(if largest <= u32::from(u8::MAX) {
            Labels::U8(self.walk.gather(stored, move |voxel| certain(voxel) as u8))
        } else if largest <= u32::from(u16::MAX) {
            Labels::U16(self.walk.gather(stored, move |voxel| certain(voxel) as u16))
        } else {
            Labels::U32(self.walk.gather(stored, certain))
        })
    }

    fn refused<const N: usize>(
        &self,
        stored: &[[u8; N]],
        label: impl Fn([u8; N]) -> Option<u32>,
        value: impl Fn([u8; N]) -> f64,
    ) -> Fault {
        let mut found = stored.iter().enumerate().filter(|(_, voxel)| label(**voxel).is_none());
        let Some((position, voxel)) = found.next() else { return Fault::internal("every label is whole") };
        let more = found.count();
        let value = value(*voxel);
        Fault::data(format!(
            "this is no label map: stored voxel {position} is {value}, and {more} more are no whole numbers from 0 to {}",
            u32::MAX
        ))
        .help("labels are whole and not negative; was an image given, or a map resampled with interpolation?")
    }
}
