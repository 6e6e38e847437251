//! Whether a text has appeared in sequences that grow token by token.

/// Sequences that are remembered at the least.
const REMEMBERED: usize = 16;

/// Watches for a tag; each token of a sequence is read once, however long the sequence becomes.
pub(super) struct TagWatch {
    tag: Vec<u8>,
    /// After a mismatch behind the first `n` bytes of the tag, how many of its bytes still match (Knuth, Morris, Pratt).
    shorter: Vec<usize>,
    texts: Vec<String>,
    seen: Vec<Seen>,
    clock: u64,
}

/// A sequence as it was last seen.
#[derive(Default)]
struct Seen {
    history: Vec<u32>,
    /// Bytes of the tag that its end matches; all of them once it has appeared.
    matched: usize,
    when: u64,
}

impl TagWatch {
    /// For a tag that is not empty, with the text of each token id.
    pub(super) fn new(tag: &str, texts: Vec<String>) -> Self {
        let tag = tag.as_bytes().to_vec();
        let mut shorter = vec![0; tag.len()];
        let mut matched = 0;
        for at in 1..tag.len() {
            while matched > 0 && tag[at] != tag[matched] {
                matched = shorter[matched - 1];
            }
            matched += usize::from(tag[at] == tag[matched]);
            shorter[at] = matched;
        }
        Self { tag, shorter, texts, seen: Vec::new(), clock: 0 }
    }

    /// Whether the tag is in the text of a sequence. `place` is the sequence's place among `of` that are decoded together:
    /// where it was last time is looked at first.
    pub(super) fn has_appeared(&mut self, history: &[u32], place: usize, of: usize) -> bool {
        self.clock += 1;
        let slot = self.slot(history, place, of.saturating_mul(2).max(REMEMBERED));
        let Some(mut seen) = self.seen.get_mut(slot).map(std::mem::take) else { return false };
        for token in history.iter().skip(seen.history.len()) {
            let text = self.texts.get(*token as usize).map_or("", String::as_str);
            seen.matched = text.bytes().fold(seen.matched, |matched, byte| self.read(matched, byte));
            seen.history.push(*token);
        }
        seen.when = self.clock;
        let appeared = seen.matched == self.tag.len();
        self.seen[slot] = seen;
        appeared
    }

    /// Where a sequence is remembered, as it is or shorter; else an empty place for it.
    fn slot(&mut self, history: &[u32], place: usize, most: usize) -> usize {
        let is_it = |seen: &Seen| !seen.history.is_empty() && history.starts_with(&seen.history);
        let count = self.seen.len();
        let mut order = (0..count).map(|turn| (place + turn) % count);
        if let Some(found) = order.find(|at| self.seen.get(*at).is_some_and(is_it)) {
            return found;
        }
        if count < most {
            self.seen.push(Seen::default());
            return count;
        }
        let oldest = self.seen.iter().enumerate().min_by_key(|(_, seen)| seen.when).map_or(0, |(at, _)| at);
        if let Some(seen) = self.seen.get_mut(oldest) {
            *seen = Seen::default();
        }
        oldest
    }

    fn read(&self, mut matched: usize, byte: u8) -> usize {
        if matched == self.tag.len() {
            return matched;
        }
        while matched > 0 && self.tag[matched] != byte {
            matched = self.shorter[matched - 1];
        }
        matched + usize::from(self.tag[matched] == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(tag: &str) -> TagWatch {
        let texts = ["a", "ab", "aab", "</th", "ink>", "", "x</think>y"];
        TagWatch::new(tag, texts.map(str::to_owned).to_vec())
    }

    #[test]
    fn a_tag_is_found_inside_a_token_and_across_tokens() {
        for (tag, history, expected) in [
            ("</think>", &[0, 3, 4][..], true),
            ("</think>", &[3, 5, 4], true),
            ("</think>", &[3, 0, 4], false),
            ("</think>", &[6], true),
            ("aaab", &[0, 0, 2], true),
            ("aaab", &[0, 1, 1], false),
            ("abab", &[0, 1, 1], true),
            ("a", &[], false),
            ("a", &[99], false),
        ] {
            assert_eq!(watch(tag).has_appeared(history, 0, 1), expected, "{tag} {history:?}");
        }
    }

    #[test]
    fn sequences_that_grow_together_are_told_apart_and_what_has_appeared_stays() {
        let mut watch = watch("</think>");
        // The first thinks to an end at step 2, the second never; they change places at step 4.
        let (first, second) = ([0u32, 3, 4, 0, 1, 2], [0u32, 3, 1, 4, 4, 4]);
        for length in 0..=first.len() {
            let swapped = usize::from(length > 3);
            assert_eq!(watch.has_appeared(&first[..length], swapped, 2), length > 2, "{length}");
            assert!(!watch.has_appeared(&second[..length], 1 - swapped, 2), "{length}");
        }
    }

    #[test]
    fn what_was_forgotten_is_read_again() {
        let mut watch = watch("</think>");
        assert!(watch.has_appeared(&[6], 0, 1));
        for other in 0..100u32 {
            assert!(!watch.has_appeared(&[0, 100 + other], 0, 1));
        }
        assert!(watch.seen.len() <= REMEMBERED);
        assert!(watch.has_appeared(&[6, 0], 0, 1));
    }
}
