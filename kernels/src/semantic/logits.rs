//! Rows of logits in the formats that models write.

/// Logits that are looked at together. A shorter last block is filled with minus infinity, which changes nothing.
pub(crate) const BLOCK: usize = 256;
/// Maxima kept for a block: one for each of so many interleaved lanes.
pub(crate) const LANES: usize = 16;

/// One row of logits.
#[derive(Debug, Clone, Copy)]
pub enum LogitRow<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Bits of bfloat16 numbers.
    Bf16(&'a [u16]),
    /// Bits of IEEE half-precision numbers.
    F16(&'a [u16]),
}

impl LogitRow<'_> {
    /// Number of tokens.
    pub fn width(&self) -> usize {
        match self {
            Self::F32(row) => row.len(),
            Self::Bf16(row) | Self::F16(row) => row.len(),
        }
    }

    /// The logit of a token; `None` beyond the row.
    #[inline]
    pub fn get(&self, token: usize) -> Option<f32> {
        match self {
            Self::F32(row) => row.get(token).copied(),
            Self::Bf16(row) => row.get(token).map(|bits| Bf16::widen(*bits)),
            Self::F16(row) => row.get(token).map(|bits| F16::widen(*bits)),
        }
    }
}

/// How a logit is stored.
pub(crate) trait Format {
    /// One number as stored.
    type Stored: Copy;
    /// Its value; exact.
    fn widen(stored: Self::Stored) -> f32;
    /// A block of values; `buffer` is used where the stored form is another.
    #[inline(always)]
    fn open<'a>(stored: &'a [Self::Stored; BLOCK], buffer: &'a mut [f32; BLOCK]) -> &'a [f32; BLOCK] {
        for (value, bits) in buffer.iter_mut().zip(stored) {
            *value = Self::widen(*bits);
        }
        buffer
    }
}

pub(crate) struct F32;
pub(crate) struct Bf16;
pub(crate) struct F16;

impl Format for F32 {
    type Stored = f32;
    #[inline(always)]
    fn widen(stored: f32) -> f32 {
        stored
    }
    #[inline(always)]
    fn open<'a>(stored: &'a [f32; BLOCK], _: &'a mut [f32; BLOCK]) -> &'a [f32; BLOCK] {
        stored
    }
}

impl Format for Bf16 {
    type Stored = u16;
    #[inline(always)]
    fn widen(stored: u16) -> f32 {
        f32::from_bits(u32::from(stored) << 16)
    }
}

impl Format for F16 {
    type Stored = u16;
    #[inline(always)]
    fn widen(stored: u16) -> f32 {
        let sign = u32::from(stored & 0x8000) << 16;
        let magnitude = u32::from(stored & 0x7fff) << 13;
        // The exponents' biases differ by 112; the product is exact, subnormal numbers included.
        let finite = (f32::from_bits(magnitude) * f32::from_bits((127 + 112) << 23)).to_bits();
        let special = magnitude | 0x7f80_0000;
        f32::from_bits(sign | if magnitude >= 0x0f80_0000 { special } else { finite })
    }
}

/// The value of an IEEE half-precision number, exactly.
pub fn f16_to_f32(bits: u16) -> f32 {
    F16::widen(bits)
}

/// The last, incomplete block of a row.
#[inline(always)]
pub(crate) fn padded<F: Format>(tail: &[F::Stored]) -> [f32; BLOCK] {
    let mut block = [f32::NEG_INFINITY; BLOCK];
    for (value, stored) in block.iter_mut().zip(tail) {
        *value = F::widen(*stored);
    }
    block
}

/// Bits that order like the number; both zeros are one.
#[inline(always)]
pub(crate) fn ordered(logit: f32) -> u32 {
    let bits = (logit + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// A key that orders tokens: higher logit first, then lower id.
#[inline(always)]
pub(crate) fn key(logit: f32, token: u32) -> u64 {
    u64::from(ordered(logit)) << 32 | u64::from(!token)
}

/// The token of a key.
#[inline(always)]
pub(crate) fn token_of(key: u64) -> u32 {
    !(key as u32)
}

/// The logit of a key; zeros come back positive.
#[inline(always)]
pub(crate) fn logit_of(key: u64) -> f32 {
    let bits = (key >> 32) as u32;
    f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_widened_exactly() {
        // IEEE 754 binary16: smallest subnormal 2^-24, largest subnormal, smallest normal 2^-14, largest 65504.
        for (bits, value) in [
            (0x0001, 2f32.powi(-24)),
            (0x03ff, 1023.0 * 2f32.powi(-24)),
            (0x0400, 2f32.powi(-14)),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
            (0x8000, -0.0),
        ] {
            assert_eq!(F16::widen(bits).to_bits(), value.to_bits(), "{bits:#x}");
        }
        assert!(F16::widen(0x7c01).is_nan() && F16::widen(0xffff).is_nan());
    }

    #[test]
    fn keys_order_by_logit_then_by_id_and_give_both_back() {
        assert!(key(1.0, 5) > key(0.5, 0) && key(0.0, 0) > key(-1.0, 0) && key(-1.0, 0) > key(-2.0, 0));
        assert!(key(1.0, 4) > key(1.0, 5));
        assert_eq!(key(-0.0, 3), key(0.0, 3));
        for logit in [-3.5, 0.0, 7.25, f32::MIN, f32::MAX] {
            assert_eq!((logit_of(key(logit, 9)), token_of(key(logit, 9))), (logit, 9));
        }
    }
}
