//! Runs of equal labels along x: the unit in which label maps are measured and masks are packed.

/// A label word of 1, 2 or 4 bytes; several are compared at a time inside one 64-bit register.
pub(crate) trait LabelWord: Copy + Eq + Into<u32> {
    /// The background.
    const ZERO: Self;
    /// Labels in a register.
    const LANES: usize;
    /// A register of `LANES` labels, the first in the lowest bits.
    fn pack(chunk: &[Self]) -> u64;
}

impl LabelWord for u8 {
    const ZERO: Self = 0;
    const LANES: usize = 8;

    fn pack(chunk: &[Self]) -> u64 {
        <[u8; 8]>::try_from(chunk).map_or(0, u64::from_le_bytes)
    }
}

impl LabelWord for u16 {
    const ZERO: Self = 0;
    const LANES: usize = 4;

    fn pack(chunk: &[Self]) -> u64 {
        match *chunk {
            [a, b, c, d] => u64::from(a) | u64::from(b) << 16 | u64::from(c) << 32 | u64::from(d) << 48,
            _ => 0,
        }
    }
}

impl LabelWord for u32 {
    const ZERO: Self = 0;
    const LANES: usize = 2;

    fn pack(chunk: &[Self]) -> u64 {
        match *chunk {
            [a, b] => u64::from(a) | u64::from(b) << 32,
            _ => 0,
        }
    }
}

/// Visits the runs of one row from left to right: value, first index, index after the last.
#[inline]
pub(crate) fn for_each_run<T: LabelWord>(row: &[T], mut visit: impl FnMut(T, usize, usize)) {
    let Some((&first, later)) = row.split_first() else { return };
    let lane_bits = 64 / T::LANES;
    let lane = u64::MAX >> (64 - lane_bits);
    let (mut value, mut start) = (first, 0);
    let mut at = 1;
    // Each label against its left neighbour, a register at a time: a run ends where they differ.
    for (here, before) in later.chunks_exact(T::LANES).zip(row.chunks_exact(T::LANES)) {
        let mut differ = T::pack(here) ^ T::pack(before);
        while differ != 0 {
            let offset = differ.trailing_zeros() as usize / lane_bits;
            visit(value, start, at + offset);
            start = at + offset;
            value = here[offset];
            differ &= !(lane << (offset * lane_bits));
        }
        at += T::LANES;
    }
    for (offset, &here) in row[at..].iter().enumerate() {
        if here != value {
            visit(value, start, at + offset);
            start = at + offset;
            value = here;
        }
    }
    visit(value, start, row.len());
}

/// Whether a stretch holds nothing but background, 64 bytes or more at a time.
#[inline]
pub(crate) fn all_zero<T: LabelWord>(labels: &[T]) -> bool {
    const BLOCK: usize = 256;
    labels.chunks(BLOCK).all(|block| {
        let lanes = block.chunks_exact(T::LANES);
        let rest = lanes.remainder().iter().any(|label| *label != T::ZERO);
        !rest && lanes.fold(0, |any, chunk| any | T::pack(chunk)) == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs<T: LabelWord>(row: &[T]) -> Vec<(u32, usize, usize)> {
        let mut found = Vec::new();
        for_each_run(row, |value, start, end| found.push((value.into(), start, end)));
        found
    }

    #[test]
    fn runs_tile_the_row_and_split_where_neighbours_differ() {
        let row = [0u8, 0, 5, 5, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7];
        let expected = vec![(0, 0, 2), (5, 2, 5), (1, 5, 6), (0, 6, 17), (7, 17, 19)];
        assert_eq!(runs(&row), expected);
        assert_eq!(runs(&row.map(u16::from)), expected);
        assert_eq!(runs(&row.map(u32::from)), expected);
    }

    #[test]
    fn rows_of_every_short_length_agree_with_a_plain_scan() {
        for length in 0..40usize {
            for seed in 0..20usize {
                let row: Vec<u8> = (0..length).map(|i| ((i * 7 + seed * i * i) / 5 % 3) as u8).collect();
                let mut plain: Vec<(u32, usize, usize)> = Vec::new();
                for (i, &value) in row.iter().enumerate() {
                    match plain.last_mut() {
                        Some(last) if last.0 == u32::from(value) => last.2 = i + 1,
                        _ => plain.push((value.into(), i, i + 1)),
                    }
                }
                assert_eq!(runs(&row), plain, "{row:?}");
                assert_eq!(all_zero(&row), row.iter().all(|value| *value == 0));
            }
        }
    }
}
