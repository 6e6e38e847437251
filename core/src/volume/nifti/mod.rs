//! NIfTI-1 and NIfTI-2: headers, gzip, pairs, voxels of every scalar type, into canonical RAS+.
//!
//! The header of NIfTI-1 is parsed by the `nifti` crate. Checks, geometry, inflating and decoding are done here, because
//! damaged input must end in an error, never in a panic, wrong voxels or an allocation that a header merely claims.

mod datatype;
mod fields;
mod file;
mod geometry;
mod gzip;
mod header;
mod label_table;
mod labels;
mod read;
mod voxels;

pub use datatype::Datatype;
pub use file::read_header;
pub use gzip::MAX_IMAGE_BYTES;
pub use header::Header;
pub use labels::{LabelReader, LabelSlice, LabelView};

pub(crate) use datatype::{Scalar, Visitor};
pub(crate) use file::{Buffers, load};
pub(crate) use voxels::Walk;
