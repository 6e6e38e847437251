//! Philox4x32-10: random numbers as a function of a key alone, the same on every machine.

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// One block of Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011).
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..ROUNDS {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let a = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let b = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
    }
    counter
}

/// The 64 bits that choose a row's token: the first two words of the block at counter 0 under the row's random number,
/// low word first in both.
pub fn row_bits(draw: u64) -> u64 {
    let [low, high, ..] = philox([0; 4], [draw as u32, (draw >> 32) as u32]);
    u64::from(high) << 32 | u64::from(low)
}

/// The position of a draw among whole-number weights that are, or begin, a list with that sum: the first whose running sum
/// exceeds `bits * total / 2^64`, rounded down. `None` when none of these does.
pub(crate) fn position(weights: impl Iterator<Item = u64>, total: u64, bits: u64) -> Option<usize> {
    let target = ((u128::from(bits) * u128::from(total)) >> 64) as u64;
    let mut reached = 0u64;
    weights.enumerate().find_map(|(at, weight)| {
        reached += weight;
        (reached > target).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_equal_the_published_known_answers() {
        // Random123, kat_vectors, philox4x32-10.
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([!0; 4], [!0; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn a_position_is_the_inverse_of_the_running_sum() {
        let weights = [1u64, 0, 2, 1];
        let at = |quarter: u64| position(weights.iter().copied(), 4, quarter << 62);
        assert_eq!([at(0), at(1), at(2), at(3)], [Some(0), Some(2), Some(2), Some(3)]);
        assert_eq!(position(weights.iter().copied(), 4, u64::MAX), Some(3));
        assert_eq!(position(weights.iter().copied().take(3), 4, u64::MAX), None);
        assert_eq!(position([0u64, 0].iter().copied(), 0, 7), None);
    }
}
