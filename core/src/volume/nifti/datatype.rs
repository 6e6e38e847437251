//! Voxel types of NIfTI and how their bytes become numbers.

use crate::fault::Fault;

/// A scalar voxel type that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datatype {
    /// Unsigned 8-bit.
    U8,
    /// Signed 8-bit.
    I8,
    /// Unsigned 16-bit.
    U16,
    /// Signed 16-bit.
    I16,
    /// Unsigned 32-bit.
    U32,
    /// Signed 32-bit.
    I32,
    /// Unsigned 64-bit.
    U64,
    /// Signed 64-bit.
    I64,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
}

impl Datatype {
    /// The type with a NIfTI `datatype` code.
    ///
    /// # Errors
    /// When the code names no type, or one whose voxels are not single real numbers (RGB, complex) or wider than f64.
    pub fn from_code(code: i16) -> Result<Self, Fault> {
        let refused = |what: &str| {
            Err(Fault::data(format!("datatype {code} ({what}) is not a scalar volume"))
                .help("store one number a voxel: an integer of 8 to 64 bits, float32 or float64"))
        };
        match code {
            2 => Ok(Self::U8),
            4 => Ok(Self::I16),
            8 => Ok(Self::I32),
            16 => Ok(Self::F32),
            64 => Ok(Self::F64),
            256 => Ok(Self::I8),
            512 => Ok(Self::U16),
            768 => Ok(Self::U32),
            1024 => Ok(Self::I64),
            1280 => Ok(Self::U64),
            1 => refused("one bit a voxel"),
            32 => refused("complex64"),
            128 => refused("RGB24"),
            1536 => refused("float128"),
            1792 => refused("complex128"),
            2048 => refused("complex256"),
            2304 => refused("RGBA32"),
            _ => Err(Fault::data(format!("datatype {code} is not a NIfTI voxel type"))),
        }
    }

    /// numpy's name of the type, e.g. `int16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::U64 => "uint64",
            Self::I64 => "int64",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// Bytes a voxel.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Runs a visitor with the decoder of this type and byte order.
    pub(crate) fn visit<V: Visitor>(self, big_endian: bool, visitor: V) -> V::Output {
        macro_rules! decoded {
            ($number:ty) => {
                if big_endian {
                    visitor.visit(<$number>::from_be_bytes)
                } else {
                    visitor.visit(<$number>::from_le_bytes)
                }
            };
        }
        match self {
            Self::U8 => visitor.visit(u8::from_le_bytes),
            Self::I8 => visitor.visit(i8::from_le_bytes),
            Self::U16 => decoded!(u16),
            Self::I16 => decoded!(i16),
            Self::U32 => decoded!(u32),
            Self::I32 => decoded!(i32),
            Self::U64 => decoded!(u64),
            Self::I64 => decoded!(i64),
            Self::F32 => decoded!(f32),
            Self::F64 => decoded!(f64),
        }
    }
}

/// A stored number.
pub(crate) trait Scalar: Copy {
    /// Nearest f32.
    fn to_f32(self) -> f32;
    /// Nearest f64 (exact but for 64-bit integers beyond 2^53).
    fn to_f64(self) -> f64;
    /// The number as a label, if it is one: a whole number of 0..=u32::MAX.
    fn to_label(self) -> Option<u32>;
}

macro_rules! integers {
    ($($number:ty)*) => {$(
        impl Scalar for $number {
            fn to_f32(self) -> f32 { self as f32 }
            fn to_f64(self) -> f64 { self as f64 }
            fn to_label(self) -> Option<u32> { u32::try_from(self).ok() }
        }
    )*};
}
integers!(u8 i8 u16 i16 u32 i32 u64 i64);

macro_rules! floats {
    ($($number:ty)*) => {$(
        impl Scalar for $number {
            fn to_f32(self) -> f32 { self as f32 }
            fn to_f64(self) -> f64 { f64::from(self) }
            fn to_label(self) -> Option<u32> {
                let value = f64::from(self);
                let label = value as u32;
                (f64::from(label) == value).then_some(label)
            }
        }
    )*};
}
floats!(f32 f64);

/// Work that is compiled once for each voxel type and byte order.
pub(crate) trait Visitor {
    /// What comes out.
    type Output;
    /// Runs with the decoder of one voxel of `N` bytes.
    fn visit<const N: usize, T: Scalar>(self, decode: impl Fn([u8; N]) -> T + Copy) -> Self::Output;
}
