//! The longest common subsequence of two lists of words.

use std::collections::HashMap;
use std::hash::Hash;

/// Its length. Bits stand for the words of `a`, 64 at a time (H. Hyyrö, Bit-parallel LCS-length computation revisited,
/// 2004): even texts of a hundred thousand words are done in well under a second.
pub(crate) fn common_subsequence<W: Hash + Eq>(a: &[W], b: &[W]) -> usize {
    let mut places: HashMap<&W, Vec<usize>> = HashMap::new();
    for (at, word) in a.iter().enumerate() {
        places.entry(word).or_default().push(at);
    }
    // A bit that is off ends a step of the subsequence.
    let mut row = vec![u64::MAX; a.len().div_ceil(64)];
    let mut matches = vec![0_u64; row.len()];
    for word in b {
        let Some(places) = places.get(word) else { continue };
        for place in places {
            if let Some(block) = matches.get_mut(place / 64) {
                *block |= 1 << (place % 64);
            }
        }
        let mut carry = false;
        for (row, matches) in row.iter_mut().zip(&mut matches) {
            let hit = *row & *matches;
            let (sum, over) = row.overflowing_add(hit);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            carry = over || again;
            *row = sum | (*row & !hit);
            *matches = 0;
        }
    }
    // Bits beyond the last word match nothing, so they stay on.
    row.iter().map(|block| block.count_zeros() as usize).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By the textbook's table.
    fn by_table(a: &[u8], b: &[u8]) -> usize {
        let mut row = vec![0; a.len() + 1];
        for word in b {
            let mut diagonal = 0;
            for at in 0..a.len() {
                let above = row[at + 1];
                row[at + 1] = if a[at] == *word { diagonal + 1 } else { above.max(row[at]) };
                diagonal = above;
            }
        }
        row[a.len()]
    }

    proptest! {
        #[test]
        fn it_is_that_of_the_table(
            a in proptest::collection::vec(0u8..6, 0..200),
            b in proptest::collection::vec(0u8..6, 0..200),
        ) {
            prop_assert_eq!(common_subsequence(&a, &b), by_table(&a, &b));
        }
    }
}
