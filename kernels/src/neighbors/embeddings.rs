//! Embedding rows as they lie in a file, read as f32.

use super::BuildFault;
use std::borrow::Cow;

/// Widest row that is read.
pub const MOST_COLUMNS: usize = 1 << 18;

/// How a number is stored, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of a single-precision number.
    Bf16,
}

impl Element {
    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

/// An embedding matrix, row-major; the bytes may be a mapped file and need no alignment.
#[derive(Debug, Clone)]
pub struct Embeddings<'a> {
    bytes: Cow<'a, [u8]>,
    element: Element,
    rows: usize,
    width: usize,
}

impl<'a> Embeddings<'a> {
    /// A matrix over bytes.
    ///
    /// # Errors
    /// No rows or columns, more than ids or [`MOST_COLUMNS`] reach, or another number of bytes than that takes.
    pub fn new(
        bytes: impl Into<Cow<'a, [u8]>>,
        element: Element,
        rows: usize,
        width: usize,
    ) -> Result<Self, BuildFault> {
        let bytes = bytes.into();
        let fits = (1..=u32::MAX as usize).contains(&rows) && (1..=MOST_COLUMNS).contains(&width);
        let expected = rows.checked_mul(width).and_then(|count| count.checked_mul(element.bytes()));
        if !fits || expected != Some(bytes.len()) {
            return Err(BuildFault::Matrix { rows, width, bytes: bytes.len() });
        }
        Ok(Self { bytes, element, rows, width })
    }

    /// A matrix of f32 values.
    ///
    /// # Errors
    /// As [`Embeddings::new`].
    pub fn from_values(values: &[f32], width: usize) -> Result<Embeddings<'static>, BuildFault> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Embeddings::new(bytes, Element::F32, values.len() / width.max(1), width)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How its numbers are stored.
    pub(crate) fn element(&self) -> Element {
        self.element
    }

    /// The bytes of a row as they are stored; none for a row that is not there.
    #[inline(always)]
    pub(crate) fn row_bytes(&self, row: usize) -> &[u8] {
        let length = self.width * self.element.bytes();
        let bytes = row.checked_mul(length).and_then(|first| self.bytes.get(first..first + length));
        bytes.unwrap_or_default()
    }

    /// Decodes a row, exactly; infinite halves read as NaN. Numbers beyond the row or the buffer are left as they are.
    #[inline(always)]
    pub(super) fn read(&self, row: usize, out: &mut [f32]) {
        let bytes = self.row_bytes(row);
        match self.element {
            Element::F32 => decode(bytes, out, f32::from_le_bytes),
            Element::F16 => decode(bytes, out, |half| from_half(u16::from_le_bytes(half))),
            Element::Bf16 => {
                decode(bytes, out, |half| f32::from_bits(u32::from(u16::from_le_bytes(half)) << 16))
            }
        }
    }
}

#[inline(always)]
fn decode<const N: usize>(bytes: &[u8], out: &mut [f32], number: impl Fn([u8; N]) -> f32) {
    for (value, chunk) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *value = number(*chunk);
    }
}

/// The bits of a half moved into place read 2^112 times too small, subnormal ones too; that power restores them.
#[inline(always)]
fn from_half(half: u16) -> f32 {
    const RESTORE: f32 = f32::from_bits((127 + 112) << 23);
    let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13) * RESTORE;
    let magnitude = if half & 0x7c00 == 0x7c00 { f32::NAN } else { magnitude };
    if half >> 15 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], element: Element) -> Vec<f32> {
        let width = bytes.len() / element.bytes();
        let mut out = vec![0.0; width];
        Embeddings::new(bytes, element, 1, width).unwrap().read(0, &mut out);
        out
    }

    #[test]
    fn halves_are_read_exactly() {
        // IEEE 754 binary16: 1, -2, largest, smallest normal, smallest subnormal, -0.
        let halves = [0x3c00u16, 0xc000, 0x7bff, 0x0400, 0x0001, 0x8000];
        let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
        let expected = [1.0, -2.0, 65504.0, 2f32.powi(-14), 2f32.powi(-24), -0.0];
        assert_eq!(read(&bytes, Element::F16), expected);
        assert!(read(&0x7c00u16.to_le_bytes(), Element::F16)[0].is_nan());
        assert!(read(&0x7e00u16.to_le_bytes(), Element::F16)[0].is_nan());
    }

    #[test]
    fn brain_floats_are_upper_halves() {
        assert_eq!(read(&[0x80, 0x3f, 0x40, 0xc0], Element::Bf16), [1.0, -3.0]);
    }

    #[test]
    fn shapes_that_are_not_the_bytes_are_refused() {
        for (rows, width) in [(0, 2), (2, 0), (2, 2), (usize::MAX, 4), (1, MOST_COLUMNS + 1)] {
            let refused = Embeddings::new(&[0u8; 4][..], Element::F32, rows, width).unwrap_err();
            assert_eq!(refused, BuildFault::Matrix { rows, width, bytes: 4 });
        }
    }
}
