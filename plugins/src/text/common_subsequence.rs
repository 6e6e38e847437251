//! The longest common subsequence of two lists of words.

use super::numbering::Numbering;

/// Its length. Bits stand for the words of `a`, 64 at a time (H. Hyyrö, Bit-parallel LCS-length computation revisited,
/// 2004): even texts of a hundred thousand words are done in well under a second.
pub(crate) fn common_subsequence(a: &[impl AsRef<str>], b: &[impl AsRef<str>]) -> usize {
    let mut numbers = Numbering::default();
    let a = numbers.of(a.iter().map(AsRef::as_ref));
    let b = numbers.of(b.iter().map(AsRef::as_ref));
    let mut places: Vec<Vec<usize>> = vec![Vec::new(); numbers.len()];
    for (at, word) in a.iter().enumerate() {
        places[*word as usize].push(at);
    }
    // A bit that is off ends a step of the subsequence.
    let mut row = vec![u64::MAX; a.len().div_ceil(64)];
    let mut matches = vec![0_u64; row.len()];
    for word in b {
        let places = &places[word as usize];
        if places.is_empty() {
            continue;
        }
        for place in places {
            matches[place / 64] |= 1 << (place % 64);
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
            a in proptest::collection::vec(0u8..40, 0..200),
            b in proptest::collection::vec(0u8..40, 0..200),
        ) {
            let words = |numbers: &[u8]| -> Vec<String> { numbers.iter().map(u8::to_string).collect() };
            prop_assert_eq!(common_subsequence(&words(&a), &words(&b)), by_table(&a, &b));
        }
    }
}
