//! Inflating a whole gzip file with its checksum verified, never trusting a size that the file merely claims.

use crate::fault::Fault;
use flate2::bufread::GzDecoder;
use libdeflater::{Crc, Decompressor};
use std::io::Read;

/// Bytes of one image, inflated: larger ones are refused.
pub const MAX_IMAGE_BYTES: u64 = 1 << 36;

/// Deflate cannot expand by more than this (RFC 1951: 258 bytes from 2 bits, 1032 : 1).
const MAX_EXPANSION: u64 = 1032;

/// Bytes behind the voxels that are inflated in one go; a file with more behind them is streamed, and they are dropped.
const MAX_TAIL: u64 = 1 << 20;

/// Whether a file that starts so is gzip.
pub(crate) fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b])
}

/// Inflates `compressed` into `out`, which afterwards starts with at least `wanted` inflated bytes; whatever lies
/// behind those is unspecified. `out` grows only to what the input can really hold, and may be reused between calls.
///
/// All members are read and every CRC and length is verified.
///
/// # Errors
/// When the data are damaged or cut, end before `wanted` bytes, or could not hold them.
pub(crate) fn inflate(compressed: &[u8], wanted: u64, out: &mut Vec<u8>) -> Result<(), Fault> {
    let possible = (compressed.len() as u64).saturating_mul(MAX_EXPANSION);
    if wanted > possible {
        return Err(Fault::data(format!(
            "the header asks for {wanted} bytes, but {} compressed bytes cannot hold more than {possible}",
            compressed.len()
        ))
        .help("the file is cut or its dimensions are wrong"));
    }
    match single_member(compressed, wanted, possible, out) {
        Some(()) => Ok(()),
        None => members(compressed, wanted, out),
    }
}

/// The usual case, one member that fills the file; `None` whenever anything is unusual.
fn single_member(compressed: &[u8], wanted: u64, possible: u64, out: &mut Vec<u8>) -> Option<()> {
    let start = payload_start(compressed)?;
    let end = compressed.len().checked_sub(8)?;
    let payload = compressed.get(start..end)?;
    let (trailer, _) = compressed.get(end..)?.as_chunks::<4>();
    let [crc, length] = trailer else { return None };
    let (crc, length) = (u32::from_le_bytes(*crc), u32::from_le_bytes(*length));

    // The trailer has the length modulo 2^32 only.
    let size = wanted + u64::from(length.wrapping_sub(wanted as u32));
    if size > possible || size > wanted.saturating_add(MAX_TAIL) {
        return None;
    }
    let size = usize::try_from(size).ok()?;
    if out.len() < size {
        // A fresh zeroed allocation, rather than `resize`, leaves its pages untouched until they are inflated into.
        *out = vec![0; size];
    }
    let inflated = out.get_mut(..size)?;
    let written = Decompressor::new().deflate_decompress(payload, inflated).ok()?;
    let mut sum = Crc::new();
    sum.update(inflated);
    (written == size && sum.sum() == crc).then_some(())
}

/// Any number of members, streamed; zero bytes after the last one are padding.
fn members(compressed: &[u8], wanted: u64, out: &mut Vec<u8>) -> Result<(), Fault> {
    out.clear();
    let mut rest = compressed;
    let mut member = 0_usize;
    while is_gzip(rest) {
        member += 1;
        let mut decoder = GzDecoder::new(rest);
        let missing = wanted - out.len() as u64;
        let mut kept = (&mut decoder).take(missing);
        kept.read_to_end(out)
            .and_then(|_| std::io::copy(&mut decoder, &mut std::io::sink()))
            .map_err(|error| damaged(member, &error))?;
        rest = decoder.into_inner();
    }
    if rest.iter().any(|byte| *byte != 0) {
        return Err(Fault::data(format!("{} bytes behind the last gzip member are not gzip", rest.len())));
    }
    if (out.len() as u64) < wanted {
        return Err(Fault::data(format!(
            "the data end after {} of {wanted} bytes that the header asks for",
            out.len()
        )));
    }
    Ok(())
}

/// A damaged or cut member.
pub(crate) fn damaged(member: usize, error: &std::io::Error) -> Fault {
    let what = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "is cut short".to_owned(),
        _ => format!("is damaged: {error}"),
    };
    Fault::data(format!("gzip member {member} {what}")).help("fetch or compress the file again")
}

/// Where the deflate stream of the first member starts (RFC 1952, 2.3).
fn payload_start(compressed: &[u8]) -> Option<usize> {
    const HEADER_CRC: u8 = 1 << 1;
    const EXTRA: u8 = 1 << 2;
    const NAME: u8 = 1 << 3;
    const COMMENT: u8 = 1 << 4;
    let [0x1f, 0x8b, 8, flags, ..] = compressed else { return None };
    let mut at = 10_usize;
    if flags & EXTRA != 0 {
        let length = compressed.get(at..at + 2)?;
        at += 2 + usize::from(u16::from_le_bytes([length[0], length[1]]));
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            at += compressed.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & HEADER_CRC != 0 {
        at += 2;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, GzBuilder};
    use std::io::Write;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzBuilder::new()
            .filename("volume.nii")
            .comment("a comment")
            .extra(vec![1, 2, 3])
            .write(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn inflated(compressed: &[u8], wanted: usize) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        inflate(compressed, wanted as u64, &mut out)?;
        out.truncate(wanted);
        Ok(out)
    }

    fn sample() -> Vec<u8> {
        (0..100_000_u32).map(|index| (index.wrapping_mul(index) >> 7) as u8).collect()
    }

    #[test]
    fn every_optional_header_field_is_skipped() {
        let data = sample();
        assert_eq!(inflated(&gzip(&data), data.len()).unwrap(), data);
    }

    #[test]
    fn bytes_behind_the_voxels_are_allowed_and_fewer_are_not() {
        let data = sample();
        assert_eq!(inflated(&gzip(&data), 500).unwrap(), data[..500]);
        let fault = inflated(&gzip(&data), data.len() + 1).unwrap_err();
        assert!(fault.what.contains("end after 100000 of 100001"), "{fault}");
    }

    #[test]
    fn members_are_joined_even_when_they_are_equal() {
        let data = sample();
        let twice = [gzip(&data), gzip(&data), vec![0; 512]].concat();
        assert_eq!(inflated(&twice, 2 * data.len()).unwrap(), [data.clone(), data].concat());
    }

    #[test]
    fn garbage_behind_the_last_member_is_refused() {
        let data = sample();
        let mixed = [gzip(&data), b"something".to_vec()].concat();
        assert!(inflated(&mixed, data.len()).is_err());
    }

    #[test]
    fn a_wrong_checksum_and_every_cut_are_refused() {
        let data = sample();
        let good = gzip(&data);
        let mut bad = good.clone();
        let crc = bad.len() - 8;
        bad[crc] ^= 1;
        assert!(inflated(&bad, data.len()).is_err());
        for length in (0..good.len()).step_by(97) {
            assert!(inflated(&good[..length], data.len()).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn a_claim_beyond_deflates_ratio_is_refused_before_any_allocation() {
        let mut out = Vec::new();
        let fault = inflate(&gzip(&[0; 1000]), 1 << 40, &mut out).unwrap_err();
        assert!(fault.what.contains("cannot hold"), "{fault}");
        assert_eq!(out.capacity(), 0);
    }
}
