//! The best of many: short lists in falling order, each entry one comparable number.

/// An entry that any other beats: a free place.
pub(crate) const FREE: u64 = 0;

/// A score and a position as one number that orders by falling score, then rising position. Both zeros are one score;
/// no finite score makes [`FREE`].
#[inline(always)]
pub(super) fn entry(score: f32, position: u32) -> u64 {
    let bits = (score + 0.0).to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(ordered) << 32 | u64::from(!position)
}

/// The score of an entry; minus infinity for a free place.
#[inline(always)]
pub(super) fn score(entry: u64) -> f32 {
    if entry == FREE {
        return f32::NEG_INFINITY;
    }
    let ordered = (entry >> 32) as u32;
    f32::from_bits(if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered })
}

/// A number that every cosine exceeds which, rounded to f32, is at least the score of an entry.
pub(super) fn below(entry: u64) -> f64 {
    f64::from(score(entry).next_down())
}

/// The position of an entry.
#[inline(always)]
pub(super) fn position(entry: u64) -> u32 {
    !(entry as u32)
}

/// Puts an entry into its place in a list of fixed length; the last falls off. Entries already there stay single.
pub(super) fn insert(list: &mut [u64], new: u64) {
    let Some(&last) = list.last() else { return };
    if new <= last {
        return;
    }
    let place = list.partition_point(|&there| there > new);
    if list.get(place) == Some(&new) {
        return;
    }
    list.copy_within(place..list.len() - 1, place + 1);
    list[place] = new;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_order_by_score_then_position_and_can_be_read_back() {
        let falling = [(1.0, 3), (0.5, 0), (0.5, 9), (0.0, 1), (-0.0, 2), (-0.5, 0), (-1.5, 7)];
        let entries: Vec<u64> = falling.iter().map(|&(score, position)| entry(score, position)).collect();
        assert!(entries.windows(2).all(|pair| pair[0] > pair[1]), "{entries:x?}");
        assert!(entries.iter().all(|&entry| entry > FREE));
        for (made, (value, place)) in entries.iter().zip(falling) {
            assert_eq!((score(*made), position(*made)), (value, place));
        }
        assert_eq!(score(FREE), f32::NEG_INFINITY);
    }

    #[test]
    fn a_list_keeps_the_best_once_each() {
        let mut list = [FREE; 3];
        for position in [5, 2, 9, 2, 7, 1] {
            insert(&mut list, entry(position as f32 / 10.0, position));
        }
        assert_eq!(list.map(position), [9, 7, 5]);
        insert(&mut [], entry(1.0, 1));
    }
}
